"""docs/protocol.md names every route, frame and part, and none that does not exist."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

from petra import errors, messages
from petra.api.application import ROUTES
from petra.api.websocket import FRAMES

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "protocol.md").read_text()


def test_routes() -> None:
    named = set(re.findall(r"^\| `([A-Z]+) (/[^ `]*)` \|", PAGE, re.M))
    # Files of the page are no protocol.
    routes = {(route.method, route.path) for route in ROUTES if not route.path.startswith("/{path")}
    assert named == routes


def test_frames() -> None:
    assert set(re.findall(r'^\| `\{type: "(\w+)"', PAGE, re.M)) == set(FRAMES)


def test_parts() -> None:
    table = PAGE.partition("| `part.kind`")[2].partition("\n\n")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", table, re.M)) == set(messages.PARTS)
    for kind in get_args(messages.SourceKind) + get_args(messages.FinishReason):
        assert f"`{kind}`" in PAGE


def test_error_codes() -> None:
    section = PAGE.partition("## Errors")[2].partition("\n## ")[0]
    named = set(re.findall(r"`([a-z_]+)`", section)) - {"code", "null"}
    assert named <= {error.code for error in [errors.PetraError, *errors.PetraError.__subclasses__()]}
