"""`petra/index`: reading folders of this machine, as a job that can be paused and cancelled."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import attrs
from pygls.uris import to_fs_path

from petra.access import authorize
from petra.assistant.library import Library
from petra.assistant.work import Work
from petra.errors import BadRequest, NotFound
from petra.lsp.feature import Method
from petra.lsp.progress import Report, Running
from petra.messages import Token

if TYPE_CHECKING:
    from petra.lsp.session import Session

LOOK_SECONDS = 0.25
"""Between two looks at a job whose progress is shown."""

ENDED = frozenset(("ready", "failed", "cancelled"))


@attrs.frozen(kw_only=True)
class IndexParams:
    """`start` reads the folder or file at `uri` (by default the first workspace folder) into `collection`
    (by default one named after it); with a progress token the reply comes when the job has ended. `pause`
    and `cancel` are for the jobs of `collection`, or all; `cancel` also for one `job`."""

    action: Literal["start", "pause", "cancel"] = "start"
    uri: str | None = None
    collection: str | None = None
    job: int | None = None
    work_done_token: Token | None = None


class Indexing:
    """The jobs of a session's person."""

    def __init__(self, session: Session, library: Library, work: Work, running: Running) -> None:
        self._session = session
        self._library = library
        self._work = work
        self._progress = running

    def methods(self) -> Sequence[Method]:
        """What this feature answers."""
        return (Method("petra/index", "read_job", self.index, IndexParams),)

    async def index(self, params: IndexParams) -> dict[str, Any]:
        """`{jobs}`: those that this began or reached, as they are now."""
        if params.action == "start":
            return {"jobs": await self._start(params)}
        authorize(self._session.identity, "cancel_job")
        if params.action == "pause":
            return {"jobs": await self._pause(params.collection)}
        return {"jobs": await self._cancel(params)}

    async def _start(self, params: IndexParams) -> list[dict[str, Any]]:
        caller = self._session.identity
        # Before the path is even looked at: who is not on this machine may not name one.
        authorize(caller, "index_path")
        collection, job = await self._library.index(caller, self._path(params.uri), params.collection)
        await self._work.go_on(caller, collection.id)
        if params.work_done_token is None:
            return [await self._work.read(caller, job.id)]
        with self._progress.shown(params.work_done_token, f"Reading {collection.name}") as report:
            return [await self._until_ended(job.id, report)]

    async def _until_ended(self, job_id: int, report: Report) -> dict[str, Any]:
        """The job once it has ended. Cancelling this cancels the job."""
        caller = self._session.identity
        try:
            while (job := await self._work.read(caller, job_id))["state"] not in ENDED:
                part = job["done"] / job["total"] if job["total"] else None
                report(f"{job['done']} of {job['total']} {job['unit']}" if job["total"] else "", part)
                await asyncio.sleep(LOOK_SECONDS)
        except asyncio.CancelledError:
            if self._session.connected:
                await self._work.cancel(caller, job_id)
            raise
        return job

    async def _pause(self, name: str | None) -> list[dict[str, Any]]:
        caller = self._session.identity
        for collection_id in await self._ids(name):
            await self._work.pause(caller, collection_id)
        return await self._work.open_jobs(caller)

    async def _cancel(self, params: IndexParams) -> list[dict[str, Any]]:
        caller = self._session.identity
        if params.job is not None:
            return [await self._work.cancel(caller, params.job)]
        wanted = set(await self._ids(params.collection))
        jobs = [job for job in await self._work.open_jobs(caller) if job["collection_id"] in wanted]
        return [await self._work.cancel(caller, job["id"]) for job in jobs]

    async def _ids(self, name: str | None) -> list[str]:
        mine = await self._library.collections(self._session.identity)
        found = [item.id for item in mine if name is None or item.name == name]
        if name is not None and not found:
            raise NotFound(f"There is no collection {name[:80]!r}", remedy="petra/documents lists them")
        return found

    def _path(self, uri: str | None) -> str:
        given = uri or next(iter(self._session.folders), None)
        path = to_fs_path(given) if given and given.startswith("file:") else None
        if path is None:
            raise BadRequest(
                "There is no folder to read",
                cause="The URI is no file" if given else "The editor has no workspace folder open",
                remedy="Give `uri`, a file: URI of this machine",
            )
        return path
