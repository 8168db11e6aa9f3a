"""Texts are read in parts: the same tokens, and nobody waits for somebody else's book."""

import asyncio
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from petra.inference.worker import embed_reading
from petra.inference.worker.embed_reading import PART, TEXT, Reading, cut, parts


@given(st.lists(st.integers(0, 2 * PART).map("a".__mul__), max_size=20))
def test_parts_are_the_texts_in_their_order_and_none_is_too_large(texts: list[str]) -> None:
    found = list(parts(texts))
    assert [text for part in found for text in part] == texts
    assert all(part and (len(part) == 1 or sum(map(len, part)) + TEXT * len(part) <= PART) for part in found)


async def test_a_question_is_read_while_a_book_is() -> None:
    reading, hold, begun = Reading(), threading.Event(), threading.Event()

    def read(texts: list[str]) -> list[int]:
        if len(texts[0]) > PART:
            begun.set()
            assert hold.wait(10)
        return [len(text) for text in texts]

    book = asyncio.create_task(reading.run(read, ["a" * (PART + 1), "b"]))
    await asyncio.to_thread(begun.wait, 10)
    async with asyncio.timeout(10):
        assert await reading.run(read, ["Why?", ""]) == [4, 0]
    hold.set()
    assert await book == [PART + 1, 1]
    assert await reading.run(read, []) == []
    await reading.close()


async def test_who_has_a_little_more_does_not_wait_for_who_has_a_lot(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embed_reading, "PART", 1000)
    reading, read = Reading(), []

    def note(texts: list[str]) -> list[str]:
        read.append(texts[0][0])
        return texts

    lots = asyncio.create_task(reading.run(note, ["a" * 900] * 50))
    await asyncio.sleep(0)
    assert len(await reading.run(note, ["b" * 900] * 2)) == 2
    assert not lots.done() and read.count("a") < 10
    lots.cancel()
    await reading.close()


def test_a_text_that_fits_is_not_cut() -> None:
    assert cut(["word " * 10, "a" * 10_000], 2) == ["word " * 10, "a" * 128]
