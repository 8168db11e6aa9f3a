"""JSON schemas as grammars: whatever is said under one is JSON of that schema."""

import json
from collections.abc import Callable
from datetime import date, datetime
from typing import Any
from uuid import UUID

import numpy as np
import pytest

from petra.errors import BadRequest
from petra.inference.worker.engine import Sampling
from petra.inference.worker.llamacpp.constraint import Constraint
from petra.inference.worker.llamacpp.context import LlamaContext
from petra.inference.worker.llamacpp.grammar import from_schema
from petra.inference.worker.llamacpp.model import LlamaModel
from petra.inference.worker.llamacpp.sampler import LlamaSampler
from tests.inference.llamacpp.reading import read, tokens_of

CITY = {
    "title": "City",
    "type": "object",
    "properties": {
        "name": {"type": "string", "minLength": 1, "maxLength": 8, "description": "its name"},
        "inhabitants": {"type": "integer", "minimum": 0, "maximum": 99_999_999},
        "large": {"type": "boolean"},
        "rivers": {"type": "array", "items": {"enum": ["Seine", 'a "b"\\c\n', 3, None]}, "maxItems": 3},
    },
    "required": ["name", "large"],
}
TREE = {
    "$ref": "#/$defs/node",
    "$defs": {
        "node": {
            "type": "object",
            "properties": {
                "value": {"type": "integer", "exclusiveMinimum": -3, "exclusiveMaximum": 12},
                "next": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]},
            },
            "required": ["value", "next"],
        }
    },
}
MERGED = {
    "allOf": [
        {"$ref": "#/definitions/a~1b"},
        {"properties": {"n": {"type": "null"}}, "additionalProperties": {"type": "boolean"}},
    ],
    "definitions": {"a/b": {"properties": {"m": {"const": {"x": [1]}}}, "required": ["m"]}},
}


def is_city(value: Any) -> bool:
    order = [name for name in CITY["properties"] if name in value]
    return (
        list(value) == order
        and {"name", "large"} <= value.keys()
        and 1 <= len(value["name"]) <= 8
        and type(value["large"]) is bool
        and 0 <= value.get("inhabitants", 0) <= 99_999_999
        and all(river in ("Seine", 'a "b"\\c\n', 3, None) for river in value.get("rivers", []))
        and len(value.get("rivers", [])) <= 3
    )


def is_tree(value: Any) -> bool:
    while value is not None:
        if not (list(value) == ["value", "next"] and -3 < value["value"] < 12):
            return False
        value = value["next"]
    return True


def has_time(text: str) -> bool:
    return datetime.fromisoformat(text).tzinfo is not None


CASES: dict[str, tuple[dict[str, Any], Callable[[Any], bool]]] = {
    "object": (CITY, is_city),
    "recursion": (TREE, is_tree),
    "merged": (MERGED, lambda value: next(iter(value)) == "m" and value["m"] == {"x": [1]}),
    "any object": ({"type": "object"}, lambda value: isinstance(value, dict)),
    "anything": ({"items": {}}, lambda value: isinstance(value, list)),
    "map": (
        {"type": "object", "additionalProperties": {"type": "null"}},
        lambda v: set(v.values()) <= {None},
    ),
    "required beyond": (
        {"type": "object", "required": ["k"], "additionalProperties": {"type": "null"}},
        lambda value: value["k"] is None,
    ),
    "list": (
        {"type": "array", "items": {"type": "boolean"}, "minItems": 2, "maxItems": 4},
        lambda value: 2 <= len(value) <= 4,
    ),
    "no items": ({"type": "array", "items": {}, "maxItems": 0}, lambda value: value == []),
    "tuple": (
        {"prefixItems": [{"type": "null"}, {"type": "boolean"}, {"type": "integer"}], "minItems": 1},
        lambda value: [type(one) for one in value] == [type(None), bool, int][: len(value)] and value,
    ),
    "tuple and more": (
        {"prefixItems": [{"type": "null"}], "items": {"type": "boolean"}, "minItems": 3, "maxItems": 4},
        lambda value: value[0] is None and 3 <= len(value) <= 4 and set(value[1:]) <= {True, False},
    ),
    "types": ({"type": ["integer", "null"], "minimum": 5}, lambda value: value is None or value >= 5),
    "choice": ({"oneOf": [{"const": "x"}, {"type": "number"}]}, lambda v: v == "x" or v == float(v)),
    "date": ({"type": "string", "format": "date"}, lambda value: len(value) == 10),
    "uuid": ({"type": "string", "format": "uuid"}, lambda value: str(UUID(value)) == value.lower()),
}


