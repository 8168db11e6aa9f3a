"""Fifty people at one course: they ask, read, lose patience, stop reading, come back, and make mistakes."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from benchmarks.engine import canaries, load
from benchmarks.engine.load import Asking
from benchmarks.engine.prompts import Course, Message, drawn
from benchmarks.engine.responses import Answer
from benchmarks.engine.servers import Server

EXPECTED = frozenset({"busy", "context_length_exceeded", "bad_request"})
"""Codes of refusals that these people may meet; anything else is a failure of the server."""

TURNS = 3
"""Questions in a row before a student begins a new conversation."""


@dataclass
class Tally:
    """What all students saw. `wrong` has one line for each thing that must not happen."""

    happened: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    tokens: int = 0
    waits: list[float] = field(default_factory=list)
    gaps: list[float] = field(default_factory=list)

    def saw(self, what: str, student: Student, answer: Answer) -> None:
        """An answer, or what there was of it when its reader left."""
        self.happened[what] += 1
        if answer.error is not None:
            self._error(answer.error, student)
        elif answer.status != 200 and (answer.status or what == "read"):
            self.wrong.append(f"status {answer.status} without an error that says why")
        if found := canaries.foreign(answer.text, student.word, student.words):
            self.wrong.append(f"{student.name} was given {', '.join(found)}")
        if answer.after_end:
            self.wrong.append("something came after the end of an answer")
        if answer.arrivals:
            self.waits.append(answer.first)
            self.gaps += answer.gaps()
            self.tokens += answer.tokens
            self.happened["own code word"] += student.word in answer.text
        if what == "read" and answer.status == 200 and not answer.error:
            self._whole(answer)

    def _error(self, error: dict[str, object], student: Student) -> None:
        code = str(error.get("code"))
        self.refused[code] += 1
        student.told_busy = code == "busy"
        if code not in EXPECTED:
            self.wrong.append(f"{student.name} was told {error}")

    def _whole(self, answer: Answer) -> None:
        self.happened["whole"] += 1
        if not answer.finished or not answer.arrivals:
            self.wrong.append(f"an answer ended after {len(answer.arrivals)} tokens without its end")
        if answer.tokens > load.NEW_TOKENS:
            self.wrong.append(f"an answer has {answer.tokens} tokens; {load.NEW_TOKENS} were asked for")


@dataclass
class Student:
    """One client. `word` is in each of its prompts and in nobody else's."""

    server: Server
    course: Course
    number: int
    words: list[str]
    tally: Tally
    turn: int = 0
    told_busy: bool = False
    history: list[Message] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.name = f"student-{self.number}"
        self.word = self.words[self.number]
        self._draw: random.Random = drawn("student", self.number)

    async def live(self, until: float) -> None:
        """Do one thing after another, with pauses."""
        ways: list[Callable[[], Awaitable[None]]] = [self.read, self.leave, self.stall]
        ways += [self.ask_too_much, self.ask_nonsense]
        while time.monotonic() < until:
            # As the refusal advises: ask again in a moment.
            await asyncio.sleep(self._draw.expovariate(1 / (10.0 if self.told_busy else 2.0)))
            self.told_busy = False
            (act,) = self._draw.choices(ways, weights=(60, 22, 10, 4, 4))
            await act()

    async def read(self) -> None:
        """Read an answer to its end, and keep it for the next question."""
        messages = self._messages()
        answer = await (await self._start(messages)).end()
        self.tally.saw("read", self, answer)
        if answer.finished:
            self.history = [*messages[1:], {"role": "assistant", "content": answer.text}]

    async def leave(self) -> None:
        """Close the connection somewhere: in the queue, while the prompt is read, in the middle of a word."""
        asking = await self._start(self._messages(), tokens=200)
        if self._draw.random() < 0.5:
            await asking.first_token()
        await asyncio.sleep(self._draw.uniform(0.0, 2.0))
        asking.close()
        self.tally.saw("left", self, asking.so_far())

    async def stall(self) -> None:
        """Stop reading a long answer for a while; some come back, some never do."""
        asking = await self._start(self._messages(), tokens=200, bulky=True)
        await asking.first_token()
        asking.stall()
        await asyncio.sleep(self._draw.uniform(2.0, 10.0))
        asking.go_on()
        if self._draw.random() < 0.5:
            await asyncio.sleep(0.5)
        asking.close()
        self.tally.saw("stalled", self, asking.so_far())

    async def ask_too_much(self) -> None:
        """A prompt far over the context."""
        answer = await (await self._start(self.course.long_question(self.number, 9000))).end()
        self.tally.saw("too long", self, answer)
        if (answer.error or {}).get("code") not in ("context_length_exceeded", "busy"):
            self.tally.wrong.append(f"9,000 tokens were answered with status {answer.status}, {answer.error}")

    async def ask_nonsense(self) -> None:
        """A request that nobody can answer."""
        asking = await load.start(self.server, {"messages": self._draw.choice(["hello", [], [{"role": 1}]])})
        answer = await asking.end()
        self.tally.saw("nonsense", self, answer)
        if answer.status != 400:
            self.tally.wrong.append(f"nonsense was answered with status {answer.status}")

    def _messages(self) -> list[Message]:
        self.turn += 1
        if self.turn % TURNS == 1:
            self.history = []
        asked = canaries.question(self.course, self.number, self.turn, self.word)
        return [self.course.system, *self.history, asked]

    async def _start(
        self, messages: list[Message], tokens: int = load.NEW_TOKENS, *, bulky: bool = False
    ) -> Asking:
        """Send it. A bulky answer brings the twenty likeliest tokens with each one: kilobytes that fill the
        buffers between us when nobody reads them."""
        body = load.chat_body(messages, self.name, tokens) | {"temperature": self._draw.choice((0, 0.7))}
        return await load.start(self.server, body | ({"logprobs": True, "top_logprobs": 20} if bulky else {}))
