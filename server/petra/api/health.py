"""Is it up, is it ready, how is it doing: for people, load balancers and Prometheus."""

from __future__ import annotations

import asyncio
from typing import Any

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from petra import __version__, telemetry
from petra.api.keys import DB, SERVICES, SETTINGS, SUPERVISOR
from petra.api.routes import Route, identity, route
from petra.assistant import views
from petra.errors import NotFound, PetraError
from petra.storage import collections

SERVING = frozenset({"ready", "external", "stopped"})
"""States in which a worker does its work; `stopped` is an on-demand one that nobody needs now."""


async def health(request: web.Request) -> web.Response:
    """The process answers; nothing else is promised."""
    return web.json_response({"status": "ok", "version": __version__})


async def ready(request: web.Request) -> web.Response:
    """Whether a question would be answered now, and if not, what is missing and what to do."""
    states = request.app[SUPERVISOR].states()
    database = await _database(request)
    missing = sorted({state.model for state in states.values() if state.state == "missing_model"})
    models: dict[str, Any] = {"missing": missing}
    if missing:
        models["remedy"] = "; ".join(f"petra models pull {name}" for name in missing)
    ok = database["state"] == "ready" and all(state.state in SERVING for state in states.values())
    components = {"database": database, "models": models} | {
        name.replace("-", "_"): views.worker(state) for name, state in states.items()
    }
    return web.json_response({"ready": ok, "components": components}, status=200 if ok else 503)


async def metrics(request: web.Request) -> web.Response:
    """Counters and times in Prometheus' text form."""
    body = await asyncio.to_thread(generate_latest, telemetry.registry)
    return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE_LATEST})


async def config(request: web.Request) -> web.Response:
    """The settings without their secrets. A classroom server keeps even those to itself."""
    settings = request.app[SETTINGS]
    if settings.mode == "prod":
        raise NotFound("A classroom server does not show its settings", remedy="Run `petra config` on it")
    return web.json_response(settings.public())


async def status(request: web.Request) -> web.Response:
    """What runs and what is there, for `petra status` and the foot of the page."""
    return web.json_response(await request.app[SERVICES].health.report(identity(request)))


async def _database(request: web.Request) -> dict[str, str]:
    try:
        async with request.app[DB].read() as conn:
            await collections.list_for(conn, identity(request).user_id)
    except PetraError as error:
        return {"state": "unavailable", "remedy": error.remedy or str(error)}
    return {"state": "ready"}


ROUTES: tuple[Route, ...] = (
    route("GET", "/health", None, health),
    route("GET", "/ready", "read_status", ready),
    route("GET", "/metrics", "read_metrics", metrics),
    route("GET", "/config", "read_config", config),
    route("GET", "/api/v1/status", "read_status", status),
)