def say(model: LlamaModel, schema: dict[str, Any], seed: int) -> Any:
    """A value that chance writes under the schema; ends are liked, so that it does not go on for ever."""
    constraint = Constraint(model, from_schema(schema))
    chance = np.random.default_rng(seed)
    pieces = [model.piece(token) for token in range(model.vocabulary)]
    liked = [token for token, piece in enumerate(pieces) if piece in (b'"', b"}", b"]", b"n", b"0")]
    # llama.cpp counts any bytes that look like a character; a model that has learnt text writes no others.
    parts = [token for token, piece in enumerate(pieces) if piece.decode(errors="ignore").encode() != piece]
    said = b""
    for step in range(600):
        logits = chance.gumbel(size=model.vocabulary).astype(np.float32)
        logits[liked] += 6 if step > 20 else 2
        logits[list(model.end_tokens)] += 50
        logits[parts] = -np.inf
        allowed = constraint.allowed(logits, len(logits))
        token = int(allowed["id"][allowed["logit"].argmax()])
        if model.ends(token):
            break
        said += model.piece(token)
        constraint.accept(token)
    constraint.close()
    return json.loads(said)


@pytest.mark.parametrize("name", CASES)
def test_what_chance_says_is_of_the_schema(tiny: LlamaModel, name: str) -> None:
    """By bytes, which the strings of a schema are checked with as well as all else."""
    schema, right = CASES[name]
    for seed in range(4):
        assert right(value := say(tiny, schema, seed)), value


def test_the_tokens_of_a_real_model(smol: LlamaModel) -> None:
    for seed in range(3):
        assert is_city(say(smol, CITY, seed))


def test_dates_and_times_are_read_again(tiny: LlamaModel) -> None:
    grammar = from_schema({"type": "string", "format": "date-time"})
    for text, right in (
        ('"2024-02-29T23:59:59.5Z"', True),
        ('"2024-13-01T00:00:00Z"', False),
        ('"2024-01-01T24:00:00Z"', False),
        ('"2024-01-01T10:00:00+02:00"', True),
        ('"2024-01-01T10:00:00"', False),
    ):
        assert follows(tiny, grammar, text) is right, text
        assert not right or has_time(json.loads(text))
    assert date.fromisoformat("2024-02-29")


def follows(model: LlamaModel, grammar: str, text: str) -> bool:
    """Whether a text is one of the grammar."""
    constraint = Constraint(model, grammar)
    try:
        for token in model.tokenize(text):
            if not constraint.allows(token):
                return False
            constraint.accept(token)
        return any(constraint.allows(end) for end in model.end_tokens)
    finally:
        constraint.close()


@pytest.mark.parametrize(
    ("schema", "value", "right"),
    [
        (CITY, {"name": "Paris", "large": True}, True),
        (CITY, {"name": "Ürümqi", "inhabitants": 100000000, "large": True}, False),
        (CITY, {"large": True, "name": "Paris"}, False),
        (CITY, {"name": "Paris", "large": True, "more": 1}, False),
        (CITY, {"name": "", "large": True}, False),
        ({"type": "object", "properties": {}}, {}, True),
        ({"type": "object", "properties": {}}, {"a": 1}, False),
        ({"properties": {"a": {}}, "additionalProperties": True}, {"b": [1.5e3, "x"]}, True),
        ({"const": "x\u0007\u2028😀"}, "x\u0007\u2028😀", True),
        ({"type": "string", "maxLength": 2}, '\\"', True),
        ({"type": "number"}, -0.25, True),
        ({"type": "integer"}, 1.5, False),
        (True, {"a": [None, {}]}, True),
    ],
)
def test_json_as_python_writes_it(tiny: LlamaModel, schema: Any, value: Any, right: bool) -> None:
    grammar = from_schema({"anyOf": [schema]})
    for compact in ((",", ":"), (", ", ": ")):
        text = json.dumps(value, ensure_ascii=False, separators=compact)
        assert follows(tiny, grammar, text) is right


