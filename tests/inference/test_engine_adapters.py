"""A LoRA is a model by its own name, beside the model it adapts."""

import asyncio

import pytest

from tests.inference.gguf_files import BACK
from tests.inference.wire import Refused, ask, get

BODY = {"prompt": "xxxxxHelloMyWorld", "max_tokens": BACK}


async def test_the_adapter_changes_the_answer(tiny_address: str) -> None:
    assert (await ask(tiny_address, BODY)).text == "HelloMyWorld"
    assert (await ask(tiny_address, BODY | {"model": "shout"})).text == "hELLOmYwORLD"
    assert (await ask(tiny_address, BODY | {"model": "echo"})).text == "HelloMyWorld"


async def test_both_at_once(tiny_address: str) -> None:
    names = ["echo", "shout"] * 6
    bodies = [BODY | {"model": name, "max_tokens": 4 * BACK} for name in names]
    answers = await asyncio.gather(*(ask(tiny_address, body) for body in bodies))
    # What the adapter swaps it hears swapped, and swaps back.
    said = {"echo": "HelloMyWorld" * 4, "shout": "hELLOmYwORLDHelloMyWorld" * 2}
    assert [answer.text for answer in answers] == [said[name] for name in names]


async def test_they_are_listed_with_their_base(tiny_address: str) -> None:
    models = {model["id"]: model for model in (await get(tiny_address, "/v1/models"))["data"]}
    assert next(iter(models)) == "echo" and {"page", "soft", "shout"} < set(models)
    assert models["shout"]["parent"] == "echo"


async def test_an_unknown_model_is_refused(tiny_address: str) -> None:
    with pytest.raises(Refused) as refused:
        await ask(tiny_address, BODY | {"model": "whisper"})
    assert refused.value.status == 404 and "whisper" in refused.value.error["message"]
