"""The teaching policy holds at every door, and is told who asks what, where and about which file."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from petra.assistant.policy import Asked, Ruling
from petra.assistant.withhold import LEFT_OUT
from petra.inference.worker import stub
from tests.lsp.desk import Desk, desk

pytestmark = pytest.mark.asyncio(loop_scope="module")

WHY = "Lab 3 is graded until Friday"


class Course:
    """Rules by path, and keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []

    async def rule(self, asked: Asked) -> Ruling:
        self.asked.append(asked)
        if asked.path and asked.path.startswith("exam"):
            return Ruling("off", WHY)
        return Ruling("hints", WHY)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def at() -> AsyncIterator[tuple[Desk, Course]]:
    course = Course()
    async with desk() as opened:
        opened.rig.petra.assistant._policy = course
        yield opened, course


CODE: dict[str, Any] = {"question": "", "mode": "fix", "selection": "int x", "file_path": "lab3.c"}
OFF: dict[str, Any] = {"question": "What is this?", "selection": "int x", "file_path": "exam/a.c"}


@pytest.mark.parametrize("request_", [CODE, OFF])
async def test_what_is_not_allowed_is_refused_at_every_door(at: Any, request_: dict[str, Any]) -> None:
    opened, _ = at
    refused = await opened.rig.post("/api/v1/ask", request_, status=403)
    assert refused["error"]["cause"] == WHY
    async with opened.caller() as client:
        assert (await client.error("petra/ask", **request_))["data"]["cause"] == WHY
    async with opened.rig.http.ws_connect("/ws") as socket:
        await socket.send_json({"type": "ask", "ref": "a", "request": request_})
        assert (await socket.receive_json(timeout=5))["error"]["cause"] == WHY


async def test_hints_hold_no_code(at: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    opened, course = at
    said = ["Think", "of\n```c\nint", "solution;\n```\na", "ring."]
    monkeypatch.setattr(stub, "_answer", lambda *_: said)
    async with opened.caller(folders=False) as client:
        client.open("file:///elsewhere/hint.md", "A queue is a line of people.\n")
        answer = await client.call(
            "petra/ask",
            question="What is a queue?",
            textDocument={"uri": "file:///elsewhere/hint.md"},
            scope={"openFiles": True},
        )
    assert answer["answer"] == f"Think of\n{LEFT_OUT}a ring."
    asked = course.asked[-1]
    assert (asked.deed, asked.path, asked.caller.role) == ("ask", "hint.md", "owner")
    assert list(asked.collections) == []
    assert asked.at > 1_700_000_000
