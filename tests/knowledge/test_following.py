"""What a person does with git, and how much of it is embedded again: nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from petra.knowledge.watch import Watching
from petra.storage import documents
from tests.knowledge.conftest import Room
from tests.knowledge.test_watch import git

BUCKET = '''"""Limits how often something may happen."""


class TokenBucket:
    def take(self) -> bool:
        """Take a token, if there is one."""
        return self.tokens > 0
'''


class Repository:
    """A repository that is followed, through the whole pipeline."""

    def __init__(self, room: Room, root: Path, collection_id: str) -> None:
        self.room = room
        self.root = root
        self.id = collection_id

    async def until(self, there: Callable[[dict[str, str]], bool]) -> None:
        """Wait until the documents (path to digest) are such, and nothing is left to be embedded."""
        async with asyncio.timeout(30):
            while not there(await self.documents()):
                await asyncio.sleep(0.02)
            while await self.room.indexes.missing(self.id):
                await asyncio.sleep(0.02)

    async def documents(self) -> dict[str, str]:
        async with self.room.db.read() as conn:
            found = await documents.list_in(conn, self.id)
        return {item.path: item.digest for item in found if item.state == "ready"}


@pytest.fixture
async def repository(room: Room, tmp_path: Path) -> AsyncIterator[Repository]:
    root = tmp_path / "root"
    (root / "src").mkdir(parents=True)
    git(root, "init", "-q", "-b", "main")
    (root / "src" / "bucket.py").write_text(BUCKET)
    (root / "notes.md").write_text("# Paging\n\nA page table maps pages to frames.\n")
    git(root, "add", ".")
    git(root, "commit", "-qm", "first")
    collection, _ = await room.indexed(root)
    watching = Watching(room.db, room.ingest.changed)
    await watching.start()
    assert [change.path for change in await watching.changes(collection.id, 0, 20)] == ["."]
    yield Repository(room, root, collection.id)
    await watching.stop()


async def test_renames_reverts_and_branches_embed_nothing(repository: Repository) -> None:
    room, root = repository.room, repository.root
    first = await repository.documents()
    before = room.endpoint.embedded
    assert before > 0

    (root / "src" / "bucket.py").rename(root / "limiter.py")
    (root / "src").rmdir()
    await repository.until(lambda there: "limiter.py" in there and "src/bucket.py" not in there)
    git(root, "checkout", "-q", ".")
    git(root, "clean", "-qfd")
    await repository.until(lambda there: there == first)
    (root / "src").rename(root / "lib")
    await repository.until(lambda there: "lib/bucket.py" in there and "src/bucket.py" not in there)
    (root / "lib").rename(root / "src")
    await repository.until(lambda there: there == first)
    assert room.endpoint.embedded == before, "a rename embeds nothing"

    git(root, "checkout", "-qb", "other")
    (root / "notes.md").write_text("# Threads\n\nA thread shares its process's memory.\n")
    git(root, "commit", "-qam", "other notes")
    await repository.until(
        # What is new is embedded, so that this test can fail.
        lambda there: there.get("notes.md") != first["notes.md"] and room.endpoint.embedded > before
    )
    second, after = await repository.documents(), room.endpoint.embedded

    git(root, "checkout", "-q", "main")
    await repository.until(lambda there: there == first)
    git(root, "checkout", "-q", "other")
    await repository.until(lambda there: there == second)
    git(root, "revert", "--no-edit", "HEAD")
    await repository.until(lambda there: there == first)
    assert room.endpoint.embedded == after, "neither a branch nor a revert embeds anything"


async def test_a_file_that_gets_a_secret_is_not_found_any_more(repository: Repository) -> None:
    from tests.knowledge.test_secrets import PRIVATE_KEY

    (repository.root / "notes.md").write_text(f"# Paging\n\n{PRIVATE_KEY}")
    await repository.until(lambda there: "notes.md" not in there)
    found = await repository.room.searcher.search("what does a page table map?", [repository.id], 5)
    assert "notes.md" not in {item.path for item in found}
