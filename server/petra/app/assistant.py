"""Opening what answers, and what the doors share."""

from __future__ import annotations

from collections.abc import Awaitable
from contextlib import AsyncExitStack

from petra.access import Presence
from petra.app import inference
from petra.app.knowledge import Knowledge
from petra.app.storage import Storage
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
from petra.inference.client import ModelEndpoint
from petra.inference.supervisor import Supervisor, Waiting
from petra.knowledge.extract.places import Places
from petra.knowledge.forget import Forgetting
from petra.settings import Settings


def open_services(
    settings: Settings,
    storage: Storage,
    supervisor: Supervisor,
    knowledge: Knowledge,
    presence: Presence,
    stack: AsyncExitStack,
) -> Services:
    """All that a door can do for a person."""
    db, jobs = storage.db, knowledge.jobs
    assistant = _assistant(settings, storage, supervisor, knowledge, stack)
    places = Places(knowledge.extractor.arguments)
    stack.push_async_callback(places.close)
    library = _library(settings, storage, knowledge)
    health = Health(db, supervisor, jobs, presence, mode=settings.mode, model=settings.model_path)
    stack.push_async_callback(health.close)
    return Services(
        assistant=assistant,
        library=library,
        definitions=Definitions(db),
        recall=Recall(db),
        work=Work(db, jobs),
        offered=Offered(assistant.models, settings.models, inference.in_use(settings)),
        health=health,
        completing=Completing(assistant, library, places),
    )


def _assistant(
    settings: Settings,
    storage: Storage,
    supervisor: Supervisor,
    knowledge: Knowledge,
    stack: AsyncExitStack,
) -> Assistant:
    limits = Limits(
        passages=settings.top_k,
        relevance=settings.rerank_threshold,
        answer_tokens=settings.max_answer_tokens,
        answer_seconds=settings.answer_timeout,
        first_token_seconds=settings.first_token_target,
    )

    def chat(waiting: Waiting) -> Awaitable[ModelEndpoint]:
        return supervisor.use("chat", waiting=waiting)

    assistant = Assistant(storage.db, knowledge.searcher, chat, limits)
    stack.push_async_callback(assistant.close)
    return assistant


def _library(settings: Settings, storage: Storage, knowledge: Knowledge) -> Library:
    db, blobs, searcher = storage.db, storage.blobs, knowledge.searcher
    forgetting = Forgetting(db, blobs, knowledge.jobs, knowledge.upkeep, searcher, knowledge.watching)
    return Library(
        db,
        blobs,
        searcher,
        knowledge.ingest,
        forgetting,
        passages=settings.top_k,
        upload_limit=settings.upload_limit,
    )
