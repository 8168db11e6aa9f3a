"""Links, symbols and cards, on a whole Petra with a stub for its model."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from tests.lsp.desk import NOTES, Desk, desk
from tests.lsp.zero import EVERYTHING, Editor

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def at() -> AsyncIterator[Desk]:
    async with desk() as opened:
        yield opened


def at_line(line: int, character: int = 0) -> dict[str, Any]:
    return {"start": {"line": line, "character": character}, "end": {"line": line, "character": character}}


async def hover(editor: Editor, uri: str, line: int, character: int) -> str | None:
    position = {"line": line, "character": character}
    found = await editor.call("textDocument/hover", textDocument={"uri": uri}, position=position)
    return found["contents"]["value"] if found else None


async def test_citations_lead_to_their_lines(at: Desk) -> None:
    async with at.caller(capabilities=EVERYTHING, kind=Editor) as editor:
        uri = (await editor.run("petra.ask", "How many direct blocks has a file?"))["uri"]
        await editor.until(lambda: "<!-- conversation" in editor.text(uri))
        links = await editor.call("textDocument/documentLink", textDocument={"uri": uri})
        assert f"{at.uri('files.md')}#L1" in {link["target"] for link in links}
        lines = editor.text(uri).splitlines()
        marked = next(n for n, line in enumerate(lines) if line.startswith("# Files [1]"))
        listed = next(n for n, line in enumerate(lines) if line.startswith("1. "))
        for line, column in ((marked, lines[marked].index("[1]") + 1), (listed, 5)):
            place = {"line": line, "character": column}
            found = await editor.call("textDocument/definition", textDocument={"uri": uri}, position=place)
            assert found == {"uri": at.uri("files.md"), "range": at_line(0)}
        start = {"line": 0, "character": 0}
        assert await editor.call("textDocument/definition", textDocument={"uri": uri}, position=start) is None


async def test_other_documents_are_left_to_their_servers(at: Desk) -> None:
    async with at.caller(capabilities=EVERYTHING, kind=Editor) as editor:
        uri = at.uri("files.md")
        editor.open(uri, "1. [x](file:///etc/passwd#L1)\n")
        assert await editor.call("textDocument/documentLink", textDocument={"uri": uri}) is None
        place = {"line": 0, "character": 5}
        assert await editor.call("textDocument/definition", textDocument={"uri": uri}, position=place) is None


async def test_symbols_come_before_what_fits_by_meaning(at: Desk) -> None:
    async with at.caller() as client:
        found = await client.call("workspace/symbol", query="push")
        assert found[0]["name"] == "push_task" and found[0]["kind"] == 6
        assert found[0]["location"] == {
            "uri": at.uri("queue.py"),
            "range": {"start": {"line": 3, "character": 0}, "end": {"line": 6, "character": 0}},
        }
        assert "RunQueue" in found[0]["containerName"]
        found = await client.call("workspace/symbol", query="ticket lock")
        assert found[0]["location"]["uri"] == at.uri("locks.md") and found[0]["containerName"] == "locks.md"
        assert await client.call("workspace/symbol", query=" ") == []


async def test_from_elsewhere_no_path_is_told(at: Desk) -> None:
    async with at.caller(local=False) as client:
        found = await client.call("workspace/symbol", query="push_task")
        assert found[0]["location"]["uri"].startswith("petra:///documents/")


async def test_a_card_is_there_without_a_model_and_has_what_was_explained(at: Desk) -> None:
    async with at.caller(capabilities=EVERYTHING, kind=Editor) as editor:
        uri = at.uri("queue.py")
        editor.open(uri, NOTES["queue.py"], "python")
        card = await hover(editor, uri, 3, 10)
        assert card and card.startswith("**push_task** (method in RunQueue), [queue.py:4-6]")
        assert "def push_task(self, task):" in card and "Explained" not in card
        assert await hover(editor, uri, 0, 2) is None
        marked = {"start": {"line": 3, "character": 0}, "end": {"line": 6, "character": 0}}
        answer = (await editor.run("petra.explain", {"uri": uri, "range": marked}))["uri"]
        await editor.until(lambda: "<!-- conversation" in editor.text(answer))
        await editor.until(lambda: editor.progress()[-1:] == ["end"])
        assert "Explained by a model before" in (await hover(editor, uri, 3, 10) or "")
    async with at.caller(capabilities=EVERYTHING, kind=Editor) as later:
        changed = NOTES["queue.py"].replace("self.tasks.append(task)", "pass")
        later.open(uri, changed, "python")
        assert "Explained" not in (await hover(later, uri, 3, 10) or "Explained")


async def test_a_search_is_a_file_with_links(at: Desk) -> None:
    async with at.caller(capabilities=EVERYTHING, kind=Editor) as editor:
        uri = (await editor.run("petra.search", "ticket", "lock"))["uri"]
        assert editor.text(uri).startswith("# Search: ticket lock\n")
        error = (await editor.run("petra.search"))["error"]
        assert error["what"] == "There is nothing to search for" and len(editor.shown()) == 1
        assert f"1. [locks.md:1-3]({at.uri('locks.md')}#L1-L3) Locks\n" in editor.text(uri)


async def test_a_model_is_picked_for_this_editor(at: Desk) -> None:
    async with at.caller(capabilities=EVERYTHING, kind=Editor) as editor:
        assert await editor.run("petra.switchModel") is None
        (offered,) = [item for item in editor.asked if item["method"] == "window/showMessageRequest"]
        editor.picks = offered["params"]["actions"][0]["title"]
        assert await editor.run("petra.switchModel") == {"model": editor.picks}
        answer = await editor.call("petra/ask", question="How many direct blocks has a file?")
        assert answer["usage"]["model"] == editor.picks
        assert (await editor.run("petra.switchModel", "none"))["error"]["code"] == "not_found"
