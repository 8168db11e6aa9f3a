"""The composition root: it alone builds the parts of a server from `Settings` and wires them."""

from __future__ import annotations

import asyncio
import gc
import ssl
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web
from pydantic import SecretStr

from petra import __version__, platform, rendezvous, telemetry
from petra.access import Identity, Presence, Tokens
from petra.api import make_app
from petra.assistant.answering import Limits
from petra.assistant.assistant import Assistant
from petra.assistant.completion.completing import Completing
from petra.assistant.definitions import Definitions
from petra.assistant.library import Library
from petra.assistant.offered import Offered
from petra.assistant.recall import Recall
from petra.assistant.services import Services
from petra.assistant.status import Health
from petra.assistant.work import Work
from petra.errors import SettingsError
from petra.inference import catalogue
from petra.inference.places import is_address
from petra.inference.pull_job import KIND as PULL
from petra.inference.pull_job import PullJob, enqueue_missing
from petra.inference.supervisor import Supervisor, WorkerSpec
from petra.knowledge.extract.extractor import Extractor
from petra.knowledge.extract.places import Places
from petra.knowledge.forget import Forgetting
from petra.knowledge.index import Indexes
from petra.knowledge.ingest import Ingest
from petra.knowledge.reranking import Reranker
from petra.knowledge.search import Searcher
from petra.knowledge.space import Space, Use
from petra.knowledge.stage import Stage
from petra.knowledge.static import NAME as STATIC
from petra.knowledge.static import StaticVectors
from petra.knowledge.upkeep import Upkeep
from petra.knowledge.watch import Watching
from petra.lsp.explanations import Explanations
from petra.lsp.features import Parts
from petra.lsp.listener import Listener, serve, serve_tcp
from petra.lsp.open_files import OpenFiles
from petra.lsp.protocol import warm
from petra.lsp.session import Session
from petra.lsp.transport import Channel, Connection
from petra.lsp.transport import Limits as ConnectionLimits
from petra.settings import Settings
from petra.storage import conversations, index_versions, uploads, users
from petra.storage.blobs import FileBlobs
from petra.storage.database import Database
from petra.storage.job_runner import JobRunner

