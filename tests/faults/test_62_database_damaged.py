"""A damaged database: Petra stops, overwrites nothing, and shows the command that restores a backup."""

from __future__ import annotations

import asyncio
import subprocess
from pathlib import Path

import pytest
from sqlalchemy import text

from petra.cli import main
from petra.errors import StorageError
from petra.storage import collections, uploads, users
from petra.storage.database import Database
from tests.serving import environment, petra

BLOB = "a" * 32


def url(data: Path) -> str:
    return f"sqlite+aiosqlite:///{data / 'petra.db'}"


async def filled(data: Path) -> None:
    """A database with an upload and enough rows for some pages of their own."""
    (data / "uploads" / BLOB).mkdir(parents=True)
    (data / "uploads" / BLOB / "blob").write_text("lecture")
    db = await Database.open(url(data))
    async with db.write() as conn:
        owner = await users.ensure_owner(conn)
        await uploads.add(
            conn, id=BLOB, owner_id=owner.id, filename="a", size=7, sha256="0" * 64, media_type="text/plain"
        )
        for n in range(500):
            await collections.create(conn, owner.id, f"collection {n} {'x' * 200}")
    await db.close()


def damage(data: Path) -> bytes:
    """Break every page but the first few; returns what the file is now."""
    content = bytearray((data / "petra.db").read_bytes())
    for place in range(4096 * 4, len(content), 4096):
        content[place : place + 64] = b"\xa5" * 64
    (data / "petra.db").write_bytes(content)
    return bytes(content)


def names(data: Path) -> set[str]:
    return {path.name for path in data.iterdir()}


def test_a_start_stops_and_the_command_it_shows_brings_everything_back(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, safe = tmp_path / "data", tmp_path / "safe"
    asyncio.run(filled(data))
    assert main(["backup", str(safe), "--data-dir", str(data)]) == 0
    (backup,) = safe.iterdir()
    assert f"petra restore {backup}" in capsys.readouterr().out
    broken = damage(data)
    started = subprocess.run(
        petra("serve", "--port", "0", "--data-dir", str(data)),
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert started.returncode == 1 and "Traceback" not in started.stderr
    assert "The database is damaged" in started.stderr and "petra restore BACKUP" in started.stderr
    assert (data / "petra.db").read_bytes() == broken
    (data / "uploads" / BLOB / "blob").unlink()
    (data / "uploads" / BLOB).rmdir()
    assert main(["restore", str(backup), "--data-dir", str(data)]) == 0
    (aside,) = data.glob("damaged-*")
    assert (aside / "petra.db").read_bytes() == broken
    assert (data / "uploads" / BLOB / "blob").read_text() == "lecture"
    assert asyncio.run(counted(data)) == 500


async def counted(data: Path) -> int:
    db = await Database.open(url(data))
    async with db.read() as conn:
        found = len(await collections.everybodys(conn))
        assert await uploads.all_ids(conn) == [BLOB]
    await db.close()
    return found


async def test_damage_found_while_running_ends_all_writing(tmp_path: Path) -> None:
    await filled(tmp_path)
    db = await Database.open(url(tmp_path))
    broken = damage(tmp_path)
    with pytest.raises(StorageError) as read:
        async with db.read() as conn:
            await conn.scalar(text("SELECT count(name) FROM collections WHERE name LIKE '%499%'"))
    assert "petra restore" in read.value.remedy
    for _ in range(2):
        with pytest.raises(StorageError, match="damaged"):
            async with db.write() as conn:
                await users.ensure_owner(conn)
    await db.close()
    assert (tmp_path / "petra.db").read_bytes() == broken


def test_a_damaged_backup_and_a_running_server_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from petra import rendezvous

    data, safe = tmp_path / "data", tmp_path / "safe"
    asyncio.run(filled(data))
    before = (data / "petra.db").read_bytes()
    assert main(["backup", str(safe), "--data-dir", str(data)]) == 0
    (backup,) = safe.iterdir()
    with rendezvous.Lock(data):
        assert main(["restore", str(backup), "--data-dir", str(data)]) == 1
    assert "already running" in capsys.readouterr().err
    content = bytearray((backup / "petra.db").read_bytes())
    content[4096 * 5 :] = b"\xa5" * (len(content) - 4096 * 5)
    (backup / "petra.db").write_bytes(content)
    assert main(["restore", str(backup), "--data-dir", str(data)]) == 1
    assert "is damaged" in capsys.readouterr().err
    assert main(["restore", str(tmp_path), "--data-dir", str(data)]) == 1
    assert "is no backup" in capsys.readouterr().err
    assert (data / "petra.db").read_bytes() == before and not list(data.glob("damaged-*"))


async def test_a_backup_beside_a_server_that_writes_is_of_one_moment(tmp_path: Path) -> None:
    """Collections are made two at a time, each pair in one transaction."""
    data, safe = tmp_path / "data", tmp_path / "safe"
    await filled(data)
    db = await Database.open(url(data))
    async with db.read() as conn:
        owner = (await collections.everybodys(conn))[0].owner_id
    copying = asyncio.create_task(asyncio.to_thread(main, ["backup", str(safe), "--data-dir", str(data)]))
    pairs = 0
    while not copying.done():
        async with db.write() as conn:
            await collections.create(conn, owner, f"first {pairs}")
            await collections.create(conn, owner, f"second {pairs}")
        pairs += 1
    assert await copying == 0 and pairs
    await db.close()
    (backup,) = safe.iterdir()
    copy = await Database.open(url(backup))
    async with copy.read() as conn:
        made = [item.name.split()[0] for item in await collections.everybodys(conn)]
    await copy.close()
    assert made.count("first") == made.count("second")
