"""Row 3: no, wrong or expired token → 401."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from petra.access import Tokens
from tests.api.rig import Rig, rig


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def petra() -> AsyncIterator[Rig]:
    async with rig() as open_rig:
        yield open_rig


def credentials(petra: Rig) -> list[dict[str, dict[str, str]]]:
    expired = petra.petra.tokens.session(now=0.0)
    another = Tokens("y" * 43, petra.petra.owner_id)
    return [
        {},
        {"headers": {"Authorization": "Bearer "}},
        {"headers": {"Authorization": f"Bearer {'y' * 43}"}},
        {"headers": {"Authorization": f"Bearer {petra.petra.token[:-1]}"}},
        {"headers": {"Authorization": f"Basic {petra.petra.token}"}},
        {"headers": {"Authorization": f"Bearer {petra.petra.tokens.session()}"}},
        {"cookies": {"petra": petra.petra.token}},
        {"cookies": {"petra": expired}},
        {"cookies": {"petra": another.session()}},
        # A right cookie does not make up for a wrong token.
        {"headers": {"Authorization": "Bearer no"}, "cookies": {"petra": petra.petra.tokens.session()}},
    ]


@pytest.mark.asyncio(loop_scope="module")
async def test_no_wrong_or_expired_token(petra: Rig) -> None:
    for given in credentials(petra):
        for path in ("/api/v1/documents", "/ready", "/ws"):
            async with petra.stranger.get(path, **given) as response:
                assert response.status == 401, given
                assert (await response.json())["error"]["remedy"]
    async with petra.stranger.get("/?token=wrong", allow_redirects=False) as response:
        assert response.status == 401
        assert "Set-Cookie" not in response.headers
        assert "petra open" in await response.text()


@pytest.mark.asyncio(loop_scope="module")
async def test_the_link_lets_a_browser_in(petra: Rig) -> None:
    link = f"/?token={petra.petra.token}"
    async with petra.stranger.get(link, allow_redirects=False) as response:
        assert (response.status, response.headers["Location"]) == (303, "/")
        cookie = response.cookies["petra"]
    assert cookie["httponly"] and cookie["samesite"] == "Strict"
    assert petra.petra.token not in cookie.value
    async with petra.stranger.get("/api/v1/documents", cookies={"petra": cookie.value}) as response:
        assert response.status == 200


@pytest.mark.asyncio(loop_scope="module")
async def test_the_local_socket_needs_it_too(petra: Rig) -> None:
    async with petra.local.get("/api/v1/documents", headers={"Authorization": "Bearer no"}) as response:
        assert response.status == 401
    async with petra.local.get("/api/v1/documents") as response:
        assert response.status == 200
