"""The embed worker with the real small model."""

import numpy as np

from petra.inference.client import ModelEndpoint
from tests.inference.test_chat_worker import post


async def test_near_in_meaning_is_near(embed: ModelEndpoint) -> None:
    texts = ["A process is a running program.", "What is a process?", "Tomatoes need a lot of sun."]
    vectors = await embed.embed(texts)
    assert vectors.shape == (3, 384) and vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert vectors[0] @ vectors[1] > 0.5 > 0.2 > vectors[0] @ vectors[2]


async def test_order_and_company_change_nothing(embed: ModelEndpoint) -> None:
    texts = [f"Sentence number {n} " + "and more " * (n % 7) for n in range(70)]
    together = await embed.embed(texts)
    alone = await embed.embed([texts[69]])
    assert together[69] @ alone[0] > 0.999
    assert (await embed.embed([])).shape[0] == 0


async def test_numbers_and_base64_are_the_same(embed: ModelEndpoint, embed_address: str) -> None:
    _, answer = await post(embed_address, "/v1/embeddings", {"input": "hello"})
    data = answer["data"]
    assert isinstance(data, list)
    np.testing.assert_allclose(data[0]["embedding"], (await embed.embed(["hello"]))[0], atol=1e-6)


async def test_tokens_are_counted_without_the_special_ones(embed: ModelEndpoint) -> None:
    assert await embed.count_tokens(["hello world", "", "a b c"]) == [2, 0, 3]
    assert (await embed.capabilities()).context == 256
