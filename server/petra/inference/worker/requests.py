"""OpenAI request bodies, read and refused. What would change the answer and is not supported is an
error; what would not is ignored."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from petra.errors import BadRequest
from petra.inference.worker.engine import Generation, Message, Sampling

ROLES: Mapping[str, Any] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "assistant": "assistant",
}
# Value that means the same as leaving the field out.
UNSUPPORTED: Mapping[str, tuple[Any, ...]] = {
    "n": (None, 1),
    "tools": (None, []),
    "functions": (None, []),
    "logprobs": (None, False, 0),
    "logit_bias": (None, {}),
    "response_format": (None, {"type": "text"}),
    "suffix": (None, ""),
    "echo": (None, False),
    "best_of": (None, 1),
}


def body(raw: bytes) -> dict[str, Any]:
    """A JSON object. Raises BadRequest for anything else, NaN and lone surrogates included."""
    try:
        text = raw.decode("utf-8")
        data = json.loads(text, parse_constant=_no_constant)
        json.dumps(data, ensure_ascii=False).encode("utf-8")
    except (ValueError, RecursionError) as error:
        raise BadRequest("The request's body is not valid JSON", cause=str(error)[:200]) from error
    if not isinstance(data, dict):
        raise BadRequest("The request's body is not a JSON object")
    return data


def chat(data: Mapping[str, Any]) -> Generation:
    """The body of /v1/chat/completions. Raises BadRequest."""
    _check_supported(data)
    items = data.get("messages")
    if not isinstance(items, list) or not items:
        raise BadRequest("messages has to be a list that is not empty")
    return _generation(data, messages=tuple(_message(item) for item in items))


def completion(data: Mapping[str, Any]) -> Generation:
    """The body of /v1/completions. Raises BadRequest; this model cannot fill in the middle."""
    _check_supported(data)
    prompt = data.get("prompt")
    if not isinstance(prompt, str):
        raise BadRequest("prompt has to be a text")
    return _generation(data, prompt=prompt)


def texts(value: Any, name: str, most: int = 2048) -> list[str]:
    """One text or a list of them. Raises BadRequest."""
    items = [value] if isinstance(value, str) else value
    if not isinstance(items, list) or not all(isinstance(item, str) for item in items):
        raise BadRequest(f"{name} has to be a text or a list of texts")
    if len(items) > most:
        raise BadRequest(f"{name} has {len(items)} texts", cause=f"At most {most} are taken at once")
    return items


def _generation(data: Mapping[str, Any], **prompt: Any) -> Generation:
    stop = data.get("stop")
    user = data.get("user")
    return Generation(
        **prompt,
        max_tokens=_whole(data, "max_completion_tokens") or _whole(data, "max_tokens"),
        stop=tuple(texts(stop, "stop", 16)) if stop is not None else (),
        sampling=Sampling(
            temperature=_number(data, "temperature", 0.8, 0, 5),
            top_k=int(_number(data, "top_k", 40, 0, 1e6)),
            top_p=_number(data, "top_p", 0.95, 0, 1),
            min_p=_number(data, "min_p", 0.05, 0, 1),
            seed=_whole(data, "seed", least=-(1 << 63)),
            repeat_penalty=_number(data, "repeat_penalty", 1.0, 0, 10),
            frequency_penalty=_number(data, "frequency_penalty", 0.0, -2, 2),
            presence_penalty=_number(data, "presence_penalty", 0.0, -2, 2),
        ),
        user=user if isinstance(user, str) else None,
    )


def _message(item: Any) -> Message:
    role = item.get("role") if isinstance(item, dict) else None
    if not isinstance(role, str) or role not in ROLES:
        raise BadRequest(f"A message has the role {role!r}", cause=f"Possible: {', '.join(ROLES)}")
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


def _check_supported(data: Mapping[str, Any]) -> None:
    for name, harmless in UNSUPPORTED.items():
        if data.get(name) not in harmless:
            raise BadRequest(f"This model's server cannot do {name}", remedy=f"Leave {name} out")


def _number(data: Mapping[str, Any], name: str, default: float, low: float, high: float) -> float:
    value = data.get(name)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise BadRequest(f"{name} has to be a number")
    if not low <= value <= high:
        raise BadRequest(f"{name} is {value}", cause=f"It has to be between {low} and {high}")
    return float(value)


def _whole(data: Mapping[str, Any], name: str, least: int = 1) -> int | None:
    value = data.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise BadRequest(f"{name} has to be a whole number" + (" above 0" if least == 1 else ""))
    return value


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
