"""What a person has set in the editor."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from petra.lsp.preferences import Preferences, read
from tests.lsp.door import Client, Door
from tests.lsp.sink import initialized, receive

PULLS = {"workspace": {"configuration": True, "didChangeConfiguration": {"dynamicRegistration": True}}}


def test_values_that_fit_are_taken() -> None:
    section = {
        "collections": ["course"],
        "model": "small",
        "temperature": 0,
        "topK": 3,
        "maxTokens": 99,
        "inlineCompletion": False,
        "inlineCompletionInComments": True,
    }
    assert read(section) == (Preferences(("course",), "small", 0.0, 3, 99, False, True), [])
    assert read(None) == read({}) == read(dict.fromkeys(section)) == (Preferences(), [])


@pytest.mark.parametrize(
    ("key", "value", "problem"),
    [
        ("collections", "course", "a list of names"),
        ("collections", [5], "a list of names"),
        ("model", 5, "a name"),
        ("temperature", "hot", "a number from 0 to 2"),
        ("temperature", 3, "a number from 0 to 2"),
        ("topK", True, "a whole number from 1 to 100"),
        ("maxTokens", 0, "a whole number from 1 to 32768"),
        ("inlineCompletion", "yes", "true or false"),
        ("colour", "red", "there is no petra.colour"),
    ],
)
def test_a_value_that_does_not_fit_leaves_the_default(key: str, value: Any, problem: str) -> None:
    preferences, problems = read({key: value, "topK" if key != "topK" else "model": None})
    assert preferences == Preferences()
    assert len(problems) == 1
    assert problem in problems[0]


async def test_initialization_options_come_first_and_changes_are_pushed() -> None:
    session, sink = initialized(initializationOptions={"petra": {"topK": 4, "token": "secret"}})
    assert session.preferences.top_k == 4
    receive(session, "workspace/didChangeConfiguration", {"settings": {"petra": {"topK": 5}}})
    receive(session, "workspace/didChangeConfiguration", {"settings": None})
    await asyncio.sleep(0)
    assert session.preferences.top_k == 5
    assert sink.shown() == []


async def answer(client: Client, method: str, result: Any) -> None:
    """Answer the server's next request, which has to be `method`."""
    message = await client.receive()
    assert message and message["method"] == method
    client.send({"jsonrpc": "2.0", "id": message["id"], "result": result})


async def test_settings_are_pulled_and_a_bad_one_is_told_once(door: Door) -> None:
    client = await door.enter()
    client.request(1, "initialize", {"capabilities": PULLS})
    await client.reply(1)
    client.notify("initialized", {})
    await answer(client, "client/registerCapability", None)
    await answer(client, "workspace/configuration", [{"topK": 0, "maxTokens": 7}])
    shown = await client.receive()
    assert shown and shown["method"] == "window/showMessage"
    assert "petra.topK has to be a whole number from 1 to 100" in shown["params"]["message"]
    for _ in range(2):
        client.notify("workspace/didChangeConfiguration", {"settings": None})
        await answer(client, "workspace/configuration", [{"topK": 0, "maxTokens": 8}])
    client.ask(2, "nothing more was shown")
    before, _ = await client.until_reply(2)
    assert {item["method"] for item in before} == {"petra/stream"}
    session = door.made[0]()
    assert session
    assert session.preferences == Preferences(max_tokens=8)


@pytest.mark.parametrize("reply", [{"result": 5}, {"result": []}, {"error": {"code": 1, "message": "no"}}])
async def test_an_odd_answer_changes_nothing(door: Door, reply: dict[str, Any]) -> None:
    client = await door.enter()
    capabilities = {"workspace": {"configuration": True}}
    client.request(1, "initialize", {"capabilities": capabilities})
    await client.reply(1)
    client.notify("initialized", {})
    message = await client.receive()
    assert message and message["method"] == "workspace/configuration"
    client.send({"jsonrpc": "2.0", "id": message["id"], **reply})
    client.ask(2, "hello")
    assert (await client.reply(2))["result"]["answer"] == "hello "
    session = door.made[0]()
    assert session
    assert session.preferences == Preferences()
    assert not session.protocol._request_futures
