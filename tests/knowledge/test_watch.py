"""A folder is followed: what is saved, renamed, removed, checked out, and what is left out."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Collection
from contextlib import suppress
from pathlib import Path

import pytest

from petra import platform
from petra.knowledge import mirror as mirroring
from petra.knowledge.changes import Published
from petra.knowledge.mirror import Mirror


class Followed:
    """A folder with a mirror that publishes nothing but what it was told."""

    def __init__(self, root: Path, only: frozenset[str] | None = None) -> None:
        self.root = root
        self.told: list[str] = []
        self.times = 0
        self.mirror = Mirror(root, self._publish, only)

    async def _publish(self, paths: Collection[str]) -> Published:
        self.told += paths
        self.times += 1
        return Published(removed=list(paths))

    async def hears(self, *paths: str) -> None:
        """Wait until all of these have been published, then forget them."""
        async with asyncio.timeout(20):
            while not set(paths) <= set(self.told):
                await asyncio.sleep(0.01)
        await asyncio.sleep(0.1)
        self.told.clear()


def git(folder: Path, *arguments: str) -> None:
    author = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *author, *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture
async def followed(tmp_path: Path) -> AsyncIterator[Followed]:
    root = tmp_path / "root"
    (root / "src" / "deep").mkdir(parents=True)
    (root / "build").mkdir()
    (root / ".gitignore").write_text("build/\n*.log\n")
    (root / "a.md").write_text("a")
    (root / "src" / "b.py").write_text("b")
    git(root, "init", "-q", "-b", "main")
    git(root, "add", ".")
    git(root, "commit", "-qm", "first")
    found = Followed(root)
    task = asyncio.create_task(found.mirror.run())
    await found.hears(".")
    yield found
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def test_a_file_is_saved_made_and_removed(followed: Followed) -> None:
    (followed.root / "a.md").write_text("other")
    await followed.hears("a.md")
    (followed.root / "src" / "new.py").write_text("new")
    await followed.hears("src/new.py")
    (followed.root / "src" / "b.py").unlink()
    await followed.hears("src/b.py")
    # Once at least: on a busy machine one save may be two batches.
    assert list(dict.fromkeys((change.path, change.what) for change in followed.mirror.recent)) == [
        (".", "all"),
        ("a.md", "changed"),
        ("src/new.py", "changed"),
        ("src/b.py", "removed"),
    ]


async def test_editors_save_by_renaming_and_leave_copies(followed: Followed) -> None:
    root = followed.root
    (root / ".a.md.swp").write_text("vim")
    (root / "4913").write_text("vim asks whether it may write here")
    (root / "4913").unlink()
    (root / "a.md").rename(root / "a.md~")
    (root / "a.md").write_text("saved by vim")
    (root / "#a.md#").write_text("emacs")
    (root / "a.md.tmp").write_text("saved by rename")
    (root / "a.md.tmp").rename(root / "a.md")
    await followed.hears("a.md")
    (root / "src" / "b.py").write_text("the next")
    await followed.hears("src/b.py")
    assert {change.path for change in followed.mirror.recent} == {".", "a.md", "src/b.py"}


async def test_a_folder_comes_is_renamed_and_goes(followed: Followed, tmp_path: Path) -> None:
    made = tmp_path / "made"
    (made / "inner").mkdir(parents=True)
    (made / "inner" / "x.md").write_text("x")
    made.rename(followed.root / "made")
    await followed.hears("made/inner/x.md")
    (followed.root / "made" / "inner" / "y.md").write_text("y")
    await followed.hears("made/inner/y.md")
    (followed.root / "made").rename(followed.root / "other")
    await followed.hears("made", "other/inner/x.md", "other/inner/y.md")
    (followed.root / "other" / "inner" / "x.md").write_text("changed where it is now")
    await followed.hears("other/inner/x.md")
    shutil.rmtree(followed.root / "other")
    await followed.hears("other")


async def test_a_name_changes_its_case(followed: Followed) -> None:
    (followed.root / "a.md").rename(followed.root / "A.md")
    await followed.hears("a.md", "A.md")


async def test_what_is_left_out_says_nothing(followed: Followed) -> None:
    root = followed.root
    (root / "build" / "out.py").write_text("made")
    (root / "node_modules").mkdir()
    (root / "node_modules" / "index.js").write_text("module")
    (root / ".cache").mkdir()
    (root / "debug.log").write_text("log")
    (root / ".env").write_text("TOKEN=1")
    (root / "src" / "b.pyc").write_bytes(b"\0")
    (root / "a.md").write_text("the last")
    await followed.hears("a.md")
    assert {change.path for change in followed.mirror.recent} == {".", "a.md"}


async def test_other_rules_are_another_folder(followed: Followed) -> None:
    (followed.root / ".gitignore").write_text("*.log\n")
    await followed.hears(".")
    (followed.root / "build" / "out.py").write_text("now it counts")
    await followed.hears("build/out.py")


async def test_another_branch_is_one_batch(followed: Followed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mirroring, "QUIET_MS", 800)  # git may have to wait for its turn
    root = followed.root
    git(root, "checkout", "-qb", "other")
    for number in range(80):
        (root / "src" / "deep" / f"{number}.py").write_text(f"x = {number}")
    git(root, "add", ".")
    git(root, "commit", "-qm", "many")
    await followed.hears(".")
    await asyncio.sleep(mirroring.QUIET_MS / 1000 + 0.3)
    followed.told.clear()
    before = followed.times
    git(root, "checkout", "-q", "main")
    await followed.hears(".")
    await asyncio.sleep(mirroring.QUIET_MS / 1000 + 0.3)
    assert followed.times == before + 1


async def test_a_folder_that_goes_away_and_comes_back(
    followed: Followed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mirroring, "RETRY_SECONDS", 0.1)
    followed.root.rename(tmp_path / "elsewhere")
    async with asyncio.timeout(20):
        while followed.mirror.state != "not there":
            await asyncio.sleep(0.01)
    (tmp_path / "elsewhere").rename(followed.root)
    await followed.hears(".")
    (followed.root / "a.md").write_text("again")
    await followed.hears("a.md")


@pytest.mark.parametrize("why", ["limit", "network"])
async def test_a_folder_that_cannot_be_watched_is_looked_at(
    why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_: object) -> None:
        raise OSError("OS file watch limit reached. about [/x]")

    if why == "limit":
        monkeypatch.setattr("petra.knowledge.watcher.RustNotify", refuse)
    else:
        monkeypatch.setattr(platform, "network_file_system", lambda _: "nfs4")
    monkeypatch.setattr(mirroring, "POLL_SECONDS", 0.05)
    (tmp_path / "a.md").write_text("a")
    found = Followed(tmp_path)
    task = asyncio.create_task(found.mirror.run())
    await found.hears(".")
    assert found.mirror.state == "looked at"
    (tmp_path / "a.md").write_text("longer")
    (tmp_path / "b.md").write_text("b")
    await found.hears("a.md", "b.md")
    (tmp_path / "a.md").unlink()
    os.utime(tmp_path / "b.md", ns=(1, 1))
    await found.hears("a.md", "b.md")
    said = [record for record in caplog.records if "folder_not_watched" in record.getMessage()]
    assert len(said) == 1
    task.cancel()


async def test_a_watch_that_is_lost_is_taken_up_again(
    followed: Followed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mirroring, "RETRY_SECONDS", 0.05)
    with open(os.fsencode(followed.root) + b"/\xff.md", "w"):  # noqa: PTH123 - which no watch can tell
        pass
    await followed.hears(".")
    (followed.root / "a.md").write_text("other")
    await followed.hears("a.md")


async def test_more_notices_than_can_be_trusted(followed: Followed) -> None:
    for number in range(600):
        (followed.root / f"{number}.md").write_text("x")
        (followed.root / f"{number}.md").unlink()
    (followed.root / "last.md").write_text("x")
    await followed.hears(".")


async def test_only_some_files_of_a_folder_are_followed(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "a.md").write_text("a")
    one = Followed(tmp_path, frozenset({"a.md", "late.md"}))
    task = asyncio.create_task(one.mirror.run())
    try:
        await one.hears("a.md", "late.md")
        (tmp_path / "b.md").write_text("b")
        (tmp_path / "deep" / "a.md").write_text("a")
        (tmp_path / "new").mkdir()
        (tmp_path / "late.md").write_text("late")
        await one.hears("late.md")
        fresh = tmp_path / "fresh"
        fresh.write_text("another a")
        fresh.replace(tmp_path / "a.md")
        await one.hears("a.md")
        (tmp_path / "a.md").unlink()
        await one.hears("a.md")
        (tmp_path / ".petraignore").write_text("late.md\n")
        await one.hears("a.md", "late.md")
    finally:
        task.cancel()
        await asyncio.wait([task])
    assert {change.path for change in one.mirror.recent} == {"a.md", "late.md"}


async def test_only_some_files_of_a_folder_are_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mirroring, "_unwatchable", lambda _: "it is far away")
    monkeypatch.setattr(mirroring, "POLL_SECONDS", 0.05)
    (tmp_path / "a.md").write_text("a")
    one = Followed(tmp_path, frozenset({"a.md"}))
    task = asyncio.create_task(one.mirror.run())
    try:
        await one.hears("a.md")
        (tmp_path / "b.md").write_text("b")
        (tmp_path / "a.md").write_text("another a")
        await one.hears("a.md")
        assert one.mirror.state == "looked at"
    finally:
        task.cancel()
        await asyncio.wait([task])
    assert {change.path for change in one.mirror.recent} == {"a.md"}
