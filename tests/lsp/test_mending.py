"""Answer files whose editor or server has ended in the middle of an answer: they end with the truth."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from pygls.uris import to_fs_path

from petra.access import Identity
from petra.lsp.mending import mend
from petra.lsp.session import Session
from tests.lsp.desk import Desk, desk
from tests.lsp.zero import EVERYTHING, Editor, without

pytestmark = pytest.mark.asyncio(loop_scope="module")

QUESTION = "What is the ticket lock called?"
MARK = re.compile(r"<!-- answer (\S+) -->")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def at() -> AsyncIterator[Desk]:
    async with desk(token_delay=0.15) as opened:
        yield opened


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def slowly() -> AsyncIterator[Desk]:
    """With a model whose answer is not over before its editor has left."""
    async with desk(token_delay=2.0) as opened:
        yield opened


def on_disk(uri: str) -> Path:
    return Path(to_fs_path(uri) or "")


async def wait_for(path: Path, words: str) -> str:
    async with asyncio.timeout(15):
        while words not in (text := await asyncio.to_thread(path.read_text)):
            await asyncio.sleep(0.02)
    return text


async def words_in(editor: Editor, uri: str) -> None:
    """Wait until some of the answer is there."""
    await editor.until(lambda: "\n\n#" in editor.text(uri).partition("## Answer")[2].partition("## Ask")[0])


@pytest.mark.parametrize("polite", [True, False], ids=["shutdown", "killed"])
async def test_an_editor_that_leaves_unsaved_leaves_what_was_said(slowly: Desk, polite: bool) -> None:
    async with slowly.caller(capabilities=EVERYTHING, kind=Editor) as editor:
        uri = (await editor.run("petra.ask", QUESTION))["uri"]
        await words_in(editor, uri)
        assert "*Waiting…*" in on_disk(uri).read_text()
        if polite:
            await editor.call("shutdown")
            editor.notify("exit")
    text = await wait_for(on_disk(uri), "*Stopped.*")
    answer = text.partition("## Answer 1")[2]
    assert answer.startswith("\n\n#") and "<!-- conversation" in answer and text.endswith("\n\n## Ask\n\n")
    assert "Waiting" not in text and not MARK.search(text)


async def test_an_answer_that_was_never_saved_is_on_the_disk_when_the_editor_has_left(at: Desk) -> None:
    async with at.caller(capabilities=EVERYTHING, kind=Editor) as editor:
        uri = (await editor.run("petra.ask", QUESTION))["uri"]
        await editor.until(lambda: "<!-- conversation" in editor.text(uri))
        await editor.until(lambda: editor.progress()[-1:] == ["end"])
        whole = editor.text(uri)
    assert await wait_for(on_disk(uri), "<!-- conversation") == whole


async def test_a_saved_question_below_gets_its_answer_when_the_editor_leaves(slowly: Desk) -> None:
    async with slowly.caller(capabilities=EVERYTHING, kind=Editor) as editor:
        uri = (await editor.run("petra.ask"))["uri"]
        editor.type(uri, QUESTION)
        on_disk(uri).write_text(editor.text(uri))
        await editor.run("petra.ask", {"uri": uri})
        await words_in(editor, uri)
        assert on_disk(uri).read_text().endswith(QUESTION)
    text = await wait_for(on_disk(uri), "*Stopped.*")
    assert text.partition(f"{QUESTION}\n\n## Answer 1\n\n")[2].startswith("#")


async def test_what_a_person_removed_stays_removed(at: Desk) -> None:
    async with at.caller(capabilities=EVERYTHING, kind=Editor) as editor:
        uri = (await editor.run("petra.ask", QUESTION))["uri"]
        await editor.until(lambda: "<!-- conversation" in editor.text(uri))
        await editor.until(lambda: editor.progress()[-1:] == ["end"])
        on_disk(uri).write_text(f"# Mine\n\n## Ask\n\n{QUESTION}\n")
        # Files are finished in the order in which they were begun.
        other = (await editor.run("petra.ask", QUESTION))["uri"]
        await editor.until(lambda: "<!-- conversation" in editor.text(other))
        await editor.until(lambda: editor.progress()[-1:] == ["end"])
    await wait_for(on_disk(other), "<!-- conversation")
    assert on_disk(uri).read_text() == f"# Mine\n\n## Ask\n\n{QUESTION}\n"


async def test_a_file_that_a_killed_server_left_is_finished_at_the_next_start(at: Desk) -> None:
    async with at.caller(capabilities=without("workspace", "applyEdit"), kind=Editor) as editor:
        uri = (await editor.run("petra.ask", QUESTION))["uri"]
        begun = await wait_for(on_disk(uri), "<!-- answer")
        finished = await wait_for(on_disk(uri), "<!-- conversation")
        await editor.until(lambda: editor.progress()[-1:] == ["end"])
    unknown = on_disk(uri).with_name("2026-01-01-000000-lost-0000.md")
    # Under the eyes of a server that was killed: one answer that is on record, one that is not.
    on_disk(uri).write_text(begun)
    unknown.write_text(MARK.sub("<!-- answer lost -->", begun))
    petra = at.rig.petra
    await mend(petra.language_session(Identity(petra.owner_id, "owner", local=True)), petra.language_parts)
    assert on_disk(uri).read_text() == finished
    assert unknown.read_text() == begun[: begun.index("*Waiting…*")] + "*Cut off.*\n\n## Ask\n\n"


async def test_a_file_that_is_open_is_finished_in_the_editor(at: Desk) -> None:
    async with at.caller(capabilities=without("workspace", "applyEdit"), kind=Editor) as editor:
        uri = (await editor.run("petra.ask", QUESTION))["uri"]
        begun = await wait_for(on_disk(uri), "<!-- answer")
        finished = await wait_for(on_disk(uri), "<!-- conversation")
        await editor.until(lambda: editor.progress()[-1:] == ["end"])
    async with at.caller(capabilities=EVERYTHING, kind=Editor) as editor:
        # The server was restarted: its editor opens the file anew, as it shows it.
        editor.open(uri, begun)
        await editor.until(lambda: editor.text(uri) == finished)
        # The file as it was opened first, and the changes of it after.
        editor.open(uri, begun[: begun.index("\n\n## Answer 1")])
        editor.type(uri, begun[begun.index("\n\n## Answer 1") :])
        await editor.until(lambda: editor.text(uri) == finished)
        assert on_disk(uri).read_text() == finished and not editor.stale


async def test_nobody_finishes_what_another_window_writes(at: Desk) -> None:
    async with (
        at.caller(capabilities=EVERYTHING, kind=Editor) as first,
        at.caller(capabilities=EVERYTHING, kind=Editor) as second,
    ):
        uri = (await first.run("petra.ask", QUESTION))["uri"]
        second.open(uri, on_disk(uri).read_text())
        await first.until(lambda: "<!-- conversation" in first.text(uri))
        assert "*Stopped.*" not in first.text(uri) and not second.edits


@pytest.mark.parametrize("over", [False, True], ids=["while it is written", "when it is over"])
async def test_an_editor_that_takes_an_edit_late_shows_the_whole_answer(
    at: Desk, monkeypatch: pytest.MonkeyPatch, over: bool
) -> None:
    monkeypatch.setattr(Session.request, "__defaults__", (None, 0.2))
    async with at.caller(capabilities=EVERYTHING, kind=Editor) as editor:
        uri = (await editor.run("petra.ask"))["uri"]
        editor.type(uri, QUESTION)
        editor.silent = ("workspace/applyEdit",)
        await editor.run("petra.ask", {"uri": uri})
        await wait_for(on_disk(uri), "<!-- answer")
        if over:
            await wait_for(on_disk(uri), "<!-- conversation")
            await editor.until(lambda: editor.progress()[-1:] == ["end"])
        assert "## Answer" not in editor.text(uri)
        editor.silent = ()
        editor.answer_late()
        await editor.until(lambda: "<!-- conversation" in editor.text(uri))
        assert "Waiting" not in editor.text(uri)
