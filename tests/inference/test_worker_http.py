"""The worker's door: what an engine says, in the forms of OpenAI and llama-server."""

import asyncio
import base64
import io
import json
import re
import threading
import zlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from prometheus_client.parser import text_string_to_metric_families

from petra.errors import BadRequest, Busy, ModelFileError, ModelUnavailable, NotFound, PetraError, TooLarge
from petra.inference.worker import vectors
from petra.inference.worker.app import build
from petra.inference.worker.engine import Ended, Piece, Stopped, TokenLogprob, Vectors, Waiting
from petra.inference.worker.registry import Registry
from petra.inference.worker.stub import StubEngine
from tests.inference.scripted import Scripted, application, served
from tests.inference.wire import CHAT, PLAIN, Body, Refused, ask, events, get, post, session

MESSAGES = {"messages": [{"role": "user", "content": "Why?"}]}
PROMPT = {"prompt": "Why?"}
SEVERAL = (
    Piece("a", 1),
    Piece("b", 0),
    Piece("c", 1),
    Stopped("length", 1),
    Piece("d", 0),
    Stopped("stop", 0),
    Ended(12, 4),
)
FOX = TokenLogprob(" 🦊".encode(), -0.5, ((" 🦊".encode(), -0.5), (b"\xf0\x9f", -2.0)))
HALF = TokenLogprob(b"\xf0\x9f", float("-inf"))
LIKELY = (
    Piece(" 🦊", logprobs=(FOX,)),
    Piece("", logprobs=(HALF,)),
    Piece("x", logprobs=(FOX, FOX)),
    Stopped("stop"),
    Ended(1, 4),
)


def test_the_page_names_every_route_and_error() -> None:
    page = Path(__file__).parents[2] / "docs" / "protocol.md"
    section = page.read_text().partition("## The worker's endpoint")[2].partition("\n## ")[0]
    stub = StubEngine()
    routes = {
        (route.method, route.resource.canonical)
        for route in build(chat=stub, embed=stub, rerank=stub).router.routes()
        if route.resource and route.method != "HEAD"
    }
    named = {(method, path) for path, method in re.findall(r"^\| `(/[^`]*)` \| (\w+) \|", section, re.M)}
    assert named == routes
    codes = set(re.findall(r"`(\w+)`", section.rpartition("An error has")[2].partition("\n\n")[0]))
    known = {error.code for error in [PetraError, *PetraError.__subclasses__()]}
    assert codes <= known | {"context_length_exceeded"}


async def chunks(address: str, path: str, body: Body) -> list[Body]:
    """The JSON of every event but the last, which is the mark of the end."""
    found = [event async for event in events(address, path, body)]
    assert found[-1].data == "[DONE]"
    return [json.loads(event.data) for event in found[:-1]]


async def test_a_stream_of_a_chat() -> None:
    async with served(Scripted()) as address:
        first, second, last, cost = await chunks(address, CHAT, MESSAGES)
    assert first["choices"] == [
        {
            "index": 0,
            "delta": {"role": "assistant", "content": "Once"},
            "logprobs": None,
            "finish_reason": None,
        }
    ]
    assert second["choices"][0]["delta"] == {"content": " upon 🦊"}
    assert (last["choices"][0]["delta"], last["choices"][0]["finish_reason"]) == ({}, "stop")
    assert cost["choices"] == [] and cost["usage"]["total_tokens"] == 14
    assert {chunk["id"] for chunk in (first, second, last)} == {cost["id"]}
    assert (first["object"], first["model"]) == ("chat.completion.chunk", "scripted")


async def test_a_stream_of_text() -> None:
    async with served(Scripted()) as address:
        first, _, last, _ = await chunks(address, PLAIN, PROMPT)
    assert first["choices"] == [{"index": 0, "text": "Once", "logprobs": None, "finish_reason": None}]
    assert last["choices"] == [{"index": 0, "text": "", "logprobs": None, "finish_reason": "stop"}]
    assert first["object"] == "text_completion" and first["id"].startswith("cmpl-")


