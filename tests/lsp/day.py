"""A day's worth of edits: one editor that types into twenty documents, asks, is shown and suggested things.

`python -m tests.lsp.day EDITS` (`make soak-lsp`) prints how memory goes, and ends with 1 when something
grew that is counted: documents, requests, tasks, streams, answers in the making, or the server's texts are
not the editor's.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import random
import statistics
import sys
import time
from dataclasses import dataclass, field
from typing import Any

import psutil

from petra import telemetry
from petra.assistant.stream import AnswerStream
from petra.lsp.documents import Open
from petra.lsp.session import Session
from petra.lsp.text import Text
from tests.lsp.desk import Caller, Desk, desk

DOCUMENTS, LOOKS = 20, 20
SHORT, LONG = 20, 400
"""Lines: a document is not made shorter than that, nor much longer."""
LINES = (
    "def name(argument):",
    "    return argument.value + 1",
    "",
    "    # what it is for: 😀 größer",
    "class A:",
)
QUESTION = "What guards the run queue?"
COUNTED = (Session, Open, Text, AnswerStream, asyncio.Task, asyncio.Future)


class Typist(Caller):
    """A client that waits for one reply while others are on their way, and keeps nothing of the rest."""

    async def raw(self, method: str, params: Any) -> dict[str, Any]:
        self._count = getattr(self, "_count", 0) + 1
        self.request(self._count, method, params)
        return await self.reply(self._count)


@dataclass
class Page:
    """A document as its editor has it; columns are UTF-16's."""

    uri: str
    lines: list[str]
    version: int = 1
    line: int = 0

    @property
    def text(self) -> str:
        return "\n".join(self.lines)


@dataclass
class Look:
    """What was there at a moment."""

    edits: int
    rss: int
    objects: int
    counts: dict[str, int]