log = telemetry.logger(__name__)


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
        data_dir = settings.data_dir
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        await asyncio.to_thread(_leave_out, data_dir)
        async with AsyncExitStack() as stack:
            db = await Database.open(settings.database)
            stack.push_async_callback(db.close)
            async with db.write() as conn:
                owner = await users.ensure_owner(conn)
                interrupted = await conversations.interrupt_streaming(conn)
                acknowledged = await uploads.all_ids(conn)
                version = await index_versions.at_start(conn, settings.embedding_model)
            if interrupted:
                log.info("answers_interrupted_by_restart", count=interrupted)

            supervisor = Supervisor(
                [
                    spec
                    for spec in worker_specs(settings, version.model_id)
                    if workers is None or spec.name in workers
                ],
                runtime_dir=platform.runtime_dir(data_dir),
                models_dir=settings.models,
                log=telemetry.logger("petra.worker"),
            )
            stack.push_async_callback(supervisor.stop)
            await supervisor.start()

            blobs = FileBlobs(settings.uploads)
            if settings.uploads_dir is None:
                # A folder of one's own choosing may be shared: what has no row here may have one there.
                await blobs.sweep(acknowledged)
            extractor = Extractor(
                tokenizer=await asyncio.to_thread(_tokenizer, settings),
                chunk_size=settings.chunk_size,
                chunk_overlap=settings.chunk_overlap,
                memory=settings.extract_memory,
                timeout=settings.extract_timeout,
                page_limit=settings.page_limit,
                text_limit=settings.text_limit,
            )
            stack.push_async_callback(extractor.close)
            static = await asyncio.to_thread(_static, settings)
            stage = Stage(
                supervisor,
                lambda version: Indexes(
                    db,
                    settings.indexes / version.folder,
                    version.model_id,
                    similarity=settings.similarity,
                    static=static.embed if static else None,
                ),
                lambda model, version: embed_specs(settings, model, f"-{version}"),
            )
            space = stage.first(version)
            searcher = Searcher(
                db, space.indexes, space.query, reranker=_reranker(settings, lambda: supervisor.use("rerank"))
            )
            stack.push_async_callback(searcher.close)

            async def swapped(space: Space) -> None:
                searcher.switch(space)
                await ingest.switch(space)

            upkeep = Upkeep(
                db,
                settings.indexes,
                # A folder of one's own choosing may be shared: what has no row here may have one there.
                blobs if settings.uploads_dir is None else None,
                space,
                stage.beside,
                swapped,
            )
            stack.push_async_callback(upkeep.close)
            open_files = OpenFiles()
            ingest = Ingest(
                db,
                blobs,
                extractor,
                space.indexes,
                space.bulk,
                version.model_id,
                wake=lambda: jobs.wake(),
                embed_now=space.query,
                open_files=open_files.paths,
            )
            stack.push_async_callback(ingest.close)
            pull = PullJob(settings.models, _retry(supervisor))
            jobs = JobRunner(db, {**ingest.handlers, **upkeep.handlers, PULL: pull})
            stack.push_async_callback(jobs.stop)
            await enqueue_missing(db, owner.id, settings.models, _default_models(settings))
            await ingest.renew()
            await jobs.start()
            watching = Watching(db, ingest.changed, unasked=settings.watch)
            stack.push_async_callback(watching.stop)
            await watching.start()

            assistant = Assistant(
                db,
                searcher,
                lambda: supervisor.use("chat"),
                Limits(
                    passages=settings.top_k,
                    relevance=settings.rerank_threshold,
                    answer_tokens=settings.max_answer_tokens,
                    answer_seconds=settings.answer_timeout,
                    first_token_seconds=settings.first_token_target,
                ),
            )
            stack.push_async_callback(assistant.close)
            presence = Presence()
            places = Places(extractor.arguments)
            stack.push_async_callback(places.close)
            library = Library(
                db,
                blobs,
                searcher,
                ingest,
                Forgetting(db, blobs, jobs, upkeep, searcher, watching),
                passages=settings.top_k,
                upload_limit=settings.upload_limit,
            )
            services = Services(
                assistant=assistant,
                library=library,
                definitions=Definitions(db),
                recall=Recall(db),
                work=Work(db, jobs),
                offered=Offered(assistant.models, settings.models, _models_in_use(settings)),
                health=Health(
                    db,
                    supervisor,
                    jobs,
                    presence,
                    mode=settings.mode,
                    model=settings.model_path,
                ),
                completing=Completing(assistant, library, places),
            )
            stack.push_async_callback(services.health.close)
            token = await asyncio.to_thread(rendezvous.token, data_dir)
            # What is imported lives as long as the server: not looking at it again keeps collections
            # of the rest short (with 100,000 chunks in memory they held the loop for 25 to 60 ms).
            gc.freeze()
            yield cls(
                settings=settings,
                db=db,
                blobs=blobs,
                jobs=jobs,
                supervisor=supervisor,
                extractor=extractor,
                upkeep=upkeep,
                ingest=ingest,
                open_files=open_files,
                explanations=Explanations(),
                watching=watching,
                searcher=searcher,
                services=services,
                presence=presence,
                tokens=Tokens(token, owner.id, secret=_revealed(settings.secret_key)),
                owner_id=owner.id,
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
        answers = self.settings.data_dir.absolute() / "answers"
        parts = Parts(self.assistant, self.services, answers, self.open_files.sessions, self.explanations)
        session = Session(parts, identity, __version__)
        self.open_files.add(session)
        return session

    async def _language_client(self, channel: Channel, identity: Identity) -> None:
        await Connection(channel, self.language_session(identity), ConnectionLimits()).run()


def worker_specs(settings: Settings, embedder: str) -> list[WorkerSpec]:
    """The model workers of a server: one that chats, those that embed, and one that reranks if wanted."""
    return [
        WorkerSpec(
            "chat",
            "chat",
            settings.model_path,
            args=_chat_arguments(settings),
            token=_revealed(settings.model_token),
        ),
        *embed_specs(settings, embedder),
        *([WorkerSpec("rerank", "rerank", settings.rerank_model)] if settings.rerank_model else []),
    ]


def _reranker(settings: Settings, use: Use) -> Reranker | None:
    return Reranker(use, settings.rerank_seconds) if settings.rerank_model else None


def embed_specs(settings: Settings, model: str, suffix: str = "") -> tuple[WorkerSpec, WorkerSpec]:
    """The worker that embeds questions, and the one that embeds documents when nobody else wants the CPU."""
    arguments = _calibration(settings)
    return (
        WorkerSpec(f"embed{suffix}", "embed", model, args=arguments),
        WorkerSpec(f"embed-bulk{suffix}", "embed", model, idle_class=True, on_demand=True, args=arguments),
    )


def _tls(settings: Settings) -> ssl.SSLContext | None:
    """The server's certificate. Raises OSError (ssl.SSLError is one) where it cannot be read."""
    if settings.tls_cert is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(settings.tls_cert, settings.tls_key)
    return context


def _chat_arguments(settings: Settings) -> tuple[str, ...]:
    values = {
        "--threads": settings.chat_threads,
        "--context": settings.context_tokens,
        "--parallel": settings.answers_at_once,
        "--kv-tokens": settings.chat_cache_tokens,
    }
    return (*(str(part) for pair in values.items() for part in pair), *_calibration(settings))


def _calibration(settings: Settings) -> tuple[str, str]:
    """Where workers keep what they have measured of themselves."""
    return "--calibration", str(settings.data_dir / "calibration.json")


def _models_in_use(settings: Settings) -> dict[str, str]:
    """What the models that are set are used for, by name; an address is no name."""
    used = {settings.embedding_model: "embed", settings.model_path: "chat"}
    return {name: use for name, use in used.items() if not is_address(name)}


def _default_models(settings: Settings) -> list[str]:
    """Models that a first start fetches unasked: the small defaults, where they are the ones chosen; the
    static embedder is made of the embedder."""
    defaults = {entry.name for entry in catalogue.defaults()}
    chosen = [name for name in (settings.model_path, settings.embedding_model) if name in defaults]
    return [*chosen, STATIC] if settings.embedding_model in chosen else chosen


def _static(settings: Settings) -> StaticVectors | None:
    """What stands in for the embedder until it has been through everything, unless it is that itself."""
    return None if settings.embedding_model == STATIC else StaticVectors.installed(settings.models)


def _retry(supervisor: Supervisor) -> Callable[[str], None]:
    """Start the workers that have waited for a model as soon as it is there."""

    def arrived(model: str) -> None:
        for name, state in supervisor.states().items():
            if state.model == model:
                supervisor.retry(name)

    return arrived


def _leave_out(data_dir: Path) -> None:
    """Where the data directory is in a folder that is indexed: what Petra writes there is no document, and
    following it would never end."""
    rules = data_dir / ".petraignore"
    if not rules.exists():
        rules.write_text("*\n", encoding="utf-8")


def _tokenizer(settings: Settings) -> Path:
    """The embedder's tokenizer, where a local model has one."""
    return settings.models / settings.embedding_model / "tokenizer.json"


def _revealed(secret: SecretStr | None) -> str | None:
    return secret.get_secret_value() if secret else None


def _refuse_unbuilt(settings: Settings) -> None:
    """A setting that would be ignored is refused: a file thought to be in S3 would not be there."""
    if any(getattr(settings, name) for name in type(settings).model_fields if name.startswith("s3_")):
        raise SettingsError(
            "Uploads cannot be kept in S3 yet",
            cause="This version stores them in UPLOADS_DIR",
            remedy="Remove the S3_… settings",
        )
