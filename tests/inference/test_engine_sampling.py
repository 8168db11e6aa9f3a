"""Chance and probability: seeds, several answers, and logprobs that are what the model thought."""

import math

import numpy as np
import pytest

from tests.inference import gguf_files
from tests.inference.gguf_files import BACK, SOFT
from tests.inference.wire import ask, post

TEXT = "abcdefghijkl"
PROMPT = {"model": "soft", "prompt": f"some words before {TEXT}", "max_tokens": BACK}
CHANCE = PROMPT | {"temperature": 1, "top_k": 0, "top_p": 1, "min_p": 0}


async def test_a_seed_repeats_an_answer(tiny_address: str) -> None:
    said = [(await ask(tiny_address, CHANCE | {"seed": seed})).text for seed in (1, 1, 2)]
    assert said[0] == said[1] != said[2]
    unseeded = {(await ask(tiny_address, CHANCE)).text for _ in range(2)}
    assert len(unseeded) == 2


@pytest.mark.parametrize("sure", [{"temperature": 0}, {"top_k": 1}, {"top_p": 0.001}, {"min_p": 0.99}])
async def test_every_way_to_be_sure_is_greedy(tiny_address: str, sure: dict[str, float]) -> None:
    assert (await ask(tiny_address, CHANCE | sure)).text == TEXT


async def test_several_answers_differ_and_are_told_apart(tiny_address: str) -> None:
    body = CHANCE | {"n": 4, "seed": 7}
    streamed = await ask(tiny_address, body)
    assert set(streamed.pieces) == set(streamed.reasons) == {0, 1, 2, 3}
    texts = {"".join(pieces) for pieces in streamed.pieces.values()}
    assert len(texts) == 4
    assert streamed.usage["completion_tokens"] <= 4 * BACK
    whole = await post(tiny_address, "/v1/completions", body)
    assert [choice["index"] for choice in whole["choices"]] == [0, 1, 2, 3]
    assert {choice["text"] for choice in whole["choices"]} == texts


async def test_several_answers_read_the_prompt_once(tiny_address: str) -> None:
    body = {"model": "page", "prompt": "n" * 1000 + "0123456789" * 15, "n": 3, "max_tokens": 30}
    answer = await ask(tiny_address, body)
    assert ["".join(answer.pieces[index]) for index in range(3)] == ["0123456789" * 3] * 3
    assert answer.usage["prompt_tokens"] == 1151


async def test_logprobs_are_the_models_own(tiny_address: str) -> None:
    message = {"role": "user", "content": f"some words before {TEXT}"}
    body = {"model": "soft", "messages": [message], "max_tokens": BACK - 1, "temperature": 0}
    answer = await post(tiny_address, "/v1/chat/completions", body | {"logprobs": True, "top_logprobs": 5})
    items = answer["choices"][0]["logprobs"]["content"]
    # The template's last turn mark is the twelfth.
    assert [item["token"] for item in items] == list(TEXT[1:])
    for item in items:
        logits = gguf_files.logits(item["token"], SOFT)
        best = logits.max() - np.log(np.exp(logits).sum())
        assert item["logprob"] == pytest.approx(best, abs=1e-3)
        assert bytes(item["bytes"]).decode() == item["token"]
        tops = [top["logprob"] for top in item["top_logprobs"]]
        assert len(tops) == 5 and tops == sorted(tops, reverse=True)
        assert tops[0] == pytest.approx(best, abs=1e-3)
        assert tops[1] == pytest.approx(best - 2 * SOFT, abs=1e-3)


async def test_logprobs_do_not_depend_on_how_the_token_is_chosen(tiny_address: str) -> None:
    """They are over the raw logits: a temperature or a bias of the sampling does not show in them."""
    plain = await post(tiny_address, "/v1/completions", PROMPT | {"temperature": 0, "logprobs": 2})
    warm = await post(tiny_address, "/v1/completions", PROMPT | {"temperature": 3, "top_k": 1, "logprobs": 2})
    a, b = (answer["choices"][0]["logprobs"]["token_logprobs"] for answer in (plain, warm))
    assert a == pytest.approx(b, abs=1e-3) and len(a) == BACK


async def test_logprobs_of_a_real_model_sum_to_one_at_most(chat_address: str) -> None:
    message = {"role": "user", "content": "What is the capital of France?"}
    body = {"messages": [message], "max_tokens": 8, "logprobs": True, "top_logprobs": 20}
    answer = await ask(chat_address, body)
    items = [item for part in answer.logprobs for item in part["content"]]
    assert b"".join(bytes(item["bytes"]) for item in items).decode() == answer.text
    for item in items:
        tops = [top["logprob"] for top in item["top_logprobs"]]
        assert tops == sorted(tops, reverse=True) and item["logprob"] == tops[0] <= 0
        assert 0.3 < sum(math.exp(top) for top in tops) <= 1 + 1e-4