@dataclass
class Day:
    """One editor's day. It has asked its questions when `edits` are made."""

    desk: Desk
    client: Typist
    random: random.Random = field(default_factory=lambda: random.Random(5))  # noqa: S311
    pages: list[Page] = field(default_factory=list)
    looks: list[Look] = field(default_factory=list)
    answers: int = 0
    _streaming: str | None = None
    _asked: int = 0

    def open_all(self) -> None:
        """Twenty documents of the workspace."""
        for number in range(DOCUMENTS):
            page = Page(self.desk.uri(f"day_{number}.py"), [LINES[k % len(LINES)] for k in range(60)])
            self.pages.append(page)
            self.client.open(page.uri, page.text, "python")

    async def type(self, edits: int) -> None:
        """Type, with what an editor asks between."""
        page = self.pages[0]
        for number in range(1, edits + 1):
            if number % 40 == 0:
                page = self.random.choice(self.pages)
                page.line = self.random.randrange(len(page.lines))
            self._edit(page)
            if number % 20 == 0:
                await self._ask("textDocument/inlineCompletion", page, context={"triggerKind": 1})
            if number % 50 == 0:
                await self._ask("textDocument/hover", page)
            if number % 500 == 0:
                await self._question(cancel=number % 1500 == 0)
            if number % 1000 == 0:
                self._reopen(page)
            if number % max(edits // LOOKS, 1) == 0:
                await self.look(number)

    async def look(self, edits: int) -> None:
        """Note what is there when nothing is under way."""
        await self._question(cancel=False, another=False)
        await self.client.call("petra/status")
        await asyncio.sleep(0.3)
        gc.collect()
        there = gc.get_objects()
        counts = {kind.__name__: sum(isinstance(item, kind) for item in there) for kind in COUNTED}
        session = next(item for item in there if isinstance(item, Session))
        counts["requests"] = len(session.protocol._request_futures) + len(session.protocol.background)
        counts["answers"] = self.desk.rig.petra.assistant.active
        for page in self.pages:
            document = session.documents.get(page.uri)
            assert document and str(document.text) == page.text, f"another text in {page.uri}"
        self.looks.append(Look(edits, psutil.Process().memory_info().rss, len(there), counts))

    def _edit(self, page: Page) -> None:
        """One keystroke, line, paste, or deletion, where the person is."""
        line, kind = page.lines[page.line], self.random.random()
        end = units(line)
        if kind < 0.8 and len(line) < 100:
            letter = self.random.choice("abcdefghij (.=)ü😀")
            self._change(page, (page.line, end), (page.line, end), letter)
        elif kind < 0.9 and line:
            cut = units(line[:-1])
            self._change(page, (page.line, cut), (page.line, end), "")
        elif len(page.lines) < LONG:
            text = "\n" if kind < 0.97 else "\n" + "\n".join(LINES)
            self._change(page, (page.line, end), (page.line, end), text)
            page.line += text.count("\n")
        else:
            self._change(page, (SHORT, 0), (len(page.lines) - 1, 0), "")
            page.line = SHORT

    def _change(self, page: Page, start: tuple[int, int], end: tuple[int, int], text: str) -> None:
        lines = page.lines
        before = lines[start[0]].encode("utf-16-le")[: 2 * start[1]].decode("utf-16-le")
        after = lines[end[0]].encode("utf-16-le")[2 * end[1] :].decode("utf-16-le")
        lines[start[0] : end[0] + 1] = (before + text + after).split("\n")
        page.version += 1
        places = [{"line": place[0], "character": place[1]} for place in (start, end)]
        change = {"range": {"start": places[0], "end": places[1]}, "text": text}
        document = {"uri": page.uri, "version": page.version}
        self.client.notify("textDocument/didChange", {"textDocument": document, "contentChanges": [change]})

    async def _ask(self, method: str, page: Page, **more: object) -> None:
        place = {"line": page.line, "character": units(page.lines[page.line])}
        await self.client.call(method, textDocument={"uri": page.uri}, position=place, **more)

    async def _question(self, *, cancel: bool, another: bool = True) -> None:
        """Take the answer that has streamed while somebody typed, and ask for another."""
        if self._streaming is not None:
            await self.client.reply(self._streaming)
            self.answers += 1
            self._streaming = None
        if another:
            self._asked += 1
            self._streaming = name = f"question-{self._asked}"
            self.client.ask(name, QUESTION, textDocument={"uri": self.pages[0].uri}, id=name)
            if cancel:
                await asyncio.sleep(0.02)
                self.client.notify("$/cancelRequest", {"id": name})

    def _reopen(self, page: Page) -> None:
        self.client.notify("textDocument/didClose", {"textDocument": {"uri": page.uri}})
        page.version += 1
        item = {"uri": page.uri, "languageId": "python", "version": page.version, "text": page.text}
        self.client.notify("textDocument/didOpen", {"textDocument": item})


def units(line: str) -> int:
    """Columns of UTF-16."""
    return len(line.encode("utf-16-le")) // 2


def growth(looks: list[Look]) -> list[str]:
    """What there is more of at the end than after the first fifth."""
    first, last = looks[max(len(looks) // 5, 1)], looks[-1]
    return [
        f"{name}: {first.counts[name]} after {first.edits} edits, {count} after {last.edits}"
        for name, count in last.counts.items()
        if count > first.counts[name]
    ]


def report(looks: list[Look]) -> str:
    """A table, and the slopes of what is not counted one by one."""
    lines = [f"{'edits':>8}{'RSS (MiB)':>11}{'objects':>10}  " + "  ".join(looks[0].counts)]
    for look in looks:
        counts = "  ".join(f"{count:>{len(name)}}" for name, count in look.counts.items())
        lines.append(f"{look.edits:>8}{look.rss / 2**20:>11.1f}{look.objects:>10}  {counts}")
    steady = looks[max(len(looks) // 5, 1) :]
    edits = [look.edits / 1000 for look in steady]
    if len(steady) > 1:
        rss = statistics.linear_regression(edits, [look.rss / 1024 for look in steady]).slope
        objects = statistics.linear_regression(edits, [float(look.objects) for look in steady]).slope
        lines.append(f"after the first fifth, per 1,000 edits: {rss:+.1f} KiB, {objects:+.1f} objects")
    return "\n".join(lines)


async def day(edits: int) -> Day:
    """The whole of it, in a Petra of its own whose model is the stub."""
    async with desk(token_delay=0.001) as opened, opened.caller(kind=Typist) as client:
        lived = Day(opened, client)
        lived.open_all()
        await lived.look(0)
        await lived.type(edits)
    return lived


def main(edits: int) -> int:
    """Live it and say how it was."""
    began = time.monotonic()
    lived = asyncio.run(day(edits))
    print(report(lived.looks))
    grown = growth(lived.looks)
    print(
        f"{edits} edits, {lived.answers} answers in {time.monotonic() - began:.0f} s; "
        + ("; ".join(grown) or "nothing grew")
    )
    return bool(grown)


if __name__ == "__main__":
    telemetry.configure(level="error")
    logging.disable(logging.CRITICAL)
    sys.exit(main(int(sys.argv[1])))
