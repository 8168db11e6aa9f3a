"""A prompt that is larger than the model's context: what can be left out is left out and said; what
cannot is refused with the number of tokens that are too many."""

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from tests.api.rig import Rig, rig
from tests.inference import gguf_files
from tests.inference.wire import Refused, ask
from tests.inference.workers import worker

CONTEXT = 2048


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("model")
    path = gguf_files.echo(folder / "echo.gguf")
    with worker(folder, "chat", f"--model={path}", f"--context={CONTEXT}") as address:
        yield address


@pytest.fixture
async def petra(model: str) -> AsyncIterator[Rig]:
    async with rig(model_path=model, max_answer_tokens=200) as found:
        await found.upload("notes.md", b"Paging divides memory into frames. " * 8)
        yield found


async def parts(petra: Rig, question: str, **fields: object) -> list[dict[str, Any]]:
    """The parts of an answer as the page gets them."""
    headers = {"Accept": "text/event-stream"}
    body = {"question": question, **fields}
    async with petra.http.post("/api/v1/ask", json=body, headers=headers) as response:
        assert response.status == 200, await response.text()
        lines = [line[5:] async for line in response.content if line.startswith(b"data:")]
    return [json.loads(line)["part"] for line in lines]


def of_kind(found: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [part for part in found if part["kind"] == kind]


@pytest.mark.parametrize("over", [1, 5000])
async def test_the_model_refuses_and_counts(model: str, over: int) -> None:
    # The prompt with its BOS may have a token less than the context: one is for the answer.
    with pytest.raises(Refused, match=f"{over} tokens too long") as refused:
        await ask(model, "x" * (CONTEXT - 2 + over))
    assert refused.value.error["code"] == "context_length_exceeded"
    assert (await ask(model, "x" * (CONTEXT - 2))).reason == "length"


async def test_a_question_that_is_too_long_is_refused_and_the_next_is_answered(petra: Rig) -> None:
    found = await parts(petra, "What does paging do? " * 200)
    [error] = of_kind(found, "error")
    assert error["error"]["code"] == "too_large" and error["error"]["remedy"]
    assert "tokens too long" in error["error"]["what"] and str(CONTEXT) in error["error"]["cause"]
    assert of_kind(found, "done")[0]["finish_reason"] == "error"
    found = await parts(petra, "What does paging do?")
    assert of_kind(found, "text") and not of_kind(found, "error")


async def test_a_conversation_that_is_too_long_is_trimmed_and_says_so(petra: Rig) -> None:
    fields: dict[str, object] = {}
    for _ in range(4):
        found = await parts(petra, "What does paging do? " + "Tell me. " * 30, **fields)
        assert not of_kind(found, "error")
        fields["conversation_id"] = of_kind(found, "done")[0]["conversation_id"]
        said = " ".join(part["message"] for part in of_kind(found, "status"))
        if "left out" in said:
            return
    raise AssertionError("nothing was left out")
