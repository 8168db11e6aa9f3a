"""Rows that come with their statement, and those that come after it."""

from __future__ import annotations

from itertools import chain

import pytest
from sqlalchemy import text

from petra.storage.database import Database
from petra.storage.sqlite import FETCHED

COUNTED = text(
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :upto) SELECT i FROM n"
)


@pytest.mark.parametrize("upto", [1, FETCHED - 1, FETCHED, FETCHED + 1, 3 * FETCHED])
async def test_every_row_comes_once_and_in_order(db: Database, upto: int) -> None:
    rows = list(range(1, upto + 1))
    async with db.read() as conn:
        assert list((await conn.execute(COUNTED, {"upto": upto})).scalars()) == rows
        async with conn.stream(COUNTED, {"upto": upto}) as found:
            assert [row.i async for row in found] == rows
        async with conn.stream(COUNTED, {"upto": upto}) as found:
            parts = [list(part) async for part in found.scalars().partitions(100)]
        assert list(chain(*parts)) == rows and all(len(part) == 100 for part in parts[:-1])
        async with conn.stream(COUNTED, {"upto": upto}) as found:
            assert (await found.fetchone())[0] == 1
            assert [row.i for row in await found.fetchall()] == rows[1:]


async def test_a_statement_without_rows_has_none(db: Database) -> None:
    async with db.write() as conn:
        assert (await conn.execute(text("UPDATE jobs SET state = state"))).rowcount == 0
    async with db.read() as conn:
        assert (await conn.execute(text("SELECT 1 WHERE 0"))).all() == []
