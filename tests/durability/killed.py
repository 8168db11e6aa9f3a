"""A server's knowledge room that is killed with SIGKILL, over and over, and looks after itself each time.

Runs as a program of its own: `python -m tests.durability.killed FOLDER` reads one JSON object a line, forks
for each a life that ends by itself or is killed at its point or time, and prints what the life said. It has
imported everything before it forks, so that a life takes a fraction of a second.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from sqlalchemy import event, func, select
from sqlalchemy.engine import Engine

from petra import telemetry
from petra.knowledge.index import collection as index_of_collection
from petra.storage import collections, tables
from petra.storage.database import Database

from .agreement import EVERYWHERE, differences, words
from .house import MODELS, House
from .old_database import still_there

STEPS = 3
OF_ONE = (tables.documents, tables.chunks, tables.symbols, tables.vectors, tables.uploads)
WRITES = frozenset({"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link", "shutil.rmtree", "open"})
"""What counts as a point of a life, beside every statement and commit."""


def main() -> None:
    """See the module."""
    folder = Path(sys.argv[1])
    telemetry.configure(level="error")
    # A few changes are worth a generation, so that there is something to kill.
    index_of_collection.MUCH = 3
    for line in sys.stdin:
        asked = json.loads(line)
        sys.stdout.flush()
        if child := os.fork():
            _watch(child, asked.get("seconds"))
            continue
        try:
            asyncio.run(DO[asked["do"]](folder, asked))
        except BaseException as error:
            say("crashed", f"{type(error).__name__}: {error}")
            raise
        finally:
            os._exit(0)


def _watch(child: int, seconds: float | None) -> None:
    """Wait for the end of a life, and bring it about after so many seconds."""
    deadline = time.monotonic() + (seconds or 60.0)
    while (ended := os.waitpid(child, os.WNOHANG))[0] == 0:
        if time.monotonic() >= deadline:
            os.kill(child, signal.SIGKILL)
            ended = os.waitpid(child, 0)
            break
        time.sleep(0.002)
    say("over", os.waitstatus_to_exitcode(ended[1]))


def say(what: str, value: Any) -> None:
    """Tell the test, at once: what was said survives the one who said it."""
    os.write(1, (json.dumps([what, value]) + "\n").encode())


class Points:
    """Counts what a life writes, and kills the process at the given count."""

    def __init__(self, folder: Path) -> None:
        self._folder = str(folder)
        self._left: int | None = None
        self.count = 0
        sys.addaudithook(self._audit)
        event.listen(Engine, "before_cursor_execute", lambda *_: self._pass())
        event.listen(Engine, "commit", lambda *_: self._pass())

    def arm(self, point: int | None) -> None:
        """From now on; None only counts."""
        self.count, self._left = 0, point

    def _audit(self, name: str, arguments: tuple[Any, ...]) -> None:
        if name in WRITES and str(arguments[0]).startswith(self._folder):
            self._pass()

    def _pass(self) -> None:
        self.count += 1
        if self._left is not None and self.count > self._left:
            os.kill(os.getpid(), signal.SIGKILL)


async def migrate(folder: Path, asked: dict[str, Any]) -> None:
    """Open a database of the first release, killed at a point; or, without one, see what became of it."""
    points = Points(folder)
    points.arm(asked["point"])
    db = await Database.open(f"sqlite+aiosqlite:///{folder / asked['database']}")
    say("count", points.count)
    if asked["point"] is None:
        say("problems", await still_there(db))
    await db.close()


async def forget(folder: Path, asked: dict[str, Any]) -> None:
    """A collection is filled and then removed, killed at a point of that."""
    points, chance = Points(folder), random.Random(asked["point"])  # noqa: S311
    house = await House.open(folder)
    uploads = {}
    for _ in range(3):
        text = _text(folder, chance)
        id, _ = await house.upload(text)
        uploads[id] = text
    await house.idle()
    await house.indexes.refresh(house.uploads, settle=True)
    say("filled", {"collection": house.uploads, "uploads": uploads})
    points.arm(asked["point"])
    await house.forgetting.forget(house.uploads)
    say("count", points.count)
    await house.close()


async def forgotten(folder: Path, asked: dict[str, Any]) -> None:
    """See that all of that collection is there, and then remove it, or that nothing of it is left."""
    collection, uploads = asked["collection"], asked["uploads"]
    house = await House.open(folder)
    await house.idle()
    async with house.db.read() as conn:
        whole = await collections.get(conn, collection) is not None
        left = [table for table in OF_ONE if await conn.scalar(select(func.count()).select_from(table))]
    if whole:
        say("problems", await differences(house, {}, uploads))
        await house.forgetting.forget(collection)
    elif left:
        say("problems", [f"rows are left: {[table.name for table in left]}"])
    await house.upkept("gc")
    paths = [*folder.rglob(collection), *(folder / "blobs").iterdir()]
    say("problems", [f"{path} is left" for path in paths])
    say("whole", whole)
    await house.close()


async def live(folder: Path, asked: dict[str, Any]) -> None:
    """Start on what the lives before left, see that nothing is lost, then do things until the end."""
    points = Points(folder)
    points.arm(asked["point"] if asked["early"] else None)
    house = await House.open(folder)
    problems = await _torn(house, folder)
    await house.idle()
    await house.index()
    await house.idle()
    files = _files(house)
    uploads = await _uploads(house, asked, problems)
    problems += await differences(house, files, uploads)
    say("problems", problems)
    say("state", {"uploads": uploads, "version": house.upkeep.current.version.id})
    if not asked["early"]:
        points.arm(asked["point"])
    await _things(house, folder, random.Random(asked["seed"]), dict(uploads))  # noqa: S311
    say("count", points.count)
    await house.close()


async def _uploads(house: House, asked: dict[str, Any], problems: list[str]) -> dict[str, str]:
    """The uploads that should be there, by what was said in the lives before: those acknowledged and not
    removed. What was under way when it ended may be there or not, but whole."""
    from petra.storage import chunks, documents

    async with house.db.read() as conn:
        there = {item.id: item for item in await documents.list_in(conn, house.uploads)}
        text = {id: " ".join(words(await chunks.of_document(conn, id))) for id in there}
    wanted = dict(asked["uploads"])
    begun = {" ".join(text.split()) for text in asked["begun"]}
    for id in there.keys() - wanted.keys():
        if text[id] in begun:
            wanted[id] = text[id]
        else:
            problems.append(f"{id} is there again, or was never uploaded")
    for id in set(asked["removing"]) - there.keys():
        wanted.pop(id, None)
    return wanted


async def _torn(house: House, folder: Path) -> list[str]:
    """Documents that mix versions, before anything was repaired: each ready one is a text that was once
    written, from its first word to its last."""
    from petra.storage import chunks, documents

    written = {" ".join(json.loads(line).split()) for line in _history(folder).read_text().splitlines()}
    found = []
    for id in filter(None, [house.uploads, await house.mirrored()]):
        async with house.db.read() as conn:
            for document in await documents.list_in(conn, id):
                text = " ".join(words(await chunks.of_document(conn, document.id)))
                if document.state == "ready" and text not in written:
                    found.append(f"{document.path} was published in part: {text[:80]}")
                if document.state != "ready" and text:
                    found.append(f"{document.path} is {document.state} and has passages")
    return found


def _history(folder: Path) -> Path:
    path = folder / "history"
    path.touch()
    return path


def _files(house: House) -> dict[str, str]:
    paths = [path for path in house.files.rglob("*.txt") if path.is_file()]
    return {path.relative_to(house.files).as_posix(): path.read_text() for path in paths}


async def _things(house: House, folder: Path, chance: random.Random, uploads: dict[str, str]) -> None:
    """What people do, at random."""

    async def edit() -> None:
        for name in chance.sample("abcdef", 2):
            _write(house.files / f"{name}.txt", _text(folder, chance))
        if chance.random() < 0.3 and (files := sorted(house.files.glob("*.txt"))):
            chance.choice(files).unlink()
        await house.index()

    async def upload() -> None:
        text = _text(folder, chance)
        say("begun", text)
        id, job = await house.upload(text)
        say("uploaded", [id, text])
        uploads[id] = text
        if chance.random() < 0.5:
            await house.runner.wait(job.id)

    async def remove() -> None:
        if uploads:
            id = chance.choice(sorted(uploads))
            say("removing", id)
            await house.remove(id)
            say("removed", id)
            del uploads[id]

    async def settle() -> None:
        for id in filter(None, [house.uploads, await house.mirrored()]):
            await house.indexes.refresh(id, settle=True)

    async def collect() -> None:
        await house.upkept("gc", previous=chance.random() < 0.3)

    async def swap() -> None:
        if chance.random() < 0.3:
            await house.upkept("reindex", rollback=True)
        else:
            await house.upkept("reindex", model=chance.choice([None, *MODELS]))

    things: list[Callable[[], Awaitable[None]]] = [edit, edit, upload, upload, remove, settle, collect, swap]
    for _ in range(STEPS):
        await chance.choice(things)()


def _text(folder: Path, chance: random.Random) -> str:
    """A text that nobody has written before, recorded before it is used."""
    mark = f"mark{chance.getrandbits(40)}x"
    pieces = [chance.choice(["lock", "thread", "page", "fault"]) for _ in range(chance.randint(1, 5))]
    text = "\n\n".join(f"{EVERYWHERE} {mark} {word} part{n}\n" for n, word in enumerate(pieces))
    with _history(folder).open("a") as history:
        history.write(json.dumps(text) + "\n")
    return text


def _write(path: Path, text: str) -> None:
    """As an editor saves."""
    fresh = path.with_name(f".{path.name}.new")
    fresh.write_text(text)
    fresh.replace(path)


DO = {"live": live, "migrate": migrate, "forget": forget, "forgotten": forgotten}

if __name__ == "__main__":
    main()
