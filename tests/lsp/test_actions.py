"""Code actions and the commands behind them: a parrot answers, with what the test puts into its question."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import pytest

from petra.access import Identity
from petra.lsp.features import Parts
from petra.messages import Done, StreamItem, Text, Usage, UsagePart
from tests.lsp.door import NO_SERVICES, Parrot
from tests.lsp.zero import EVERYTHING, Editor, serving, without

URI = "file:///course/queue.py"
QUEUE = "class Queue:\n    def push(self, task):\n        self.tasks.apend(task)\n"
CODE = f"import os\n\n\n{QUEUE}\n\nprint(Queue)\n"
PROBLEM = {
    "range": {"start": {"line": 5, "character": 8}, "end": {"line": 5, "character": 25}},
    "message": "list has no attribute apend",
    "source": "pyright",
}
FIXED = f"Here it is:\n```python\n{QUEUE.replace('apend', 'append')}```\nIt was misspelt."


class Model(Parrot):
    """Says `says`, whatever it is asked."""

    says = FIXED

    async def follow(
        self, identity: Identity, answer_id: str, after_seq: int = -1
    ) -> AsyncGenerator[StreamItem, None]:
        usage = Usage(model="small", prompt_tokens=1, completion_tokens=1, total_ms=1.0)
        parts: list[Any] = [
            Text(self.says),
            UsagePart(usage),
            Done(conversation_id="c1", message_id=answer_id, finish_reason="stop"),
        ]
        for seq, part in enumerate(parts):
            yield StreamItem(answer_id, seq, part)


@asynccontextmanager
async def editing(
    capabilities: dict[str, Any] | None = None, says: str = FIXED, code: str = CODE
) -> AsyncIterator[tuple[Editor, Model]]:
    """An editor with CODE open, and the model that it speaks to."""
    model = Model()
    model.says = says
    async with serving(
        Parts(model, NO_SERVICES), EVERYTHING if capabilities is None else capabilities
    ) as editor:
        editor.open(URI, code, "python")
        yield editor, model


def _without(action: dict[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in action.items() if name != key}


def named(actions: Sequence[dict[str, Any]], word: str) -> dict[str, Any]:
    (found,) = [item for item in actions if word in item["title"]]
    return found


async def test_a_problem_is_corrected_when_somebody_wants_it() -> None:
    async with editing() as (editor, model):
        action = named(await editor.actions(URI, 5, 5, diagnostics=[PROBLEM]), "apend")
        assert action["kind"] == "quickfix" and action["diagnostics"] == [PROBLEM] and action["tags"] == [1]
        assert "edit" not in action and not model.started
        edit = (await editor.call("codeAction/resolve", **action))["edit"]
        (change,) = edit["documentChanges"]
        assert change["textDocument"] == {"uri": URI, "version": 1}
        assert edit["changeAnnotations"][change["edits"][0]["annotationId"]]["needsConfirmation"]
        assert "small" in str(edit["changeAnnotations"])
        editor._apply(edit)
        assert editor.text(URI) == CODE.replace("apend", "append")
        asked = model.questions["answer-0"]
        assert asked.mode == "fix" and "line 6: list has no attribute apend" in asked.question
        assert asked.selection.startswith("class Queue:") and asked.lines == (4, 6)


async def test_an_edit_of_another_version_is_refused_and_says_so() -> None:
    async with editing() as (editor, model):
        action = named(await editor.actions(URI, 5, 5, diagnostics=[PROBLEM]), "apend")
        editor.type(URI, "# more\n")
        # As it came, but for what would have an editor ask again.
        assert await editor.call("codeAction/resolve", **action) == _without(action, "data")
        assert not model.started and ["has changed" in text for text in editor.shown()] == [True]


async def test_a_change_while_the_model_writes_is_seen_too() -> None:
    async with editing() as (editor, model):
        follow = model.follow

        async def typing(identity: Identity, answer_id: str, after_seq: int = -1) -> Any:
            editor.type(URI, "# more\n")
            await editor.call("workspace/symbol", query="")  # by its reply, the change has arrived
            async for item in follow(identity, answer_id):
                yield item

        action = named(await editor.actions(URI, 5, 5, diagnostics=[PROBLEM]), "apend")
        model.follow = typing  # type: ignore[method-assign]
        assert "edit" not in await editor.call("codeAction/resolve", **action)
        assert ["has changed" in text for text in editor.shown()] == [True]


@pytest.mark.parametrize(
    "path", [("workspace", "workspaceEdit", "changeAnnotationSupport"), ("workspace", "workspaceEdit")]
)
async def test_an_editor_without_annotations_or_versions_gets_a_plainer_edit(path: tuple[str, ...]) -> None:
    async with editing(without(*path)) as (editor, _):
        action = named(await editor.actions(URI, 5, 5, diagnostics=[PROBLEM]), "apend")
        edit = (await editor.call("codeAction/resolve", **action))["edit"]
        assert "changeAnnotations" not in edit and ("changes" in edit) == (path[-1] == "workspaceEdit")
        editor._apply(edit)
        assert "append" in editor.text(URI)


async def test_without_resolve_a_command_makes_the_edit() -> None:
    async with editing(without("textDocument", "codeAction", "resolveSupport")) as (editor, _):
        action = named(await editor.actions(URI, 5, 5, diagnostics=[PROBLEM]), "apend")
        await editor.run(action["command"]["command"], *action["command"]["arguments"])
        await editor.until(lambda: "append" in editor.text(URI))
        assert editor.edits[0]["documentChanges"][0]["textDocument"]["version"] == 1


async def test_an_edit_that_is_being_written_is_cancelled() -> None:
    async with editing(without("textDocument", "codeAction", "resolveSupport")) as (editor, model):
        model.follow = partial(Parrot.follow, model)  # type: ignore[method-assign]
        wanted = {"uri": URI, "version": 1, "first": 3, "last": 5, "question": "wait"}
        await editor.run("petra.fix", wanted)
        await editor.until(lambda: "report" in editor.progress())
        assert await editor.run("petra.cancel") == {"cancelled": 1}
        await editor.until(lambda: editor.progress()[-1] == "end")
        assert model.cancelled == ["answer-0"] and not editor.edits


async def test_an_editor_that_knows_no_code_actions_gets_commands() -> None:
    async with editing({"workspace": {"applyEdit": True}}) as (editor, _):
        actions = await editor.actions(URI, 5, 5, diagnostics=[PROBLEM])
        assert {item["command"] for item in actions} >= {"petra.fix", "petra.explain", "petra.ask"}


async def test_marked_lines_are_documented() -> None:
    says = '```python\n"""Add a task.\n\nAt the end."""\n```'
    async with editing(says=says) as (editor, _):
        action = named(await editor.actions(URI, 4, 6), "document")
        editor._apply((await editor.call("codeAction/resolve", **action))["edit"])
        assert (
            '(self, task):\n        """Add a task.\n\n        At the end.\n        """\n        self.'
            in editor.text(URI)
        )


async def test_an_answer_without_code_is_no_edit() -> None:
    async with editing(says="I cannot do that.") as (editor, _):
        action = named(await editor.actions(URI, 4, 6), "correct")
        assert "edit" not in await editor.call("codeAction/resolve", **action)
        assert ["no code" in text for text in editor.shown()] == [True]
        assert editor.text(URI) == CODE


async def test_only_what_was_asked_for_is_listed() -> None:
    async with editing() as (editor, _):
        kinds = {item["kind"] for item in await editor.actions(URI, 4, 6, only=["source"])}
        assert kinds and all(kind.startswith("source.petra") for kind in kinds)
        kinds = {item["kind"] for item in await editor.actions(URI, 4, 6, only=["refactor"])}
        assert kinds == {"refactor.rewrite"}
        assert await editor.actions("file:///elsewhere.py", 0, 0) == []


@pytest.mark.parametrize("name", ["explain", "fix", "test", "document", "review"])
async def test_a_command_without_a_document_says_what_it_needs(name: str) -> None:
    async with editing() as (editor, _):
        error = (await editor.run(f"petra.{name}"))["error"]
        assert error["code"] == "bad_request" and "code action" in error["remedy"]
        assert ["code action" in text for text in editor.shown()] == [True]


async def test_without_a_mark_the_block_around_the_cursor_is_explained() -> None:
    async with editing() as (editor, _):
        action = named(await editor.actions(URI, 5, 5), "explain")
        (argument,) = action["command"]["arguments"]
        assert (argument["range"]["start"]["line"], argument["range"]["end"]["line"]) == (3, 6)
        argument = named(await editor.actions(URI, 0, 0), "review")["command"]["arguments"][0]
        assert argument["range"]["start"] == argument["range"]["end"] == {"line": 0, "character": 0}
