"""A hundred answers together, of models whose every token is known."""

import asyncio
import random
from contextlib import aclosing

import pytest

from tests.inference.gguf_files import BACK, PAGE
from tests.inference.wire import Body, Refused, ask, events, get


async def test_a_hundred_answers_and_nobodys_is_anothers(tiny_address: str) -> None:
    """Base and adapter, long and short, whole and cancelled, with mistakes in between: each text is its
    own prompt's. The models say exactly what they read, so every token is checked."""
    chance = random.Random(4711)  # noqa: S311

    async def one(number: int) -> None:
        secret = f"{number:04}" + "".join(chance.choice("abcdef") for _ in range(BACK - 4))
        before = "before it " * chance.randrange(40)
        body: Body = {"prompt": before + secret, "max_tokens": BACK, "user": f"u{number % 9}"}
        kind = chance.choice(["echo", "echo", "shout", "page", "cancel", "wrong", "long"])
        await asyncio.sleep(chance.random())
        if kind == "page":
            body |= {"model": "page", "prompt": f"{secret:>{PAGE}}", "max_tokens": PAGE}
            assert (await ask(tiny_address, body)).text == f"{secret:>{PAGE}}"
        elif kind == "wrong":
            with pytest.raises(Refused):
                await ask(tiny_address, body | {"grammar": "root ::= ("})
        elif kind == "long":
            with pytest.raises(Refused, match="too long"):
                await ask(tiny_address, body | {"prompt": "x" * 5000})
        elif kind == "cancel":
            body |= {"max_tokens": 900}
            async with aclosing(events(tiny_address, "/v1/completions", body)) as stream:
                for _ in range(chance.randrange(20)):
                    await anext(stream)
        else:
            said = secret if kind == "echo" else secret.upper()
            answer = await ask(tiny_address, body | {"model": kind})
            # The adapter's case bit changes digits, too.
            assert answer.text[4:] == said[4:] and (kind == "shout" or answer.text == said)
            assert answer.whole and answer.error is None

    async with asyncio.timeout(60):
        await asyncio.gather(*(one(number) for number in range(100)))
    assert (await get(tiny_address, "/health"))["queued"] == 0
