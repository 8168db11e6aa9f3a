"""One client for any OpenAI-compatible endpoint: here llama.cpp's own server, and one of our own."""

import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from pathlib import Path

import pytest
from aiohttp import web

from petra.errors import Busy, ModelUnavailable, TooLarge
from petra.inference import failures, installed
from petra.inference.client import ChatMessage, ModelEndpoint
from tests.inference.scripted import Scripted, application, served
from tests.inference.workers import CHAT, PARIS, STORY, models, said

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def llama_address() -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "tests.inference.llama_server"]
    process = subprocess.Popen(
        [*command, str(installed.resolve(models(), CHAT).path), str(port)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=ROOT,
    )
    assert process.stdout
    try:
        assert b"listens" in process.stdout.readline()
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.fixture
async def llama(llama_address: str) -> AsyncIterator[ModelEndpoint]:
    endpoint = ModelEndpoint(llama_address)
    yield endpoint
    await endpoint.close()


async def test_llama_server_answers_streams_and_counts(llama: ModelEndpoint) -> None:
    text, end = await said(llama, PARIS)
    assert "Paris" in text and end.reason == "stop" and end.prompt_tokens > 20
    assert (await said(llama, STORY, max_tokens=4))[1].reason == "length"
    assert await llama.count_tokens(["hello world", "a"]) == [2, 1]


async def test_llama_server_is_probed(llama: ModelEndpoint) -> None:
    able = await llama.capabilities()
    assert able.tokenize and not able.tokenize_many and able.metrics and able.context == 2048
    assert not able.rerank and not able.infill and able.prefill_tokens_per_s is None
    assert not able.public_prefix
    assert len(await llama.models()) == 1


async def test_llama_server_says_too_long_its_own_way(llama: ModelEndpoint) -> None:
    with pytest.raises(TooLarge):
        await said(llama, [ChatMessage("user", "word " * 4000)])


async def test_llama_server_stops_when_the_reader_goes(llama: ModelEndpoint) -> None:
    async with aclosing(llama.chat(STORY, max_tokens=1900)) as events:
        await anext(events)
    started = time.monotonic()
    await said(llama, PARIS)
    # The whole story takes 30 s on a quiet machine.
    assert time.monotonic() - started < 15


async def test_the_stub_quotes_the_first_passage(stub: ModelEndpoint) -> None:
    prompt = "Passages:\n\n[1] (notes.md, lines 1-3)\nA fox is red. It runs.\n\nQuestion: what colour?"
    text, end = await said(stub, [ChatMessage("user", prompt)])
    assert text == "A fox is red. [1]" and end.reason == "stop"
    vectors = await stub.embed(["a red fox", "the fox is red", "tomatoes"])
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2]


async def test_what_a_worker_says_of_itself_counts() -> None:
    engine = Scripted()
    async with served(engine) as address:
        for infill in (True, False):
            engine.infill = infill
            endpoint = ModelEndpoint(address)
            able = await endpoint.capabilities()
            assert able.infill is infill and able.public_prefix and not able.rerank
            assert able.metrics and able.tokenize_many and able.context == 2048
            await endpoint.close()


async def test_what_is_public_is_said_to_who_understands_it() -> None:
    engine = Scripted()
    async with served(engine) as address:
        endpoint = ModelEndpoint(address)
        await said(endpoint, PARIS, public_messages=1, user="ann")
        await said(endpoint, PARIS)
        await endpoint.close()
    assert [request.public_messages for request in engine.requests] == [1, 0]


async def test_what_is_public_is_not_said_to_other_servers() -> None:
    bodies = []

    async def answer(request: web.Request) -> web.Response:
        bodies.append(await request.json())
        return web.Response(
            text='data: {"choices": [{"delta": {}, "finish_reason": "stop"}]}\n\ndata: [DONE]\n\n'
        )

    def other() -> web.Application:
        app = web.Application()
        app.router.add_post("/v1/chat/completions", answer)
        return app

    async with application(other) as address:
        endpoint = ModelEndpoint(address)
        await said(endpoint, PARIS, public_messages=1)
        await endpoint.close()
    assert "public_messages" not in bodies[0]


async def test_no_endpoint_at_all(tmp_path: Path) -> None:
    for address in (f"unix:{tmp_path / 'nothing.sock'}", "http://127.0.0.1:9"):
        endpoint = ModelEndpoint(address)
        with pytest.raises(ModelUnavailable, match="does not answer"):
            async with aclosing(endpoint.chat(PARIS, max_tokens=1)) as events:
                await anext(events)
        with pytest.raises(ModelUnavailable):
            await endpoint.capabilities()
        await endpoint.close()


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (429, '{"error": {"message": "slow down"}}', Busy),
        (503, "upstream down", ModelUnavailable),
        (400, '{"error": {"code": "context_length_exceeded", "message": "too long"}}', TooLarge),
        (400, '{"error": {"code": 400, "type": "exceed_context_size_error"}}', TooLarge),
        (401, '{"error": "no"}', ModelUnavailable),
    ],
)
def test_what_servers_say_becomes_our_errors(status: int, body: str, kind: type[Exception]) -> None:
    assert type(failures.from_response(status, body)) is kind
