"""The features of every session: the one list that says what Petra's language server can do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from petra.assistant.services import Services
from petra.lsp.ask import Asking, Asks
from petra.lsp.conversations import Conversations
from petra.lsp.feature import Feature
from petra.lsp.files import Files
from petra.lsp.index import Indexing
from petra.lsp.models import ModelList
from petra.lsp.places import Places
from petra.lsp.progress import Running
from petra.lsp.search import Searching
from petra.lsp.status import Status

if TYPE_CHECKING:
    from petra.lsp.session import Session


@dataclass(frozen=True)
class Parts:
    """The parts of the server that features use; `app.py` fills it in. `asks` is the assistant among
    the `services`, or in tests somebody who needs no model."""

    asks: Asks
    services: Services


def features(session: Session, parts: Parts) -> list[Feature]:
    """The features of a new session, beside its documents and preferences, which it has by itself."""
    services = parts.services
    running = Running(session)
    places = Places(session, services.library)
    return [
        running,
        Asking(session, parts.asks, services.library, places, running),
        Searching(session, services.library, places, running),
        Conversations(session, services.recall, running),
        ModelList(services.offered),
        Files(session, services.library, services.work, running),
        Indexing(session, services.library, services.work, running),
        Status(session, services.health),
    ]
