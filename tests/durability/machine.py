"""Whatever a person does to their files, in whatever order: search agrees with a naive model of them."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import ExitStack
from pathlib import Path
from typing import Any, TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from petra.knowledge.extract.extractor import Extractor
from petra.storage import jobs

from .agreement import EVERYWHERE, differences
from .house import MODELS, House
from .stand_ins import folder

T = TypeVar("T")
NAMES = ["a.txt", "notes.md", "src/deep/b.txt", "src/lock.py"]
PIECES = st.lists(st.sampled_from(["lock", "thread", "page", "fault", "disk"]), min_size=1, max_size=3)
TEXTS = st.lists(PIECES, min_size=1, max_size=4)


class Life:
    """What all examples share, because it takes long to start: a loop, and extraction children."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.extractor = self.run(self._extractor())

    async def _extractor(self) -> Extractor:
        return Extractor(tokenizer=None, chunk_size=32, chunk_overlap=8, timeout=30)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(work)

    def end(self) -> None:
        self.run(self.extractor.close())
        self.run(self.loop.shutdown_default_executor())
        self.loop.close()


class Agrees(RuleBasedStateMachine):
    """`files` is what the folder holds, `uploads` what was uploaded, by document. `life` is set by who
    runs it."""

    life: Life

    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        self.folder = self.stack.enter_context(folder())
        self.files: dict[str, str] = {}
        self.uploads: dict[str, str] = {}
        self.marks = 0
        self.house = self._run(House.open(self.folder, self.life.extractor))

    def teardown(self) -> None:
        self._run(self.house.close())
        self.stack.close()

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.life.run(work)

    @initialize(pieces=TEXTS)
    def begin(self, pieces: list[list[str]]) -> None:
        for name in NAMES[:2]:
            self._write(name, self._text(pieces))
        self._index()

    @rule(name=st.sampled_from(NAMES), pieces=TEXTS, seen=st.booleans())
    def write(self, name: str, pieces: list[list[str]], seen: bool) -> None:
        """A file is added or edited, noticed by the watcher or at the next look."""
        self._write(name, self._text(pieces))
        if seen:
            self._run(self._noticed(name))
        else:
            self._index()

    @precondition(lambda self: self.files)
    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(self.files)))
        (self.house.files / name).unlink()
        del self.files[name]
        self._index()

    @precondition(lambda self: self.files)
    @rule(data=st.data(), to=st.sampled_from(["renamed.txt", *NAMES]))
    def rename(self, data: st.DataObject, to: str) -> None:
        """The text is embedded already, so nothing is embedded again."""
        name = data.draw(st.sampled_from(sorted(self.files)))
        (self.house.files / to).parent.mkdir(parents=True, exist_ok=True)
        (self.house.files / name).replace(self.house.files / to)
        self.files[to] = self.files.pop(name)
        before = self.house.endpoints[self.house.model].embedded
        self._index()
        if Path(name).suffix == Path(to).suffix:
            assert self.house.endpoints[self.house.model].embedded == before

    @rule(pieces=TEXTS)
    def upload(self, pieces: list[list[str]]) -> None:
        """Twice: it stays one document."""
        text = self._text(pieces)
        (id, _), (again, _) = self._run(self.house.upload(text)), self._run(self.house.upload(text, "b.txt"))
        assert id == again
        self.uploads[id] = text

    @precondition(lambda self: self.uploads)
    @rule(data=st.data())
    def remove(self, data: st.DataObject) -> None:
        id = data.draw(st.sampled_from(sorted(self.uploads)))
        self._run(self.house.remove(id))
        del self.uploads[id]

    @rule()
    def restart(self) -> None:
        self._run(self.house.close())
        self.house = self._run(House.open(self.folder, self.life.extractor))

    @rule()
    def compact(self) -> None:
        """Every index is written to disk, and the marks of what was deleted are removed."""
        job = self._run(self.house.upkept("gc"))
        assert job.state == "ready", job.reason

    @rule(model=st.sampled_from(MODELS))
    def swap_model(self, model: str) -> None:
        job = self._run(self.house.upkept("reindex", model=model))
        assert job.state == "ready", job.reason
        assert self.house.model == model

    @rule()
    def roll_back(self) -> None:
        before = next((v for v in self._run(self.house.upkeep.versions()) if v.state == "previous"), None)
        job = self._run(self.house.upkept("reindex", rollback=True))
        assert job.state == ("ready" if before else "failed")
        assert before is None or self.house.upkeep.current.version.id == before.id

    @rule(name=st.sampled_from(NAMES), pieces=TEXTS, later=st.integers(0, 3))
    def cancel(self, name: str, pieces: list[list[str]], later: int) -> None:
        """Indexing is stopped somewhere in its middle: what is there is whole, and the next run ends it."""
        self._write(name, self._text(pieces))
        self._run(self._cancelled(later))
        self._index()

    @invariant()
    def agrees(self) -> None:
        ended = self._run(self.house.idle())
        assert not [job for job in ended if job.state == "failed" and job.kind != "reindex"]
        self._run(self.house.embedded())
        assert not self._run(differences(self.house, self.files, self.uploads))

    def _text(self, pieces: list[list[str]]) -> str:
        """A text with a word of its own in each paragraph."""
        self.marks += 1
        return "\n\n".join(f"{EVERYWHERE} mark{self.marks}x {' '.join(words)}\n" for words in pieces)

    def _write(self, name: str, text: str) -> None:
        path = self.house.files / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        self.files[name] = text

    def _index(self) -> None:
        job = self._run(self.house.index())
        assert job.state == "ready", job.reason

    async def _noticed(self, name: str) -> None:
        collection_id = await self.house.mirrored()
        assert collection_id
        await self.house.ingest.changed(collection_id, [name])

    async def _cancelled(self, later: int) -> None:
        _, job = await self.house.ingest.index_path(self.house.owner, self.house.files)
        for _ in range(later):
            await asyncio.sleep(0.003)
        async with self.house.db.write() as conn:
            await jobs.request_cancel(conn, job.id)
        self.house.runner.wake()
        await self.house.runner.wait(job.id)
