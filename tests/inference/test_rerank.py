"""The reranker, with the real model: over HTTP, and what its scores depend on."""

import asyncio
import io
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from petra.errors import ModelFileError, ModelUnavailable
from petra.inference.client import ModelEndpoint
from petra.inference.worker.rerank import CONTEXT, RerankEngine
from tests.inference.wire import session
from tests.inference.workers import fetched, worker

RERANK = "ms-marco-MiniLM-L-12-v2"
QUERY = "What does fork return in the child?"
TEXTS = [
    "Tomatoes need a lot of sun.",
    "fork returns 0 in the child, and in the parent the process id of the child.",
    "A pipe connects the output of one process to the input of another.",
    "",
]


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("rerank")
    with worker(folder, "rerank", "--model", str(fetched(RERANK) / RERANK), "--name", RERANK) as address:
        yield address


@pytest.fixture
async def endpoint(address: str) -> AsyncIterator[ModelEndpoint]:
    made = ModelEndpoint(address)
    yield made
    await made.close()


async def test_what_answers_the_question_comes_first(endpoint: ModelEndpoint) -> None:
    scores = await endpoint.rerank(QUERY, TEXTS)
    assert len(scores) == len(TEXTS) and all(0 <= score <= 1 for score in scores)
    assert scores[1] > 0.9 and max(scores[0], scores[2], scores[3]) < 0.1
    assert await endpoint.rerank(QUERY, []) == []


async def test_a_score_does_not_depend_on_company_or_order(endpoint: ModelEndpoint) -> None:
    together = await endpoint.rerank(QUERY, [*TEXTS, "and so on " * 300])
    reverse = await endpoint.rerank(QUERY, TEXTS[::-1])
    alone = [(await endpoint.rerank(QUERY, [text]))[0] for text in TEXTS]
    assert together[:4] == reverse[::-1] == alone


async def test_what_is_too_long_is_cut_off_at_its_end(endpoint: ModelEndpoint) -> None:
    answer, filler = TEXTS[1], "Tomatoes need sun. " * 400
    begins, ends = await endpoint.rerank(QUERY, [f"{answer} {filler}", f"{filler} {answer}"])
    assert begins > 0.5 > ends
    # A question as long as a book still leaves the text its room.
    (score,) = await endpoint.rerank(QUERY + " Please answer." * 2000, [answer])
    assert score > 0.5


async def test_a_book_as_a_question_stops_nobody(address: str) -> None:
    """It was read without a pause: for 25 s the worker did not answer at all."""
    book = b"word " * 1_500_000
    body = io.BytesIO(b'{"query": "%b", "documents": ["%b", "Tomatoes"]}' % (book, book))
    async with (
        asyncio.timeout(20),
        session(address) as client,
        client.post("/v1/rerank", data=body) as response,
    ):
        assert len((await response.json())["results"]) == 2


async def test_few_texts_go_ahead_of_many(endpoint: ModelEndpoint) -> None:
    many = asyncio.create_task(endpoint.rerank(QUERY, ["word " * 600] * 100))
    while not (await endpoint.health())["busy"]:
        await asyncio.sleep(0.01)
    assert len(await endpoint.rerank(QUERY, TEXTS)) == len(TEXTS)
    assert not many.done(), "the few had to wait for all of them"
    many.cancel()


async def test_it_says_what_it_can(endpoint: ModelEndpoint) -> None:
    able = await endpoint.capabilities()
    assert able.rerank and able.tokenize_many and able.context == CONTEXT
    assert await endpoint.models() == [RERANK]
    assert await endpoint.count_tokens(["hello world", ""]) == [2, 0]
    assert (await endpoint.health())["precision"] == "int8"
    with pytest.raises(ModelUnavailable):
        await endpoint.embed(["text"])


def test_a_folder_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"no model")
    with pytest.raises(ModelFileError, match="cannot be loaded"):
        RerankEngine("none", tmp_path, threads=1)


def test_without_onnxruntime_it_says_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(ModelFileError, match="onnxruntime") as refused:
        RerankEngine("none", tmp_path, threads=1)
    assert "pip install onnxruntime" in refused.value.remedy
