"""Progress of a request that came with a `workDoneToken`: begin, reports and one end, whatever happens."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from lsprotocol import types
from pygls.exceptions import JsonRpcException

from petra.lsp.feature import Method
from petra.messages import Token

if TYPE_CHECKING:
    from petra.lsp.session import Session

Report = Callable[[str, float | None], None]
"""Says how far it is: a message, and the part that is done, from 0 to 1, where it is known."""

Cancel = Callable[[], object]


class Running:
    """The requests of a session that show progress. Cancelling the progress cancels the request."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._cancels: dict[object, Cancel] = {}

    def methods(self) -> Sequence[Method]:
        """What this feature answers."""
        return (Method(types.WINDOW_WORK_DONE_PROGRESS_CANCEL, "use_editor", self._cancel),)

    @contextmanager
    def shown(self, token: Token | None, title: str, cancel: Cancel | None = None) -> Iterator[Report]:
        """Show progress under `token` for the length of the block; without one, nothing is shown. Who
        cancels it calls `cancel`, or else cancels the task that runs the block."""
        if token is None:
            yield lambda message, part: None
            return
        self._cancels[token] = cancel or _this_task().cancel
        self._send(token, types.WorkDoneProgressBegin(title=title, cancellable=True))
        last: tuple[str, int | None] | None = None

        def report(message: str, part: float | None) -> None:
            nonlocal last
            now = (message, None if part is None else round(100 * min(max(part, 0.0), 1.0)))
            if now != last:
                self._send(token, types.WorkDoneProgressReport(message=now[0], percentage=now[1]))
            last = now

        try:
            yield report
        finally:
            self._cancels.pop(token, None)
            self._send(token, types.WorkDoneProgressEnd())

    @asynccontextmanager
    async def unasked(self, title: str, cancel: Cancel | None = None) -> AsyncIterator[Report]:
        """Progress that the server shows of itself. Until the editor has made a place for it none is
        shown, and the block does not wait for that."""
        said: list[tuple[str, float | None]] = []
        news = asyncio.Event()

        def report(message: str, part: float | None) -> None:
            said[:] = [(message, part)]
            news.set()

        showing = asyncio.create_task(self._show(title, cancel or _this_task().cancel, said, news))
        try:
            yield report
        finally:
            showing.cancel()
            await asyncio.wait([showing])

    async def _show(
        self, title: str, cancel: Cancel, said: list[tuple[str, float | None]], news: asyncio.Event
    ) -> None:
        token = await self._new_token()
        with self.shown(token, title, cancel) as report:
            while token is not None:
                await news.wait()
                news.clear()
                report(*said[-1])

    async def _new_token(self) -> Token | None:
        """A token that the editor knows, or None where it shows no progress."""
        window = self._session.client.window
        if not (window and window.work_done_progress):
            return None
        token = f"petra-{uuid4().hex}"
        try:
            params = types.WorkDoneProgressCreateParams(token)
            await self._session.request(types.WINDOW_WORK_DONE_PROGRESS_CREATE, params)
        except (JsonRpcException, TimeoutError):
            return None
        return Token(token)

    def partial(self, token: Token, value: object) -> None:
        """Send a part of a result under the client's `partialResultToken`."""
        self._send(token, value)

    def whole(self, token: Token | None, result: dict[str, Any]) -> dict[str, Any]:
        """A result that is made of lists: as it is, or with a `partialResultToken` sent under that and
        returned with its lists empty, as LSP has it."""
        if token is None:
            return result
        self.partial(token, result)
        return {key: [] if isinstance(value, list) else value for key, value in result.items()}

    def _send(self, token: Token, value: object) -> None:
        self._session.notify(types.PROGRESS, types.ProgressParams(token=token, value=value))  # type: ignore[arg-type]

    def _cancel(self, params: types.WorkDoneProgressCancelParams) -> None:
        if cancel := self._cancels.get(params.token):
            cancel()


def _this_task() -> asyncio.Task[object]:
    task = asyncio.current_task()
    if task is None:
        raise RuntimeError("progress is shown by tasks")
    return task
