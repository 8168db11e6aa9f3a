"""The features of every session: the one list that says what Petra's language server can do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from petra.assistant.services import Services
from petra.lsp.ask import Ask, Asks
from petra.lsp.feature import Feature, Method

if TYPE_CHECKING:
    from petra.lsp.session import Session


@dataclass(frozen=True)
class Parts:
    """The parts of the server that features use; `app.py` fills it in. `asks` is the assistant among
    the `services`, or in tests somebody who needs no model."""

    asks: Asks
    services: Services


class Asking:
    """`petra/ask`."""

    def __init__(self, session: Session, asks: Asks) -> None:
        self._ask = Ask(asks, session.identity, session.notify, session.drained)

    def methods(self) -> Sequence[Method]:
        """What this feature answers."""
        return (Method("petra/ask", "ask", self._ask.__call__),)


def features(session: Session, parts: Parts) -> list[Feature]:
    """The features of a new session, beside its documents and preferences, which it has by itself."""
    return [Asking(session, parts.asks)]
