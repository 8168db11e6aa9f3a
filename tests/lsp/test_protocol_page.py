"""docs/protocol.md names every method and limit of the LSP door, and its examples are true."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import attrs
from pygls.exceptions import JsonRpcMethodNotFound

from petra import __version__, messages
from petra.lsp import ask, framing, params, protocol, scope, status
from petra.lsp.feature import Method
from petra.lsp.features import features
from petra.lsp.session import Session
from petra.lsp.transport import Limits
from tests.lsp.desk import NOTES, Caller, Desk, desk
from tests.lsp.door import OWNER, parts

DOCS = Path(__file__).resolve().parents[2] / "docs"
SECTION = (DOCS / "protocol.md").read_text().partition("\n## LSP\n")[2].partition("\n## ")[0]
BLOCKS = re.findall(r"^```lsp\n(.*?)^```", SECTION, re.M | re.S)
ANYTHING = "…"


def own_methods() -> list[Method]:
    """The methods that no other server has, in the order of their names."""
    session = Session(parts(), OWNER, __version__)
    found = [
        item
        for feature in features(session, parts())
        for item in feature.methods()
        if isinstance(item, Method)
    ]
    return sorted((item for item in found if item.name.startswith("petra/")), key=lambda item: item.name)


def test_methods() -> None:
    named = set(re.findall(r"`(petra/\w+)`", SECTION))
    assert named == {*(item.name for item in own_methods()), ask.STREAM, status.CHANGED}


def test_every_method_has_a_paragraph_and_an_example() -> None:
    for item in own_methods():
        assert f"**`{item.name}`**" in SECTION
        assert any(f"→ {item.name} " in block for block in BLOCKS), item.name


def test_the_page_was_looked_through_when_the_protocol_changed() -> None:
    """As rust-analyzer does it: who changes a message or its description changes the hash, and reads
    the page before putting the new one there."""
    shared = [kind for module in (messages, params, scope) for kind in vars(module).values()]
    kinds = {kind for kind in shared if isinstance(kind, type) and attrs.has(kind)}
    text = "\n".join(
        [f"{item.name} {item.action} {described(item.params)}" for item in own_methods()]
        + sorted(map(described, kinds))
    )
    now = hashlib.sha256(text.encode()).hexdigest()[:16]
    assert f"<!-- protocol hash: {now} " in SECTION, f"see whether docs/protocol.md still holds, then: {now}"


def described(cls: Any) -> str:
    """A message as text: its description, and its fields with their types and defaults."""
    fields = [
        f"{field.name}: {cls.__annotations__[field.name]} = {field.default}" for field in attrs.fields(cls)
    ]
    return f"{cls.__name__} {cls.__doc__} {fields}"


async def test_the_examples_are_true() -> None:
    async with desk() as opened, opened.caller() as client:
        client.open("file:///course/queue.py", NOTES["queue.py"], "python")
        known: dict[str, str] = {}
        for block in BLOCKS:
            lines = block.strip().splitlines()
            assert [line[0] for line in lines] == ["→", "←"] * (len(lines) // 2)
            for asked, told in zip(lines[::2], lines[1::2], strict=True):
                await run(opened, client, known, asked, json.loads(told[1:]))


async def run(opened: Desk, client: Caller, known: dict[str, str], asked: str, told: Any) -> None:
    _, method, given = asked.split(" ", 2)
    for name, value in known.items():
        given = given.replace(f"${name}", value)
    result = await client.call(method, **json.loads(given))
    fits(result, told, asked)
    if method == "petra/ask":
        known |= {"answer": result["id"], "conversation": result["conversation_id"]}
    if "document" in (result or {}):
        known["document"] = result["document"]["id"]
        await opened.rig.petra.jobs.wait(result["job"]["id"])


def fits(real: Any, told: Any, where: str) -> None:
    """Whether a reply is as the page says: `…` stands for any value, any further items, any further keys."""
    if told == ANYTHING:
        return
    if isinstance(told, dict):
        assert isinstance(real, dict), where
        more = {key: value for key, value in told.items() if key != ANYTHING}
        assert real.keys() >= more.keys() if ANYTHING in told else real.keys() == more.keys(), where
        for key, value in more.items():
            fits(real[key], value, f"{where} {key}")
    elif isinstance(told, list):
        open_end = told[-1:] == [ANYTHING]
        items = told[:-1] if open_end else told
        assert isinstance(real, list) and len(real) >= len(items), where
        assert open_end or len(real) == len(items), where
        for number, (one, other) in enumerate(zip(real, items, strict=False)):
            fits(one, other, f"{where} {number}")
    else:
        assert real == told, where


def test_codes() -> None:
    table = {int(code) for code in re.findall(r"^\| (-\d+) \|", SECTION, re.M)}
    used = {value for value in vars(protocol).values() if isinstance(value, int) and value < -32000}
    assert table == used | {JsonRpcMethodNotFound.CODE}  # pygls sends that one


def test_limits() -> None:
    text = " ".join(SECTION.split())
    limits = Limits()
    assert f"up to {framing.MAX_BODY // 1024**2} MiB" in text
    assert f"complete within {limits.frame:.0f} seconds" in text
    assert (
        f"more than {limits.backlog // 1024**2} MiB unread, or anything unread for {limits.unread:.0f} s"
        in text
    )
    assert f"no line within {limits.preamble:.0f} seconds" in text
    assert f"1 to {ask.ID_LIMIT} characters" in text
