"""Every method of Petra's own, over frames, on a whole Petra with a stub for its model."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from petra.access import ROLES, authorize
from petra.lsp.session import Session
from tests.lsp.desk import Desk, desk
from tests.lsp.door import OWNER, parts

OWN = sorted(name for name in Session(parts(), OWNER, "").methods if name.startswith("petra/"))

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def at() -> AsyncIterator[Desk]:
    async with desk() as opened:
        yield opened


async def test_an_answer_has_its_sources_as_locations(at: Desk) -> None:
    async with at.caller() as client:
        answer = await client.call("petra/ask", question="What is the ticket lock called?", id="q1", topK=2)
        source = answer["sources"][0]
        assert source["kind"] in ("cited", "supported", "retrieved")
        assert source["location"]["uri"] == at.uri(source["path"])
        first, last = source["lines"]
        assert source["location"]["range"] == {
            "start": {"line": first - 1, "character": 0},
            "end": {"line": last, "character": 0},
        }
        assert answer["usage"]["completion_tokens"] and len(answer["sources"]) <= 2
        parts = client.notes("petra/stream")
        assert [part["seq"] for part in parts] == list(range(len(parts)))
        assert {(part["id"], part["answer"]) for part in parts} == {("q1", answer["id"])}
        shown = [part["part"]["source"] for part in parts if part["part"]["kind"] == "source"]
        assert all(source["location"]["uri"].startswith("file:") for source in shown)
        assert parts[-1]["part"]["kind"] == "done"


async def test_what_was_missed_comes_again(at: Desk) -> None:
    async with at.caller() as client:
        answer = await client.call("petra/ask", question="How many direct blocks?", id="mine")
    async with at.caller() as client:
        again = await client.call("petra/resume", id=answer["id"], seq=1)
        assert again == answer
        assert client.notes("petra/stream")[0]["seq"] == 2
        assert (await client.error("petra/resume", id="nobody's"))["data"]["code"] == "not_found"


async def test_marked_text_is_quoted_and_the_mode_asks(at: Desk) -> None:
    async with at.caller() as client:
        client.open(at.uri("queue.py"), "def pop(self):\n    return self.tasks.pop()\n", "python")
        marked = {"start": {"line": 0, "character": 0}, "end": {"line": 1, "character": 29}}
        answer = await client.call(
            "petra/ask", mode="explain", textDocument={"uri": at.uri("queue.py")}, range=marked
        )
        conversation = await client.call("petra/conversations", id=answer["conversation_id"])
        assert conversation["messages"][0]["content"] == "What does this do, and how?"
        prompt = await prompt_of(at, conversation["messages"][0]["id"])
        assert prompt.startswith("Selected text from queue.py, lines 1 to 2:\ndef pop(self):")


async def test_an_empty_range_means_the_document_around_it(at: Desk) -> None:
    async with at.caller() as client:
        client.open(at.uri("queue.py"), "def pop(self):\n    return self.tasks.pop()\n", "python")
        here = {"line": 1, "character": 4}
        answer = await client.call(
            "petra/ask",
            question="Is it right?",
            textDocument={"uri": at.uri("queue.py")},
            range={"start": here, "end": here},
        )
        prompt = await prompt_of_answer(at, client, answer)
        assert prompt.startswith("The file queue.py:\ndef pop(self):")


async def test_what_is_typed_comes_before_what_is_on_the_disk(at: Desk) -> None:
    async with at.caller() as client:
        typed = "The Marlin kernel guards its run queue with a futex called Ritter.\n"
        client.open(at.uri("locks.md"), typed)
        answer = await client.call("petra/ask", question="What guards the run queue of the Marlin kernel?")
        assert "Ritter" in answer["answer"]
        assert not any("Humboldt" in source["quote"] for source in answer["sources"])
        assert answer["sources"][0]["location"]["uri"] == at.uri("locks.md")


async def test_a_new_document_is_searched_when_open_files_are_asked_for(at: Desk) -> None:
    async with at.caller(folders=False) as client:
        client.open("untitled:Draft", "The harbour master of Wismar is called Frieda.\n")
        only = {"openFiles": True}
        answer = await client.call("petra/ask", question="Who is the harbour master of Wismar?", scope=only)
        assert "Frieda" in answer["answer"]
        assert {source["location"]["uri"] for source in answer["sources"]} == {"untitled:Draft"}


async def test_the_workspace_is_a_scope(at: Desk) -> None:
    async with at.caller(folders=False) as client:
        answer = await client.call("petra/ask", question="What guards it?", scope={"workspace": True})
        assert answer["finish_reason"] == "nothing_found"
    async with at.caller() as client:
        answer = await client.call("petra/ask", question="What guards it?", scope={"workspace": True})
        assert answer["sources"]


async def test_a_mention_comes_first(at: Desk) -> None:
    async with at.caller() as client:
        answer = await client.call("petra/ask", question="What does @push_task of the ticket lock do?")
        assert answer["sources"][0]["path"] == "queue.py"
        answer = await client.call("petra/ask", question="What is a ticket lock? See @files.md")
        assert answer["sources"][0]["path"] == "files.md"
        await client.call("petra/ask", question="What is a lock?", scope={"mentions": ["nowhere.c"]})
        said = [part["part"].get("message", "") for part in client.notes("petra/stream")]
        assert "Nothing here is called nowhere.c" in said


async def test_progress_and_partial_results_come_under_their_tokens(at: Desk) -> None:
    async with at.caller() as client:
        answer = await client.call(
            "petra/ask", question="What guards the queue?", workDoneToken="w", partialResultToken=7
        )
        progress = client.notes("$/progress")
        own = [item["value"] for item in progress if item["token"] == "w"]
        assert (own[0]["kind"], own[-1]["kind"]) == ("begin", "end")
        parts = [item["value"] for item in progress if item["token"] == 7]
        assert [part["seq"] for part in parts] == list(range(len(parts)))
        assert {part["id"] for part in parts} == {answer["id"]}
        assert client.notes("petra/stream") == []


async def test_cancelling_the_progress_cancels_the_request() -> None:
    async with desk(token_delay=0.2) as slow, slow.caller() as client:
        client.request("slow", "petra/ask", {"question": "What guards the queue?", "workDoneToken": 1})
        while (message := await client.receive()) and message["method"] != "petra/stream":
            pass
        client.notify("window/workDoneProgress/cancel", {"token": 1})
        assert (await client.reply("slow"))["error"]["code"] == -32800
        assert slow.rig.petra.assistant.active == 0


async def test_who_comes_back_over_a_network_finds_the_answer_going_on() -> None:
    async with desk(token_delay=0.05) as slow:
        async with slow.caller(local=False) as client:
            client.request(1, "petra/ask", {"question": "What guards the run queue?"})
            while (message := await client.receive()) and "text" not in message["params"]["part"]:
                pass
        seen, answer_id = message["params"]["seq"], message["params"]["answer"]
        async with slow.caller(local=False) as client:
            answer = await client.call("petra/resume", id=answer_id, seq=seen)
            assert answer["finish_reason"] == "stop"
            assert client.notes("petra/stream")[0]["seq"] == seen + 1


async def test_what_a_server_wrote_before_it_ended_is_there_in_the_next(tmp_path: Path) -> None:
    async with desk(token_delay=0.1, data_dir=tmp_path) as first, first.caller() as client:
        client.request(1, "petra/ask", {"question": "What guards the run queue of the Marlin kernel?"})
        while (message := await client.receive()) and "text" not in message["params"]["part"]:
            pass
        sent = message["params"]
        await first.rig.petra.assistant.close()
    async with desk(data_dir=tmp_path) as second, second.caller() as client:
        answer = await client.call("petra/resume", id=sent["answer"], seq=-1)
        assert answer["finish_reason"] == "interrupted"
        assert answer["answer"].startswith(sent["part"]["text"])


async def test_search(at: Desk) -> None:
    async with at.caller() as client:
        found = (await client.call("petra/search", query="direct blocks of a file", topK=1))["passages"]
        assert [passage["path"] for passage in found] == ["files.md"]
        assert found[0]["location"]["uri"] == at.uri("files.md")
        whole = await client.call("petra/search", query="direct blocks", partialResultToken="p")
        assert whole["passages"] == []
        assert client.notes("$/progress")[0]["value"]["passages"][0]["path"] == "files.md"
        listed = await client.call("petra/documents", partialResultToken="d", workDoneToken="e")
        assert listed == {"collections": [], "documents": []}
        told = {item["token"]: item["value"] for item in client.notes("$/progress")}
        assert told["d"]["documents"] and told["e"]["kind"] == "end"
        assert (await client.error("petra/search", query=" "))["code"] == -32602


async def test_conversations_and_feedback(at: Desk) -> None:
    async with at.caller() as client:
        answer = await client.call("petra/ask", question="What is a ticket lock?")
        listed = await client.call("petra/conversations")
        assert listed["conversations"][0]["title"] == "What is a ticket lock?"
        assert await client.call("petra/feedback", id=answer["id"], rating="down", comment="Wrong.") is None
        assert await client.call("petra/feedback", id=answer["id"], rating="up") is None
        assert await opinions(at) == [(answer["id"], "up", "")]
        assert await client.call("petra/feedback", id=answer["id"]) is None
        assert await opinions(at) == []
        assert (await client.error("petra/feedback", id="nothing", rating="up"))["code"] == -32803
        assert (await client.error("petra/feedback", id=answer["id"], rating="fine"))["code"] == -32602


async def test_models(at: Desk) -> None:
    async with at.caller() as client:
        models = (await client.call("petra/models"))["models"]
        answering = [model["name"] for model in models if model["answers"]]
        assert answering
        await client.call("petra/ask", question="What guards the queue?", model=answering[0])
        refused = await client.call("petra/ask", question="What guards the queue?", model="gpt-99")
        assert refused["finish_reason"] == "error"
        assert "gpt-99" in refused["error"]["what"] and answering[0] in refused["error"]["cause"]


async def test_documents(at: Desk) -> None:
    async with at.caller() as client:
        listed = await client.call("petra/documents")
        assert {item["path"] for item in listed["documents"]} >= {"locks.md", "files.md", "queue.py"}
        assert listed["collections"][0]["root"] == str(at.folder)
        added = await client.call("petra/documents", action="add", name="new.md", text="# New\n\nA note.\n")
        job = await at.rig.petra.jobs.wait(added["job"]["id"])
        assert job.state == "ready"
        await client.call("petra/documents", action="remove", id=added["document"]["id"])
        left = await client.call("petra/documents", collection="Uploads")
        assert left["documents"] == []
        refused = await client.error("petra/documents", action="add", name=".env", text="A=1")
        assert refused["data"]["code"] == "not_allowed"


async def test_index_starts_pauses_and_cancels(at: Desk) -> None:
    async with at.caller() as client:
        done = (await client.call("petra/index", workDoneToken="i"))["jobs"][0]
        assert done["state"] == "ready"
        assert client.notes("$/progress")[-1]["value"]["kind"] == "end"
        await client.call("petra/index", action="pause", collection="notes")
        assert at.rig.petra.jobs.resting
        _, waiting = await at.rig.petra.ingest.index_path(at.rig.petra.owner_id, at.folder)
        cancelled = (await client.call("petra/index", action="cancel", collection="notes"))["jobs"]
        assert [(job["id"], job["state"]) for job in cancelled] == [(waiting.id, "cancelled")]
        await client.call("petra/index", uri=at.folder.as_uri())
        assert not at.rig.petra.jobs.resting


async def test_status_is_told_and_told_again_when_it_changes(at: Desk) -> None:
    async with at.caller() as client:
        status = await client.call("petra/status")
        assert status["workers"]["chat"]["state"] == "external"
        assert "notes" in {item["name"] for item in status["collections"]}
        async with asyncio.timeout(10):
            while (message := await client.receive()) and message.get("method") != "petra/statusChanged":
                pass
        assert message["params"]["workers"] == status["workers"]


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("petra/ask", {"question": 5}),
        ("petra/ask", {"question": ""}),
        ("petra/ask", {"question": "x", "mode": "cook"}),
        ("petra/ask", {"question": "x", "topK": "3"}),
        ("petra/ask", {"question": "x", "topK": 0}),
        ("petra/ask", {"question": "x", "maxTokens": 0}),
        ("petra/ask", {"question": "x", "temperature": 3}),
        ("petra/ask", {"question": "x", "range": {"start": 1}}),
        ("petra/ask", {"question": "x", "textDocument": {"uri": "file:///never/opened.c"}}),
        ("petra/ask", {"question": "x", "scope": {"workspace": "yes"}}),
        ("petra/ask", {"question": "x", "workDoneToken": [1]}),
        ("petra/resume", {}),
        ("petra/resume", {"id": 4}),
        ("petra/search", {}),
        ("petra/conversations", {"id": 1}),
        ("petra/feedback", {}),
        ("petra/documents", {"action": "burn"}),
        ("petra/documents", {"action": "add"}),
        ("petra/documents", {"action": "remove"}),
        ("petra/index", {"action": "start", "uri": "untitled:1"}),
        ("petra/models", []),
        ("petra/status", 1),
    ],
)
async def test_params_that_do_not_fit_are_said_in_words(at: Desk, method: str, params: Any) -> None:
    async with at.caller() as client:
        reply = await client.raw(method, params)
        assert reply["error"]["code"] == -32602
        assert len(reply["error"]["message"]) > 15


@pytest.mark.parametrize("method", OWN)
async def test_every_method_asks_whether_it_may(
    at: Desk, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with at.caller(local=False, role="student") as client:
        action = Session(parts(), OWNER, "").methods[method]
        monkeypatch.setattr(sys.modules[authorize.__module__], "ROLES", {**ROLES, action: frozenset()})
        fitting = {"id": "x", "query": "x", "question": "x"}
        assert (await client.error(method, **fitting))["data"]["code"] == "not_allowed"


async def test_what_a_newer_editor_says_besides_is_ignored(at: Desk) -> None:
    async with at.caller() as client:
        await client.call("petra/search", query="locks", someday={"x": 1}, scope={"moon": True})
        await client.call("petra/status", verbose=True)


async def test_from_elsewhere_no_path_is_opened(at: Desk) -> None:
    async with at.caller(local=False) as client:
        for method, params in (
            ("petra/index", {"uri": at.folder.as_uri()}),
            ("petra/index", {}),
            ("petra/documents", {"action": "add", "uri": at.uri("locks.md")}),
        ):
            assert (await client.error(method, **params))["data"]["code"] == "not_allowed"
        answer = await client.call("petra/ask", question="What is the ticket lock called?")
        assert all(s["location"]["uri"].startswith("petra:///documents/") for s in answer["sources"])
        listed = await client.call("petra/documents")
        assert not any("root" in item for item in listed["collections"])
        answer = await client.call("petra/ask", question="What guards it?", scope={"workspace": True})
        assert answer["finish_reason"] == "nothing_found"


async def test_a_student_sees_no_details_of_the_server(at: Desk) -> None:
    async with at.caller(local=False, role="student") as client:
        status = await client.call("petra/status")
        assert "clients" not in status
        assert not any("pid" in worker for worker in status["workers"].values())


async def prompt_of_answer(at: Desk, client: Any, answer: Any) -> str:
    conversation = await client.call("petra/conversations", id=answer["conversation_id"])
    return await prompt_of(at, conversation["messages"][0]["id"])


async def prompt_of(at: Desk, message_id: str) -> str:
    from petra.storage import conversations

    async with at.rig.petra.db.read() as conn:
        message = await conversations.get_message(conn, message_id)
    assert message and message.prompt
    return message.prompt


async def opinions(at: Desk) -> list[tuple[str, str | None, str]]:
    from sqlalchemy import select

    from petra.storage.tables import feedback

    async with at.rig.petra.db.read() as conn:
        rows = await conn.execute(select(feedback.c.message_id, feedback.c.rating, feedback.c.comment))
    return [tuple(row) for row in rows]
