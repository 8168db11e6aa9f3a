"""A space of vectors: whatever it is made of, segments, shards, clusters, head, numpy, it answers alike."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from petra.knowledge.index.collection import CollectionIndex
from petra.knowledge.index.dense import Dense, Sizes
from petra.knowledge.index.engine import FaissFlat, NumpyFlat
from petra.knowledge.index.entry import Entry, Scored, Vector
from petra.knowledge.index.segment import NAME

DIMENSION = 32
SMALL = Sizes(segment=600, head=64, clustered=1000)


def vectors(count: int, seed: int = 0, topics: int = 40) -> Vector:
    """Directions in topics, as those of texts are: the noise is as long as the topic."""
    random = np.random.default_rng(seed)
    middle = np.random.default_rng(9).normal(size=(topics, DIMENSION))
    rows = middle[random.integers(0, topics, count)] + random.normal(size=(count, DIMENSION))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def filled(count: int, sizes: Sizes, step: int = 50) -> Dense:
    rows, dense = vectors(count).astype(np.float16), Dense.empty(sizes)
    documents = np.array([f"{n % 7:032x}".encode() for n in range(count)], NAME)
    for start in range(0, count, step):
        some = slice(start, min(count, start + step))
        dense = dense.including(np.arange(some.start, some.stop), documents[some], rows[some])
    return dense


def rounded(scored: Scored) -> list[tuple[int, float]]:
    return sorted((id, round(score, 4)) for id, score in scored)


def still() -> None:
    """Nobody is waiting."""


def test_few_segments_however_many_portions_and_every_row_in_one() -> None:
    dense = filled(3000, SMALL, step=10)
    assert len(dense.parts) <= 10
    assert max(len(part.segment) for part in dense.parts) <= SMALL.segment
    assert dense.chunk_ids().tolist() == list(range(3000))
    compact = dense.compacted(still)
    assert len(compact.parts) == 5
    assert compact.chunk_ids().tolist() == list(range(3000))
    assert compact.unsettled == 3000, "nothing is on disk yet"


def test_shards_and_a_head_answer_as_one_flat_index_does() -> None:
    sizes = Sizes(segment=600, head=64)
    gone, within = list(range(0, 2000, 3)), [f"{1:032x}", f"{5:032x}", "of another collection"]
    sharded = filled(2000, sizes).compacted(still).changed([], gone)
    one = filled(2000, Sizes(head=10**9)).changed([], gone)
    assert len(sharded.parts) == 4
    for query in vectors(20, seed=1):
        assert rounded(sharded.search(query, 15)) == rounded(one.search(query, 15))
        limited = rounded(sharded.search(query, 15, within))
        assert limited == rounded(one.search(query, 15, within))
        assert {id % 7 for id, _ in limited} <= {1, 5}
        some = list(range(0, 2000, 97))
        assert rounded(sharded.scores(query, some)) == rounded(one.scores(query, some))
        assert {id for id, _ in sharded.scores(query, some)} == {id for id in some if id % 3}


def test_clusters_find_nearly_all_and_a_limit_to_documents_is_exact() -> None:
    count, sizes = 40_000, Sizes(segment=20_000, head=5000, clustered=10_000)
    exact = filled(count, Sizes(segment=20_000, head=5000), step=5000)
    clustered = Dense.empty(sizes).with_parts(exact.parts).compacted(still)
    assert all(part.segment.clusters for part in clustered.parts)
    within, found = [f"{3:032x}"], []
    for query in vectors(100, seed=1):
        best = {id for id, _ in exact.search(query, 10)}
        found.append(len(best & {id for id, _ in clustered.search(query, 10)}) / 10)
        assert rounded(clustered.search(query, 10, within)) == rounded(exact.search(query, 10, within))
    assert np.mean(found) >= 0.95
    some = list(range(0, count, 999))
    query = vectors(1, seed=2)[0]
    assert rounded(clustered.scores(query, some)) == rounded(exact.scores(query, some))
    emptied = clustered.changed([], range(0, count, 2))
    assert not any(id % 2 == 0 for id, _ in emptied.search(query, 50))


def test_large_segments_that_are_alive_are_not_written_again() -> None:
    settled = filled(1200, SMALL).compacted(still)
    more = settled.changed([], [5, 700]).including(
        np.arange(5000, 5100), np.full(100, b"d", NAME), vectors(100, seed=3).astype(np.float16)
    )
    again = more.compacted(still)
    assert {id(part.segment) for part in settled.parts} < {id(part.segment) for part in again.parts}
    assert again.chunk_ids().tolist() == more.chunk_ids().tolist()


def test_what_changes_while_a_generation_is_written_is_kept(tmp_path: Path) -> None:
    def entry(id: int) -> Entry:
        return Entry(id, f"{id % 3:032x}", "notes.txt", f"word{id}", f"{id:064x}", vectors(1, seed=id)[0])

    index = CollectionIndex(tmp_path, "model", SMALL)
    index.open()
    index.apply([entry(id) for id in range(300)], [], 1)
    draft = index.draft(soon=True)
    assert draft
    index.apply([entry(id) for id in range(300, 500)], [3, 250], 2)
    written = index.write(draft, still)
    assert written
    index.apply([entry(500)], [4, 301], 3)
    index.adopt(draft, written)
    expected = [id for id in range(501) if id not in (3, 4, 250, 301)]
    assert index.chunk_ids().tolist() == expected
    query = vectors(1, seed=300)[0]
    assert index.search("word300", query, 1).dense[0][0] == 300
    assert not {3, 4, 250, 301} & {id for id, _ in index.search("word3", query, 600).dense}
    shutil.copytree(tmp_path, tmp_path.with_name("copy"))
    reopened = CollectionIndex(tmp_path.with_name("copy"), "model", SMALL)
    reopened.open()
    assert (reopened.watermark, reopened.chunk_ids().tolist()) == (1, list(range(300)))
    index.settle(soon=True)
    assert index.chunk_ids().tolist() == expected


@pytest.mark.parametrize("chosen", [None, np.arange(500) % 3 == 0])
def test_numpy_and_faiss_agree(chosen: np.ndarray | None) -> None:
    codes = vectors(500).astype(np.float16)
    for query in vectors(10, seed=4):
        pairs = [
            sorted(zip(places.tolist(), np.round(scores, 4).tolist(), strict=True))
            for scores, places in (kind(codes).search(query, 20, chosen) for kind in (FaissFlat, NumpyFlat))
        ]
        assert pairs[0] == pairs[1]


WITHOUT_FAISS = """
import sys
sys.modules["faiss"] = None
from pathlib import Path
from tests.knowledge.test_index_dense import answers_of
print(answers_of(Path(sys.argv[1])))
"""


def answers_of(folder: Path) -> str:
    """What an index in `folder` answers, written if it is not there."""
    index = CollectionIndex(folder, "model", Sizes(segment=600, head=64))
    index.open()
    if not index.watermark:
        rows = vectors(1500)
        index.apply(
            [Entry(n, f"{n % 7:032x}", "a.txt", f"w{n}", f"{n:064x}", row) for n, row in enumerate(rows)],
            [],
            1,
        )
        index.settle(soon=True)
    found = [index.search("w7", query, 10).dense[:10] for query in vectors(8, seed=6)]
    kind = type(index._state.dense.parts[0].segment.flat).__name__
    return f"{kind} {[rounded(some) for some in found]}"


def test_without_faiss_numpy_answers_alike_from_the_same_files(tmp_path: Path) -> None:
    mine = answers_of(tmp_path / "mine").split(" ", 1)
    for folder in ("mine", "theirs"):
        run = [sys.executable, "-c", WITHOUT_FAISS, str(tmp_path / folder)]
        told = subprocess.run(run, capture_output=True, text=True, check=True, timeout=60)
        kind, found = told.stdout.splitlines()[-1].split(" ", 1)
        assert (mine[0], kind) == ("FaissFlat", "NumpyFlat")
        assert found == mine[1]
    assert answers_of(tmp_path / "theirs").split(" ", 1)[1] == mine[1]


def test_words_within_many_documents_are_those_of_a_search_within_them(tmp_path: Path) -> None:
    index = CollectionIndex(tmp_path, "model", SMALL)
    index.open()
    rows = vectors(3000)
    made = [
        Entry(n, f"{n // 3:032x}", "a.txt", f"common w{n % 50}", f"{n:064x}", row if n % 4 else None)
        for n, row in enumerate(rows)
    ]
    index.apply(made, range(0, 3000, 7), 1)
    within = [f"{n:032x}" for n in range(0, 1000, 3)]
    for query in ("common", "w7 common", "w3", "nothing"):
        found = dict(index.search(query, None, 20, within).lexical)
        expected = index._lexical.search(query, 3000, within)
        assert sorted(found.values(), reverse=True) == [score for _, score in expected[:20]]
        assert found.items() <= dict(expected).items()
