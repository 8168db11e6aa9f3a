"""The same file twice is one document, however it comes and however many come at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from petra.storage import documents, uploads
from petra.storage.documents import Document
from tests.durability.agreement import EVERYWHERE, differences
from tests.durability.house import House
from tests.durability.stand_ins import folder

TEXT = f"{EVERYWHERE} mark1x deadlock\n\n{EVERYWHERE} mark1x four conditions\n"


@pytest.fixture
async def house() -> AsyncIterator[House]:
    with folder() as place:
        house = await House.open(place)
        yield house
        await house.close()


async def there(house: House, collection_id: str | None) -> list[Document]:
    assert collection_id
    async with house.db.read() as conn:
        return await documents.list_in(conn, collection_id)


async def test_the_same_upload_many_times_at_once(house: House) -> None:
    arrived = await asyncio.gather(*(house.upload(TEXT, f"{n}.txt") for n in range(20)))
    ids = {id for id, _ in arrived}
    assert len(ids) == 1 and len({job.id for _, job in arrived}) == 1
    await house.idle()
    assert await differences(house, {}, dict.fromkeys(ids, TEXT)) == []
    assert {id for id, _ in await asyncio.gather(*(house.upload(TEXT) for _ in range(5)))} == ids
    async with house.db.read() as conn:
        rows = await uploads.all_ids(conn)
    blobs = [path.name for path in (house.folder / "blobs").iterdir()]
    assert len(rows) == 1 and blobs == rows


async def test_an_upload_that_was_removed_may_come_again(house: House) -> None:
    first, _ = await house.upload(TEXT)
    await house.remove(first)
    second, _ = await house.upload(TEXT)
    await house.idle()
    assert first != second
    assert await differences(house, {}, {second: TEXT}) == []


async def test_removing_and_uploading_at_once_leaves_all_or_nothing(house: House) -> None:
    """Whoever comes first: what was acknowledged last is there, with its bytes."""
    for _ in range(10):
        first, _ = await house.upload(TEXT)
        again, _ = await asyncio.gather(house.upload(TEXT), house.remove(first))
        await house.idle()
        left = await there(house, house.uploads)
        assert [item.id for item in left] in ([], [again[0]])
        for item in left:
            assert item.upload_id and (await house.blobs.local_path(item.upload_id)).is_file()
            await house.remove(item.id)


async def test_a_folder_indexed_many_times_at_once(house: House) -> None:
    for n in range(10):
        (house.files / f"{n}.txt").write_text(TEXT.replace("mark1x", f"mark{n}x"))
    (house.folder / "link").symlink_to(house.files)
    ways = [house.files, house.folder / "link", house.files / "..", house.files / "0.txt"]
    ways[2] = ways[2] / house.files.name
    found = await asyncio.gather(*(house.ingest.index_path(house.owner, way) for way in ways * 5))
    assert len({collection.id for collection, _ in found}) == 1
    changed = house.ingest.changed(found[0][0].id, [f"{n}.txt" for n in range(10)])
    await asyncio.gather(changed, *(house.runner.wait(job.id) for _, job in found))
    await house.idle()
    await house.embedded()
    listed = await there(house, await house.mirrored())
    assert sorted(item.path for item in listed) == sorted(f"{n}.txt" for n in range(10))
    files = {f"{n}.txt": TEXT.replace("mark1x", f"mark{n}x") for n in range(10)}
    assert await differences(house, files, {}) == []


async def test_two_files_with_the_same_bytes_are_found_once_and_embedded_once(house: House) -> None:
    for name in ("a.txt", "b.txt"):
        (house.files / name).write_text(TEXT)
    await house.index()
    await house.idle()
    collection_id = await house.mirrored()
    assert collection_id and len(await there(house, collection_id)) == 2
    assert house.endpoints[house.model].embedded == 2
    passages = await house.searcher.search("deadlock", [collection_id], 10)
    assert len([item for item in passages if "deadlock" in item.text]) == 1
