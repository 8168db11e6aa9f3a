"""Whatever stands in a field, it is taken or refused: never a mistake of the worker's."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import pytest

from petra.errors import BadRequest
from petra.inference.worker import requests
from petra.inference.worker.llamacpp import gbnf
from petra.inference.worker.llamacpp.grammar import from_schema

Read = Callable[[Mapping[str, Any]], Any]

VALUES: list[Any] = [
    *(
        None,
        True,
        False,
        0,
        -1,
        1.5,
        -0.0,
        1e308,
        10**400,
        -(10**400),
        2**63,
        "",
        "a",
        "9" * 10,
        "١",
        "\0",
        "#",
    ),
    *(
        [],
        [[]],
        [None],
        [1],
        ["a"],
        ["null", []],
        [["1", 2]],
        [[1, False]],
        [[1, None]],
        [{"a": 1}],
        ["a", "null"],
    ),
    *({}, {"a": 1}, {"a": None}, {"a": {"$ref": "#"}}, {"type": []}, {"type": {}}, {"1": True}, {"²": 1}),
    *({"type": "json_object", "schema": []}, {"type": "json_schema", "json_schema": {"schema": 5}}),
]
FIELDS = [
    *requests.UNSUPPORTED,
    *(
        "messages",
        "prompt",
        "suffix",
        "input_prefix",
        "input_suffix",
        "input_extra",
        "user",
        "public_messages",
    ),
    *(
        "stream",
        "stream_options",
        "n",
        "max_tokens",
        "max_completion_tokens",
        "n_predict",
        "stop",
        "temperature",
    ),
    *("top_k", "top_p", "min_p", "seed", "repeat_penalty", "frequency_penalty", "presence_penalty"),
    *("repeat_last_n", "logit_bias", "ignore_eos", "logprobs", "top_logprobs", "grammar", "json_schema"),
    *("response_format", "cache_prompt"),
]
WORDS = [
    *(
        "type",
        "properties",
        "required",
        "additionalProperties",
        "items",
        "prefixItems",
        "minItems",
        "maxItems",
    ),
    *(
        "minLength",
        "maxLength",
        "format",
        "minimum",
        "maximum",
        "exclusiveMinimum",
        "exclusiveMaximum",
        "enum",
    ),
    *("const", "anyOf", "oneOf", "allOf", "$ref", "$defs", "pattern", "title", "default", "multipleOf"),
]
MESSAGE = {"role": "user", "content": "a"}
SCHEMAS = [
    {},
    *({"type": kind} for kind in ("object", "array", "string", "integer", "null")),
    {"properties": {"a": {}}},
]


@pytest.mark.parametrize(
    ("read", "body"),
    [
        (requests.chat, {"messages": [MESSAGE]}),
        (requests.completion, {"prompt": "a"}),
        (requests.infill, {"input_prefix": "a", "input_suffix": "b"}),
        (requests.delivery, {}),
    ],
    ids=["chat", "completion", "infill", "delivery"],
)
def test_fields(read: Read, body: dict[str, Any]) -> None:
    for field in FIELDS:
        for value in VALUES:
            with suppress(BadRequest):
                read(body | {field: value})


@pytest.mark.parametrize("value", VALUES, ids=lambda value: str(value)[:20])
def test_messages(value: Any) -> None:
    odd = [value, MESSAGE | {"role": value}, MESSAGE | {"content": value}, MESSAGE | {"content": [value]}]
    parts = [{"type": "text", "text": value}, {"type": value, "text": "a"}]
    for message in [*odd, *(MESSAGE | {"content": [part]} for part in parts)]:
        with suppress(BadRequest):
            requests.chat({"messages": [message]})


@pytest.mark.parametrize("word", WORDS)
def test_schemas(word: str) -> None:
    for schema in SCHEMAS:
        for value in VALUES:
            with suppress(BadRequest):
                gbnf.check(from_schema(schema | {word: value}))


def test_null_is_no_bound() -> None:
    bounds = {"minItems": None, "maxItems": None, "items": {"type": "string", "minLength": None}}
    assert from_schema({"type": "array"} | bounds) == from_schema(
        {"type": "array", "items": {"type": "string"}}
    )
