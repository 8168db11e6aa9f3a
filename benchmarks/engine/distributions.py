"""Next-token probabilities of a request in a batch against those of the same request alone."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmarks.engine import load
from benchmarks.engine.prompts import Message
from benchmarks.engine.servers import Server

LISTED = 20
MARGIN = 1.0
"""Between the two likeliest tokens' logarithms: above it a batch must not change the choice."""

Distribution = Mapping[bytes, float]
"""Natural logarithms of the likeliest tokens' probabilities, by the tokens' bytes."""


@dataclass(frozen=True)
class Difference:
    """Kullback–Leibler divergence in nats, and whether the likeliest token changed though it was sure."""

    divergence: float
    changed: bool


async def next_token(server: Server, messages: Sequence[Message], person: str) -> Distribution | None:
    """What may come first in the answer. None where the server refuses the request."""
    body = load.chat_body(messages, person, 1) | {"stream": False, "logprobs": True, "top_logprobs": LISTED}
    status, answer = await load.post(server, body)
    if status != 200:
        return None
    listed = answer["choices"][0]["logprobs"]["content"][0]["top_logprobs"]
    return {bytes(item["bytes"]): float(item["logprob"]) for item in listed}


def difference(alone: Distribution, batch: Distribution) -> Difference:
    """Of the distribution in a batch from the one alone, over all tokens that either lists, with the rest as
    one more. A token that a list does not have counts as likely as its last one, which it cannot exceed."""
    tokens = alone.keys() | batch.keys()
    p, q = (_shares(one, tokens) for one in (alone, batch))
    divergence = sum(a * math.log(a / b) for a, b in zip(p, q, strict=True))
    first, second = sorted(alone.values(), reverse=True)[:2]
    changed = max(alone, key=alone.__getitem__) != max(batch, key=batch.__getitem__)
    return Difference(divergence, changed and first - second > MARGIN)


def _shares(one: Distribution, tokens: set[bytes]) -> list[float]:
    least = min(one.values())
    listed = [math.exp(one.get(token, least)) for token in sorted(tokens)]
    rest = max(1.0 - sum(listed), 1e-6)
    whole = sum(listed) + rest
    return [share / whole for share in (*listed, rest)]
