"""Fill-in-the-middle, by the model's own tokens or not at all."""

from contextlib import aclosing

import pytest

from petra.errors import BadRequest
from petra.inference.client import ModelEndpoint
from tests.inference.gguf_files import BACK
from tests.inference.wire import Refused, ask, get, post


async def test_the_model_reads_prefix_suffix_and_middle_in_the_order_it_was_trained_for(
    tiny_address: str,
) -> None:
    """llama-server's order; the tiny model hears the three marks as <, | and >."""
    answer = await ask(tiny_address, {"prompt": "abcde", "suffix": "wxyz", "max_tokens": BACK})
    assert answer.text == "<abcde|wxyz>"


async def test_a_mark_in_the_text_is_text(tiny_address: str) -> None:
    answer = await ask(tiny_address, {"prompt": "a<SUF>b", "suffix": "cd", "max_tokens": BACK})
    assert answer.text == "<a<SUF>b|cd>"


async def test_an_empty_prefix_is_a_place_too(tiny_address: str) -> None:
    answer = await ask(tiny_address, {"prompt": "", "suffix": "fghijklmn", "max_tokens": BACK})
    assert answer.text == "<|fghijklmn>"


async def test_infill_in_llama_servers_form(tiny_address: str) -> None:
    body = {"input_prefix": "abcde", "input_suffix": "wxyz", "n_predict": BACK, "temperature": 0}
    assert (await post(tiny_address, "/infill", body))["content"] == "<abcde|wxyz>"


async def test_a_model_without_the_tokens_says_so(chat_address: str, tiny_address: str) -> None:
    with pytest.raises(Refused, match="fill in the middle") as refused:
        await ask(chat_address, {"prompt": "def f(", "suffix": "return x", "max_tokens": 4})
    assert refused.value.status == 400
    assert (await get(tiny_address, "/health"))["infill"] is True
    assert not (await get(chat_address, "/health"))["infill"]


async def test_the_client_streams_what_fits_between(tiny_address: str) -> None:
    endpoint = ModelEndpoint(tiny_address)
    async with aclosing(endpoint.fill_in("abcde", "wxyz", max_tokens=BACK, user="somebody")) as parts:
        said = [part async for part in parts]
    assert "".join(said) == "<abcde|wxyz>"
    assert len(said) > 1
    await endpoint.close()


async def test_the_client_is_told_that_a_model_cannot(chat_address: str) -> None:
    endpoint = ModelEndpoint(chat_address)
    with pytest.raises(BadRequest) as refused:
        async with aclosing(endpoint.fill_in("def f(", "return x", max_tokens=4)) as parts:
            await anext(parts)
    assert "fill in the middle" in refused.value.cause
    await endpoint.close()
