"""Whatever arrives, a session answers as JSON-RPC demands."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st
from lsprotocol import types

from petra import __version__
from petra.lsp.session import Session
from tests.lsp.door import OWNER, parts
from tests.lsp.sink import Sink

METHODS = ["initialize", "shutdown", "petra/none", *sorted(types.METHOD_TO_TYPES)]
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
MESSAGES = st.fixed_dictionaries(
    {"jsonrpc": st.just("2.0")},
    optional={
        "id": st.integers() | st.text(max_size=3),
        "method": st.sampled_from(METHODS),
        "params": JSON,
        "result": JSON,
        "error": JSON,
    },
)
INITIALIZE = {"jsonrpc": "2.0", "id": "init", "method": "initialize", "params": {"capabilities": {}}}


@settings(deadline=None)
@given(st.lists(MESSAGES | JSON, max_size=6), st.booleans())
@example([{"jsonrpc": "2.0", "id": 1, "method": "initialized", "params": {}}], True)
@example(
    [{"jsonrpc": "2.0", "id": 1, "method": "workspace/executeCommand", "params": {"command": "x"}}], True
)
def test_every_request_has_one_reply_with_its_id(messages: list[Any], initialized: bool) -> None:
    asyncio.run(_exchange(messages, initialized))


async def _exchange(messages: list[Any], initialized: bool) -> None:
    session, sink = Session(parts(), OWNER, __version__), Sink()
    session.protocol.set_writer(sink)
    if initialized:
        session.protocol.receive(json.dumps(INITIALIZE).encode())
    for message in messages:
        sink.sent.clear()
        session.protocol.receive(json.dumps(message).encode())
        wanted = isinstance(message, dict) and "id" in message and "method" in message
        async with asyncio.timeout(10):
            while wanted and not sink.replies():
                await asyncio.sleep(0)
        _check(message, sink.replies())
    await session.protocol.cancel_all()


def _check(message: Any, replies: list[dict[str, Any]]) -> None:
    if isinstance(message, dict) and message.get("jsonrpc") == "2.0":
        if "id" in message and "method" in message:
            assert [reply["id"] for reply in replies] == [message["id"]]
        elif "method" in message:
            assert all(reply["id"] is None for reply in replies)
    else:
        assert [reply["id"] for reply in replies] == [None]
        assert replies[0]["error"]["code"] == -32600
