"""The features of every session: the one list that says what Petra's language server can do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from petra.assistant.services import Services
from petra.lsp.actions import Actions
from petra.lsp.ask import Asking, Asks
from petra.lsp.chat import Chats
from petra.lsp.commands import Commands
from petra.lsp.completion import Completion
from petra.lsp.conversations import Conversations
from petra.lsp.explanations import Explanations
from petra.lsp.feature import Feature
from petra.lsp.hover import Hovering
from petra.lsp.index import Indexing
from petra.lsp.library import LibraryDocuments
from petra.lsp.links import Links
from petra.lsp.mending import Mending
from petra.lsp.models import ModelList
from petra.lsp.places import Places
from petra.lsp.progress import Running
from petra.lsp.rewriting import Rewriting
from petra.lsp.search import Searching
from petra.lsp.status import Status
from petra.lsp.symbols import Symbols

if TYPE_CHECKING:
    from petra.lsp.session import Session


@dataclass(frozen=True)
class Parts:
    """The parts of the server that features use; `app/` fills it in. `asks` is the assistant among
    the `services`, or in tests somebody who needs no model."""

    asks: Asks
    services: Services
    answers: Path | None = None
    """The folder of answer files; without one there are none."""
    sessions: Callable[[], Sequence[Session]] = tuple
    """Everybody's sessions."""
    explanations: Explanations = field(default_factory=Explanations)


def features(session: Session, parts: Parts) -> list[Feature]:
    """The features of a new session, beside its documents and preferences, which it has by itself."""
    services = parts.services
    running = Running(session)
    places = Places(session, services.library)
    asking = Asking(session, parts.asks, services.library, places, running)
    rewriting = Rewriting(session, asking, running)
    mending = Mending(session, parts.asks, places)
    chats = Chats(session, asking, mending, places, running, parts.explanations)
    return [
        running,
        asking,
        Commands(session, chats, rewriting, services.library, places, services.offered),
        Actions(session, rewriting),
        Links(session),
        Hovering(session, services.definitions, parts.explanations, places),
        Symbols(session, services.definitions, services.library, places),
        Completion(session, services.completing),
        Searching(session, services.library, places, running),
        Conversations(session, services.recall, running),
        ModelList(services.offered),
        LibraryDocuments(session, services.library, services.work, running),
        Indexing(session, services.library, services.work, running),
        Status(session, services.health, services.completing),
    ]