def deep(levels: int) -> dict[str, Any]:
    return {"type": "array", "items": deep(levels - 1)} if levels else {"type": "null"}


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "nonsense"},
        {"type": 5},
        {"type": []},
        {"enum": []},
        {"enum": 1},
        {"properties": []},
        {"type": "object", "required": ["a"], "properties": {}},
        {"type": "object", "patternProperties": {"a": {}}},
        {"type": "string", "pattern": "^]$"},
        {"type": "string", "format": "email"},
        {"type": "number", "minimum": 1},
        {"type": "integer", "minimum": 1.5},
        {"type": "integer", "minimum": 3, "maximum": 2},
        {"type": "integer", "maximum": 10**400},
        {"not": {}},
        {"anyOf": [{"type": "string"}], "minLength": 3},
        {"type": "array", "items": [{}]},
        {"type": "array", "minItems": -1},
        {"type": "array", "minItems": 3, "maxItems": 2},
        {"type": "array", "items": False, "minItems": 1},
        {"type": "string", "maxLength": 10**9},
        {"allOf": [{"type": "string"}]},
        {"$ref": "http://127.0.0.1:1/a.json"},
        {"$ref": "https://127.0.0.1:1/a.json"},
        {"allOf": [{"$ref": "file:///etc/passwd"}]},
        {"$ref": "#/nowhere"},
        {"$ref": 5},
        {"anyOf": [False]},
        {"properties": {"a": "b"}},
        deep(500),
        {"anyOf": [{"const": n} for n in range(3000)]},
        {"properties": {str(n): {"type": "null"} for n in range(3000)}},
    ],
    ids=lambda schema: json.dumps(schema)[:40],
)
def test_what_no_grammar_can_say_is_refused(schema: dict[str, Any]) -> None:
    with pytest.raises(BadRequest, match="schema"):
        from_schema(schema)


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#"},
        {"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}},
        {"anyOf": [{"$ref": "#"}, {"type": "null"}]},
        {"enum": ["x" * 70_000]},
    ],
    ids=["itself", "each other", "by a choice", "long"],
)
def test_what_would_never_end_is_refused_as_a_grammar(smol: LlamaModel, schema: dict[str, Any]) -> None:
    with pytest.raises(BadRequest, match="grammar"):
        Constraint(smol, from_schema(schema))


def test_the_model_chooses_within_the_grammar(unified: LlamaContext, model: LlamaModel) -> None:
    """What it would say anyway is not touched; what it may not say is replaced by the next best."""
    prompt = tokens_of(model, "The capital of Italy is")
    read(unified, 0, prompt)
    row = len(prompt) - 1
    logits = unified.logits(row)
    prefixes = [
        token
        for token in range(model.vocabulary)
        if (piece := model.piece(token)) and b" Paris".startswith(piece)
    ]
    best = max(prefixes, key=lambda token: float(logits[token]))
    for grammar, expected in (("root ::= .*", int(logits.argmax())), ('root ::= " Paris"', best)):
        for temperature in (0, 1.5):
            sampler = unified.sampler(Sampling(temperature=temperature, top_k=1, grammar=grammar), prompt)
            assert sampler.sample(row).token == expected
            sampler.close()


def test_the_end_of_a_grammar_is_the_end(tiny: LlamaModel) -> None:
    """Also where ends are not wanted: nothing else can come."""
    logits = np.random.default_rng(1).normal(size=tiny.vocabulary).astype(np.float32)
    for temperature in (0, 1):
        sampling = Sampling(temperature=temperature, ignore_eos=True, grammar='root ::= "ab"')
        sampler = LlamaSampler(tiny, lambda row: logits, sampling, ())
        said = [sampler.sample(0).token for _ in range(3)]
        assert b"".join(tiny.piece(token) for token in said[:2]) == b"ab" and tiny.ends(said[2])
        sampler.close()
