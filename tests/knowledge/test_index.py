"""The index of one collection: it answers alike however it came to be, and no file can mislead it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from petra.knowledge.index.collection import CollectionIndex
from petra.knowledge.index.dense import Sizes
from petra.knowledge.index.entry import Entry, Vector

WORDS = ["lock", "thread", "page", "fault", "disk", "inode", "semaphore", "kernel"]


def vector(seed: int) -> Vector:
    made = np.random.default_rng(seed).normal(size=16).astype(np.float32)
    return (made / np.linalg.norm(made)).astype(np.float16).astype(np.float32)


def entry(id: int, *, embedded: bool = True) -> Entry:
    words = " ".join(WORDS[(id * n) % len(WORDS)] for n in (1, 3, 7))
    return Entry(
        chunk_id=id,
        document_id=f"{id % 3:032x}",
        path=f"src/File{id % 3}.py",
        text=f"{words} number{id}",
        text_hash=f"{id:064x}",
        vector=vector(id) if embedded else None,
    )


def opened(folder: Path, model: str = "model", sizes: Sizes | None = None) -> CollectionIndex:
    index = CollectionIndex(folder, model, sizes)
    index.open()
    return index


def answers(index: CollectionIndex, documents: list[str] | None = None) -> list[list[tuple[int, float]]]:
    """Chunks and scores; sums of float32 in another order differ in the seventh digit."""
    found = [index.search(word, vector(n), 10, documents) for n, word in enumerate(WORDS)]
    return [
        sorted((id, round(score, 4)) for id, score in ranked)
        for some in found
        for ranked in (some.dense, some.lexical)
    ]


def test_words_meaning_and_paths_are_found(tmp_path: Path) -> None:
    index = opened(tmp_path)
    index.apply([entry(id) for id in range(1, 40)], [], 1)
    found = index.search("number7", vector(9), 5)
    assert found.lexical[0][0] == 7
    assert found.dense[0][0] == 9
    assert found.dense[0][1] == pytest.approx(1.0, abs=1e-3)
    assert dict(found.dense)[7] == pytest.approx(float(vector(7) @ vector(9)), abs=1e-3)
    assert {id % 3 for id, _ in index.search("file2", None, 50).lexical[:13]} == {2}


def test_the_same_answers_from_head_generation_and_both(tmp_path: Path) -> None:
    head = opened(tmp_path / "head")
    head.apply([entry(id) for id in range(1, 80)], [], 1)
    settled = opened(tmp_path / "settled")
    settled.apply([entry(id) for id in range(1, 80)], [], 1)
    settled.settle(soon=True)
    mixed = opened(tmp_path / "mixed")
    mixed.apply([entry(id) for id in range(1, 60)], [], 1)
    mixed.settle(soon=True)
    mixed.apply([entry(id) for id in range(60, 80)], [], 2)
    reopened = opened(tmp_path / "settled")
    assert answers(head) == answers(settled) == answers(mixed) == answers(reopened)
    within = [f"{1:032x}"]
    assert answers(head, within) == answers(mixed, within)
    assert {id % 3 for ranked in answers(mixed, within) for id, _ in ranked} == {1}


def test_what_a_person_types_is_never_syntax(tmp_path: Path) -> None:
    index = opened(tmp_path)
    index.apply([entry(id) for id in range(1, 9)], [], 1)
    for query in ["", "   ", '"', "body:lock AND (", "lock^9 OR *", "-lock", "漢字 🙂 \x00 lock", "a" * 9000]:
        found = index.search(query, vector(1), 3)
        assert len(found.dense) >= 3
    assert index.search("locks' (LOCKING)", None, 3).lexical, "stems match"


def test_a_chunk_without_a_vector_is_found_by_its_words_and_later_by_meaning(tmp_path: Path) -> None:
    index = opened(tmp_path)
    index.apply([entry(1), entry(2, embedded=False)], [], 1)
    index.settle(soon=True)
    index = opened(tmp_path)
    assert dict(index.missing) == {2: entry(2).text_hash}
    found = index.search("number2", vector(2), 5)
    assert found.lexical[0][0] == 2
    assert [id for id, _ in found.dense] == [1]
    index.apply([entry(2)], [], 1)
    assert (dict(index.missing), index.chunk_ids().tolist()) == ({}, [1, 2])
    found = index.search("number2", vector(2), 5)
    assert (found.dense[0][0], found.lexical[0][0]) == (2, 2)


def test_old_generations_go_and_another_model_starts_anew(tmp_path: Path) -> None:
    index = opened(tmp_path)
    for revision in (1, 2, 3):
        index.apply([entry(revision)], [], revision)
        index.settle(soon=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["3", "live"]
    assert opened(tmp_path).watermark == 3
    assert opened(tmp_path, "another model").watermark == 0


class AgreesWithNaiveIndex(RuleBasedStateMachine):
    """Adding, deleting, settling and reopening in any order, in many small segments, against a dictionary."""

    sizes = Sizes(segment=16, head=4)

    @initialize(folder=st.uuids())
    def begin(self, folder: object) -> None:
        import tempfile

        self.folder = Path(tempfile.mkdtemp()) / str(folder)
        self.index = opened(self.folder, sizes=self.sizes)
        self.alive: dict[int, Entry] = {}
        self.settled: dict[int, Entry] = {}
        self.last = 0
        self.revision = 0

    @rule(count=st.integers(1, 9), lose=st.integers(0, 3))
    def change(self, count: int, lose: int) -> None:
        removed = list(self.alive)[:lose]
        added = [entry(id) for id in range(self.last + 1, self.last + 1 + count)]
        self.last += count
        self.revision += 1
        self.index.apply(added, removed, self.revision)
        self.alive = {id: e for id, e in self.alive.items() if id not in removed}
        self.alive |= {e.chunk_id: e for e in added}

    @rule()
    def apply_again(self) -> None:
        self.index.apply(list(self.alive.values()), [], self.revision)

    @rule()
    def settle(self) -> None:
        self.index.settle(soon=True)

    @rule()
    def reopen(self) -> None:
        self.index.close()
        self.index = opened(self.folder, sizes=self.sizes)
        known = set(dict(self.index.search("", vector(1), 1000).dense))
        added = [e for id, e in self.alive.items() if id not in known]
        removed = [id for id in range(1, self.last + 1) if id not in self.alive]
        self.index.apply(added, removed, self.revision)

    @invariant()
    def agrees(self) -> None:
        if not hasattr(self, "alive"):
            return
        assert self.index.chunk_ids().tolist() == sorted(self.alive)
        query = vector(5)
        found = self.index.search("lock thread", query, 10)
        scores = {id: float(e.vector @ query) for id, e in self.alive.items() if e.vector is not None}
        expected = sorted(scores.items(), key=lambda item: (-item[1], item[0]))[:10]
        assert [id for id, _ in found.dense][:10] == [id for id, _ in expected]
        words = {id for id, e in self.alive.items() if {"lock", "thread"} & set(e.text.split())}
        assert {id for id, _ in found.lexical} <= words
        assert len(found.lexical) >= min(10, len(words))


TestAgreesWithNaiveIndex = AgreesWithNaiveIndex.TestCase
TestAgreesWithNaiveIndex.settings = settings(max_examples=8, stateful_step_count=10, deadline=None)
