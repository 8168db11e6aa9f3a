"""docs/protocol.md names every method and limit of the LSP door."""

from __future__ import annotations

import re
from pathlib import Path

from petra import __version__
from petra.lsp import ask, framing, protocol
from petra.lsp.session import Session
from petra.lsp.transport import Limits
from tests.lsp.door import OWNER, parts

DOCS = Path(__file__).resolve().parents[2] / "docs"
SECTION = (DOCS / "protocol.md").read_text().partition("\n## LSP\n")[2].partition("\n## ")[0]


def test_methods() -> None:
    own = set(re.findall(r"`(petra/\w+)`", SECTION))
    methods = Session(parts(), OWNER, __version__).methods
    assert own == {*(name for name in methods if name.startswith("petra/")), ask.STREAM}


def test_codes() -> None:
    table = {int(code) for code in re.findall(r"^\| (-\d+) \|", SECTION, re.M)}
    used = {value for value in vars(protocol).values() if isinstance(value, int) and value < -32000}
    assert table == used


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
