"""A person who looks after their index. The tests build on each other."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing

from tests.cli.conftest import Shell


def test_status_tells_how_each_collection_is_indexed(shell: Shell) -> None:
    shell.run("index", "course")
    (shell.folder / "course" / "paging.md").write_text("A page table maps pages to frames of memory.\n")
    shell.run("index", "course")
    found = json.loads(shell.run("status", "--json").stdout)["index"]
    course = next(item for item in found["collections"] if item["name"] == "course")
    assert course["documents"] == {"ready": 2, "failed": 1} and course["chunks"] == 2
    assert [version["state"] for version in found["versions"]] == ["active"]
    shown = shell.run("status").stdout
    assert "collection course: 3 documents (1 failed), 2 passages" in shown


def test_reindex_builds_compares_and_swaps(shell: Shell) -> None:
    shown = shell.run("reindex").stdout
    assert "Version 2 of the index answers now" in shown
    assert "asked for by their own words, it finds" in shown
    assert "paging.md" in shell.run("search", "page table", "--collection", "course").stdout
    assert "version 1 of the index" in shell.run("status").stdout
    assert "Version 1 of the index answers now" in shell.run("reindex", "--rollback").stdout
    assert "Version 1 of the index answers now" in shell.run("reindex", "--incremental").stdout


def test_reindex_with_a_model_that_is_not_there_leaves_the_index(shell: Shell) -> None:
    failed = shell.run("reindex", "--model", "no-such-embedder", code=1)
    assert "The index was not changed" in failed.stderr and "no-such-embedder" in failed.stderr
    assert "paging.md" in shell.run("search", "page table", "--collection", "course").stdout


def test_reindex_with_an_empty_name_is_refused(shell: Shell) -> None:
    assert "it is empty: give a name" in shell.run("reindex", "--model", "", code=2).stderr


def test_gc_says_what_it_freed(shell: Shell) -> None:
    shown = shell.run("gc", "--previous").stdout
    assert "of deleted files and passages" in shown
    assert "are free again" in shown
    assert "nothing large to remove" in shell.run("gc").stdout
    assert "There is no version to go back to" in shell.run("reindex", "--rollback", code=1).stderr


def test_a_backup_is_made_beside_the_server_and_restored_without_it(shell: Shell) -> None:
    safe = shell.folder / "safe"
    shell.run("backup", str(safe))
    (backup,) = safe.iterdir()
    assert "already running" in shell.run("restore", str(backup), code=1).stderr
    shell.run("stop")
    with closing(sqlite3.connect(shell.data_dir / "petra.db")) as conn, conn:
        conn.execute("DELETE FROM documents")
    shell.run("restore", str(backup))
    assert "paging.md" in shell.run("search", "page table", "--collection", "course").stdout
