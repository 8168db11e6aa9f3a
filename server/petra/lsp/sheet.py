"""An answer file in the editor and on the disk: shown, and brought to what it should say.

Where an editor has it open it is edited there, always with the version that the edit was made for; where it
is not open, or the editor takes no edits, the file itself is written. No other file is ever touched.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from lsprotocol import types
from pygls.exceptions import JsonRpcException
from pygls.uris import from_fs_path

from petra import telemetry
from petra.errors import NotAllowed
from petra.lsp import answer_file

if TYPE_CHECKING:
    from petra.lsp.documents import Open
    from petra.lsp.session import Session

log = telemetry.logger(__name__)

KEPT = 200
"""Answer files that are kept; beyond that the oldest go. What was said stays in the conversations."""
TRIES = 5
ECHO_SECONDS, ECHO_LOOKS = 1.0, 100
"""How long an editor takes at most to tell of a change that it has just made by an edit."""


Change = Callable[[str], "tuple[int, int, str] | None"]
"""From a text to the one change of it: from where, up to where, and what comes there."""


class Sheet:
    """One answer file of one session."""

    def __init__(self, session: Session, path: Path) -> None:
        self._session = session
        self.path = path
        self.uri = from_fs_path(str(path)) or ""
        self._silent_at: int | None = None
        """The version for which the editor was asked for an edit and did not answer in time."""
        self._before: str | None = None
        """What it said before the last answer that was begun."""

    async def text(self) -> str:
        """What it says: as it is open, else as it is on the disk."""
        document = self._open()
        return str(document.text) if document else await asyncio.to_thread(_read, self.path)

    async def begin(self, number: int, body: str) -> None:
        """Put an answer `number` after what it says, and a place for the next question."""

        def change(now: str) -> tuple[int, int, str] | None:
            if answer_file.section(now, number):
                return None
            self._before = now.rstrip()
            return answer_file.appended(now, number, body)

        session, document = self._holder()
        if document is not None and not self._editable(session, document):
            # The answer can only be written to the disk: what was typed goes there first.
            await asyncio.to_thread(_write, self.path, str(document.text))
        await self._change(change, TRIES)

    async def put(self, number: int, body: str, *, last: bool = False) -> None:
        """Make `body` its answer `number`. One that is not the last may be passed over when the person
        types at the same moment: the next brings all of it."""

        await self._change(lambda now: _filling(now, number, body), TRIES if last else 1)

    def saved(self) -> str:
        """What it says on the disk. Blocks."""
        return _read(self.path)

    async def leave(self, number: int, body: str, *, add: bool) -> None:
        """Make `body` its answer `number` on the disk, as nobody shows it any more; `add` it where it stands
        as it was when the answer was begun."""

        def change(now: str) -> tuple[int, int, str] | None:
            if add and self._before is not None and now.rstrip() == self._before:
                return answer_file.appended(now, number, body)
            return _filling(now, number, body)

        await asyncio.to_thread(_rewrite, self.path, change)

    async def show(self, *, focus: bool) -> None:
        """Open it in the editor, with `focus` where a question is typed, or say where it is."""
        window = self._session.client.window
        if window and window.show_document and window.show_document.support:
            end = _end(await self.text()) if focus else None
            place = types.Range(end, end) if end else None
            params = types.ShowDocumentParams(self.uri, external=False, take_focus=focus, selection=place)
            try:
                result = await self._session.request(types.WINDOW_SHOW_DOCUMENT, params)
                if result.success:
                    return
            except (JsonRpcException, TimeoutError) as error:
                log.info("lsp_editor_did_not_answer", method="showDocument", error=type(error).__name__)
        self._session.show(types.MessageType.Info, f"Petra's answer is in {self.path}")

    async def _change(self, change: Change, tries: int) -> None:
        for _ in range(tries):
            session, document = self._holder()
            if document is None or not self._editable(session, document):
                await asyncio.to_thread(_rewrite, self.path, change)
                return
            made = change(str(document.text))
            if made is None:
                return
            await self._edit(session, document, made)
        if tries > 1 and self._open() and change(await self.text()) is not None:
            # The editor takes no edits after all; what it shows is behind what is on the disk.
            text = await self.text()
            await asyncio.to_thread(_write, self.path, _changed(text, change))

    async def _edit(self, session: Session, document: Open, made: tuple[int, int, str]) -> None:
        """Ask the editor for one change, and wait until it has told of it."""
        text, version = document.text, document.version
        if text is None:
            return
        (first, begin), (last, stop) = text.place(made[0]), text.place(made[1])
        range = types.Range(types.Position(first, begin), types.Position(last, stop))
        edit = types.TextEdit(range, made[2])
        params = types.ApplyWorkspaceEditParams(_whole(session, document.uri, edit, version), label="Petra")
        try:
            result = await session.request(types.WORKSPACE_APPLY_EDIT, params)
        except JsonRpcException:
            # eglot's word for an edit that came for an older version: what it has now is on its way.
            await self._echo(version)
            return
        except TimeoutError as error:
            log.info("lsp_editor_did_not_answer", method="applyEdit", error=type(error).__name__)
            self._silent_at = version
            return
        if result.applied:
            await self._echo(version)

    async def _echo(self, version: int) -> None:
        for _ in range(ECHO_LOOKS):
            document = self._open()
            if document is None or document.version != version:
                return
            await asyncio.sleep(ECHO_SECONDS / ECHO_LOOKS)

    def _open(self) -> Open | None:
        return self._holder()[1]

    def _holder(self) -> tuple[Session, Open | None]:
        """Who has it open. An editor may start another client for a file outside its workspace."""
        here = (self._session,) if self._session.ready else ()
        for session in (*here, *self._session.peers()):
            document = session.documents.get(self.uri)
            if document is None:
                # Editors do not all write a URI as we do.
                document = next((item for item in session.documents if item.path == str(self.path)), None)
            if document is not None and document.text is not None:
                return session, document
        return self._session, None

    def _editable(self, session: Session, document: Open) -> bool:
        """Whether an edit is worth asking for. An editor that did not answer has taken the last one after
        all, or goes on otherwise, as soon as it tells of another version."""
        workspace = session.client.workspace
        return bool(workspace and workspace.apply_edit) and document.version != self._silent_at


def _whole(session: Session, uri: str, edit: types.TextEdit, version: int) -> types.WorkspaceEdit:
    edits = session.client.workspace and session.client.workspace.workspace_edit
    if not (edits and edits.document_changes):
        return types.WorkspaceEdit(changes={uri: [edit]})
    document = types.OptionalVersionedTextDocumentIdentifier(uri, version)
    return types.WorkspaceEdit(document_changes=[types.TextDocumentEdit(document, [edit])])


async def create(session: Session, text: str, name: str) -> Sheet:
    """A new answer file. Raises NotAllowed for a session that is not on this machine."""
    if session.answers is None or not session.identity.local:
        raise NotAllowed(
            "Petra opens no answer file here",
            cause="This editor did not arrive over the machine's own socket, and has no folder here",
            remedy="Use a plugin for Petra, or run `petra lsp` without --connect",
        )
    slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:40] or "answer"
    stamp = time.strftime("%Y-%m-%d-%H%M%S")
    path = session.answers / f"{stamp}-{slug}-{uuid4().hex[:4]}.md"
    await asyncio.to_thread(_create, path, text)
    return Sheet(session, path)


def _create(path: Path, text: str) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    for old in sorted(path.parent.glob("*.md"))[: -(KEPT - 1)]:
        old.unlink(missing_ok=True)
    path.touch(mode=0o600)
    _write(path, text)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")


def _rewrite(path: Path, change: Change) -> None:
    now = _read(path)
    if (text := _changed(now, change)) != now:
        _write(path, text)


def _changed(text: str, change: Change) -> str:
    made = change(text)
    return text if made is None else text[: made[0]] + made[2] + text[made[1] :]


def _filling(now: str, number: int, body: str) -> tuple[int, int, str] | None:
    """The change that makes `body` the answer `number`: only what is new, so that the mark at its end and the
    person's cursor behind it stay where they are."""
    place = answer_file.section(now, number)
    if place is None:
        return None
    wanted, there = f"{body}\n", now[place[0] : place[1]]
    if there.replace("\r\n", "\n") == wanted:
        return None
    head = _common(there, wanted)
    tail = 0 if "\r" in there else _common(there[head:][::-1], wanted[head:][::-1])
    return place[0] + head, place[1] - tail, wanted[head : len(wanted) - tail]


def _end(text: str) -> types.Position:
    """The start of the last line. (Neovim has none after the last line end, and fails to show one there.)"""
    return types.Position(max(text.count("\n") - 1, 0), 0)


def _common(one: str, other: str) -> int:
    """How many characters they begin with together."""
    most = min(len(one), len(other))
    return next((at for at in range(most) if one[at] != other[at]), most)
