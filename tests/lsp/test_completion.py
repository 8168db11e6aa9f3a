"""Suggestions at the cursor, over frames: with a tiny generated model that fills in the middle, and with
the stub where only the way there and back matters. How good a real model is at it was not measured.

The tiny model repeats the last BACK characters of its prompt, and says where the three marks were: <, |, >.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from typing import Any

import pytest
import pytest_asyncio

from petra import telemetry
from petra.assistant.policy import Asked, Ruling
from petra.inference.capabilities import Capabilities
from petra.inference.client import ModelEndpoint
from petra.inference.worker.engine import Event, Generation
from petra.inference.worker.stub import StubEngine
from petra.lsp.completion import ACCEPTED, SHOWN
from tests.inference import gguf_files
from tests.inference.gguf_files import BACK
from tests.inference.workers import worker
from tests.knowledge.test_secrets import PRIVATE_KEY
from tests.lsp.desk import Caller, Desk, desk

INLINE, LISTED = "textDocument/inlineCompletion", "textDocument/completion"
INVOKED, AUTOMATIC = 1, 2
TEXT = "def push(task):\n    return queue.\n"
END = (1, 17)

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("tiny")
    models = [
        gguf_files.echo(folder / "echo.gguf"),
        gguf_files.echo(folder / "plain.gguf", fill_in=False),
        gguf_files.echo(folder / "page.gguf", back=60),
    ]
    with worker(folder, "chat", *(f"--model={path.stem}={path}" for path in models)) as address:
        yield address


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def at(tiny: str) -> AsyncIterator[Desk]:
    async with desk(model_path=tiny) as opened:
        yield opened


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def slow() -> AsyncIterator[Desk]:
    """With the stub, which says "You said" and the prompt, slowly."""
    async with desk(token_delay=0.03) as opened:
        yield opened


def place(uri: str, line: int, column: int) -> dict[str, Any]:
    return {"textDocument": {"uri": uri}, "position": {"line": line, "character": column}}


def inline(uri: str, at: tuple[int, int] = END, kind: int = INVOKED, **context: Any) -> dict[str, Any]:
    return {**place(uri, *at), "context": {"triggerKind": kind, **context}}


def type_text(client: Caller, uri: str, line: int, column: int, text: str) -> None:
    here = {"line": line, "character": column}
    change = {"range": {"start": here, "end": here}, "text": text}
    document = {"uri": uri, "version": column}
    client.notify("textDocument/didChange", {"textDocument": document, "contentChanges": [change]})


def counted(outcome: str) -> float:
    value: float = telemetry.completions_total.labels(outcome)._value.get()
    return value


async def unable(_: ModelEndpoint) -> Capabilities:
    return Capabilities()


async def test_the_model_fills_in_the_middle(at: Desk) -> None:
    async with at.caller() as client:
        client.open(at.uri("new.py"), TEXT, "python")
        (item,) = await client.call(INLINE, **inline(at.uri("new.py")))
        # What it read: the end of the text before the cursor, the mark, and the line end behind it.
        assert item["insertText"] == "urn queue.|"[-(BACK - 2) :]
        assert item["range"] == {
            "start": {"line": 1, "character": 17},
            "end": {"line": 1, "character": 17},
        }
        assert item["command"]["command"] == ACCEPTED


async def test_an_editor_without_inline_completion_gets_an_item(at: Desk) -> None:
    async with at.caller() as client:
        client.open(at.uri("new.py"), "name = total_of", "python")
        found = await client.call(LISTED, **place(at.uri("new.py"), 0, 15))
        (item,) = found["items"]
        assert item["textEdit"]["range"]["start"] == {"line": 0, "character": 7}
        assert item["textEdit"]["newText"] == "total_of" + " total_of|"
        assert item["filterText"].startswith("total_of")
        assert found["isIncomplete"]


async def test_an_editor_with_inline_completion_gets_no_item(at: Desk) -> None:
    able = {"textDocument": {"inlineCompletion": {}}}
    async with at.caller(capabilities=able) as client:
        client.open(at.uri("new.py"), TEXT, "python")
        assert await client.call(LISTED, **place(at.uri("new.py"), *END)) is None


async def test_what_is_chosen_in_the_list_is_part_of_the_suggestion(at: Desk) -> None:
    async with at.caller() as client:
        client.open(at.uri("new.py"), TEXT, "python")
        start = {"line": 1, "character": 17}
        chosen = {"range": {"start": start, "end": start}, "text": "length"}
        (item,) = await client.call(INLINE, **inline(at.uri("new.py"), selectedCompletionInfo=chosen))
        assert item["insertText"] == "length" + "ue.length|"


async def test_a_model_that_has_not_learned_it_is_named_once(at: Desk) -> None:
    async with at.caller() as client:
        client.notify("workspace/didChangeConfiguration", {"settings": {"petra": {"model": "plain"}}})
        client.open(at.uri("new.py"), TEXT, "python")
        for _ in range(2):
            assert await client.call(INLINE, **inline(at.uri("new.py"), kind=AUTOMATIC)) is None
        (logged,) = client.notes("window/logMessage")
        assert "fill in the middle" in logged["message"]
        for _ in range(2):
            assert await client.call(INLINE, **inline(at.uri("new.py"))) is None
        told = [note["message"] for note in client.notes("window/showMessage")]
        assert sum("fill in the middle" in message for message in told) == 1


async def test_the_status_says_whether_there_are_suggestions(at: Desk) -> None:
    async with at.caller() as client:
        assert (await client.call("petra/status"))["completion"] == {"available": True}
        with pytest.MonkeyPatch.context() as patch:
            completing = at.rig.petra.services.completing
            assert completing
            patch.setattr(completing, "_known", {})
            patch.setattr(ModelEndpoint, "capabilities", unable)
            status = (await client.call("petra/status"))["completion"]
        assert not status["available"]
        assert "fill in the middle" in status["why"]


async def test_a_block_keeps_the_line_ends_of_its_document(at: Desk) -> None:
    async with at.caller() as client:
        client.notify("workspace/didChangeConfiguration", {"settings": {"petra": {"model": "page"}}})
        # It says its last 60 characters: the lines of the block above, and what ends them.
        text = "for one in two:\r\n" + "    aa = 1\r\n" * 6 + "if d:\r\n    "
        client.open(at.uri("new.py"), text, "python")
        (item,) = await client.call(INLINE, **inline(at.uri("new.py"), (8, 4)))
        assert item["insertText"] == " 1" + "\r\n    aa = 1" * 4


async def test_nothing_in_comments_unless_it_is_wanted(at: Desk) -> None:
    async with at.caller() as client:
        client.open(at.uri("new.py"), "# The queue of ", "python")
        assert await client.call(INLINE, **inline(at.uri("new.py"), (0, 15))) is None
        settings = {"petra": {"inlineCompletionInComments": True}}
        client.notify("workspace/didChangeConfiguration", {"settings": settings})
        assert await client.call(INLINE, **inline(at.uri("new.py"), (0, 15)))
        settings = {"petra": {"inlineCompletionInComments": True, "inlineCompletion": False}}
        client.notify("workspace/didChangeConfiguration", {"settings": settings})
        assert await client.call(INLINE, **inline(at.uri("new.py"), (0, 14))) is None


@pytest.mark.parametrize("name", ["new.py", "id_rsa"])
async def test_secrets_go_to_no_model(at: Desk, name: str) -> None:
    secret = PRIVATE_KEY if name == "new.py" else ""
    async with at.caller() as client:
        client.open(at.uri(name), TEXT + secret, "python")
        assert await client.call(INLINE, **inline(at.uri(name))) is None
        assert client.notes("window/showMessage")


async def test_what_a_folder_leaves_out_goes_to_no_model(at: Desk) -> None:
    (at.folder / "private").mkdir()
    (at.folder / "private/new.py").write_text(TEXT)
    (at.folder / ".petraignore").write_text("private/\n")
    async with at.caller() as client:
        client.open(at.uri("private/new.py"), TEXT, "python")
        assert await client.call(INLINE, **inline(at.uri("private/new.py"))) is None


async def test_the_teaching_policy_is_asked(at: Desk) -> None:
    asked: list[Asked] = []

    class Course:
        async def rule(self, question: Asked) -> Ruling:
            asked.append(question)
            return Ruling("hints", "Lab 3 is graded")

    before, at.rig.petra.assistant._policy = at.rig.petra.assistant._policy, Course()
    try:
        async with at.caller() as client:
            client.open(at.uri("new.py"), TEXT, "python")
            assert await client.call(INLINE, **inline(at.uri("new.py"))) is None
    finally:
        at.rig.petra.assistant._policy = before
    assert [(one.deed, one.path, list(one.collections)) for one in asked] == [
        ("complete", "new.py", ["notes"])
    ]


async def test_an_editor_elsewhere_is_helped_with_what_it_has_open(at: Desk) -> None:
    async with at.caller(local=False) as client:
        client.open("file:///elsewhere/new.py", TEXT, "python")
        assert await client.call(INLINE, **inline("file:///elsewhere/new.py"))
        assert await client.call(INLINE, **inline("file:///elsewhere/other.py")) is None


async def test_the_index_and_open_documents_are_in_the_prompt(slow: Desk) -> None:
    """The model repeats the end of its prompt only, so what it is asked is looked at."""
    (slow.folder / "private").mkdir()
    (slow.folder / "private/run_queue.py").write_text("def run_queue_push_task(): ...\n")
    (slow.folder / ".petraignore").write_text("private/\n")
    prompts: list[str] = []
    real = ModelEndpoint.fill_in

    def listen(self: ModelEndpoint, prefix: str, suffix: str, **options: Any) -> Any:
        prompts.append(prefix)
        return real(self, prefix, suffix, **options)

    async with slow.caller() as client:
        client.open(slow.uri("tasks.py"), "def run_queue_length(queue):\n    return len(queue)\n", "python")
        client.open(slow.uri("private/run_queue.py"), "def run_queue_push_task(): ...\n", "python")
        client.open(slow.uri("new.py"), "queue = RunQueue()\nqueue.push_task(", "python")
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(ModelEndpoint, "fill_in", listen)
            for column in (16, 17, 18):
                # The first may be too early for the index; the next one has what it found.
                await client.call(INLINE, **inline(slow.uri("new.py"), (1, column)))
                type_text(client, slow.uri("new.py"), 1, column, "t")
    assert "# From queue.py:\n# class RunQueue:" in prompts[-1]
    assert "# From tasks.py:\n# def run_queue_length(queue):" in prompts[-1]
    assert "run_queue_push_task" not in prompts[-1]
    assert prompts[-1].endswith("queue = RunQueue()\nqueue.push_task(tt")


async def test_typing_along_asks_no_model(slow: Desk) -> None:
    async with slow.caller() as client:
        client.open(slow.uri("new.py"), TEXT, "python")
        (item,) = await client.call(INLINE, **inline(slow.uri("new.py")))
        text = item["insertText"]
        endpoint = ModelEndpoint(slow.rig.petra.settings.model_path)
        served, before = (await endpoint.health())["served"], counted("typed_along")
        type_text(client, slow.uri("new.py"), *END, text[:3])
        (again,) = await client.call(INLINE, **inline(slow.uri("new.py"), (1, 20), AUTOMATIC))
        assert again["insertText"] == text[3:]
        assert (await endpoint.health())["served"] == served
        assert counted("typed_along") == before + 1
        await endpoint.close()


async def test_a_new_request_cancels_the_one_before_down_to_the_model(slow: Desk) -> None:
    ended: list[str] = []
    real = StubEngine.generate

    async def listened(self: StubEngine, request: Generation) -> AsyncGenerator[Event]:
        async for event in real(self, request):
            yield event
        ended.append(request.prompt or "")

    endpoint = ModelEndpoint(slow.rig.petra.settings.model_path)
    async with slow.caller() as client:
        client.open(slow.uri("new.py"), "x = " + "word " * 40, "python")
        client.open(slow.uri("other.py"), TEXT, "python")
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(StubEngine, "generate", listened)
            client.request("first", INLINE, inline(slow.uri("new.py"), (0, 204)))
            async with asyncio.timeout(10):
                while not (await endpoint.health())["busy"]:
                    await asyncio.sleep(0.01)
            client.request("second", INLINE, inline(slow.uri("other.py")))
            assert (await client.reply("first"))["result"] is None
            assert (await client.reply("second"))["result"]
    assert len(ended) == 1
    assert ended[0].endswith("return queue.")
    await endpoint.close()


async def test_of_fast_keystrokes_only_the_last_asks_the_model(slow: Desk) -> None:
    prompts: list[str] = []
    real = ModelEndpoint.fill_in

    def listen(self: ModelEndpoint, prefix: str, suffix: str, **options: Any) -> Any:
        prompts.append(prefix)
        return real(self, prefix, suffix, **options)

    async with slow.caller() as client:
        client.open(slow.uri("new.py"), "size = ", "python")
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(ModelEndpoint, "fill_in", listen)
            for column, letter in enumerate("length", 7):
                type_text(client, slow.uri("new.py"), 0, column, letter)
                client.request(letter, INLINE, inline(slow.uri("new.py"), (0, column + 1), AUTOMATIC))
            assert (await client.reply("h"))["result"]
    assert [prompt.partition("size = ")[2] for prompt in prompts] == ["length"]


async def test_a_request_that_is_cancelled_frees_the_model(slow: Desk) -> None:
    endpoint = ModelEndpoint(slow.rig.petra.settings.model_path)
    async with slow.caller() as client:
        client.open(slow.uri("new.py"), "x = " + "word " * 40, "python")
        client.request("first", INLINE, inline(slow.uri("new.py"), (0, 204)))
        async with asyncio.timeout(10):
            while not (await endpoint.health())["busy"]:
                await asyncio.sleep(0.01)
            client.notify("$/cancelRequest", {"id": "first"})
            assert (await client.reply("first"))["error"]["code"] == -32800
            while (await endpoint.health())["busy"]:
                await asyncio.sleep(0.01)
    await endpoint.close()


async def test_what_was_shown_and_accepted_is_counted(at: Desk) -> None:
    before = counted("shown"), counted("accepted")
    async with at.caller() as client:
        for command in (SHOWN, ACCEPTED):
            await client.call("workspace/executeCommand", command=command, arguments=[])
    assert (counted("shown"), counted("accepted")) == (before[0] + 1, before[1] + 1)
    text = await (await at.rig.http.get("/metrics")).text()
    assert 'petra_completions_total{outcome="accepted"}' in text
