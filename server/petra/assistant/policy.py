"""What a course allows Petra to say: asked for every question, from whichever door it came.

The rules belong to a room above; what is declared here is the question. The default allows everything.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from petra.access import Identity
from petra.assistant.modes import TASKS
from petra.errors import NotAllowed
from petra.messages import Mode

Level = Literal["full", "explain", "hints", "off"]
Deed = Literal["complete"] | Mode
"""What is to be done: a mode of a question, or `complete`, text at the cursor."""


@dataclass(frozen=True)
class Asked:
    """What a policy judges. `collections` are the names that would be searched (a course is one), `path`
    the file that is asked about, as the client names it, `at` the time in seconds since the epoch."""

    caller: Identity
    deed: Deed
    collections: Sequence[str]
    path: str | None
    at: float


@dataclass(frozen=True)
class Ruling:
    """How much may be said: everything; explanations, no solution; hints only; nothing. `why` is told to
    the person, as in "Lab 3 is graded until Friday"."""

    level: Level = "full"
    why: str = ""


class Policy(Protocol):
    """Who decides. Wired by `app/`."""

    async def rule(self, asked: Asked) -> Ruling:
        """What holds for this question now."""


class Permissive:
    """Everything is allowed: a person's own machine, and a server without courses."""

    async def rule(self, asked: Asked) -> Ruling:
        """Everything."""
        return Ruling()


RULES = {
    "explain": " Explain only: never write the solution and no code.",
    "hints": " Give one hint that leads to the next step, never the solution and no code.",
}
"""What is added to the system prompt of a mode under each level that limits it."""


def enforce(ruling: Ruling, deed: Deed) -> None:
    """Raise NotAllowed for what this ruling does not allow at all: a mode whose answer is code, or a
    completion, where only explanations or hints are allowed."""
    writes = deed == "complete" or TASKS[deed].writes_code
    if ruling.level == "off":
        raise NotAllowed(
            "Petra does not answer here", cause=ruling.why, remedy="Ask the person who teaches the course"
        )
    if ruling.level != "full" and writes:
        allowed = "explanations" if ruling.level == "explain" else "hints"
        raise NotAllowed(
            f"Petra gives only {allowed} here",
            cause=ruling.why,
            remedy="Ask for an explanation, or the person who teaches the course",
        )


def system(mode: Mode, ruling: Ruling) -> str:
    """The system prompt of a mode under a ruling."""
    return TASKS[mode].system + RULES.get(ruling.level, "")
