"""How soon what is there can be found: a new repository, a saved file, a folder that has not changed."""

from __future__ import annotations

import random
import shutil
import sqlite3
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from benchmarks.knowledge import corpora, peers
from benchmarks.knowledge.lines import Aim, Line, percentile
from benchmarks.knowledge.served import Served, serve
from benchmarks.knowledge.setting import Setting

LINES = 50_000
QUESTION = "where is the boundary of a multipart message generated"
STATIC = "all-MiniLM-L6-v2-static"
EDITS = 40
EXPLAIN = "Explain at length how a multipart message is put together."
ANSWER = 400
"""Tokens."""
FILES = 10_000
PATIENCE_S = 30.0
EMBEDDED = (
    "SELECT 1 FROM chunks JOIN vectors ON vectors.text_hash = chunks.text_hash"
    " WHERE chunks.deleted_revision IS NULL AND chunks.text LIKE ?"
)
FOLLOWED_S = 5.0
"""Seconds until a server has begun to watch a new folder."""


def cold(setting: Setting) -> list[Line]:
    """A repository that the server has never seen: until the first hit, and until all of it can be found."""
    first: list[float] = []
    whole: list[float] = []
    theirs: list[float] = []
    python = peers.semble()
    with tempfile.TemporaryDirectory(prefix="petra-bench-") as name:
        folder = Path(name) / "repository"
        lines = corpora.repository(folder, LINES)
        for _ in range(setting.repetitions):
            with tempfile.TemporaryDirectory(prefix="petra-bench-") as data, serve(Path(data)) as server:
                one, all_of_it = _open(server, folder)
            first.append(one)
            whole.append(all_of_it)
            if python:
                job = {"folder": str(folder), "queries": [QUESTION], "model": str(setting.model(STATIC))}
                theirs.append(peers.ask_semble(python, job)["first_result_s"])
    note = f"{lines:,} lines; peer: semble's static index, first result"
    return [
        Line("cold repository, first hit, s", first, Aim(most=2.0, ratio=0.5), theirs, note=note),
        Line("  all of it can be found, s", whole, Aim(), theirs),
    ]


def _open(server: Served, folder: Path) -> tuple[float, float]:
    started = time.perf_counter()
    answer = server.post_index(folder)
    while not server.search(QUESTION, answer["collection"], 1):
        time.sleep(0.01)
    first = time.perf_counter() - started
    server.wait(answer["job_id"])
    return first, time.perf_counter() - started


def edits(setting: Setting) -> list[Line]:
    """A file of a watched repository is saved: until its new words, and its new meaning, can be found; by
    itself, and while somebody is answered."""
    count = EDITS // 4 if setting.quick else EDITS
    with tempfile.TemporaryDirectory(prefix="petra-bench-") as name:
        folder = Path(name) / "repository"
        corpora.repository(folder, LINES // 20 if setting.quick else LINES)
        with serve(Path(name) / "data") as server:
            answer = server.post_index(folder)
            server.wait(answer["job_id"])
            server.wait_until_idle()
            time.sleep(FOLLOWED_S)
            files = sorted(folder.rglob("*.py"))
            alone = [_save(server, answer["collection"], files, number) for number in range(count)]
            with generating(server):
                busy = [
                    _save(server, answer["collection"], files, count + number) for number in range(count // 2)
                ]
    return [
        Line("one-file edit, found by words, p95, ms", [_p95(alone, 0) * 1000], Aim(most=300)),
        Line("  its vector is there, p95, s", [_p95(alone, 1)], Aim(most=1.5), note="nobody is generating"),
        Line("  found by words, p95, ms", [_p95(busy, 0) * 1000], note="somebody is generating"),
        Line("  its vector is there, p95, s", [_p95(busy, 1)], note="somebody is generating"),
    ]


def _p95(edits: list[tuple[float, float]], which: int) -> float:
    return percentile([edit[which] for edit in edits], 0.95)


@contextmanager
def generating(server: Served) -> Iterator[None]:
    """Somebody asks all the time: the chat model writes one answer after the other."""
    over = threading.Event()

    def ask() -> None:
        while not over.is_set():
            server.client.post("/api/v1/ask", {"question": EXPLAIN, "max_tokens": ANSWER})

    # The model is loaded for the first answer, which is not what is measured.
    server.client.post("/api/v1/ask", {"question": EXPLAIN, "max_tokens": 4})
    asking = threading.Thread(target=ask)
    asking.start()
    try:
        yield
    finally:
        over.set()
        asking.join()


def _save(server: Served, collection: str, files: list[Path], number: int) -> tuple[float, float]:
    path, token = random.Random(number).choice(files), f"zq{number:04}vx"  # noqa: S311
    text = path.read_text(encoding="utf-8")
    path.write_text(
        f'{text}\n\ndef {token}():\n    """Counts the penguins of harbour {token}."""\n', encoding="utf-8"
    )
    saved = time.perf_counter()
    by_words = _until(lambda: any(token in item["text"] for item in server.search(token, collection)))
    words = by_words - saved
    with closing(sqlite3.connect(f"file:{server.data_dir / 'petra.db'}?mode=ro", uri=True)) as rows:
        by_meaning = _until(lambda: rows.execute(EMBEDDED, (f"%{token}%",)).fetchone() is not None)
    return words, by_meaning - saved


def _until(found: Callable[[], bool]) -> float:
    deadline = time.perf_counter() + PATIENCE_S
    while time.perf_counter() < deadline:
        if found():
            return time.perf_counter()
        time.sleep(0.005)
    raise SystemExit(f"not found within {PATIENCE_S:.0f} s")


def reopened(setting: Setting) -> list[Line]:
    """A folder of ten thousand files that is asked for again by a server that has just started."""
    values: list[float] = []
    again: list[float] = []
    count = FILES // 10 if setting.quick else FILES
    with tempfile.TemporaryDirectory(prefix="petra-bench-") as name:
        folder, data = Path(name) / "files", Path(name) / "data"
        corpora.many_files(folder, count)
        with serve(data) as server:
            server.wait(server.post_index(folder)["job_id"])
        for _ in range(max(3, setting.repetitions)):
            with serve(data) as server:
                for found in (values, again):
                    started = time.perf_counter()
                    server.wait(server.post_index(folder)["job_id"])
                    found.append(time.perf_counter() - started)
        shutil.rmtree(folder)
    return [
        Line(f"unchanged folder of {count:,} files, s", values, Aim(most=1.0), note="after a start"),
        Line("  asked for again, s", again),
    ]
