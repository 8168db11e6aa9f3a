"""What was explained before, for cards that wait for no model. In memory, for as long as the server."""

from __future__ import annotations

from collections import OrderedDict

KEPT = 200
LENGTH = 1500
"""Characters of an explanation that are kept."""
HEAD = 3
"""Lines of an explained text among which the beginning of what it defines has to be."""


class Explanations:
    """Explanations by person, document and explained text; the newest of each text."""

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[str, str, str], str] = OrderedDict()

    def add(self, user_id: str, uri: str, text: str, answer: str) -> None:
        """Keep the explanation of `text`, which stood in `uri`."""
        if not text.strip() or not answer.strip():
            return
        key = (user_id, uri, text.strip())
        self._known.pop(key, None)
        self._known[key] = answer.strip()[:LENGTH]
        while len(self._known) > KEPT:
            self._known.popitem(last=False)

    def of(self, user_id: str, uri: str, first_line: str, current: str | None) -> str | None:
        """The explanation of what begins with `first_line`. With the `current` text of the document, only
        one of a text that still stands in it."""
        wanted = first_line.strip()
        for (owner, where, text), answer in reversed(self._known.items()):
            if (owner, where) != (user_id, uri) or not wanted:
                continue
            head = [line.strip() for line in text.splitlines()[:HEAD]]
            if wanted in head and (current is None or text in current):
                return answer
        return None
