"""OpenAI's and llama-server's request bodies, read and refused. What would change the answer and is not
supported is an error; what would not is ignored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from petra.errors import BadRequest
from petra.inference.worker.engine import Generation, Message, Sampling
from petra.inference.worker.fields import Fields, number
from petra.inference.worker.llamacpp.grammar import from_schema

ROLES: Mapping[str, Any] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "assistant": "assistant",
}
MOST_ANSWERS = 16
# A message costs tokens without any content, and time before they can be counted.
MOST_MESSAGES = 4096
MOST_LOGPROBS = 20
MOST_STOPS, LONGEST_STOP = 16, 500
MOST_BIASES = 1024
LONGEST_USER = 256
LONGEST_GRAMMAR = 64 * 1024
LARGEST = (1 << 31) - 1
# repeat_last_n -1 is "the whole context" in llama-server; here it is at most this, in tokens.
LONGEST_REPEAT = 32_768
RANDOM_SEED = -1

# Values that mean the same as leaving the field out.
UNSUPPORTED: Mapping[str, tuple[Any, ...]] = {
    "tools": (None, []),
    "tool_choice": (None, "none", "auto"),
    "functions": (None, []),
    "function_call": (None, "none"),
    "modalities": (None, ["text"]),
    "reasoning_effort": (None, "none"),
    "echo": (None, False),
    "best_of": (None, 1),
    "min_tokens": (None, 0),
    "stop_token_ids": (None, []),
    "typical_p": (None, 1),
    "tfs_z": (None, 1),
    "top_n_sigma": (None, -1, 0),
    "dynatemp_range": (None, 0),
    "mirostat": (None, 0),
    "dry_multiplier": (None, 0),
    "xtc_probability": (None, 0),
    "min_keep": (None, 0),
    "samplers": (None,),
    "n_probs": (None, 0),
    "n_indent": (None, 0),
    "t_max_predict_ms": (None, -1, 0),
    "lora": (None, []),
    "image_data": (None, []),
    "chat_template": (None,),
    "chat_template_kwargs": (None, {}),
    "add_generation_prompt": (None, True),
    "continue_final_message": (None, False),
}


@dataclass(frozen=True)
class Delivery:
    """How an answer is sent: as a stream of events or whole; a stream with or without its usage."""

    stream: bool
    usage: bool


def delivery(data: Mapping[str, Any]) -> Delivery:
    """`stream` and `stream_options`."""
    options = Fields(Fields(data).mapping("stream_options") or {})
    return Delivery(Fields(data).flag("stream"), options.flag("include_usage"))


def has_schema(data: Mapping[str, Any]) -> bool:
    """Whether the body brings a JSON schema: making a grammar of it may take a while."""
    return data.get("response_format") is not None or data.get("json_schema") is not None


def chat(data: Mapping[str, Any]) -> Generation:
    """The body of /v1/chat/completions. Raises BadRequest."""
    fields = Fields(data)
    items = fields.get("messages")
    if not isinstance(items, list) or not items:
        raise BadRequest("messages has to be a list that is not empty")
    if len(items) > MOST_MESSAGES:
        raise BadRequest(f"There are {len(items)} messages", cause=f"At most {MOST_MESSAGES} are taken")
    if fields.get("suffix") not in (None, ""):
        raise BadRequest("suffix is for /v1/completions", remedy="Leave suffix out")
    return _generation(
        fields,
        _chat_logprobs(fields),
        messages=tuple(_message(item) for item in items),
        public_messages=fields.whole("public_messages", 0, len(items)) or 0,
    )


def completion(data: Mapping[str, Any]) -> Generation:
    """The body of /v1/completions. Raises BadRequest."""
    fields = Fields(data)
    return _generation(
        fields,
        fields.whole("logprobs", 0, MOST_LOGPROBS),
        prompt=fields.needed_text("prompt"),
        suffix=fields.text("suffix") or None,
    )


def infill(data: Mapping[str, Any]) -> Generation:
    """The body of llama-server's /infill: what goes between `input_prefix`, `prompt` and `input_suffix`.
    Raises BadRequest."""
    fields = Fields(data)
    if fields.get("input_extra") not in (None, []):
        raise BadRequest("This model's server cannot do input_extra", remedy="Leave input_extra out")
    fields.whole("n", 1, 1)
    prefix = fields.needed_text("input_prefix") + (fields.text("prompt") or "")
    return _generation(fields, None, prompt=prefix, suffix=fields.needed_text("input_suffix"))


def _generation(fields: Fields, logprobs: int | None, **prompt: Any) -> Generation:
    _refuse_unsupported(fields)
    return Generation(
        **prompt,
        n=fields.whole("n", 1, MOST_ANSWERS) or 1,
        max_tokens=_most_tokens(fields),
        stop=tuple(stop for stop in fields.texts("stop", MOST_STOPS, LONGEST_STOP) if stop),
        sampling=_sampling(fields, logprobs),
        user=fields.text("user", LONGEST_USER),
        cache_prompt=fields.flag("cache_prompt", True),
    )


def _sampling(fields: Fields, logprobs: int | None) -> Sampling:
    seed = fields.whole("seed", -(1 << 63), (1 << 64) - 1)
    repeat = fields.whole("repeat_last_n", -1, LONGEST_REPEAT)
    return Sampling(
        temperature=fields.number("temperature", 0.8, 0, 5),
        top_k=max(0, int(fields.number("top_k", 40, -1, LARGEST))),
        top_p=fields.number("top_p", 0.95, 0, 1),
        min_p=fields.number("min_p", 0.05, 0, 1),
        seed=None if seed == RANDOM_SEED else seed,
        repeat_penalty=fields.number("repeat_penalty", 1.0, 0.01, 10),
        frequency_penalty=fields.number("frequency_penalty", 0.0, -2, 2),
        presence_penalty=fields.number("presence_penalty", 0.0, -2, 2),
        repeat_last_n=64 if repeat is None else LONGEST_REPEAT if repeat < 0 else repeat,
        logit_bias=_biases(fields.get("logit_bias")),
        ignore_eos=fields.flag("ignore_eos"),
        grammar=_grammar(fields),
        logprobs=logprobs,
    )


def _most_tokens(fields: Fields) -> int | None:
    """The longest answer, by any of its three names; llama-server's n_predict may be -1: no limit."""
    for name in ("max_completion_tokens", "max_tokens"):
        if (most := fields.whole(name, 1, LARGEST)) is not None:
            return most
    most = fields.whole("n_predict", -1, LARGEST)
    if most == 0:
        raise BadRequest("n_predict is 0", cause="An answer has at least one token")
    return None if most == -1 else most


