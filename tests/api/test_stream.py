"""The parts of an answer over server-sent events and over the WebSocket."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from blockbuster import blockbuster_ctx

from tests.api.rig import Rig, rig

NOTES = b"Four conditions have to hold at once and they are these few words again " * 3 + b".\n"
QUESTION = {"question": "Which conditions have to hold?"}


@pytest.fixture
async def slow() -> AsyncIterator[Rig]:
    """A model slow enough to be interrupted, and something to ask about."""
    async with rig(token_delay=0.02) as open_rig:
        await open_rig.upload("notes.md", NOTES)
        with blockbuster_ctx("petra"):
            yield open_rig


async def events(response: aiohttp.ClientResponse) -> list[dict[str, Any]]:
    return [json.loads(line[5:]) async for line in response.content if line.startswith(b"data:")]


def text_of(items: list[dict[str, Any]]) -> str:
    return "".join(item["part"].get("text", "") for item in items)


def check(items: list[dict[str, Any]], first: int = 0) -> None:
    """Whole, in order, and each part once."""
    assert [item["seq"] for item in items] == list(range(first, first + len(items)))
    assert items[-1]["part"]["kind"] == "done"


async def ask(socket: aiohttp.ClientWebSocketResponse, ref: str = "a") -> dict[str, Any]:
    """Ask and return the first frame with text."""
    await socket.send_json({"type": "ask", "ref": ref, "request": QUESTION})
    while True:
        frame: dict[str, Any] = await socket.receive_json(timeout=10)
        assert frame["type"] == "part", frame
        if frame["part"]["kind"] == "text":
            return frame


async def rest(socket: aiohttp.ClientWebSocketResponse) -> list[dict[str, Any]]:
    """All frames up to and including `done`."""
    frames: list[dict[str, Any]] = []
    while not frames or frames[-1].get("part", {}).get("kind") != "done":
        frames.append(await socket.receive_json(timeout=20))
    return frames


async def test_events_are_numbered_and_can_be_read_again(slow: Rig) -> None:
    accept = {"Accept": "text/event-stream"}
    async with slow.http.post("/api/v1/ask", json=QUESTION, headers=accept) as response:
        assert response.headers["Content-Type"].startswith("text/event-stream")
        live = await events(response)
        answer_id = response.headers["X-Answer-Id"]
    check(live)
    assert "Four conditions" in text_of(live)
    async with slow.http.get(f"/api/v1/answers/{answer_id}?after=2") as response:
        assert await events(response) == live[3:]
    async with slow.http.get("/api/v1/answers/nothing") as response:
        assert response.status == 404


async def test_a_socket_carries_several_answers(slow: Rig) -> None:
    async with slow.http.ws_connect("/ws") as socket:
        for ref in ("a", "b"):
            await socket.send_json({"type": "ask", "ref": ref, "request": QUESTION})
        by_ref: dict[str, list[dict[str, Any]]] = {"a": [], "b": []}
        while not all(items and items[-1]["part"]["kind"] == "done" for items in by_ref.values()):
            frame = await socket.receive_json(timeout=20)
            by_ref[frame["ref"]].append(frame)
    for items in by_ref.values():
        check(items)


async def test_a_closed_socket_can_be_resumed_without_a_gap(slow: Rig) -> None:
    async with slow.http.ws_connect("/ws") as socket:
        seen = await ask(socket)
    async with slow.http.ws_connect("/ws") as socket:
        await socket.send_json({"type": "resume", "ref": "z", "id": seen["id"], "seq": seen["seq"]})
        frames = await rest(socket)
    check(frames, first=seen["seq"] + 1)
    assert frames[-1]["part"]["finish_reason"] == "stop"


async def test_cancel_stops_the_model_and_keeps_the_text(slow: Rig) -> None:
    async with slow.http.ws_connect("/ws") as socket:
        seen = await ask(socket)
        await socket.send_json({"type": "cancel", "id": seen["id"]})
        done = (await rest(socket))[-1]
    assert done["part"]["finish_reason"] == "cancelled"
    conversation = await slow.get(f"/api/v1/conversations/{done['part']['conversation_id']}")
    assert conversation["messages"][1]["content"].startswith(seen["part"]["text"])


async def test_a_client_that_leaves_an_ask_cancels_it(slow: Rig) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.4), slow.http.post("/api/v1/ask", json=QUESTION):
            pass
    async with asyncio.timeout(3):
        while slow.petra.assistant.active:
            await asyncio.sleep(0.02)


async def test_the_plain_chat_contract(slow: Rig) -> None:
    async with slow.http.ws_connect("/ws") as socket:
        await socket.send_json({"type": "message", "content": QUESTION["question"], "user_id": "somebody"})
        frames = []
        while not frames or frames[-1]["type"] != "response_end":
            frames.append(await socket.receive_json(timeout=20))
    tokens, end = frames[:-1], frames[-1]
    assert {frame["type"] for frame in tokens} == {"token"}
    assert len({frame["conversation_id"] for frame in frames}) == 1
    assert "Four conditions" in "".join(frame["token"] for frame in tokens)
    assert end["metadata"]["finish_reason"] == "stop"
    assert end["metadata"]["sources"][0]["document"] == "notes.md"
    assert end["metadata"]["usage"]["completion_tokens"] > 0


@pytest.mark.parametrize(
    "frame",
    [
        "nonsense",
        "[]",
        '{"type": "ask"}',
        '{"type": "shout", "text": "!"}',
        '{"type": "ask", "ref": "a", "request": {"question": 7}}',
        '{"type": "ask", "ref": "a", "request": {"question": ""}}',
        '{"type": "resume", "ref": "a", "id": "nobody", "seq": -1}',
        '{"type": "cancel", "id": "nobody"}',
        '{"type": "message", "content": "x", "mode": "root"}',
    ],
)
async def test_a_bad_frame_is_explained_and_the_socket_stays_open(petra: Rig, frame: str) -> None:
    async with petra.http.ws_connect("/ws") as socket:
        await socket.send_str(frame)
        answer = await socket.receive_json(timeout=5)
        assert answer["type"] == "error"
        assert answer["error"]["what"]
        await socket.send_json({"type": "ask", "ref": "next", "request": QUESTION})
        assert (await rest(socket))[-1]["ref"] == "next"