async def test_the_cost_comes_only_when_asked_for() -> None:
    async with served(Scripted()) as address:
        found = await chunks(address, CHAT, MESSAGES | {"stream_options": None})
    assert len(found) == 3 and not any("usage" in chunk for chunk in found)


async def test_the_cost_says_where_the_time_went() -> None:
    async with served(Scripted()) as address:
        answer = await post(address, CHAT, MESSAGES)
    assert answer["usage"] == {
        "prompt_tokens": 12,
        "completion_tokens": 2,
        "total_tokens": 14,
        "prompt_tokens_details": {"cached_tokens": 10},
    }
    assert answer["timings"] == {
        "queue_ms": 500.0,
        "cache_n": 10,
        "prompt_n": 2,
        "prompt_ms": 1000.0,
        "prompt_per_token_ms": 500.0,
        "prompt_per_second": 2.0,
        "predicted_n": 2,
        "predicted_ms": 2000.0,
        "predicted_per_token_ms": 1000.0,
        "predicted_per_second": 1.0,
    }


async def test_several_answers_are_told_apart() -> None:
    async with served(Scripted(SEVERAL)) as address:
        streamed = await ask(address, MESSAGES | {"n": 2})
        found = await chunks(address, CHAT, MESSAGES | {"n": 2})
        whole = await post(address, PLAIN, PROMPT | {"n": 2})
    assert streamed.pieces == {0: ["b", "d"], 1: ["a", "c"]} and streamed.reasons == {0: "stop", 1: "length"}
    roles = [choice["delta"].get("role") for chunk in found for choice in chunk["choices"]]
    assert roles == ["assistant", "assistant", None, None, None, None]
    assert whole["choices"] == [
        {"index": 0, "text": "bd", "logprobs": None, "finish_reason": "stop"},
        {"index": 1, "text": "ac", "logprobs": None, "finish_reason": "length"},
    ]


async def test_probabilities_of_a_chat() -> None:
    async with served(Scripted(LIKELY)) as address:
        streamed = await ask(address, MESSAGES | {"logprobs": True})
        whole = await post(address, CHAT, MESSAGES | {"logprobs": True})
    fox = {"token": " 🦊", "logprob": -0.5, "bytes": list(" 🦊".encode())}
    half = {"token": "\ufffd", "logprob": -2.0, "bytes": [0xF0, 0x9F]}
    never = {"token": "\ufffd", "logprob": -9999.0, "bytes": [0xF0, 0x9F], "top_logprobs": []}
    content = whole["choices"][0]["logprobs"]["content"]
    assert content[0] == {**fox, "top_logprobs": [fox, half]} and content[1] == never and len(content) == 4
    assert [item for part in streamed.logprobs for item in part["content"]] == content
    assert streamed.text == " 🦊x"


async def test_probabilities_of_text() -> None:
    async with served(Scripted(LIKELY)) as address:
        streamed = await ask(address, PROMPT | {"logprobs": 2})
        whole = (await post(address, PLAIN, PROMPT | {"logprobs": 2}))["choices"][0]["logprobs"]
    assert whole["tokens"] == [" 🦊", "\ufffd", " 🦊", " 🦊"]
    assert whole["token_logprobs"] == [-0.5, -9999.0, -0.5, -0.5]
    assert whole["top_logprobs"][0] == {" 🦊": -0.5, "\ufffd": -2.0}
    assert whole["text_offset"] == [0, 2, 3, 5]
    for name, values in whole.items():
        assert [value for part in streamed.logprobs for value in part[name]] == values


