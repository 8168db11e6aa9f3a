"""The parts that handlers use, under the typed keys by which the application holds them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from aiohttp import web

from petra.access import Identity, Presence, Tokens
from petra.api.listening import Listening

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from petra.api.language import SocketChannel
    from petra.assistant.assistant import Assistant
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

ASSISTANT: web.AppKey[Assistant] = web.AppKey("assistant")
BLOBS: web.AppKey[Blobs] = web.AppKey("blobs")
DB: web.AppKey[Database] = web.AppKey("db")
EXTRACTOR: web.AppKey[Extractor] = web.AppKey("extractor")
INGEST: web.AppKey[Ingest] = web.AppKey("ingest")
JOBS: web.AppKey[JobRunner] = web.AppKey("jobs")
LANGUAGE: web.AppKey[Callable[[SocketChannel, Identity], Awaitable[None]]] = web.AppKey("language")
"""Serves one language client until it leaves."""

LISTENING = web.AppKey("listening", Listening)
PAGE: web.AppKey[Path | None] = web.AppKey("page")
PRESENCE = web.AppKey("presence", Presence)
SEARCHER: web.AppKey[Searcher] = web.AppKey("searcher")
SERVICES: web.AppKey[Services] = web.AppKey("services")
SETTINGS: web.AppKey[Settings] = web.AppKey("settings")
SOCKETS: web.AppKey[set[web.WebSocketResponse]] = web.AppKey("sockets")
"""Every open WebSocket, to close when the server leaves."""

SUPERVISOR: web.AppKey[Supervisor] = web.AppKey("supervisor")
TOKENS = web.AppKey("tokens", Tokens)
UPKEEP: web.AppKey[Upkeep] = web.AppKey("upkeep")
WATCHING: web.AppKey[Watching] = web.AppKey("watching")

IDENTITY = web.RequestKey("identity", Identity)
