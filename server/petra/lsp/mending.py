"""Answer files that were cut off, because their editor or the server ended: brought to what was said, which
is on record."""

from __future__ import annotations

import asyncio
from contextlib import aclosing, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from petra import telemetry
from petra.errors import PetraError
from petra.lsp import answer_file
from petra.lsp.places import Places
from petra.lsp.sheet import Sheet
from petra.lsp.writing import Draft

if TYPE_CHECKING:
    from petra.lsp.ask import Asks
    from petra.lsp.features import Parts
    from petra.lsp.session import Session

log = telemetry.logger(__name__)


class Mending:
    """Finishes in answer files what nobody writes any more."""

    def __init__(self, session: Session, asks: Asks, places: Places) -> None:
        self._session = session
        self._asks = asks
        self._places = places

    async def mend(self, sheet: Sheet) -> None:
        """Finish every answer of a file in which none is being written."""
        text = await sheet.text()
        for number, answer_id in answer_file.unfinished(text):
            place = answer_file.section(text, number) or (0, 0)
            said = await self._said(answer_id) or answer_file.cut_off(text[slice(*place)])
            await sheet.put(number, said, last=True)

    async def leave(self, sheet: Sheet, number: int, answer_id: str, *, over: bool) -> None:
        """The editor that this answer was written for has gone. One that is not over is stopped; what the
        disk says of it is as it was saved, which may have been before the answer's end."""
        text = await asyncio.to_thread(sheet.saved)
        if over and (number, answer_id) not in answer_file.unfinished(text):
            return
        with suppress(PetraError):
            await self._asks.cancel(self._session.identity, answer_id)
        if said := await self._said(answer_id):
            await sheet.leave(number, said, add=not over)

    async def _said(self, answer_id: str) -> str:
        """An answer that is over, as the record has it; empty where there is none."""
        draft = Draft(self._places)
        with suppress(PetraError):
            async with aclosing(self._asks.follow(self._session.identity, answer_id)) as parts:
                async for item in parts:
                    await draft.add(item)
        return draft.body() if draft.over else ""


async def mend(session: Session, parts: Parts) -> None:
    """Finish the files that a server which was killed has left. `session` is nobody's: before the first
    editor comes."""
    if parts.answers is None:
        return
    mending = Mending(session, parts.asks, Places(session, parts.services.library))
    for path in await asyncio.to_thread(_unfinished, parts.answers):
        try:
            await mending.mend(Sheet(session, path))
        except OSError as error:
            log.warning("lsp_answer_file_not_mended", error=type(error).__name__)


def _unfinished(folder: Path) -> list[Path]:
    found = []
    for path in folder.glob("*.md"):
        with suppress(OSError):
            if answer_file.MARK in path.read_text(encoding="utf-8", errors="replace"):
                found.append(path)
    return found
