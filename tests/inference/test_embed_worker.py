"""The embed worker with the real small model."""

import asyncio
import io
import subprocess
import sys
from pathlib import Path

import numpy as np

from petra.inference.client import ModelEndpoint
from tests.inference import small_models
from tests.inference.test_chat_worker import post
from tests.inference.wire import session


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


async def test_a_long_text_is_cut_off_at_the_context(embed: ModelEndpoint) -> None:
    page = "Processes share memory. " * 80
    whole, cut, other = await embed.embed(
        [page, page + "Tomatoes need sun. " * 80, "Tomatoes need sun. " * 80]
    )
    assert whole @ cut > 0.999 > 0.5 > whole @ other


async def test_of_a_book_only_what_counts_is_read(embed: ModelEndpoint, embed_address: str) -> None:
    """Ten megabytes of punctuation took 43 s and 3 GB, for the 256 tokens of them that the model reads."""
    body = io.BytesIO(b'{"input": "%b"}' % (b"!" * 10_000_000))
    async with (
        asyncio.timeout(20),
        session(embed_address) as client,
        client.post("/v1/embeddings", data=body) as response,
    ):
        book = (await response.json())["data"][0]["embedding"]
    (page,) = await embed.embed(["!" * 1000])
    assert book @ page > 0.999


async def test_a_question_is_answered_while_documents_are_embedded(embed: ModelEndpoint) -> None:
    pages = [f"Page {n}. " + "Some words of it. " * 60 for n in range(256)]
    documents = asyncio.create_task(embed.embed(pages))
    while not (await embed.health())["busy"]:
        await asyncio.sleep(0.01)
    await embed.embed(["What is on page 7?"])
    assert not documents.done(), "the question had to wait for all of them"
    documents.cancel()


def test_the_precision_is_measured_once_and_kept(tmp_path: Path) -> None:
    """In a process of its own: torch is not for this one."""
    model, kept = small_models.transformer(tmp_path / "model"), tmp_path / "calibration.json"
    kept.write_text("{ no JSON")
    # Were it measured again, it would not be what has been put there in its place.
    code = """if True:
        import json, sys
        from pathlib import Path
        from petra.inference.worker.embed import EmbedEngine
        model, kept = map(Path, sys.argv[1:])
        def precision(**options):
            return EmbedEngine.load("small", model, threads=1, **options).health()["precision"]
        measured = precision(cache=kept)
        (key, found), = json.loads(kept.read_text()).items()
        assert found == {"precision": measured}, found
        other = {"float32": "bfloat16", "bfloat16": "float32"}[measured]
        kept.write_text(json.dumps({key: {"precision": other}}))
        assert precision(cache=kept) == other
        kept.write_text(json.dumps({key: {"precision": "bfloat16"}}))
        assert precision(cache=kept, fp32=True) == "float32"
    """
    subprocess.run([sys.executable, "-c", code, str(model), str(kept)], check=True, timeout=120)
