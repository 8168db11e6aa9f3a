"""A fuzz of the wire: bytes, frames, JSON and the order of messages, over a real socket.

However it goes, the server is alive afterwards and the session freed; and as long as the frames were
frames and nobody said `exit`, every request has exactly one reply. `python -m tests.lsp.fuzz SECONDS`
goes on for longer (`make soak-lsp`).
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
import time
from collections import Counter
from typing import Any

from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st
from lsprotocol import types

from petra import telemetry
from petra.lsp.framing import FrameDecoder, FrameError, frame
from petra.lsp.transport import Limits
from tests.lsp.door import Client, Door, open_door

URI = "file:///fuzz.py"
IDS = st.integers(0, 4) | st.sampled_from(["a", "b", "😀"])
METHODS = ["petra/none", "petra/ask", *sorted(types.METHOD_TO_TYPES)]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
PLACES = st.fixed_dictionaries({"line": st.integers(-1, 5), "character": st.integers(-1, 5)})
TEXTS = st.text(alphabet="ab\r\n😀\ud800", max_size=10)


def request(method: str, params: Any) -> st.SearchStrategy[Any]:
    return st.builds(lambda number: {"jsonrpc": "2.0", "id": number, "method": method, "params": params}, IDS)


def notification(method: str, params: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "method": method, "params": params}


def change(start: Any, end: Any, text: str) -> dict[str, Any]:
    edit = {"range": {"start": start, "end": end}, "text": text}
    document = {"uri": URI, "version": 2}
    return notification(
        "textDocument/didChange", {"textDocument": document, "contentChanges": [edit, {"text": "x"}, edit]}
    )


def opening(text: str) -> dict[str, Any]:
    item = {"uri": URI, "languageId": "python", "version": 1, "text": text}
    return notification("textDocument/didOpen", {"textDocument": item})


SENSIBLE = st.one_of(
    request("initialize", {"capabilities": {}}),
    request("initialize", {"capabilities": {"general": {"positionEncodings": ["utf-8"]}}}),
    st.sampled_from(["hello", "wait", "missing", "crash"]).flatmap(
        lambda question: request("petra/ask", {"question": question})
    ),
    st.builds(lambda number: notification("$/cancelRequest", {"id": number}), IDS),
    st.builds(opening, TEXTS),
    st.builds(change, PLACES, PLACES, TEXTS),
    st.just(notification("initialized", {})),
    st.just(notification("textDocument/didClose", {"textDocument": {"uri": URI}})),
)
ODD = st.fixed_dictionaries(
    {"jsonrpc": st.just("2.0") | JSON},
    optional={"id": IDS | JSON, "method": st.sampled_from(METHODS) | JSON, "params": JSON, "result": JSON},
)
RARE = st.one_of(request("shutdown", None), st.just(notification("exit", None)))
FRAMES = st.one_of(
    *[SENSIBLE.map(lambda message: frame(json.dumps(message).encode()))] * 6,
    (ODD | JSON).map(lambda message: frame(json.dumps(message).encode())),
    RARE.map(lambda message: frame(json.dumps(message).encode())),
    st.binary(max_size=20).map(frame),
    st.builds(
        lambda name, value, body: b"%b: %b\r\n\r\n%b" % (name, value, body),
        st.sampled_from([b"Content-Length", b"content-length", b"Content-Type", b"Host", b""]),
        st.sampled_from([b"2", b"0", b"-1", b"1e3", b"99999999", b"999999999", b""]),
        st.sampled_from([b"{}", b"", b"null"]),
    ),
    st.binary(max_size=20),
)
INITIALIZE = frame(
    json.dumps(
        {"jsonrpc": "2.0", "id": "init", "method": "initialize", "params": {"capabilities": {}}}
    ).encode()
)


def readable(stream: bytes) -> tuple[list[Any], bool]:
    """The messages of a stream, and whether all of it is frames."""
    decoder, messages = FrameDecoder(), []
    decoder.feed(stream)
    try:
        while (body := decoder.next_body()) is not None:
            try:
                messages.append(json.loads(body, parse_constant=lambda _: 1 / 0))
            except (ValueError, RecursionError, ZeroDivisionError):
                messages.append(None)
    except FrameError:
        return messages, False
    return messages, not decoder.partial


def is_request(message: Any) -> bool:
    """Whether a message has the look of a request; what is wrong with it is then said under its id."""
    if not isinstance(message, dict) or "method" not in message:
        return False
    number = message.get("id")
    return isinstance(number, int | str) and not isinstance(number, bool)


async def exchange(door: Door, stream: bytes) -> None:
    """Send a stream, and check what comes back."""
    messages, whole = readable(stream)
    wanted = Counter(json.dumps(message["id"]) for message in messages if is_request(message))
    leaves = any(isinstance(m, dict) and m.get("method") == "exit" and "id" not in m for m in messages)
    client = await door.enter()
    client.writer.write(stream)
    if whole and not leaves:
        for number in {json.loads(number) for number in wanted}:
            client.notify("$/cancelRequest", {"id": number})
        await _replies(client, wanted)
    else:
        client.writer.write_eof()
        while await client.receive() is not None:
            pass
    await client.close()
    door.clients.remove(client)
    await door.empty()


async def _replies(client: Client, wanted: Counter[str]) -> None:
    found: Counter[str] = Counter()
    while found.total() < wanted.total():
        message = await client.receive()
        assert message is not None, f"no reply to {wanted - found}"
        if "method" not in message and message["id"] is not None and json.dumps(message["id"]) in wanted:
            found[json.dumps(message["id"])] += 1
    assert found == wanted


BATCH = 100
WAIT = {"jsonrpc": "2.0", "id": 1, "method": "petra/ask", "params": {"question": "wait"}}
REUSED = [
    frame(json.dumps(message).encode())
    for message in (
        WAIT,
        *[notification("initialized", {})] * 5,
        notification("$/cancelRequest", {"id": 1}),
        WAIT,
    )
]
"""An id that is used again at the moment in which its request ends, which left the second without a reply."""


def fuzz(seconds: float, examples: int) -> int:
    """Run for `seconds` or `examples`, whichever ends first; how many there were. Raises what it finds."""
    end, count = time.monotonic() + seconds, 0
    with asyncio.Runner() as runner:
        opened = open_door(Limits(frame=5.0))
        door = runner.run(opened.__aenter__())

        @settings(
            max_examples=BATCH,
            deadline=None,
            database=None,
            phases=(Phase.explicit, Phase.generate, Phase.shrink),
            suppress_health_check=list(HealthCheck),
        )
        @given(st.lists(FRAMES, max_size=12), st.booleans())
        @example(REUSED, True)
        def once(frames: list[bytes], initialized: bool) -> None:
            nonlocal count
            if time.monotonic() < end:
                count += 1
                runner.run(exchange(door, b"".join([INITIALIZE] * initialized + frames)))

        try:
            while count < examples and time.monotonic() < end:
                once()
                runner.run(door.still_serves())
                door.made.clear()
        finally:
            runner.run(opened.__aexit__(None, None, None))
    return count


if __name__ == "__main__":
    telemetry.configure(level="error")
    logging.disable(logging.CRITICAL)
    length = float(sys.argv[1])
    print(f"{fuzz(length, sys.maxsize)} exchanges in {length:.0f} s, every request answered")
