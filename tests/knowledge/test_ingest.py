"""Files in, passages out, on the real embedder."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from petra.errors import BadRequest, NotFound
from petra.inference.client import ModelEndpoint
from petra.knowledge.index import Indexes
from petra.knowledge.ingest import Ingest
from petra.knowledge.search import Searcher
from petra.storage import chunks, collections, documents, jobs, symbols, uploads
from petra.storage.documents import Document
from petra.storage.job_runner import JobRunner
from petra.storage.jobs import Job
from petra.storage.rows import new_id
from tests.files import LECTURE, encrypted_pdf, lecture_pdf
from tests.knowledge.conftest import Room, aged

NOTES = "# Locks\n\nA mutex admits one thread.\n\n# Paging\n\nA page fault loads a page from the disk.\n"


async def uploaded(room: Room, path: Path, name: str | None = None) -> tuple[Document, Job]:
    async def content() -> AsyncIterator[bytes]:
        yield path.read_bytes()

    id = new_id()
    stored = await room.blobs.put(id, path.name, content(), 1 << 30)
    async with room.db.write() as conn:
        upload = await uploads.add(
            conn,
            id=id,
            owner_id=room.owner,
            filename=name or path.name,
            size=stored.size,
            sha256=stored.sha256,
            media_type="application/octet-stream",
        )
    document, job = await room.ingest.add_upload(room.owner, upload, room.uploads)
    ended = await room.runner.wait(job.id)
    await room.embedded(room.uploads)
    return document, ended


async def paths(room: Room, collection_id: str) -> dict[str, str]:
    async with room.db.read() as conn:
        return {item.path: item.state for item in await documents.list_in(conn, collection_id)}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "course"
    (root / "src").mkdir(parents=True)
    (root / "notes.md").write_text(NOTES)
    (root / "src" / "token_bucket.py").write_text("def refill(bucket):\n    bucket.tokens += bucket.rate\n")
    aged(root)
    return root


async def test_every_question_of_a_lecture_finds_its_page(room: Room, tmp_path: Path) -> None:
    document, job = await uploaded(room, lecture_pdf(tmp_path / "lecture.pdf"))
    assert (job.state, job.done, job.total, job.unit) == ("ready", document.size, document.size, "bytes")
    first, within_three, relevances = 0, 0, []
    for number, page in enumerate(LECTURE, 1):
        found = await room.searcher.search(page.question, [room.uploads], 3)
        pages = [passage.pages for passage in found]
        first += pages[0] == (number, number)
        within_three += (number, number) in pages
        relevances.append(max(passage.relevance for passage in found))
        assert found[0].document == "lecture.pdf"
        assert found[0].document_id == document.id
    assert within_three == len(LECTURE)
    assert first >= 22
    assert min(relevances) > 0.3, "the default RERANK_THRESHOLD lets all of them through"


async def test_a_question_about_something_else_finds_nothing_relevant(room: Room, tmp_path: Path) -> None:
    await uploaded(room, lecture_pdf(tmp_path / "lecture.pdf"))
    for question in (
        "What is the capital of Mongolia?",
        "How long should I boil an egg?",
        "Who won the football world cup in 1998?",
        "Which enzyme unwinds DNA during replication?",
    ):
        found = await room.searcher.search(question, [room.uploads], 8)
        assert max(passage.relevance for passage in found) < 0.3, question


async def test_the_same_file_twice_is_one_document(room: Room, tmp_path: Path) -> None:
    path = lecture_pdf(tmp_path / "lecture.pdf", pages=2)
    first, first_job = await uploaded(room, path)
    second, second_job = await uploaded(room, path, "copy.pdf")
    assert (second.id, second_job.id) == (first.id, first_job.id)
    assert len(await paths(room, room.uploads)) == 1
    async with room.db.read() as conn:
        assert len(await uploads.all_ids(conn)) == 1


async def test_a_file_that_cannot_be_read_fails_with_its_reason(room: Room, tmp_path: Path) -> None:
    document, job = await uploaded(room, encrypted_pdf(tmp_path / "exam.pdf"))
    async with room.db.read() as conn:
        failed = await documents.get(conn, document.id)
    assert failed
    assert (failed.state, job.state) == ("failed", "failed")
    assert "password needed" in (failed.reason or "")


async def test_a_removed_document_is_gone_from_search_and_disk(room: Room, tmp_path: Path) -> None:
    document, _ = await uploaded(room, lecture_pdf(tmp_path / "lecture.pdf", pages=2))
    with pytest.raises(NotFound):
        await room.ingest.remove_document("somebody else", document.id)
    await room.ingest.remove_document(room.owner, document.id)
    assert await room.searcher.search("processes", [room.uploads], 5) == []
    assert not list((tmp_path / "uploads").iterdir())


async def test_a_folder_follows_its_files(room: Room, folder: Path) -> None:
    collection, job = await room.indexed(folder)
    size = sum(path.stat().st_size for path in folder.rglob("*.*"))
    assert (collection.name, job.state, job.done, job.total) == ("course", "ready", size, size)
    (best, *_) = await room.searcher.search("what loads from disk?", [collection.id], 3)
    assert (best.path, best.header, best.lines) == ("notes.md", "Paging", (5, 7))

    (folder / "notes.md").write_text(NOTES.replace("disk", "solid state drive"))
    (folder / "src" / "token_bucket.py").unlink()
    (folder / "new.txt").write_text("The exam is on Friday.")
    again, job = await room.indexed(folder)
    changed = (folder / "notes.md").stat().st_size + (folder / "new.txt").stat().st_size
    assert (again.id, job.total) == (collection.id, changed)
    assert await paths(room, collection.id) == {"notes.md": "ready", "new.txt": "ready"}
    (best, *_) = await room.searcher.search("solid state drive", [collection.id], 3)
    assert "solid state drive" in best.text
    assert all(
        p.path != "src/token_bucket.py" for p in await room.searcher.search("refill", [collection.id], 9)
    )


async def test_what_a_folder_defines_is_found_by_name(room: Room, folder: Path) -> None:
    collection, _ = await room.indexed(folder)

    async def found(name: str, **how: bool) -> list[tuple[str, str, str, tuple[int, int]]]:
        async with room.db.read() as conn:
            some = await symbols.find(conn, name, [collection.id], 9, **how)
        return [(item.kind, item.scope, item.name, item.lines) for item in some]

    assert await found("refill") == [("function", "", "refill", (1, 2))]
    assert await found("pag", prefix=True) == [("section", "", "Paging", (5, 7))]
    (folder / "src" / "token_bucket.py").write_text("class Bucket:\n    def drain(self): ...\n")
    (folder / "notes.md").unlink()
    await room.indexed(folder)
    assert await found("refill") == await found("paging") == []
    assert await found("drain") == [("method", "Bucket", "drain", (2, 2))]


async def test_another_chunker_reads_again_and_embeds_only_what_has_changed(
    room: Room, folder: Path, tmp_path: Path
) -> None:
    collection, _ = await room.indexed(folder)
    upload, _ = await uploaded(room, lecture_pdf(tmp_path / "lecture.pdf", pages=2))
    once = room.endpoint.embedded
    assert await room.ingest.renew() == 0
    async with room.db.read() as conn:
        before = await chunks.alive_ids(conn, collection.id) + await chunks.alive_ids(conn, room.uploads)
    room.extractor.chunker += " newer"
    _, job = await room.indexed(folder)
    assert job.total
    _, job = await room.indexed(folder)
    assert job.total == 0
    assert await room.ingest.renew() == 1
    async with room.db.read() as conn:
        renewed = await jobs.of_document(conn, upload.id)
    assert renewed and (await room.runner.wait(renewed.id)).state == "ready"
    assert await room.ingest.renew() == 0
    async with room.db.read() as conn:
        after = await chunks.alive_ids(conn, collection.id) + await chunks.alive_ids(conn, room.uploads)
    assert len(after) == len(before) and not set(after) & set(before)
    assert room.endpoint.embedded == once
    (best, *_) = await room.searcher.search("what loads from disk?", [collection.id], 3)
    assert best.header == "Paging"


async def test_files_beyond_the_cap_are_not_taken_for_gone(
    room: Room, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    collection, _ = await room.indexed(folder)
    before = await paths(room, collection.id)
    assert len(before) == 2
    monkeypatch.setattr("petra.knowledge.ignore.MOST_FILES", 1)
    await room.indexed(folder)
    assert await paths(room, collection.id) == before


async def test_what_is_known_is_not_embedded_again(room: Room, folder: Path) -> None:
    collection, _ = await room.indexed(folder)
    once = room.endpoint.embedded
    os.utime(folder / "notes.md", (1_600_000_000, 1_600_000_000))
    (folder / "src" / "token_bucket.py").rename(folder / "renamed.py")
    _, job = await room.indexed(folder)
    assert job.state == "ready"
    assert await paths(room, collection.id) == {"notes.md": "ready", "renamed.py": "ready"}
    assert room.endpoint.embedded == once
    _, job = await room.indexed(folder)
    assert job.total == 0, "a file whose time changed and not its bytes is not looked at again"


async def test_what_is_left_out_of_a_folder(room: Room, folder: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside.txt"
    outside.write_text("secret plans")
    (folder / "link.txt").symlink_to(outside)
    (folder / "node_modules").mkdir()
    (folder / "node_modules" / "index.js").write_text("module.exports = 1")
    (folder / "env").mkdir()
    (folder / "env" / "pyvenv.cfg").touch()
    (folder / "env" / "site.py").write_text("x = 1")
    (folder / ".git").mkdir()
    (folder / ".git" / "config").write_text("[core]")
    (folder / "data.unknown").write_bytes(bytes(range(256)))
    (folder / "empty.py").touch()
    (folder / "blank.txt").write_text("\n\n")
    (folder / ".env").write_text("TOKEN=1")
    (folder / "photo.png").write_bytes(b"\x89PNG")
    (folder / "big.csv").write_bytes(b"1,2\n" * (2 << 20))
    encrypted_pdf(folder / "exam.pdf")
    os.mkfifo(folder / "pipe.txt")
    collection, job = await room.indexed(folder)
    assert job.state == "ready"
    assert await paths(room, collection.id) == {
        "exam.pdf": "failed",
        "notes.md": "ready",
        "src/token_bucket.py": "ready",
    }
    found = [(item["what"], item["reason"], item["examples"]) for item in job.payload["skipped"]]
    assert found == [
        ("files", "empty", ["blank.txt", "empty.py"]),
        ("files", "not text", ["data.unknown", "photo.png"]),
        ("files", "a link", ["link.txt"]),
        ("files", "may hold secrets", [".env"]),
        ("files", "not a regular file", ["pipe.txt"]),
        ("files", "too large (over 4 MiB)", ["big.csv"]),
        ("folders", "dependencies or caches", ["env/", "node_modules/"]),
        ("folders", "hidden", [".git/"]),
    ]
    _, again = await room.indexed(folder)
    assert again.payload["skipped"] == job.payload["skipped"], "also when nothing has changed"


async def test_one_file_of_a_folder(room: Room, folder: Path) -> None:
    collection, job = await room.indexed(folder / "notes.md")
    assert job.state == "ready"
    assert await paths(room, collection.id) == {"notes.md": "ready"}
    _, job = await room.indexed(folder)
    assert len(await paths(room, collection.id)) == 2


async def test_names_of_collections(room: Room, folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other" / "course"
    other.mkdir(parents=True)
    first, _ = await room.indexed(folder)
    second, _ = await room.indexed(other)
    assert (first.name, second.name) == ("course", "course 2")
    with pytest.raises(BadRequest, match="There is a collection course already"):
        await room.ingest.index_path(room.owner, other, "course")
    with pytest.raises(NotFound):
        await room.ingest.index_path(room.owner, tmp_path / "nowhere")
    for name in ("", " ", "\x1b[2J", "a\nb", "\u202e", "x" * 201):
        with pytest.raises(BadRequest, match="a name that can be read"):
            await room.ingest.index_path(room.owner, other.parent, name)


async def test_names_of_folders_that_are_hard_to_read(room: Room, tmp_path: Path) -> None:
    odd = tmp_path / "two\nlines\x1b[2J"
    odd.mkdir()
    collection, _ = await room.ingest.index_path(room.owner, odd)
    assert (collection.name, collection.root) == ("twolines[2J", str(odd))
    if sys.platform == "linux":
        latin = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9"))
        latin.mkdir()
        (tmp_path / "link").symlink_to(latin)
        with pytest.raises(BadRequest, match="cannot be stored"):
            await room.ingest.index_path(room.owner, tmp_path / "link")


async def test_a_search_stays_within_a_path_and_its_collections(room: Room, folder: Path) -> None:
    collection, _ = await room.indexed(folder)
    for path in ("src", "src/token_bucket.py", "./src/", str(folder / "src")):
        found = await room.searcher.search("thread", [collection.id], 9, path=path)
        assert {passage.path for passage in found} == {"src/token_bucket.py"}, path
    for path in (".", str(folder), str(folder.parent)):
        assert len(await room.searcher.search("thread", [collection.id], 9, path=path)) == 3, path
    for path in ("sr", "../course", "/elsewhere"):
        assert await room.searcher.search("thread", [collection.id], 9, path=path) == [], path
    assert await room.searcher.search("thread", [room.uploads], 9) == []
    assert await room.searcher.search("thread", [], 9) == []


async def test_two_jobs_at_once_in_one_collection(room: Room, tmp_path: Path) -> None:
    files = []
    for number in range(4):
        path = tmp_path / f"note{number}.txt"
        path.write_text(f"Note {number} is about topic{number}.")
        files.append(uploaded(room, path))
    ended = await asyncio.gather(*files)
    assert {job.state for _, job in ended} == {"ready"}
    async with room.db.read() as conn:
        alive = await chunks.alive_ids(conn, room.uploads)
        collection = await collections.get(conn, room.uploads)
    assert collection
    assert len(alive) == 4
    assert await room.indexes.refresh(room.uploads) == collection.revision
    for number in range(4):
        (best, *_) = await room.searcher.search(f"topic{number}", [room.uploads], 2)
        assert best.path == f"note{number}.txt"


async def test_words_alone_decide_while_the_embedder_is_away(room: Room, folder: Path) -> None:
    collection, _ = await room.indexed(folder)
    away = ModelEndpoint("unix:/nowhere/s")

    async def use() -> ModelEndpoint:
        return away

    found = await Searcher(room.db, room.indexes, use).search("mutex", [collection.id], 3)
    await away.close()
    assert [(passage.header, passage.dense, passage.relevance) for passage in found] == [("Locks", None, 1.0)]


async def test_another_model_finds_by_words_until_a_job_has_embedded(room: Room, folder: Path) -> None:
    collection, _ = await room.indexed(folder)

    async def use() -> ModelEndpoint:
        return room.endpoint

    indexes = Indexes(room.db, folder.parent / "other-indexes", "another")
    assert len(await indexes.missing(collection.id)) == 3
    found = await indexes.search("mutex", None, [collection.id], 5)
    assert len(found.lexical) == 1
    await room.runner.stop()
    ingest = Ingest(room.db, room.blobs, room.extractor, indexes, use, "another", wake=lambda: runner.wake())
    runner = JobRunner(room.db, ingest.handlers)
    await runner.start()
    assert await ingest.renew() == 0, "a start looks for what the model before has embedded"
    async with room.db.read() as conn:
        job = await jobs.open_of(conn, "embed", collection.id)
    assert job
    assert (await runner.wait(job.id)).state == "ready"
    await runner.stop()
    assert not await indexes.missing(collection.id)
    await indexes.close()


async def test_a_job_that_was_cut_off_is_finished_by_the_next_server(room: Room, tmp_path: Path) -> None:
    root = tmp_path / "many"
    root.mkdir()
    for number in range(24):
        (root / f"note{number}.md").write_text(
            "\n".join(f"# Part {part}\n\nNote {number} says {number * part}.\n" for part in range(16))
        )
    collection, job = await room.ingest.index_path(room.owner, root)
    assert (await room.runner.wait(job.id)).state == "ready"
    async with room.db.read() as conn:
        filling = await jobs.open_of(conn, "embed", collection.id)
    assert filling
    while room.endpoint.embedded < 100:
        await asyncio.sleep(0.02)
    await room.runner.stop()
    waiting = await room.job(filling.id)
    assert waiting and (waiting.state, waiting.attempts) == ("queued", 0)
    runner = JobRunner(room.db, room.ingest.handlers)
    await runner.start()
    assert (await runner.wait(filling.id)).state == "ready"
    await runner.stop()
    assert set((await paths(room, collection.id)).values()) == {"ready"}
    async with room.db.read() as conn:
        alive = await chunks.alive_ids(conn, collection.id)
        rows = await chunks.get_many(conn, alive)
    assert len(rows) == len(alive) == 384
    distinct = len({row.text_hash for row in rows})
    assert distinct <= room.endpoint.embedded < distinct + 6 * 64, "finished batches were kept"
