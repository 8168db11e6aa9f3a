"""The web application: all routes, and what every request passes on its way."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

from petra.access import Presence, Tokens
from petra.api import (
    answers,
    changes,
    conversations,
    documents,
    health,
    jobs,
    keys,
    language,
    maintenance,
    page,
    search,
    upload,
    websocket,
)
from petra.api.failures import add_request_id, failures
from petra.api.guard import add_headers, guard
from petra.api.listening import Listening
from petra.api.routes import Route, register

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from petra.access import Identity
    from petra.api.language import SocketChannel
    from petra.assistant.services import Services
    from petra.inference.supervisor import Supervisor
    from petra.knowledge.extract.extractor import Extractor
    from petra.knowledge.ingest import Ingest
    from petra.knowledge.search import Searcher
    from petra.knowledge.upkeep import Upkeep
    from petra.knowledge.watch import Watching
    from petra.settings import Settings
    from petra.storage.blobs import Blobs
    from petra.storage.database import Database
    from petra.storage.job_runner import JobRunner

ROUTES: tuple[Route, ...] = (
    *health.ROUTES,
    *upload.ROUTES,
    *answers.ROUTES,
    *search.ROUTES,
    *jobs.ROUTES,
    *documents.ROUTES,
    *changes.ROUTES,
    *conversations.ROUTES,
    *websocket.ROUTES,
    *language.ROUTES,
    *maintenance.ROUTES,
    *page.ROUTES,
)


def make_app(
    *,
    settings: Settings,
    db: Database,
    blobs: Blobs,
    jobs: JobRunner,
    supervisor: Supervisor,
    extractor: Extractor,
    ingest: Ingest,
    searcher: Searcher,
    watching: Watching,
    upkeep: Upkeep,
    services: Services,
    tokens: Tokens,
    presence: Presence,
    language_client: Callable[[SocketChannel, Identity], Awaitable[None]],
) -> web.Application:
    """The application over its parts, which it uses but does not own.

    `Server` runs the application; until that listens, every request is refused.
    """
    app = web.Application(
        middlewares=[failures, guard],
        client_max_size=settings.body_limit,
    )
    app[keys.SETTINGS] = settings
    app[keys.DB] = db
    app[keys.BLOBS] = blobs
    app[keys.JOBS] = jobs
    app[keys.SUPERVISOR] = supervisor
    app[keys.EXTRACTOR] = extractor
    app[keys.INGEST] = ingest
    app[keys.SEARCHER] = searcher
    app[keys.SERVICES] = services
    app[keys.ASSISTANT] = services.assistant
    app[keys.WATCHING] = watching
    app[keys.UPKEEP] = upkeep
    app[keys.TOKENS] = tokens
    app[keys.PRESENCE] = presence
    app[keys.LANGUAGE] = language_client
    app[keys.LISTENING] = Listening()
    app[keys.SOCKETS] = set()
    app[keys.PAGE] = page.built_files()
    app.on_response_prepare.append(add_headers)
    app.on_response_prepare.append(add_request_id)
    register(app, ROUTES)
    app.on_shutdown.append(websocket.close_all)
    return app
