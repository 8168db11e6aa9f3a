"""Answers in answer files, on a whole Petra with a stub for its model."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from pygls.uris import to_fs_path

from petra.lsp import sheet
from tests.lsp.desk import NOTES, Desk, desk
from tests.lsp.zero import EVERYTHING, Editor, without

pytestmark = pytest.mark.asyncio(loop_scope="module")

QUESTION = "What is the ticket lock called?"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def at() -> AsyncIterator[Desk]:
    async with desk(token_delay=0.15) as opened:
        yield opened


async def test_an_answer_is_streamed_into_a_file_that_the_editor_opens(at: Desk) -> None:
    async with at.caller(capabilities=EVERYTHING, kind=Editor) as editor:
        uri = (await editor.run("petra.ask", QUESTION))["uri"]
        assert editor.opened == [uri]
        await editor.until(lambda: "<!-- conversation" in editor.text(uri))
        text = editor.text(uri)
        assert text.startswith(f"# {QUESTION}\n\n## Ask\n\n{QUESTION}\n\n## Answer 1\n\n")
        assert "# Locks [1]\n" in text.partition("## Answer 1")[2]
        assert f"[locks.md:1-3]({at.uri('locks.md')}#L1-L3)" in text
        assert text.endswith(" -->\n\n## Ask\n\n")
        assert len(editor.edits) > 1 and not editor.stale
        await editor.until(lambda: editor.progress()[-1] == "end")
        assert editor.progress()[0] == "begin"


@pytest.mark.parametrize("mode", ["explain", "review", "test", "fix", "document"])
async def test_only_its_own_file_is_ever_edited(at: Desk, mode: str) -> None:
    async with at.caller(capabilities=EVERYTHING, kind=Editor) as editor:
        editor.open(at.uri("queue.py"), NOTES["queue.py"], "python")
        uri = (await editor.run(f"petra.{mode}", {"uri": at.uri("queue.py")}))["uri"]
        await editor.until(lambda: "<!-- conversation" in editor.text(uri))
        touched = {
            change["textDocument"]["uri"] for edit in editor.edits for change in edit["documentChanges"]
        }
        assert touched == {uri}
        assert f"# {mode.capitalize()} queue.py" in editor.text(uri)


async def test_a_question_below_is_answered_below_in_the_same_conversation(at: Desk) -> None:
    async with at.caller(capabilities=EVERYTHING, kind=Editor) as editor:
        uri = (await editor.run("petra.ask", QUESTION))["uri"]
        await editor.until(lambda: "<!-- conversation" in editor.text(uri))
        editor.type(uri, "How many direct blocks has a file?")
        actions = await editor.actions(uri, 0, 0)
        assert [item["command"]["command"] for item in actions] == ["petra.ask"]
        await editor.run("petra.ask", *actions[0]["command"]["arguments"])
        await editor.until(lambda: editor.text(uri).count("<!-- conversation") == 2)
        text = editor.text(uri)
        assert "How many direct blocks has a file?\n\n## Answer 2\n\n" in text
        assert "# Files [1]\n" in text.partition("## Answer 2")[2]
        conversations = {line for line in text.splitlines() if line.startswith("<!-- conversation")}
        assert len(conversations) == 1


async def test_without_a_question_there_is_nothing_to_answer(at: Desk) -> None:
    async with at.caller(capabilities=EVERYTHING, kind=Editor) as editor:
        uri = (await editor.run("petra.ask"))["uri"]
        error = (await editor.run("petra.ask", {"uri": uri}))["error"]
        assert error["what"] == "There is no question" and error["what"] in editor.shown()[0]


@pytest.mark.parametrize(
    "capabilities",
    [without("workspace", "applyEdit"), without("window", "showDocument"), {}],
    ids=["no applyEdit", "no showDocument", "nothing"],
)
async def test_an_editor_that_can_less_has_the_file_on_the_disk(
    at: Desk, capabilities: dict[str, object]
) -> None:
    async with at.caller(capabilities=capabilities, kind=Editor) as editor:
        uri = (await editor.run("petra.ask", QUESTION))["uri"]
        path = Path(to_fs_path(uri) or "")
        while "<!-- conversation" not in path.read_text():
            await editor.call("petra/status")
        assert "# Locks [1]" in path.read_text() and path.stat().st_mode & 0o077 == 0
        assert editor.edits == []
        if not editor.opened:
            assert str(path) in editor.shown()[0]


async def test_an_editor_that_refuses_edits_has_the_answer_on_the_disk(at: Desk) -> None:
    async with at.caller(capabilities=EVERYTHING, kind=Editor) as editor:
        editor.refuses = True
        uri = (await editor.run("petra.ask", QUESTION))["uri"]
        path = Path(to_fs_path(uri) or "")
        while "<!-- conversation" not in path.read_text():
            await editor.call("petra/status")
        assert "# Locks [1]" in path.read_text()


async def test_a_cancel_stops_the_answer_and_the_file_says_so(at: Desk) -> None:
    async with at.caller(capabilities=EVERYTHING, kind=Editor) as editor:
        uri = (await editor.run("petra.ask", QUESTION))["uri"]
        assert await editor.run("petra.cancel", {"uri": uri}) == {"cancelled": 1}
        await editor.until(lambda: "*Stopped.*" in editor.text(uri))
        await editor.until(lambda: editor.progress()[-1:] == ["end"])
        assert await editor.run("petra.cancel") == {"cancelled": 0}
        uri = (await editor.run("petra.ask", QUESTION))["uri"]
        await editor.until(lambda: editor.progress()[-1:] == ["report"])
        token = editor.notes("$/progress")[-1]["token"]
        editor.notify("window/workDoneProgress/cancel", {"token": token})
        await editor.until(lambda: "*Stopped.*" in editor.text(uri))


async def test_a_cancel_before_the_editor_shows_progress_is_written_too(at: Desk) -> None:
    async with at.caller(capabilities=EVERYTHING, kind=Editor) as editor:
        editor.silent = ("window/workDoneProgress/create",)
        uri = (await editor.run("petra.ask", QUESTION))["uri"]
        await editor.until(lambda: editor.asked[-1]["method"] == "window/workDoneProgress/create")
        for _ in range(2):
            assert await editor.run("petra.cancel", {"uri": uri}) == {"cancelled": 1}
        await editor.until(lambda: "*Stopped.*" in editor.text(uri))
        assert "*Waiting…*" not in editor.text(uri)


async def test_a_command_that_is_cancelled_stops_its_answer_and_the_file_says_so(at: Desk) -> None:
    async with at.caller(capabilities=EVERYTHING, kind=Editor) as editor:
        editor.silent = ("window/showDocument",)
        asking = asyncio.create_task(
            editor.raw("workspace/executeCommand", {"command": "petra.ask", "arguments": [QUESTION]})
        )
        await editor.until(lambda: any(item["method"] == "window/showDocument" for item in editor.asked))
        path = Path(to_fs_path(editor.asked[-1]["params"]["uri"]) or "")
        assert "*Waiting…*" in path.read_text()
        editor.notify("$/cancelRequest", {"id": editor._count})
        assert (await asking)["error"]["code"] == -32800
        while "*Stopped.*" not in path.read_text():
            await editor.call("petra/status")
        assert "*Waiting…*" not in path.read_text()


async def test_one_editor_at_a_time_answers_in_a_file(at: Desk) -> None:
    async with (
        at.caller(capabilities=EVERYTHING, kind=Editor) as first,
        at.caller(capabilities=EVERYTHING, kind=Editor) as second,
    ):
        uri = (await first.run("petra.ask"))["uri"]
        second.open(uri, first.text(uri))
        for editor in (first, second):
            editor.type(uri, QUESTION)
        params = {"command": "petra.ask", "arguments": [{"uri": uri}]}
        replies = await asyncio.gather(
            *(editor.raw("workspace/executeCommand", params) for editor in (first, second))
        )
        refused = [reply["result"]["error"] for reply in replies if "error" in reply["result"]]
        assert [error["what"] for error in refused] == ["This file is still being answered"]
        winner, loser = (first, second) if "uri" in replies[0]["result"] else (second, first)
        assert loser.shown() == ["This file is still being answered. Wait, or cancel that."]
        await winner.until(lambda: "<!-- conversation" in winner.text(uri))
        assert winner.text(uri).count("## Answer") == 1 and not loser.edits
        # When it is over, the file is free again.
        await winner.until(lambda: winner.progress()[-1:] == ["end"])
        loser.type(uri, "\n")
        assert (await loser.run("petra.ask", {"uri": uri}))["uri"] == uri


async def test_a_question_that_is_sent_twice_is_answered_once(at: Desk) -> None:
    async with at.caller(capabilities=EVERYTHING, kind=Editor) as editor:
        uri = (await editor.run("petra.ask"))["uri"]
        editor.type(uri, QUESTION)
        other = uri.replace("answers/", "%61nswers/")  # as another editor would write it
        params = [{"command": "petra.ask", "arguments": [{"uri": name}]} for name in (uri, other)]
        replies = await asyncio.gather(*(editor.raw("workspace/executeCommand", item) for item in params))
        errors = [reply["result"]["error"] for reply in replies if "error" in reply["result"]]
        assert [error["what"] for error in errors] == ["This file is still being answered"]
        assert await editor.run("petra.cancel", {"uri": other}) == {"cancelled": 1}
        await editor.until(lambda: "*Stopped.*" in editor.text(uri))
        assert editor.text(uri).count("## Answer") == 1


async def test_what_a_person_types_meanwhile_stays(at: Desk) -> None:
    async with at.caller(capabilities=EVERYTHING, kind=Editor) as editor:
        uri = (await editor.run("petra.ask", QUESTION))["uri"]
        for letter in "And who wrote it?":
            seen = len(editor.edits)
            editor.type(uri, letter)
            if seen < 4:
                await editor.until(lambda: len(editor.edits) > seen or "<!-- conv" in editor.text(uri))  # noqa: B023
        await editor.until(lambda: "<!-- conversation" in editor.text(uri))
        assert editor.text(uri).endswith("\n\n## Ask\n\nAnd who wrote it?")
        assert "# Locks [1]" in editor.text(uri)


async def test_a_session_from_elsewhere_gets_no_file(at: Desk) -> None:
    async with at.caller(capabilities=EVERYTHING, kind=Editor, local=False) as editor:
        assert "no answer file" in (await editor.run("petra.ask", QUESTION))["error"]["what"]
        assert editor.opened == []


async def test_an_answer_file_is_nobodys_material(at: Desk) -> None:
    async with at.caller(capabilities=EVERYTHING, kind=Editor) as editor:
        uri = (await editor.run("petra.ask"))["uri"]
        editor.type(uri, "The harbour master of Wismar is called Frieda.")
        answer = await editor.call("petra/ask", question="Who is the harbour master of Wismar?")
        assert all("Wismar" not in source["quote"] for source in answer["sources"])


async def test_a_file_asked_about_something_goes_on_about_it(at: Desk) -> None:
    async with at.caller(capabilities=EVERYTHING, kind=Editor) as editor:
        editor.open(at.uri("queue.py"), NOTES["queue.py"], "python")
        about = {"start": {"line": 3, "character": 0}, "end": {"line": 6, "character": 0}}
        uri = (await editor.run("petra.ask", {"uri": at.uri("queue.py"), "range": about}))["uri"]
        assert f"[queue.py:4-6]({at.uri('queue.py')}#L4-L6)\n\n## Ask\n\n" in editor.text(uri)
        editor.type(uri, "What does this add?")
        answer = (await editor.run("petra.ask", {"uri": uri}))["answer"]
        await editor.until(lambda: "<!-- conversation" in editor.text(uri))
        resumed = await editor.call("petra/resume", id=answer)
        conversation = await editor.call("petra/conversations", id=resumed["conversation_id"])
        assert conversation["messages"][0]["content"] == "What does this add?"


async def test_the_file_may_be_open_in_another_client_of_the_same_person(at: Desk) -> None:
    """As in an editor that starts a second client for a file outside its workspace."""
    async with (
        at.caller(capabilities=without("window", "showDocument"), kind=Editor) as first,
        at.caller(capabilities=EVERYTHING, kind=Editor, folders=False) as second,
    ):
        uri = (await first.run("petra.ask", QUESTION))["uri"]
        second.open(uri, Path(to_fs_path(uri) or "").read_text())
        await second.until(lambda: "<!-- conversation" in second.text(uri))
        assert second.edits and not first.edits


async def test_old_answer_files_go(at: Desk) -> None:
    async with at.caller(capabilities=EVERYTHING, kind=Editor) as editor:
        folder = Path(to_fs_path((await editor.run("petra.ask"))["uri"]) or "").parent
        for number in range(sheet.KEPT + 5):
            (folder / f"2001-01-01-{number:06}-old-0000.md").write_text("old")
        uri = (await editor.run("petra.ask"))["uri"]
        left = sorted(folder.glob("*.md"))
        assert len(left) == sheet.KEPT and (folder / "2001-01-01-000000-old-0000.md") not in left
        assert Path(to_fs_path(uri) or "") in left and folder.stat().st_mode & 0o077 == 0
