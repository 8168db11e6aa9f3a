import pytest
from sqlalchemy import insert
from sqlalchemy.exc import IntegrityError

from petra.storage import index_versions
from petra.storage.database import Database
from petra.storage.tables import index_versions as table


async def states(db: Database) -> dict[int, str]:
    async with db.read() as conn:
        return {version.id: version.state for version in await index_versions.all_of_them(conn)}


async def test_a_swap_keeps_the_one_before_and_no_older_one(db: Database) -> None:
    async with db.write() as conn:
        first = await index_versions.at_start(conn, "a")
    assert (first.model_id, first.folder) == ("a", "v1") and await states(db) == {1: "active"}
    for id, model in ((2, "b"), (3, "c")):
        async with db.write() as conn:
            made = await index_versions.begin(conn, model, "a")
            assert made.id == id and (await index_versions.begin(conn, model, "a")).id == id
            await index_versions.swap(conn, id)
    assert await states(db) == {2: "previous", 3: "active"}
    async with db.write() as conn:
        await index_versions.swap(conn, 2)
    assert await states(db) == {2: "active", 3: "previous"}


async def test_an_unfinished_version_of_another_model_is_given_up(db: Database) -> None:
    async with db.write() as conn:
        await index_versions.at_start(conn, "a")
        await index_versions.begin(conn, "b", "a")
        await index_versions.begin(conn, "c", "a")
    assert await states(db) == {1: "active", 3: "building"}


async def test_the_setting_counts_when_it_is_changed(db: Database) -> None:
    async with db.write() as conn:
        await index_versions.at_start(conn, "a")
        await index_versions.swap(conn, (await index_versions.begin(conn, "b", "a")).id)
        assert (await index_versions.at_start(conn, "a")).model_id == "b"
        assert (await index_versions.at_start(conn, "b")).id == 2
        assert (await index_versions.at_start(conn, "a")).model_id == "a"


async def test_two_versions_are_never_active(db: Database) -> None:
    row = {"model_id": "a", "configured": "a", "state": "active", "created_at": 1.0}
    async with db.write() as conn:
        await conn.execute(insert(table).values(row))
    with pytest.raises(IntegrityError):
        async with db.write() as conn:
            await conn.execute(insert(table).values(row))
