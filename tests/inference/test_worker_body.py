"""The JSON body of a request: what is refused before it is read, and what is not."""

import json
import sys
from typing import Any

import pytest

from petra.errors import BadRequest
from petra.inference.worker import body
from petra.inference.worker.body import MOST_VALUES, parse

MANY = MOST_VALUES + 1


@pytest.mark.parametrize(
    "raw",
    [
        b'{"a":[' + b",".join([b"{}"] * MANY) + b"]}",
        b'{"a":[' + b",".join([b"[]"] * (MANY // 2)) + b"]}",
        b'{"a":[' + b",".join([b'""'] * MANY) + b"]}",
        b"{" + b",".join([b'"%x":1' % number for number in range(MANY)]) + b"}",
        # What turns strings inside out for who counts carelessly.
        b'{"\\"":"\\\\","a":[' + b",".join([b"1"] * MANY) + b"]}",
        b'{"":"\\\\\\"","a":[' + b",".join([b"1"] * MANY) + b"]}",
    ],
    ids=["objects", "lists", "texts", "fields", "escaped", "escaped twice"],
)
def test_too_many_values_are_refused_before_they_are_made(
    raw: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(body.json, "loads", lambda *_, **__: pytest.fail("it was read"))
    with pytest.raises(BadRequest, match="too many parts"):
        parse(raw)


@pytest.mark.parametrize(
    "value",
    [
        "1,2,[3],{4}" * MANY,
        '"quoted", and "again"' * MANY,
        "\\" * MANY + '",[' * MANY,
        ["x[0], y{1}" * 40] * 10_000,
        ["a"] * (MOST_VALUES - 10),
    ],
    ids=["table", "quotes", "backslashes", "code", "texts"],
)
def test_what_stands_in_strings_does_not_count(value: Any) -> None:
    assert parse(json.dumps({"content": value}).encode()) == {"content": value}


def test_a_body_that_is_no_json_is_refused() -> None:
    deep = b"[" * 2 * sys.getrecursionlimit()
    bad = (b"", b"\xff", b"[]", b'{"a": NaN}', b'{"a": "\\ud800"}', deep, b'{"a":1' + b"1" * 5000)
    for raw in bad:
        with pytest.raises(BadRequest):
            parse(raw)
