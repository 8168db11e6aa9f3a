"""A worker's wire as any client sees it, without Petra's own client in between."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from petra.inference import sse

CHAT, PLAIN = "/v1/chat/completions", "/v1/completions"
Body = dict[str, Any]


class Refused(Exception):
    """Another status than 200, with the error's object of the body."""

    def __init__(self, status: int, error: Body) -> None:
        super().__init__(f"{status}: {error.get('message')}")
        self.status = status
        self.error = error


@dataclass
class Answer:
    """What a stream brought: by choice the text, its pieces and its end; the places in the queue before
    it; the probabilities as they came; `error` where it ended by one."""

    pieces: dict[int, list[str]] = field(default_factory=dict)
    reasons: dict[int, str] = field(default_factory=dict)
    queue: list[Body] = field(default_factory=list)
    logprobs: list[Body] = field(default_factory=list)
    usage: Body = field(default_factory=dict)
    error: Body | None = None
    whole: bool = False

    @property
    def text(self) -> str:
        """The first choice."""
        return "".join(self.pieces.get(0, ()))

    @property
    def reason(self) -> str:
        """Of the first choice."""
        return self.reasons[0]

    @property
    def cached(self) -> int:
        """Tokens of the prompt that were not read again."""
        return int(self.usage["prompt_tokens_details"]["cached_tokens"])

    def take(self, event: sse.Event) -> None:
        """Add an event of the stream."""
        if event.data == "[DONE]":
            self.whole = True
            return
        data = json.loads(event.data)
        if event.name == "queue":
            self.queue.append(data)
            return
        self.error = data.get("error") or self.error
        self.usage = data.get("usage") or self.usage
        for choice in data.get("choices") or ():
            pieces = self.pieces.setdefault(choice["index"], [])
            text = choice["delta"].get("content") if "delta" in choice else choice["text"]
            if text:
                pieces.append(text)
            if choice.get("logprobs"):
                self.logprobs.append(choice["logprobs"])
            if choice["finish_reason"]:
                self.reasons[choice["index"]] = choice["finish_reason"]


def session(address: str) -> aiohttp.ClientSession:
    """A connection of its own to a worker on a unix socket."""
    connector = aiohttp.UnixConnector(address.removeprefix("unix:"), force_close=True)
    return aiohttp.ClientSession("http://worker", connector=connector)


async def events(address: str, path: str, body: Body) -> AsyncGenerator[sse.Event]:
    """The events of a streamed answer. Closing it goes away in the middle. Raises Refused."""
    body = {"stream": True, "stream_options": {"include_usage": True}, "temperature": 0} | body
    decoder = sse.Decoder()
    async with session(address) as client, client.post(path, json=body) as response:
        if response.status != 200:
            raise Refused(response.status, (await response.json())["error"])
        async for chunk in response.content.iter_any():
            for event in decoder.feed(chunk):
                yield event


async def ask(address: str, body: Body | str, path: str | None = None) -> Answer:
    """A whole streamed answer, greedy unless the body says else; a text is a plain prompt."""
    if isinstance(body, str):
        body = {"prompt": body}
    answer = Answer()
    async with aclosing(events(address, path or (PLAIN if "prompt" in body else CHAT), body)) as stream:
        async for event in stream:
            answer.take(event)
    return answer


async def post(address: str, path: str, body: Body) -> Body:
    """A request for JSON. Raises Refused."""
    async with session(address) as client, client.post(path, json=body) as response:
        data: Body = await response.json()
        if response.status != 200:
            raise Refused(response.status, data["error"])
        return data


async def get(address: str, path: str) -> Body:
    """JSON, or the lines of /metrics as numbers by name and labels."""
    async with session(address) as client, client.get(path) as response:
        if path != "/metrics":
            found: Body = await response.json()
            return found
        lines = (line.rpartition(" ") for line in (await response.text()).splitlines())
        return {name: float(value) for name, _, value in lines if not name.startswith("#")}
