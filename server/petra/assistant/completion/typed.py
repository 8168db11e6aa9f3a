"""Suggestions that hold while the person types what they say: no model is asked again. Pure."""

from __future__ import annotations

from collections import deque

from petra.assistant.completion.cursor import Cursor

KEPT = 8
COMPARED = 1_000
"""Characters before the cursor that have to be the same, and as many behind it."""


class Typed:
    """The last suggestions of one person, newest first."""

    def __init__(self) -> None:
        self._known: deque[tuple[str, str, str, str]] = deque(maxlen=KEPT)

    def suggested(self, cursor: Cursor, text: str) -> None:
        """Keep what was suggested at a place; also that there was nothing to suggest."""
        self._known.appendleft((cursor.path, cursor.before[-COMPARED:], cursor.after[:COMPARED], text))

    def rest(self, cursor: Cursor) -> str | None:
        """What is left of a suggestion after the person has typed its beginning, or gone back to where it
        was; None where the model has to be asked. "" is an answer: nothing is suggested here."""
        behind = cursor.after[:COMPARED]
        for path, before, after, text in self._known:
            if path != cursor.path or after != behind:
                continue
            for length in range(len(text) if text else 1):
                if cursor.before.endswith(before + text[:length]):
                    return text[length:]
        return None
