"""One server: all its parts open, and the doors to them."""

from __future__ import annotations

import asyncio
import gc
import ssl
import sys
from collections.abc import AsyncIterator, Collection
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from aiohttp import web

from petra import __version__, rendezvous
from petra.access import Identity, Presence, Tokens
from petra.api import make_app
from petra.app.assistant import open_services
from petra.app.inference import revealed, start_workers
from petra.app.knowledge import open_knowledge
from petra.app.storage import open_storage, sweep
from petra.assistant.assistant import Assistant
from petra.assistant.services import Services
from petra.errors import SettingsError
from petra.inference.supervisor import Supervisor
from petra.knowledge.extract.extractor import Extractor
from petra.knowledge.index import Indexes
from petra.knowledge.ingest import Ingest
from petra.knowledge.search import Searcher
from petra.knowledge.upkeep import Upkeep
from petra.knowledge.watch import Watching
from petra.lsp.explanations import Explanations
from petra.lsp.features import Parts
from petra.lsp.listener import Listener, serve, serve_tcp
from petra.lsp.mending import mend
from petra.lsp.open_files import OpenFiles
from petra.lsp.protocol import warm
from petra.lsp.session import Session
from petra.lsp.transport import Channel, Connection
from petra.lsp.transport import Limits as ConnectionLimits
from petra.settings import Settings
from petra.storage.blobs import FileBlobs
from petra.storage.database import Database
from petra.storage.job_runner import JobRunner

SWITCH_SECONDS = 0.0005
"""How long a thread computes before one that waits has its turn. With Python's 5 ms, the loop waits that long
after each reading and writing while one reads files: a keystroke took 6 to 20 ms instead of 1.5."""


@dataclass(frozen=True)
class Petra:
    """One server's parts, open and running. Use `Petra.open`."""

    settings: Settings
    db: Database
    blobs: FileBlobs
    jobs: JobRunner
    supervisor: Supervisor
    extractor: Extractor
    upkeep: Upkeep
    ingest: Ingest
    open_files: OpenFiles
    explanations: Explanations
    watching: Watching
    searcher: Searcher
    services: Services
    presence: Presence
    tokens: Tokens
    owner_id: str
    token: str

    @classmethod
    @asynccontextmanager
    async def open(cls, settings: Settings, workers: Collection[str] | None = None) -> AsyncIterator[Petra]:
        """Open everything that `settings` describes; closed in reverse order on exit. Of the model workers,
        only those named, if some are.

        Model workers are started but not waited for: the page and the index work without them. Raises
        StorageError or SettingsError.
        """
        _refuse_unbuilt(settings)
        async with AsyncExitStack() as stack:
            storage = await open_storage(settings, stack)
            supervisor = await start_workers(settings, storage.version.model_id, workers, stack)
            await sweep(settings, storage)
            open_files, presence = OpenFiles(), Presence()
            knowledge = await open_knowledge(settings, storage, supervisor, open_files, stack)
            services = open_services(settings, storage, supervisor, knowledge, presence, stack)
            token = await asyncio.to_thread(rendezvous.token, settings.data_dir)
            _keep_out_of_collections()
            sys.setswitchinterval(SWITCH_SECONDS)
            yield cls(
                settings=settings,
                db=storage.db,
                blobs=storage.blobs,
                jobs=knowledge.jobs,
                supervisor=supervisor,
                extractor=knowledge.extractor,
                upkeep=knowledge.upkeep,
                ingest=knowledge.ingest,
                open_files=open_files,
                explanations=Explanations(),
                watching=knowledge.watching,
                searcher=knowledge.searcher,
                services=services,
                presence=presence,
                tokens=Tokens(token, storage.owner_id, secret=revealed(settings.secret_key)),
                owner_id=storage.owner_id,
                token=token,
            )

    @property
    def indexes(self) -> Indexes:
        """Those that answer now."""
        return self.upkeep.current.indexes

    @property
    def assistant(self) -> Assistant:
        """Who answers."""
        return self.services.assistant

    def http_app(self) -> web.Application:
        """The page, the HTTP API and the WebSocket."""
        return make_app(
            settings=self.settings,
            db=self.db,
            blobs=self.blobs,
            jobs=self.jobs,
            supervisor=self.supervisor,
            extractor=self.extractor,
            ingest=self.ingest,
            watching=self.watching,
            searcher=self.searcher,
            upkeep=self.upkeep,
            services=self.services,
            tokens=self.tokens,
            presence=self.presence,
            language_client=self._language_client,
        )

    async def listen_lsp(self, address: str) -> Listener:
        """Accept language clients on the unix socket (or `host:port`) `address`."""
        owner = Identity(self.owner_id, "owner", local=True)
        await asyncio.to_thread(warm)
        await mend(Session(self.language_parts, owner, __version__), self.language_parts)
        return await serve(
            address,
            token=self.token,
            version=__version__,
            new_session=lambda: self.language_session(owner),
            presence=self.presence,
        )

    async def listen_editors(self) -> Listener | None:
        """Accept any editor on `LSP_PORT`; None where there is none. Raises SettingsError."""
        if self.settings.lsp_port is None:
            return None
        try:
            return await serve_tcp(
                self.settings.lsp_host,
                self.settings.lsp_port,
                tls=await asyncio.to_thread(_tls, self.settings),
                check=self.tokens.check,
                new_session=self.language_session,
                presence=self.presence,
            )
        except OSError as error:
            raise SettingsError(
                f"Petra cannot listen for editors on {self.settings.lsp_host}:{self.settings.lsp_port}",
                cause=error.strerror or str(error),
                remedy="Change LSP_HOST, LSP_PORT, TLS_CERT or TLS_KEY",
            ) from error

    def language_session(self, identity: Identity) -> Session:
        """A session for one language client."""
        session = Session(self.language_parts, identity, __version__)
        self.open_files.add(session)
        return session

    @property
    def language_parts(self) -> Parts:
        """What the sessions of language clients are made with."""
        answers = self.settings.data_dir.absolute() / "answers"
        return Parts(self.assistant, self.services, answers, self.open_files.sessions, self.explanations)

    async def _language_client(self, channel: Channel, identity: Identity) -> None:
        await Connection(channel, self.language_session(identity), ConnectionLimits()).run()


def _keep_out_of_collections() -> None:
    """What is imported lives as long as the server: not looking at it again keeps collections of the rest
    short (with 100,000 chunks in memory they held the loop for 25 to 60 ms)."""
    gc.freeze()


def _tls(settings: Settings) -> ssl.SSLContext | None:
    """The server's certificate. Raises OSError (ssl.SSLError is one) where it cannot be read."""
    if settings.tls_cert is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(settings.tls_cert, settings.tls_key)
    return context


def _refuse_unbuilt(settings: Settings) -> None:
    """A setting that would be ignored is refused: a file thought to be in S3 would not be there."""
    if any(getattr(settings, name) for name in type(settings).model_fields if name.startswith("s3_")):
        raise SettingsError(
            "Uploads cannot be kept in S3 yet",
            cause="This version stores them in UPLOADS_DIR",
            remedy="Remove the S3_… settings",
        )
