"""What a request's fields mean, and which are refused."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from petra.errors import BadRequest
from petra.inference.worker import body, requests
from petra.inference.worker.engine import Generation, Message, Sampling
from petra.inference.worker.llamacpp.grammar import from_schema

MESSAGES = [{"role": "user", "content": "Why?"}]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
# The fields that docs/protocol.md names.
SECTION = (Path(__file__).parents[2] / "docs" / "protocol.md").read_text().partition("## The worker's")[2]
TABLE = SECTION.partition("| field |")[2].partition("\n\n")[0]
KNOWN = sorted({name for row in TABLE.splitlines() for name in re.findall(r"`(\w+)`", row.split("|")[1])})


class Read(dict[str, Any]):
    """A body that notes which of its fields are looked at."""

    def __init__(self, **fields: Any) -> None:
        super().__init__(fields)
        self.names: set[str] = set()

    def get(self, name: str, default: Any = None) -> Any:
        self.names.add(name)
        return super().get(name, default)


def chat(**fields: Any) -> Generation:
    return requests.chat({"messages": MESSAGES, **fields})


def completion(**fields: Any) -> Generation:
    return requests.completion({"prompt": "Once", **fields})


def test_without_fields_everything_is_as_llama_server_has_it() -> None:
    assert chat() == Generation(messages=(Message("user", "Why?"),))
    assert chat().sampling == Sampling(0.8, 40, 0.95, 0.05, None, 1.0, 0.0, 0.0, 64)
    assert completion() == Generation(prompt="Once")


def test_the_page_names_every_field() -> None:
    bodies = [
        Read(messages=MESSAGES),
        Read(prompt="a"),
        Read(input_prefix="a", input_suffix="b"),
    ]
    for read, data in zip((requests.chat, requests.completion, requests.infill), bodies, strict=True):
        read(data)
        requests.delivery(data)
    named = set().union(*(data.names for data in bodies)) - set(requests.UNSUPPORTED) - {"input_extra"}
    assert named | {"model"} == set(KNOWN)


def test_null_is_the_same_as_nothing() -> None:
    nothing = dict.fromkeys([*KNOWN, *requests.UNSUPPORTED])
    assert requests.chat({**nothing, "messages": MESSAGES}) == chat()
    assert requests.completion({**nothing, "prompt": "Once"}) == completion()


@pytest.mark.parametrize(
    ("field", "value", "attribute", "meaning"),
    [
        ("n", 16, "n", 16),
        ("max_tokens", 5, "max_tokens", 5),
        ("max_completion_tokens", 5, "max_tokens", 5),
        ("n_predict", 5, "max_tokens", 5),
        ("n_predict", -1, "max_tokens", None),
        ("stop", "a", "stop", ("a",)),
        ("stop", ["a", "", "b"], "stop", ("a", "b")),
        ("user", "ann", "user", "ann"),
        ("user", "", "user", ""),
        ("public_messages", 1, "public_messages", 1),
        ("cache_prompt", False, "cache_prompt", False),
    ],
)
def test_fields_of_a_request(field: str, value: object, attribute: str, meaning: object) -> None:
    assert getattr(chat(**{field: value}), attribute) == meaning


@pytest.mark.parametrize(
    ("field", "value", "attribute", "meaning"),
    [
        ("temperature", 0, "temperature", 0.0),
        ("top_k", 0, "top_k", 0),
        ("top_k", -1, "top_k", 0),
        ("min_p", 0.2, "min_p", 0.2),
        ("seed", 7, "seed", 7),
        ("seed", -1, "seed", None),
        ("repeat_last_n", 0, "repeat_last_n", 0),
        ("repeat_last_n", -1, "repeat_last_n", requests.LONGEST_REPEAT),
        ("ignore_eos", True, "ignore_eos", True),
        ("grammar", 'root ::= "a"', "grammar", 'root ::= "a"'),
        ("grammar", "", "grammar", None),
        ("logit_bias", {"15": 1.5, "3": -100}, "logit_bias", ((15, 1.5), (3, -100.0))),
        ("logit_bias", [[15, False], ["3", 2]], "logit_bias", ((15, float("-inf")), (3, 2.0))),
        ("response_format", {"type": "text"}, "grammar", None),
    ],
)
def test_fields_of_the_sampling(field: str, value: object, attribute: str, meaning: object) -> None:
    assert getattr(chat(**{field: value}).sampling, attribute) == meaning


def test_probabilities_are_asked_for_in_two_ways() -> None:
    assert chat(logprobs=True).sampling.logprobs == 0
    assert chat(logprobs=True, top_logprobs=20).sampling.logprobs == 20
    assert chat(logprobs=False, top_logprobs=0).sampling.logprobs is None
    assert completion(logprobs=0).sampling.logprobs == 0
    assert completion(logprobs=3).sampling.logprobs == 3
    assert completion().sampling.logprobs is None


def test_a_schema_becomes_a_grammar_wherever_it_stands() -> None:
    schema = {"type": "boolean"}
    grammars = {
        chat(json_schema=schema).sampling.grammar,
        chat(response_format={"type": "json_object", "schema": schema}).sampling.grammar,
        chat(response_format={"type": "json_schema", "json_schema": {"schema": schema}}).sampling.grammar,
    }
    assert len(grammars) == 1 and '"true" | "false"' in str(grammars)
    assert "root ::=" in str(chat(response_format={"type": "json_object"}).sampling.grammar)


def test_a_hole_to_fill() -> None:
    assert completion(suffix="end").suffix == "end"
    assert completion(suffix="").suffix is None
    hole = requests.infill({"input_prefix": "def f(", "prompt": "a", "input_suffix": "", "n_predict": 4})
    assert (hole.prompt, hole.suffix, hole.max_tokens) == ("def f(a", "", 4)


def test_messages_in_parts_and_by_other_names() -> None:
    items = [
        {"role": "developer", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": "W"}, {"type": "text", "text": "hy?"}]},
    ]
    found = requests.chat({"messages": items}).messages
    assert found == (Message("system", "Be brief."), Message("user", "Why?"))


def test_how_it_is_sent() -> None:
    assert requests.delivery({}) == requests.Delivery(stream=False, usage=False)
    asked = {"stream": True, "stream_options": {"include_usage": True}}
    assert requests.delivery(asked) == requests.Delivery(stream=True, usage=True)


@pytest.mark.parametrize(
    "fields",
    [
        {"messages": []},
        {"messages": {"role": "user", "content": "a"}},
        {"messages": [{"role": "robot", "content": "a"}]},
        {"messages": [{"role": ["user"], "content": "a"}]},
        {"messages": [{"role": "user", "content": 5}]},
        {"messages": [{"role": "user", "content": [{"type": "image_url"}]}]},
        {"n": 0},
        {"n": 17},
        {"n": True},
        {"n": 2.0},
        {"max_tokens": 0},
        {"n_predict": 0},
        {"n_predict": -2},
        {"max_tokens": 10**400},
        {"temperature": -1},
        {"temperature": "0"},
        {"temperature": 10**400},
        {"top_p": 1.1},
        {"seed": 1.5},
        {"repeat_last_n": -2},
        {"stop": 5},
        {"stop": ["a"] * 17},
        {"stop": "a" * 501},
        {"user": 5},
        {"user": "a" * 257},
        {"public_messages": 2},
        {"public_messages": -1},
        {"cache_prompt": 1},
        {"ignore_eos": "yes"},
        {"logprobs": 5},
        {"top_logprobs": 5},
        {"logprobs": True, "top_logprobs": 21},
        {"logit_bias": {"hello": 1}},
        {"logit_bias": {"-1": 1}},
        {"logit_bias": {"1": True}},
        {"logit_bias": {"1": 101}},
        {"logit_bias": [[1]]},
        {"logit_bias": {str(n): 1 for n in range(2000)}},
        {"grammar": 5},
        {"grammar": "a" * 70_000},
        {"json_schema": []},
        {"json_schema": {"type": "nonsense"}},
        {"grammar": 'root ::= "a"', "json_schema": {"type": "object"}},
        {"json_schema": {"type": "object"}, "response_format": {"type": "json_object"}},
        {"response_format": {"type": "poem"}},
        {"response_format": {"type": "json_schema"}},
        {"response_format": "json"},
        {"suffix": "end"},
        {"tools": [{"type": "function"}]},
        {"echo": True},
        {"best_of": 3},
        {"mirostat": 2},
        {"typical_p": 0.5},
        {"dry_multiplier": 0.8},
        {"xtc_probability": 0.1},
        {"samplers": ["top_k"]},
    ],
    ids=lambda fields: json.dumps(fields)[:50],
)
def test_what_would_change_the_answer_and_cannot_be_done_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(BadRequest):
        chat(**fields)


@pytest.mark.parametrize(
    "fields",
    [
        {"tools": [], "tool_choice": "auto"},
        {"typical_p": 1.0, "mirostat": 0, "dry_multiplier": 0.0, "xtc_probability": 0},
        {"echo": False, "best_of": 1, "suffix": ""},
        {"metadata": {"a": "b"}, "store": False, "id_slot": -1, "timings_per_token": True},
    ],
)
def test_what_changes_nothing_is_taken(fields: dict[str, Any]) -> None:
    assert chat(**fields) == chat()


@pytest.mark.parametrize(
    "read",
    [requests.chat, requests.completion, requests.infill, requests.delivery],
    ids=lambda read: read.__name__,
)
@given(fields=st.dictionaries(st.sampled_from([*KNOWN, *requests.UNSUPPORTED]), JSON, max_size=4))
def test_any_json_is_read_or_refused(read: Any, fields: dict[str, Any]) -> None:
    given = {"messages": MESSAGES, "prompt": "a", "input_prefix": "a", "input_suffix": "b"} | fields
    try:
        read(given)
    except BadRequest as error:
        assert error.what


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"[]",
        b"\xff{}",
        b'{"a": NaN}',
        b'{"a": Infinity}',
        b'{"a": "\\ud800"}',
        b'{"\\uDC00": 1}',
        b"[" * 40_000,
        b'{"a": ' + b"9" * 5000 + b"}",
    ],
    ids=lambda raw: repr(raw[:20]),
)
def test_what_is_no_json_object_is_refused(raw: bytes) -> None:
    with pytest.raises(BadRequest, match="JSON"):
        body.parse(raw)


def test_an_escaped_emoji_is_json() -> None:
    assert body.parse(b'{"a": "\\ud83e\\udd8a"}') == {"a": "🦊"}


def test_what_costs_more_than_its_size_is_refused_at_once() -> None:
    """A thousand references to the same thousand properties; and a message costs tokens without a content."""
    properties = {f"p{number}": {} for number in range(1000)}
    schema = {"$defs": {"o": {"properties": properties}}, "allOf": [{"$ref": "#/$defs/o"}] * 1000}
    with pytest.raises(BadRequest, match="schema") as refused:
        from_schema(schema)
    assert "parts" in refused.value.cause
    with pytest.raises(BadRequest, match="schema"):
        from_schema({"enum": ["x" * 1000] * 1000})
    with pytest.raises(BadRequest, match="messages"):
        requests.chat({"messages": [{"role": "user", "content": ""}] * 5000})
