"""Embedding a repository in the background, beside what the model by itself can do with the same chunks."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path

from benchmarks.engine.conditions import cores
from benchmarks.knowledge import corpora
from benchmarks.knowledge.lines import Aim, Line
from benchmarks.knowledge.served import serve
from benchmarks.knowledge.setting import Setting
from petra.knowledge.blocks import embedded_text

LINES = 30_000
MODEL = "all-MiniLM-L6-v2"


def embedding(setting: Setting) -> list[Line]:
    """Chunks a second from the first to the last vector row; the worker is running when it begins."""
    ours: list[float] = []
    theirs: list[float] = []
    ways: list[str] = []
    with tempfile.TemporaryDirectory(prefix="petra-bench-") as name:
        folder = Path(name) / "repository"
        corpora.repository(folder, LINES // 4 if setting.quick else LINES)
        for number in range(setting.repetitions):
            data = Path(name) / f"data-{number}"
            rate, texts = _embedded(data, folder)
            ours.append(rate)
            bare = _bare(setting, texts)
            theirs.append(float(bare["chunks/s"]))
            ways.append(str(bare["way"]))
    note = f"{len(texts):,} chunks; the model's best way: {ways[-1]}"
    return [Line("bulk embedding, chunks/s", ours, Aim(ratio=0.95), theirs, more=True, note=note)]


def _embedded(data: Path, folder: Path) -> tuple[float, list[str]]:
    """How fast a server embedded a folder, and the texts."""
    with tempfile.TemporaryDirectory(prefix="petra-bench-") as first, serve(data) as server:
        # The worker for bulk work starts when there is some; its start is not what is measured.
        Path(first, "first.md").write_text("The worker has to be there first.\n")
        server.post_index(Path(first))
        server.wait_until_idle()
        answer = server.post_index(folder)
        server.wait(answer["job_id"])
        server.wait_until_idle()
    with closing(sqlite3.connect(f"file:{data / 'petra.db'}?mode=ro", uri=True)) as rows:
        collection = answer["collection_id"]
        seconds = rows.execute(
            "SELECT SUM(finished_at - started_at) FROM jobs WHERE kind = 'embed' AND collection_id = ?",
            (collection,),
        ).fetchone()[0]
        chunks = rows.execute(
            "SELECT header, text FROM chunks WHERE collection_id = ? AND deleted_revision IS NULL"
            " GROUP BY text_hash",
            (collection,),
        ).fetchall()
    texts = [embedded_text(header, text) for header, text in chunks]
    return len(texts) / seconds, texts


def _bare(setting: Setting, texts: list[str]) -> dict[str, object]:
    job = {"model": str(setting.model(MODEL)), "texts": texts, "cores": cores()}
    ended = subprocess.run(
        [sys.executable, "-m", "benchmarks.knowledge.bare_model"],
        input=json.dumps(job),
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "HF_HUB_OFFLINE": "1"},
        check=True,
    )
    found: dict[str, object] = json.loads(ended.stdout)
    return found
