"""Every route of the HTTP door asks `authorize`; every role is tried at every one."""

from __future__ import annotations

import re
import sys
from collections.abc import AsyncIterator
from typing import get_args

import pytest
import pytest_asyncio

from petra.access import LOCAL_ONLY, ROLES, Identity, Role, Tokens, authorize
from petra.api.application import ROUTES
from petra.api.routes import Route
from petra.api.websocket import FRAMES
from petra.app import Petra
from tests.api.rig import Rig, rig

PUBLIC = {("GET", "/health"), ("GET", "/"), ("GET", "/{path:assets/.+}"), ("GET", "/{path:[^/]+}")}


class RoleTokens(Tokens):
    """For tests: the name of a role is its token."""

    def __init__(self, petra: Petra) -> None:
        super().__init__("x" * 43, petra.owner_id)
        self._id = petra.owner_id

    def check(self, token: str, *, local: bool = False) -> Identity | None:
        role = next((role for role in get_args(Role) if role == token), None)
        return Identity(self._id, role, local) if role else None


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def everybody() -> AsyncIterator[Rig]:
    async with rig(tokens=RoleTokens) as open_rig:
        yield open_rig


def test_only_these_routes_are_public() -> None:
    assert {(route.method, route.path) for route in ROUTES if route.action is None} == PUBLIC


@pytest.mark.asyncio(loop_scope="module")
async def test_no_route_goes_past_the_helper() -> None:
    async with rig() as petra:
        app = petra.petra.http_app()
    served = {(route.method, route.resource.canonical) for route in app.router.routes() if route.resource}
    assert served == {
        (method, re.sub(r"\{path:.*\}", "{path}", route.path)) for route in ROUTES for method in route.methods
    }


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("route", [r for r in ROUTES if r.action], ids=lambda r: f"{r.method} {r.path}")
async def test_the_role_matrix_holds_at_every_route(everybody: Rig, route: Route) -> None:
    assert route.action is not None
    path = route.path.replace("{id}", "nothing").replace("{n}", "1")
    async with everybody.stranger.request(route.method, path) as response:
        assert response.status == 401
    for role in get_args(Role):
        headers = {"Authorization": f"Bearer {role}"}
        async with everybody.stranger.request(route.method, path, headers=headers) as response:
            allowed = role in ROLES[route.action] and route.action not in LOCAL_ONLY
            assert (response.status not in (401, 403)) is allowed, (role, response.status)
            assert response.status != 500


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("kind", FRAMES)
async def test_every_frame_asks_too(everybody: Rig, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    action = FRAMES[kind][1]
    frames = {
        "ask": {"ref": "a", "request": {"question": "?"}},
        "resume": {"ref": "a", "id": "x", "seq": -1},
        "cancel": {"id": "x"},
        "message": {"content": "?"},
    }
    headers = {"Authorization": "Bearer student"}
    async with everybody.stranger.ws_connect("/ws", headers=headers) as socket:
        monkeypatch.setattr(sys.modules[authorize.__module__], "ROLES", {**ROLES, action: frozenset()})
        await socket.send_json({"type": kind, **frames[kind]})
        assert (await socket.receive_json(timeout=5))["error"]["code"] == "not_allowed"
