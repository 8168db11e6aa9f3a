"""Row 78: secrets of an open buffer reach neither a prompt nor the index; what is left out stays out."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from petra.messages import AskRequest
from petra.storage import conversations
from tests.lsp.desk import Caller, Desk, desk

pytestmark = pytest.mark.asyncio(loop_scope="module")

TOKEN = "ghp_" + "a1B2c3D4e5F6g7H8i9J0" * 2
QUESTION = "What is the harbour token of Wismar?"
TEXT = f"The harbour token of Wismar is {TOKEN}.\n"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def at() -> AsyncIterator[Desk]:
    async with desk() as opened:
        yield opened


async def prompts(at: Desk) -> str:
    """Everything that models were ever given here."""
    async with at.rig.petra.db.read() as conn:
        every = await conversations.list_for(conn, at.rig.petra.owner_id)
        rows = [row for item in every for row in await conversations.messages_in(conn, item.id)]
    return "\n".join(row.prompt or "" for row in rows)


async def ask(client: Caller, **params: Any) -> dict[str, Any]:
    return await client.raw("petra/ask", {"question": QUESTION, **params})


@pytest.mark.parametrize("name", [".env", "deep/id_rsa", "server.pem"])
async def test_a_buffer_with_the_name_of_a_secret_is_not_sent(at: Desk, name: str) -> None:
    async with at.caller() as client:
        client.open(at.uri(name), "The harbour token of Wismar is 1234.\n", "plaintext")
        error = (await ask(client, textDocument={"uri": at.uri(name)}))["error"]
        assert error["data"]["code"] == "not_allowed" and error["data"]["remedy"]
        marked = {"start": {"line": 0, "character": 0}, "end": {"line": 0, "character": 9}}
        assert "error" in await ask(client, textDocument={"uri": at.uri(name)}, range=marked)
        assert "Wismar is" not in str((await ask(client))["result"])
    assert "1234" not in await prompts(at)


async def test_a_buffer_that_holds_a_token_is_not_sent(at: Desk) -> None:
    async with at.caller() as client:
        client.open(at.uri("harbour.md"), TEXT)
        error = (await ask(client, textDocument={"uri": at.uri("harbour.md")}))["error"]
        assert "GitHub token" in error["message"] and TOKEN not in str(error)
        assert TOKEN not in str(await ask(client))
        assert TOKEN not in str(await ask(client, mentions=["harbour.md"]))
        assert TOKEN not in str(await ask(client, scope={"openFiles": True}))
        added = await client.error("petra/documents", action="add", name="harbour.md", text=TEXT)
        assert added["data"]["code"] == "not_allowed"
    assert TOKEN not in await prompts(at)


async def test_a_harmless_part_of_it_may_be_asked_about(at: Desk) -> None:
    async with at.caller() as client:
        client.open(at.uri("harbour.md"), "Wismar has a harbour.\n" + TEXT)
        marked = {"start": {"line": 0, "character": 0}, "end": {"line": 1, "character": 0}}
        reply = await ask(client, textDocument={"uri": at.uri("harbour.md")}, range=marked)
        assert reply["result"]["finish_reason"] == "stop"
    assert "Wismar has a harbour." in await prompts(at)


async def test_the_selection_of_a_client_without_documents_is_looked_at_too(at: Desk) -> None:
    async with at.caller(local=False) as client:
        error = (await ask(client, selection=TEXT))["error"]
        assert error["data"]["code"] == "not_allowed"
        assert "error" in await ask(client, selection="A=1", filePath="config/.env.production")


async def test_the_other_doors_refuse_it_as_well(at: Desk) -> None:
    for request in (
        {"question": QUESTION, "selection": TEXT},
        {"question": QUESTION, "document": TEXT, "file_path": "harbour.md"},
    ):
        assert AskRequest(**request)
        await at.rig.post("/api/v1/ask", request, status=403)
    await at.rig.post("/api/v1/vscode/ask", {"selection": TEXT, "question": QUESTION}, status=403)


@pytest.mark.parametrize("rules", [".gitignore", ".petraignore"])
async def test_what_the_folder_leaves_out_is_not_searched_while_it_is_open(at: Desk, rules: str) -> None:
    (at.folder / rules).write_text("draft.md\n")
    (at.folder / "draft.md").write_text("")
    try:
        async with at.caller() as client:
            client.open(at.uri("draft.md"), "The harbour token of Wismar is a whale.\n")
            assert "whale" not in str(await ask(client))
            named = await ask(client, textDocument={"uri": at.uri("draft.md")})
            # Who names a file that only git leaves out means it; .petraignore is meant for Petra.
            assert ("error" in named) is (rules == ".petraignore")
    finally:
        (at.folder / rules).unlink()
