"""The files that the people of this machine have open in their editors, over all sessions."""

from __future__ import annotations

from pathlib import Path
from weakref import WeakSet

from petra.lsp.session import Session


class OpenFiles:
    """Knows every session, and forgets it with its connection."""

    def __init__(self) -> None:
        self._sessions: WeakSet[Session] = WeakSet()

    def add(self, session: Session) -> None:
        """Take up a new session."""
        self._sessions.add(session)

    def sessions(self) -> list[Session]:
        """Every session that is not forgotten yet."""
        return list(self._sessions)

    def paths(self) -> list[Path]:
        """Every open file. What a client elsewhere has open are no files of this machine."""
        return [
            Path(document.path)
            for session in list(self._sessions)
            if session.identity.local and session.connected
            for document in session.documents
            if document.path
        ]
