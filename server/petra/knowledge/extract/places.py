"""What kind of place a cursor is at, asked of a child that knows grammars; the parent's side.

A keystroke waits for it a few milliseconds and no longer: the child is one of its own, so that no batch of
files is before it, starts with the first question, and ends when nobody has asked for a while.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from petra import telemetry
from petra.errors import PetraError
from petra.knowledge.extract.process import Child
from petra.knowledge.place import Place

log = telemetry.logger(__name__)

BEFORE, AFTER = 8_000, 2_000
"""Characters around the cursor that are parsed, in about a millisecond. From the middle of a file on, a
parser finds its feet at the next definition."""
GRAMMARS = {
    "javascriptreact": "javascript",
    "sh": "bash",
    "shellscript": "bash",
    "typescriptreact": "tsx",
}
"""Grammars that have another name than LSP's language."""
REST = 300.0
"""Seconds without a question after which the child is ended."""


class Places:
    """Answers for all sessions, one question at a time. `arguments` are the extraction child's."""

    def __init__(self, arguments: Sequence[str]) -> None:
        self._arguments = list(arguments)
        self._child: Child | None = None
        self._asking: asyncio.Future[Place | None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._used = 0.0
        self._threads = ThreadPoolExecutor(1, thread_name_prefix="places")

    async def at(
        self, name: str, before: str, after: str, patience: float, *, language: str = ""
    ) -> Place | None:
        """The place between two texts of the file `name`, in `language` (LSP's name of it) where the name
        does not tell; None where there is no grammar for it, or no
        answer within `patience` seconds: one question is under way, the child still starts."""
        if self._asking is not None and not self._asking.done():
            return None
        before, after = _last(before), after[:AFTER]
        self._asking = asyncio.get_running_loop().run_in_executor(
            self._threads, self._ask, name, before, after, GRAMMARS.get(language, language)
        )
        self._used = time.monotonic()
        self._end_later()
        done, _ = await asyncio.wait([self._asking], timeout=patience)
        return self._asking.result() if done else None

    async def close(self) -> None:
        """End the child."""
        if self._timer:
            self._timer.cancel()
        await asyncio.get_running_loop().run_in_executor(self._threads, self._end)
        self._threads.shutdown(wait=False)

    def _ask(self, name: str, before: str, after: str, language: str) -> Place | None:
        try:
            if self._child is None or not self._child.alive:
                self._end()
                self._child = Child(self._arguments, seconds=5.0)
            request = {
                "op": "place",
                "name": name,
                "language": language,
                "text": before + after,
                "offset": len(before),
            }
            (answer,) = list(self._child.ask(request, "this text"))
        except (PetraError, OSError) as error:
            log.info("place_not_known", error=type(error).__name__)
            return None
        found = answer["done"]
        return Place(*found) if found else None

    def _end(self) -> None:
        if self._child:
            self._child.end()
            self._child = None

    def _end_later(self) -> None:
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(REST, self._end_resting)

    def _end_resting(self) -> None:
        self._timer = None
        if time.monotonic() - self._used >= REST:
            self._threads.submit(self._end)
        else:
            self._end_later()


def _last(text: str) -> str:
    """The last lines of a text, from one that is not indented on where there is one."""
    if len(text) <= BEFORE:
        return text
    tail = text[-BEFORE:]
    lines = tail.split("\n")
    start = next((at for at, line in enumerate(lines[1:], 1) if line[:1].strip(" \t)]}#/*")), 1)
    return "\n".join(lines[start:])
