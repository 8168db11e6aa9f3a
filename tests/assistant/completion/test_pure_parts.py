"""Prompts, typing along, and the wait for the next keystroke."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from petra.assistant.completion import debounce
from petra.assistant.completion.cursor import Cursor
from petra.assistant.completion.debounce import Debounce
from petra.assistant.completion.prompt import FEWEST, MOST, Snippet, build, room
from petra.assistant.completion.typed import Typed

HERE = Cursor("/a/queue.py", "queue.py", "python", "def push(self):\n    ", "\n\nx = 1\n")
SUGGESTED = "self.tasks.append(task)\n    return None"


def typed(text: str) -> Cursor:
    return replace(HERE, before=HERE.before + text)


def test_what_is_typed_along_leaves_the_rest() -> None:
    known = Typed()
    known.suggested(HERE, SUGGESTED)
    assert known.rest(HERE) == SUGGESTED
    assert known.rest(typed("self.")) == SUGGESTED.removeprefix("self.")


@given(st.integers(0, len(SUGGESTED) - 1))
def test_any_beginning_is_typed_along(length: int) -> None:
    known = Typed()
    known.suggested(HERE, SUGGESTED)
    assert known.rest(typed(SUGGESTED[:length])) == SUGGESTED[length:]


def test_something_else_asks_the_model() -> None:
    known = Typed()
    known.suggested(HERE, SUGGESTED)
    assert known.rest(typed("task")) is None
    assert known.rest(typed(SUGGESTED)) is None
    assert known.rest(replace(HERE, path="/b.py")) is None
    assert known.rest(replace(HERE, after=")" + HERE.after)) is None


def test_nothing_to_suggest_is_known_too() -> None:
    known = Typed()
    known.suggested(HERE, "")
    assert known.rest(HERE) == ""
    assert known.rest(typed("s")) is None


def test_the_prompt_has_both_sides_and_pieces_from_elsewhere_as_comments() -> None:
    snippet = Snippet("lib/tasks.py", "class Task:\n\n    name: str\n")
    prompt = build(HERE, [snippet], 1000)
    assert prompt.prefix == ("# From lib/tasks.py:\n# class Task:\n#\n#     name: str\n\n" + HERE.before)
    assert prompt.suffix == HERE.after
    assert build(replace(HERE, language="markdown"), [snippet], 1000).prefix == HERE.before


def test_there_is_always_something_behind_the_cursor() -> None:
    assert build(replace(HERE, after=""), [], 1000).suffix == "\n"


@given(st.integers(1, 400), st.integers(0, 400), st.integers(300, 6000))
def test_a_prompt_keeps_to_its_room(before: int, after: int, characters: int) -> None:
    line = "value = other + 1\n"
    cursor = replace(HERE, before=line * before + "x = ", after="\n" + line * after)
    prompt = build(cursor, [Snippet("a.py", line * 4)] * 9, characters)
    assert len(prompt.prefix) + len(prompt.suffix) <= characters
    assert prompt.prefix.endswith("x = ")
    assert cursor.after.startswith(prompt.suffix)


def test_the_beginning_of_a_long_prompt_stays_while_somebody_types() -> None:
    """So the model's cache has it."""
    long = "value = other + 1\n" * 500
    first = {build(replace(HERE, before=long + "x" * length), [], 3000).prefix[:500] for length in range(60)}
    assert len(first) <= 2


def test_a_slow_model_reads_less() -> None:
    assert room(32_768, None, 100) == MOST
    assert room(32_768, 1000.0, 100) == 3000
    assert room(32_768, 1.0, 100) == FEWEST
    assert room(1024, None, 192) == 2400
    assert room(256, None, 192) == 96


def test_the_wait_adapts_to_what_answers_take() -> None:
    wait = Debounce()
    assert wait.seconds == debounce.FIRST
    for _ in range(20):
        wait.took(0.8)
    assert 0.15 < wait.seconds <= 0.2
    for _ in range(30):
        wait.took(0.01)
    assert wait.seconds == debounce.SHORTEST
    for _ in range(30):
        wait.took(60)
    assert wait.seconds == debounce.LONGEST


def test_answers_that_nobody_waited_for_count_when_they_were_slow() -> None:
    wait = Debounce()
    wait.took(0.4)
    before = wait.seconds
    wait.took_at_least(0.1)
    assert wait.seconds == before
    wait.took_at_least(2.0)
    assert wait.seconds > before
