"""Answers of a given form: JSON schemas and GBNF grammars, and what is none."""

import asyncio
import json
import re

import pytest

from tests.inference.gguf_files import BACK
from tests.inference.wire import Refused, ask, post

SCHEMA = {
    "type": "object",
    "properties": {
        "city": {"type": "string", "maxLength": 12},
        "inhabitants": {"type": "integer", "minimum": 0, "maximum": 99999999},
        "large": {"type": "boolean"},
    },
    "required": ["city", "inhabitants", "large"],
    "additionalProperties": False,
}
PARIS = {"messages": [{"role": "user", "content": "Tell me about Paris as JSON."}], "max_tokens": 80}


async def test_a_schema_is_obeyed(chat_address: str) -> None:
    schema = {"type": "json_schema", "json_schema": {"name": "city", "schema": SCHEMA}}
    answer = await ask(chat_address, PARIS | {"response_format": schema})
    data = json.loads(answer.text)
    assert answer.reason == "stop"
    assert [type(value) for value in data.values()] == [str, int, bool] and len(data["city"]) <= 12


async def test_a_schema_in_llama_servers_field(tiny_address: str) -> None:
    schema = {"type": "array", "items": {"enum": [1, 2]}, "minItems": 2, "maxItems": 3}
    answer = await ask(tiny_address, {"prompt": "give me 1 2 or 1 1 1", "json_schema": schema})
    assert json.loads(answer.text) in ([a, b, *c] for a in (1, 2) for b in (1, 2) for c in ([], [1], [2]))


async def test_any_json(chat_address: str) -> None:
    answer = await ask(chat_address, PARIS | {"response_format": {"type": "json_object"}, "max_tokens": 50})
    assert answer.text.lstrip().startswith("{")
    if answer.reason == "stop":
        assert isinstance(json.loads(answer.text), dict)


@pytest.mark.parametrize(
    ("grammar", "form"),
    [
        ('root ::= "yes" | "no"', "yes|no"),
        ('root ::= [0-9]{3} sep [a-f]{2,3}\nsep ::= "-" | "_"', "[0-9]{3}[-_][a-f]{2,3}"),
        ('root ::= "🦊" ("🐦" | "é")', "🦊(🐦|é)"),
    ],
)
async def test_a_grammar_is_obeyed(tiny_address: str, grammar: str, form: str) -> None:
    for extra in ({}, {"temperature": 1.5, "seed": 3}):
        body = {"prompt": "what it would say", "grammar": grammar, "max_tokens": 40} | extra
        answer = await ask(tiny_address, body)
        assert re.fullmatch(form, answer.text) and answer.reason == "stop"


async def test_a_grammar_changes_nothing_that_it_allows(tiny_address: str) -> None:
    body = {"prompt": "xxxxx hello world!", "grammar": "root ::= [a-z !]*", "max_tokens": BACK}
    assert (await ask(tiny_address, body)).text == "hello world!"


@pytest.mark.parametrize(
    "body",
    [
        {"grammar": "root ::= ("},
        {"grammar": "root ::= missing"},
        {"grammar": 'other ::= "a"'},
        {"grammar": 'root ::= "a" # ' + "x" * 70_000},
        {"grammar": 5},
        {"json_schema": {"type": "nonsense"}},
        {"json_schema": {"$ref": "http://127.0.0.1:1/schema.json"}},
        {"json_schema": {"$ref": "#/nowhere"}},
        {"json_schema": []},
        {"response_format": {"type": "poem"}},
        {"grammar": 'root ::= "a"', "json_schema": {"type": "object"}},
    ],
    ids=lambda body: json.dumps(body)[:40],
)
async def test_what_is_no_grammar_is_refused_and_the_others_go_on(tiny_address: str, body: object) -> None:
    assert isinstance(body, dict)
    other = asyncio.create_task(ask(tiny_address, {"prompt": "others go on", "max_tokens": 10 * BACK}))
    with pytest.raises(Refused) as refused:
        await ask(tiny_address, {"prompt": "a", "max_tokens": 4} | body)
    assert refused.value.status == 400 and refused.value.error["message"]
    assert (await other).text == "others go on" * 10


def nested(depth: int) -> dict[str, object]:
    return {"type": "object", "properties": {"a": nested(depth - 1)}} if depth else {"type": "null"}


@pytest.mark.parametrize(
    "schema",
    [
        nested(150),
        {"type": "string", "minLength": 1_000_000, "maxLength": 1_000_001},
        {"$defs": {"a": {"$ref": "#/$defs/a"}}, "$ref": "#/$defs/a"},
        {"type": "string", "pattern": "^(((a{1,99}){1,99}){1,99}){1,99}$"},
        {"anyOf": [{"type": "object", "properties": {str(n): {} for n in range(3000)}}]},
        {"type": "array", "minItems": 10**9, "items": {"type": "integer"}},
    ],
    ids=["deep", "long", "loop", "pattern", "wide", "many"],
)
async def test_a_hostile_schema_costs_the_others_nothing(tiny_address: str, schema: object) -> None:
    """Refused or answered, but the worker stays and goes on."""
    body = {"prompt": "a", "json_schema": schema, "max_tokens": 4}
    async with asyncio.timeout(20):
        try:
            await ask(tiny_address, body)
        except Refused as refused:
            assert refused.status == 400, refused.error
        health = await post(tiny_address, "/tokenize", {"content": "still there"})
    assert health["tokens"]
    assert (await ask(tiny_address, {"prompt": "still here!!", "max_tokens": BACK})).text == "still here!!"


async def test_a_grammar_with_too_many_readings_holds_up_nobody(chat_address: str) -> None:
    """Each letter may be read in eight ways, which llama.cpp follows one by one to the end of each token; the
    token that is tried first ends with a letter that may not be."""
    rules = [f"r{n} ::= " + " | ".join(f"[^z] r{m}" for m in range(8)) + ' | "!"' for n in range(8)]
    (token,) = (await post(chat_address, "/tokenize", {"content": " synthesize"}))["tokens"]
    body = {
        "prompt": "The",
        "grammar": "\n".join(["root ::= r0", *rules]),
        "logit_bias": {token: 100},
        "max_tokens": 4,
        "temperature": 0,
    }
    async with asyncio.timeout(30):
        try:
            await ask(chat_address, body)
        except Refused as refused:
            assert "ambiguous" in refused.error["message"]
        assert (await ask(chat_address, {"prompt": "The", "max_tokens": 4})).text