async def test_the_place_in_the_queue_comes_before_the_answer() -> None:
    script = (Waiting(2, None), Waiting(0, 1.5), Piece("a"), Stopped("stop"), Ended(1, 1))
    async with served(Scripted(script)) as address:
        answer = await ask(address, MESSAGES)
        whole = await post(address, CHAT, MESSAGES)
    assert [(place["position"], place["estimate_s"]) for place in answer.queue] == [(2, None), (0, 1.5)]
    # A client that takes every event for a chunk finds one without choices.
    assert answer.queue[0]["choices"] == [] and answer.queue[0]["object"] == "chat.completion.chunk"
    assert answer.text == whole["choices"][0]["message"]["content"] == "a"


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (TooLarge("The prompt is 7 tokens too long"), 400, "context_length_exceeded"),
        (BadRequest("No"), 400, "bad_request"),
        (NotFound("No"), 404, "not_found"),
        (Busy("The queue is full", cause="64 wait"), 429, "busy"),
        (ModelFileError("No"), 503, "model_file"),
        (KeyError("secret text"), 500, "internal"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
@pytest.mark.parametrize("stream", [True, False])
async def test_a_refusal_has_its_status(
    error: Exception, status: int, code: str, stream: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    async with served(Scripted([error])) as address:
        with pytest.raises(Refused) as refused:
            await post(address, CHAT, MESSAGES | {"stream": stream})
    assert (refused.value.status, refused.value.error["code"]) == (status, code)
    assert refused.value.error["status"] == status
    assert "secret" not in str(refused.value) + capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [(ModelUnavailable("It failed"), 503, "model_unavailable"), (KeyError("secret text"), 500, "internal")],
)
async def test_an_error_in_the_middle_ends_the_stream_and_what_was_said_stays(
    error: Exception, status: int, code: str, capsys: pytest.CaptureFixture[str]
) -> None:
    engine = Scripted([Piece("Once"), error])
    async with served(engine) as address:
        answer = await ask(address, MESSAGES)
        with pytest.raises(Refused) as refused:
            await post(address, CHAT, MESSAGES)
    assert answer.text == "Once" and not answer.whole
    assert answer.error and (answer.error["code"], answer.error["status"]) == (code, status)
    assert refused.value.status == status and engine.running == 0
    assert "secret" not in str(answer.error) + capsys.readouterr().err


@asynccontextmanager
async def silent(address: str, path: str, body: Body) -> AsyncIterator[asyncio.StreamReader]:
    """A client that sends a request and reads nothing unless it is told to."""
    reader, writer = await asyncio.open_unix_connection(address.removeprefix("unix:"), limit=1)
    data = json.dumps(body).encode()
    writer.write(f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(data)}\r\n\r\n".encode() + data)
    try:
        yield reader
    finally:
        writer.close()


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize(
    "before", [[], [Waiting(0, None)], [Piece("a")]], ids=["reading", "queue", "writing"]
)
async def test_who_goes_away_cancels(before: list[Piece], stream: bool) -> None:
    engine = Scripted([*before, asyncio.Event()])
    async with served(engine) as address:
        async with silent(address, CHAT, MESSAGES | {"stream": stream}):
            while not engine.running:
                await asyncio.sleep(0.001)
        async with asyncio.timeout(10):
            await engine.left.acquire()
    assert engine.running == 0


class Endless(Scripted):
    """Writes for ever, as fast as it is read, and never lets the loop go on by itself."""

    written = 0

    async def generate(self, request: object) -> AsyncIterator[Piece]:  # type: ignore[override]
        self.running += 1
        try:
            while True:
                self.written += 1
                yield Piece("x" * 1000)
        finally:
            self.running -= 1
            self.left.release()


async def test_who_does_not_read_is_waited_for_and_holds_up_nobody() -> None:
    engine = Endless()
    async with served(engine, stall_s=60) as address:
        async with silent(address, CHAT, MESSAGES | {"stream": True}):
            written = -1
            while engine.written != written or not written:
                written = engine.written
                await asyncio.sleep(0.05)
            # What the socket takes, and 64 KiB; the rest stays unwritten.
            assert written < 2000
            assert (await get(address, "/health"))["busy"]
        async with asyncio.timeout(10):
            await engine.left.acquire()


async def test_who_does_not_read_for_too_long_is_cut_off() -> None:
    engine = Endless()
    async with (
        served(engine, stall_s=0.05) as address,
        silent(address, CHAT, MESSAGES | {"stream": True}),
        asyncio.timeout(10),
    ):
        await engine.left.acquire()


async def test_who_does_not_read_a_whole_answer_is_cut_off() -> None:
    class Large(Scripted):
        async def tokenize(self, texts: object) -> list[list[int]]:
            return [[7] * 500_000]

    async with (
        served(Large(), stall_s=0.05) as address,
        silent(address, "/tokenize", {"content": "a"}) as reader,
    ):
        await asyncio.sleep(0.5)
        received = b""
        while part := await reader.read(1 << 20):
            received += part
    # What was in the socket when it was cut off is still there to read.
    assert received.startswith(b"HTTP/1.1 200") and len(received) < 1_000_000


async def raw(address: str, version: str, body: Body) -> bytes:
    """Everything that comes back on the connection."""
    reader, writer = await asyncio.open_unix_connection(address.removeprefix("unix:"))
    data = json.dumps(body).encode()
    head = (
        f"POST {CHAT} HTTP/{version}\r\nHost: x\r\nConnection: close\r\nContent-Length: {len(data)}\r\n\r\n"
    )
    writer.write(head.encode() + data)
    try:
        return await reader.read()
    finally:
        writer.close()


async def test_what_comes_in_one_step_is_written_at_once() -> None:
    step = [Piece("x", index) for index in range(4)]
    async with served(Scripted([Piece("first"), *step, Stopped("stop"), Ended(1, 5)])) as address:
        answer = await raw(address, "1.1", MESSAGES | {"n": 4, "stream": True})
    # Each chunk of HTTP/1.1 was one write: the first event, the others, the end.
    parts = [line for line in answer.split(b"\r\n\r\n", 1)[1].split(b"\r\n") if line]
    assert [part.count(b'"x"') for part in parts[1::2]] == [0, 4]
    assert parts[-1] == b"0" and parts[-2].endswith(b"data: [DONE]\n\n")


async def test_a_client_without_chunks_gets_the_stream_as_it_is() -> None:
    async with served(Scripted()) as address:
        answer = await raw(address, "1.0", MESSAGES | {"stream": True})
    head, _, rest = answer.partition(b"\r\n\r\n")
    assert b"chunked" not in head and rest.startswith(b'data: {"id"') and rest.endswith(b"data: [DONE]\n\n")


async def test_a_connection_serves_one_stream_after_the_other() -> None:
    async with served(Scripted()) as address:
        reader, writer = await asyncio.open_unix_connection(address.removeprefix("unix:"))
        data = json.dumps(MESSAGES | {"stream": True}).encode()
        request = f"POST {CHAT} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(data)}\r\n\r\n".encode() + data
        for _ in range(2):
            writer.write(request)
            answer = await reader.readuntil(b"\r\n0\r\n\r\n")
            assert answer.startswith(b"HTTP/1.1 200") and answer.count(b"data: ") == 4
        writer.close()


async def test_infill_in_llama_servers_form() -> None:
    engine = Scripted()
    body = {"input_prefix": "def f(", "prompt": "a", "input_suffix": "return a"}
    async with served(engine) as address:
        whole = await post(address, "/infill", body)
        found = [json.loads(event.data) async for event in events(address, "/infill", body)]
    assert engine.requests[0].prompt == "def f(a" and engine.requests[0].suffix == "return a"
    assert (whole["content"], whole["stop"], whole["stop_type"]) == ("Once upon 🦊", True, "eos")
    assert (whole["tokens_evaluated"], whole["tokens_predicted"]) == (12, 2)
    assert [(part["content"], part["stop"]) for part in found] == [
        ("Once", False),
        (" upon 🦊", False),
        ("", True),
    ]


async def test_a_model_that_cannot_fill_in_says_so() -> None:
    engine = Scripted()
    engine.infill = False
    async with served(engine) as address:
        for path, body in (
            (PLAIN, PROMPT | {"suffix": "a"}),
            ("/infill", {"input_prefix": "", "input_suffix": "a"}),
        ):
            with pytest.raises(Refused, match="cannot fill in the middle") as refused:
                await post(address, path, body)
            assert refused.value.status == 400
        assert (await get(address, "/health"))["infill"] is False


async def test_a_name_leads_to_its_model_and_adapter() -> None:
    small, large = Scripted(name="small"), Scripted(name="large")
    registry = Registry(small, {"large": lambda: large}, adapters={"poet": "large"})
    async with served(registry) as address:
        answer = await post(address, CHAT, MESSAGES | {"model": "poet"})
        assert answer["model"] == "poet" and large.requests[0].adapter == "poet"
        assert (await post(address, "/tokenize", {"content": "a", "model": "large"}))["tokens"] == [97]
        assert (await post(address, CHAT, MESSAGES))["model"] == "small" and small.requests[0].adapter is None
        with pytest.raises(Refused, match="no model 'other'") as refused:
            await post(address, CHAT, MESSAGES | {"model": "other"})
        assert (refused.value.status, refused.value.error["code"]) == (404, "not_found")
        assert [(item["id"], item.get("parent")) for item in (await get(address, "/v1/models"))["data"]] == [
            ("small", None),
            ("large", None),
            ("poet", "large"),
        ]


async def test_the_best_documents_come_first() -> None:
    stub = StubEngine()
    body = {"query": "red fox", "documents": ["a crow", "a red fox", "the fox"]}
    async with application(lambda: build(rerank=stub, embed=stub)) as address:
        assert (await post(address, "/v1/rerank", body))["results"] == [
            {"index": 1, "relevance_score": 1.0},
            {"index": 2, "relevance_score": 0.5},
            {"index": 0, "relevance_score": 0.0},
        ]
        best = await post(address, "/v1/rerank", body | {"top_n": 1})
        assert [result["index"] for result in best["results"]] == [1]
        for wrong in ({"query": 5}, {"documents": []}, {"documents": [5]}, {"top_n": 0}, {"query": None}):
            with pytest.raises(Refused) as refused:
                await post(address, "/v1/rerank", body | wrong)
            assert refused.value.status == 400
        assert (await get(address, "/health"))["rerank"] is True


@pytest.mark.parametrize(
    "body",
    [{"input": []}, {"input": 5}, {"input": ["a"] * 2049}, {"encoding_format": "hex"}, {"dimensions": 5}, {}],
    ids=lambda body: str(body)[:30],
)
async def test_what_cannot_be_embedded_is_refused(body: Body) -> None:
    async with application(lambda: build(embed=StubEngine())) as address:
        with pytest.raises(Refused) as refused:
            await post(address, "/v1/embeddings", ({"input": "a"} | body) if body else {})
    assert refused.value.status == 400


async def test_more_than_may_wait_is_refused_and_one_alone_never_is(monkeypatch: pytest.MonkeyPatch) -> None:
    class Slow(StubEngine):
        def __init__(self) -> None:
            super().__init__()
            self.begun, self.go = asyncio.Event(), asyncio.Event()

        async def embed(self, texts: Sequence[str]) -> Vectors:
            self.begun.set()
            await self.go.wait()
            return await super().embed(texts)

    monkeypatch.setattr(vectors, "MOST_CHARACTERS", 10)
    engine = Slow()
    async with application(lambda: build(embed=engine)) as address:
        first = asyncio.create_task(post(address, "/v1/embeddings", {"input": "a text of its own"}))
        await engine.begun.wait()
        with pytest.raises(Refused) as refused:
            await post(address, "/v1/embeddings", {"input": "a"})
        assert (refused.value.status, refused.value.error["code"]) == (429, "busy")
        engine.go.set()
        assert (await first)["data"]
        assert (await post(address, "/v1/embeddings", {"input": "a"}))["data"]


async def test_vectors_are_written_beside_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    """2,048 of them are 17 MB of text: that took a second and a half in which nobody else was served."""
    threads = set()

    def write(*arguments: Any) -> bytes:
        threads.add(threading.get_ident())
        return written(*arguments)

    written = vectors._written
    monkeypatch.setattr(vectors, "_written", write)
    async with application(lambda: build(embed=StubEngine())) as address:
        numbers = await post(address, "/v1/embeddings", {"input": ["a", "b", "c"]})
        coded = await post(address, "/v1/embeddings", {"input": "b", "encoding_format": "base64"})
    assert numbers.keys() == coded.keys() == {"object", "model", "data", "usage"}
    assert [item["index"] for item in numbers["data"]] == [0, 1, 2]
    found = np.frombuffer(base64.b64decode(coded["data"][0]["embedding"]), "<f4")
    np.testing.assert_allclose(found, numbers["data"][1]["embedding"], rtol=1e-6)
    assert threads and threading.get_ident() not in threads


async def test_special_tokens_are_never_read() -> None:
    async with served(Scripted()) as address:
        assert (await post(address, "/tokenize", {"content": ["a", "bc"]}))["counts"] == [1, 2]
        for wrong in ({"parse_special": True}, {"add_special": True}, {"content": None}, {"content": 5}):
            with pytest.raises(Refused) as refused:
                await post(address, "/tokenize", {"content": "a"} | wrong)
            assert refused.value.status == 400


async def test_a_body_over_the_limit_is_refused() -> None:
    async with served(Scripted()) as address, session(address) as client:
        large = io.BytesIO(b'{"prompt": "%b"}' % (b"x" * (4 << 20)))
        async with client.post(PLAIN, data=large) as response:
            assert (response.status, (await response.json())["error"]["code"]) == (413, "413")


async def test_prometheus_sees_requests_by_route() -> None:
    async with served(Scripted()) as address:
        await post(address, CHAT, MESSAGES)
        with pytest.raises(Refused):
            await post(address, "/nowhere/at/all", {})
        async with session(address) as client, client.get("/metrics") as response:
            assert response.headers["Content-Type"].startswith("text/plain; version=0.0.4")
            families = list(text_string_to_metric_families(await response.text()))
    counts = {
        sample.labels["route"]: sample.value
        for family in families
        for sample in family.samples
        if sample.name == "petra_worker_requests_total"
    }
    assert counts == {CHAT: 1, "/metrics": 1}


async def test_a_compressed_body_is_refused() -> None:
    """It may be a bomb; a damaged one was an error of the worker's own."""
    async with served(Scripted()) as address, session(address) as client:
        for data in (zlib.compress(b'{"prompt": "a"}'), b"\0\1\2garbage"):
            headers = {"Content-Encoding": "deflate"}
            async with client.post(PLAIN, data=data, headers=headers) as response:
                assert (response.status, (await response.json())["error"]["code"]) == (400, "bad_request")


async def test_a_body_that_does_not_arrive_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("petra.inference.worker.body.ARRIVAL_SECONDS", 0.2)

    async def drip() -> AsyncIterator[bytes]:
        while True:
            yield b" "
            await asyncio.sleep(0.05)

    async with (
        served(Scripted()) as address,
        session(address) as client,
        asyncio.timeout(10),
        client.post(PLAIN, data=drip()) as response,
    ):
        assert response.status == 400 and "in time" in (await response.text())


async def test_too_long_a_text_is_not_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("petra.inference.worker.app.MOST_CHARACTERS", 10)
    async with served(Scripted()) as address:
        with pytest.raises(Refused) as refused:
            await post(address, "/tokenize", {"content": ["123456"] * 2})
        assert refused.value.status == 400 and "12 characters" in refused.value.error["message"]
