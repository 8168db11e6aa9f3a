"""The text of an answer file: a chat as Markdown, with a place for the next question at its end. Pure.

    # What is the ticket lock called?
    ## Ask
    What is the ticket lock called?
    ## Answer 1
    Humboldt [1].
    1. [locks.md:3](file:///notes/locks.md#L3) (cited)
    ## Ask

All there is to know of a chat stands in its file, so that it goes on after a restart of editor or server. An
answer that is still written ends with `<!-- answer ID -->`: whoever finds that later asks the record what
became of it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from petra.lsp.citations import link
from petra.messages import ErrorPart, SourcePart, Status, StreamItem, Text

ASK = "## Ask"
_ASK = re.compile(r"^## Ask[ \t\r]*$", re.M)
_ANSWER = re.compile(r"^## Answer (\d+)[ \t\r]*$", re.M)
_OURS = re.compile(r"^(?=## (?:Ask|Answer)\b|<!-- (?:conversation|answer) )", re.M)
_CONVERSATION = re.compile(r"^<!-- conversation (\S{1,64}) -->[ \t]*$", re.M)
MARK = "<!-- answer "
_UNFINISHED = re.compile(r"(?:^\*[^\n]*…\*[ \t\r]*\n\s*)?^<!-- answer (\S{1,64}) -->[ \t\r]*$", re.M)
TITLE_LENGTH = 70


@attrs.frozen(kw_only=True)
class Asked:
    """What a person has written at the end of a file, and the conversation that it goes on with."""

    question: str
    conversation_id: str | None
    about: str
    """What stands above the first question: it may link to what the chat is about."""


def new(title: str, question: str, about: str | None = None) -> str:
    """A file with one question, or with an empty place for one."""
    named = " ".join(title.split())
    named = named if len(named) <= TITLE_LENGTH else named[: TITLE_LENGTH - 1] + "…"
    head = f"# {named}\n\n" + (f"{about}\n\n" if about else "")
    return f"{head}{ASK}\n\n{_quoted(question)}\n" if question else f"{head}{ASK}\n\n"


def asked(text: str) -> Asked:
    """The question that waits at the end; empty where none does."""
    text = _plain(text)
    places = list(_ASK.finditer(text))
    question = text[places[-1].end() :].strip() if places else ""
    if _ANSWER.search(question):
        question = ""
    known = _CONVERSATION.findall(text)
    return Asked(
        question=question,
        conversation_id=known[-1] if known else None,
        about=text[: places[0].start()] if places else "",
    )


def next_number(text: str) -> int:
    """The number of the answer that comes next."""
    return 1 + max((int(number) for number in _ANSWER.findall(_plain(text))), default=0)


def appended(text: str, number: int, body: str) -> tuple[int, int, str]:
    """The change that puts an answer after a question at the end, and a place for the next one: from where,
    up to where, and what comes there."""
    end = len(text.rstrip())
    return end, len(text), f"\n\n## Answer {number}\n\n{body}\n{ASK}\n\n"


def section(text: str, number: int) -> tuple[int, int] | None:
    """Where the answer `number` stands, from its heading to the next question; None when it is gone."""
    begin = next((found for found in _ANSWER.finditer(text) if int(found[1]) == number), None)
    after = _ASK.search(text, begin.end()) if begin else None
    if begin is None or after is None:
        return None
    # The heading's own line end and the empty line after it are not part of it.
    start = begin.end() + len(re.match(r"\r?\n(?:\r?\n)?|", text[begin.end() :])[0])  # type: ignore[index]
    return min(start, after.start()), after.start()


def unfinished(text: str) -> list[tuple[int, str]]:
    """The answers that nobody has finished: number and id."""
    places = ((int(found[1]), section(text, int(found[1]))) for found in _ANSWER.finditer(text))
    marks = ((number, _UNFINISHED.search(text[slice(*place)])) for number, place in places if place)
    return [(number, mark[1]) for number, mark in marks if mark]


def cut_off(body: str) -> str:
    """An unfinished answer of which there is no record: as far as it came."""
    return _UNFINISHED.sub("*Cut off.*", _plain(body)).rstrip("\n") + "\n"


def waiting(answer_id: str) -> str:
    """An answer of which nothing is there."""
    return f"*Waiting…*\n\n{MARK}{answer_id} -->\n"


def body(items: Sequence[StreamItem], locations: Mapping[int, Mapping[str, Any]]) -> str:
    """An answer as far as it is there; `locations` are those of its sources, by number."""
    text, state, problem, over = "", "", "", None
    sources: dict[int, Any] = {}
    for item in items:
        part = item.part
        if isinstance(part, Text):
            text += part.text
        elif isinstance(part, Status):
            state = part.message or part.stage.capitalize()
        elif isinstance(part, SourcePart):
            sources[part.source.n] = part.source
        elif isinstance(part, ErrorPart):
            error = part.error
            problem = " ".join(
                f"{said.rstrip('.')}." for said in (error.what, error.cause, error.remedy) if said
            )
        elif part.kind == "done":
            over = part
    blocks = [_quoted(text)] if text.strip() else []
    if over is None and not text.strip():
        blocks.append(f"*{state or 'Waiting'}…*")
    if problem:
        blocks.append(f"*{problem}*")
    elif over and over.finish_reason == "cancelled":
        blocks.append("*Stopped.*")
    elif over and over.finish_reason == "interrupted":
        blocks.append("*Cut off: Petra was stopped.*")
    elif over and over.finish_reason == "length":
        blocks.append("*The answer was longer than allowed, and ends here.*")
    if over:
        lines = [link(sources[n], locations.get(n)) for n in sorted(sources)]
        blocks += ["\n".join(lines)] if lines else []
        blocks.append(f"<!-- conversation {over.conversation_id} -->")
    elif items:
        blocks.append(f"{MARK}{items[0].id} -->")
    return "\n\n".join(blocks) + "\n"


def _quoted(text: str) -> str:
    """A text that cannot be mistaken for a part of the file's own."""
    return _OURS.sub("\\\\", _plain(text).strip("\n"))


def _plain(text: str) -> str:
    return text.replace("\r\n", "\n")