def _chat_logprobs(fields: Fields) -> int | None:
    """How many of the likeliest to tell of each token, None for no probabilities at all."""
    top = fields.whole("top_logprobs", 0, MOST_LOGPROBS)
    if fields.flag("logprobs"):
        return top or 0
    if top:
        raise BadRequest("top_logprobs without logprobs", remedy="Set logprobs to true")
    return None


def _biases(value: Any) -> tuple[tuple[int, float], ...]:
    """OpenAI's {"token": bias}, or llama-server's [[token, bias]], where false forbids a token."""
    if value is None:
        return ()
    pairs = list(value.items()) if isinstance(value, dict) else value
    if not isinstance(pairs, list) or len(pairs) > MOST_BIASES:
        raise BadRequest(f"logit_bias has to be an object of at most {MOST_BIASES} tokens")
    return tuple(_bias(pair) for pair in pairs)


def _bias(pair: Any) -> tuple[int, float]:
    if not isinstance(pair, list | tuple) or len(pair) != 2:
        raise BadRequest("logit_bias has to name a token and its bias")
    token, bias = pair
    if isinstance(token, str) and token.isascii() and token.isdigit() and len(token) < 11:
        token = int(token)
    if isinstance(token, bool) or not isinstance(token, int) or not 0 <= token <= LARGEST:
        raise BadRequest("logit_bias has to name tokens by their numbers", remedy="/tokenize tells them")
    return token, float("-inf") if bias is False else number(bias, "logit_bias", -100, 100)


def _grammar(fields: Fields) -> str | None:
    """The GBNF grammar that the answer has to follow: given as such, or by a JSON schema."""
    given = fields.text("grammar", LONGEST_GRAMMAR) or None
    schemas = [schema for schema in (_format_schema(fields), fields.get("json_schema")) if schema is not None]
    if len(schemas) + (given is not None) > 1:
        raise BadRequest(
            "Only one of grammar, json_schema and response_format can say how the answer is formed"
        )
    if not schemas:
        return given
    if not isinstance(schemas[0], dict):
        raise BadRequest("A JSON schema has to be an object")
    return from_schema(schemas[0])


def _format_schema(fields: Fields) -> Any:
    """The schema of `response_format`, None where the answer may be any text."""
    form = fields.mapping("response_format")
    kind = form.get("type") if form else "text"
    if form is None or kind == "text":
        return None
    if kind == "json_object":
        # llama-server takes a schema here as well.
        return form.get("schema") or {"type": "object"}
    if kind == "json_schema":
        schema = (Fields(form).mapping("json_schema") or {}).get("schema")
        if schema is not None:
            return schema
        raise BadRequest("response_format has no schema", remedy="Put it into json_schema.schema")
    raise BadRequest(
        f"response_format has the type {kind!r}"[:80], cause="Possible: text, json_object, json_schema"
    )


def _message(item: Any) -> Message:
    role = item.get("role") if isinstance(item, dict) else None
    if not isinstance(role, str) or role not in ROLES:
        raise BadRequest(f"A message has the role {role!r}"[:80], cause=f"Possible: {', '.join(ROLES)}")
    content = item.get("content")
    if isinstance(content, list):
        content = "".join(_text_part(part) for part in content)
    if not isinstance(content, str):
        raise BadRequest("A message's content has to be text")
    return Message(ROLES[role], content)


def _text_part(part: Any) -> str:
    text = part.get("text") if isinstance(part, dict) and part.get("type") == "text" else None
    if not isinstance(text, str):
        raise BadRequest("This model reads text only", remedy="Leave images and files out of messages")
    return text


def _refuse_unsupported(fields: Fields) -> None:
    for name, harmless in UNSUPPORTED.items():
        if fields.get(name) not in harmless:
            raise BadRequest(f"This model's server cannot do {name}", remedy=f"Leave {name} out")
