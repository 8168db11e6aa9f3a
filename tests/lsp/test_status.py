"""What a person has to know of Petra is shown once, and how it is whenever that changes."""

from __future__ import annotations

import asyncio
import gc
from typing import Any

from lsprotocol import types

from petra.lsp.status import news
from tests.lsp.desk import desk


def state(**chat: Any) -> dict[str, Any]:
    return {
        "workers": {"chat": {"state": "ready", "model": "m", **chat}},
        "jobs": 0,
        "indexing": False,
        "paused": False,
    }


def test_nothing_is_said_of_what_is_well() -> None:
    assert list(news(state(), {})) == []
    assert list(news(state(restarts=3), {})) == []  # before this session


def test_what_is_wrong_is_said_with_its_remedy() -> None:
    ((key, kind, text),) = news(state(state="missing_model", remedy="Run `petra models pull m`"), {})
    assert (key, kind) == ("missing m", types.MessageType.Warning)
    assert text.endswith("petra models pull m`")
    ((key, _, text),) = news(state(state="circuit_open", remedy="Choose another"), {})
    assert key == "crashing m" and text.endswith("Choose another")
    ((key, kind, _),) = news(state(restarts=4), {"chat": 3})
    assert (key, kind) == ("restarted m", types.MessageType.Info)
    ((_, _, text),) = news(state(state="circuit_open", model="/srv/models/big.gguf"), {})
    assert text == "The model big keeps crashing."
    ((key, *_),) = news({**state(), "jobs": 2, "indexing": True}, {})
    assert key == "indexing"


async def test_a_missing_model_is_said_once() -> None:
    async with desk(model_path="nowhere.gguf") as opened, opened.caller() as client:
        petra = opened.rig.petra
        async with asyncio.timeout(20):
            while petra.services.health.state()["workers"]["chat"]["state"] != "missing_model":
                await asyncio.sleep(0.02)
        told: list[dict[str, Any]] = []
        async with asyncio.timeout(20):
            while not told or told[-1]["method"] != types.WINDOW_SHOW_MESSAGE:
                message = await client.receive()
                assert message
                told.append(message)
        assert "nowhere.gguf" in told[-1]["params"]["message"]
        changes = [item["params"] for item in told if item["method"] == "petra/statusChanged"]
        assert changes[-1]["workers"]["chat"]["state"] == "missing_model"
        petra.jobs._resting.add("anything")
        async with asyncio.timeout(20):
            while (message := await client.receive()) and message["method"] != "petra/statusChanged":
                assert message["method"] != types.WINDOW_SHOW_MESSAGE
        assert message and message["params"]["paused"]


async def test_who_has_left_is_not_told_any_more() -> None:
    async with desk() as opened:
        health = opened.rig.petra.services.health
        async with opened.caller() as client:
            await client.call("petra/status")
            assert len(health._listeners) == 1
        async with asyncio.timeout(20):
            while health._watch is not None:
                gc.collect()  # a session is a ring of objects
                await asyncio.sleep(0.05)
        async with opened.caller() as client:
            while (message := await client.receive()) and message["method"] != "petra/statusChanged":
                pass
            assert message
