"""The forms of an answer on the wire: OpenAI's chat and plain completions, and llama-server's infill.

A stream's bytes that are the same for every token are made once, so that an event costs about 2 µs.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

from petra.inference.worker.engine import Ended, Piece, Stopped, TokenLogprob, Waiting

DONE = b"data: [DONE]\n\n"
# JSON has no infinity; OpenAI writes this for a token that cannot be.
LEAST_LOGPROB = -9999.0
_JSON = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


def event(data: Any, name: str | None = None) -> bytes:
    """A server-sent event of a JSON value."""
    head = f"event: {name}\n" if name else ""
    return f"{head}data: {_JSON.encode(data)}\n\n".encode()


@dataclass
class Choice:
    """One answer that is gathered to be sent whole."""

    text: str = ""
    logprobs: list[TokenLogprob] = field(default_factory=list)
    reason: str = "stop"


class Form(Protocol):
    """How one answer is written. `streamed` ones in the order of their events."""

    def waiting(self, place: Waiting) -> bytes:
        """The place in the queue."""
        ...

    def piece(self, piece: Piece) -> bytes:
        """Some text of an answer."""
        ...

    def stopped(self, stopped: Stopped) -> bytes:
        """The end of one of the answers."""
        ...

    def ended(self, ended: Ended, *, usage: bool) -> bytes:
        """The end of the stream, with its cost where `usage` is asked for."""
        ...

    def whole(self, choices: Sequence[Choice], ended: Ended, *, logprobs: bool) -> dict[str, Any]:
        """All answers at once."""
        ...


class _OpenAI:
    """What OpenAI's two forms have in common."""

    prefix: ClassVar[str]
    stream_object: ClassVar[str]
    whole_object: ClassVar[str]
    first: ClassVar[str]  # what stands before the first text of an answer,
    later: ClassVar[str]  # before each later one,
    after: ClassVar[str]  # and behind it
    nothing: ClassVar[str]

    def __init__(self, model: str, answers: int) -> None:
        self._head = {
            "id": f"{self.prefix}-{uuid.uuid4().hex}",
            "created": int(time.time()),
            "model": model,
        }
        opened = _JSON.encode({**self._head, "object": self.stream_object})[:-1]
        self._open = f'{opened},"choices":['
        starts = [f'data: {self._open}{{"index":{index},' for index in range(answers)]
        self._next = [(start + self.first).encode() for start in starts]
        self._later = [(start + self.later).encode() for start in starts]
        self._end = f'{self.after},"logprobs":null,"finish_reason":null}}]}}\n\n'.encode()
        self._starts = starts
        self._lengths = [0] * answers

    def waiting(self, place: Waiting) -> bytes:
        """An event of its own name. It also has the fields of a chunk without choices: some clients read
        every event as one."""
        data = {"position": place.position, "estimate_s": place.estimate_s}
        shown = _JSON.encode(data)[:-1] + "," + self._open.removeprefix("{") + "]}"
        return f"event: queue\ndata: {shown}\n\n".encode()

    def piece(self, piece: Piece) -> bytes:
        """A chunk with text."""
        index = piece.index
        start = self._next[index]
        self._next[index] = self._later[index]
        text = _JSON.encode(piece.text).encode()
        if not piece.logprobs:
            return start + text + self._end
        found = _JSON.encode(self.logprobs(piece.logprobs, self._lengths[index]))
        self._lengths[index] += sum(len(_text(token.piece)) for token in piece.logprobs)
        return start + text + f'{self.after},"logprobs":{found},"finish_reason":null}}]}}\n\n'.encode()

    def stopped(self, stopped: Stopped) -> bytes:
        """A chunk without text that says why."""
        start = self._starts[stopped.index]
        return f'{start}{self.nothing},"logprobs":null,"finish_reason":"{stopped.reason}"}}]}}\n\n'.encode()

    def ended(self, ended: Ended, *, usage: bool) -> bytes:
        """A chunk without choices where the usage is asked for, and the mark of the end."""
        if not usage:
            return DONE
        head = {**self._head, "object": self.stream_object, "choices": []}
        return event({**head, "usage": _usage(ended), "timings": timings(ended)}) + DONE

    def whole(self, choices: Sequence[Choice], ended: Ended, *, logprobs: bool) -> dict[str, Any]:
        """The answers as one object."""
        items = [
            {
                "index": index,
                **self.content(choice.text),
                "logprobs": self.logprobs(choice.logprobs, 0) if logprobs else None,
                "finish_reason": choice.reason,
            }
            for index, choice in enumerate(choices)
        ]
        head = {**self._head, "object": self.whole_object, "choices": items}
        return {**head, "usage": _usage(ended), "timings": timings(ended)}

    def content(self, text: str) -> dict[str, Any]:
        """A whole text in a choice."""
        raise NotImplementedError

    def logprobs(self, tokens: Sequence[TokenLogprob], offset: int) -> dict[str, Any]:
        """Probabilities of tokens, the first of which is `offset` characters from the answer's start."""
        raise NotImplementedError


class ChatForm(_OpenAI):
    """/v1/chat/completions."""

    prefix = "chatcmpl"
    stream_object, whole_object = "chat.completion.chunk", "chat.completion"
    first, later, after = '"delta":{"role":"assistant","content":', '"delta":{"content":', "}"
    nothing = '"delta":{}'

    def content(self, text: str) -> dict[str, Any]:
        """See _OpenAI."""
        return {"message": {"role": "assistant", "content": text}}

    def logprobs(self, tokens: Sequence[TokenLogprob], offset: int) -> dict[str, Any]:
        """See _OpenAI."""
        items = [
            {
                **_token(token.piece, token.logprob),
                "top_logprobs": [_token(piece, value) for piece, value in token.top],
            }
            for token in tokens
        ]
        return {"content": items, "refusal": None}


class PlainForm(_OpenAI):
    """/v1/completions."""

    prefix = "cmpl"
    stream_object = whole_object = "text_completion"
    first = later = '"text":'
    after = ""
    nothing = '"text":""'

    def content(self, text: str) -> dict[str, Any]:
        """See _OpenAI."""
        return {"text": text}

    def logprobs(self, tokens: Sequence[TokenLogprob], offset: int) -> dict[str, Any]:
        """See _OpenAI."""
        texts = [_text(token.piece) for token in tokens]
        offsets = []
        for text in texts:
            offsets.append(offset)
            offset += len(text)
        return {
            "tokens": texts,
            "token_logprobs": [_finite(token.logprob) for token in tokens],
            "top_logprobs": [
                {_text(piece): _finite(value) for piece, value in token.top} for token in tokens
            ],
            "text_offset": offsets,
        }


class InfillForm:
    """llama-server's own form, for /infill. It has one answer, and no mark of the end of a stream."""

    def __init__(self, model: str, answers: int) -> None:
        self._model = model
        self._reason = "stop"

    def waiting(self, place: Waiting) -> bytes:
        """See Form."""
        return event({"position": place.position, "estimate_s": place.estimate_s}, "queue")

    def piece(self, piece: Piece) -> bytes:
        """See Form."""
        return event({"index": 0, "content": piece.text, "stop": False})

    def stopped(self, stopped: Stopped) -> bytes:
        """Said with the end."""
        self._reason = stopped.reason
        return b""

    def ended(self, ended: Ended, *, usage: bool) -> bytes:
        """See Form."""
        return event(self._last("", self._reason, ended))

    def whole(self, choices: Sequence[Choice], ended: Ended, *, logprobs: bool) -> dict[str, Any]:
        """See Form."""
        return self._last(choices[0].text, choices[0].reason, ended)

    def _last(self, text: str, reason: str, ended: Ended) -> dict[str, Any]:
        return {
            "index": 0,
            "content": text,
            "stop": True,
            "stop_type": "limit" if reason == "length" else "eos",
            "model": self._model,
            "tokens_predicted": ended.completion_tokens,
            "tokens_evaluated": ended.prompt_tokens,
            "timings": timings(ended),
        }


def timings(ended: Ended) -> dict[str, Any]:
    """Where the time went, in llama-server's words; `queue_ms` is ours."""
    read, written = ended.prompt_tokens - ended.reused_tokens, ended.completion_tokens
    return {
        "queue_ms": round(ended.queue_s * 1e3, 3),
        "cache_n": ended.reused_tokens,
        "prompt_n": read,
        "prompt_ms": round(ended.prompt_s * 1e3, 3),
        "prompt_per_token_ms": round(ended.prompt_s * 1e3 / read, 3) if read else 0.0,
        "prompt_per_second": round(read / ended.prompt_s, 3) if ended.prompt_s else 0.0,
        "predicted_n": written,
        "predicted_ms": round(ended.writing_s * 1e3, 3),
        "predicted_per_token_ms": round(ended.writing_s * 1e3 / written, 3) if written else 0.0,
        "predicted_per_second": round(written / ended.writing_s, 3) if ended.writing_s else 0.0,
    }


def _usage(ended: Ended) -> dict[str, Any]:
    return {
        "prompt_tokens": ended.prompt_tokens,
        "completion_tokens": ended.completion_tokens,
        "total_tokens": ended.prompt_tokens + ended.completion_tokens,
        "prompt_tokens_details": {"cached_tokens": ended.reused_tokens},
    }


def _token(piece: bytes, logprob: float) -> dict[str, Any]:
    return {"token": _text(piece), "logprob": _finite(logprob), "bytes": list(piece)}


def _text(piece: bytes) -> str:
    """A token's text; where it is a part of a character, that is not one."""
    return piece.decode("utf-8", "replace")


def _finite(logprob: float) -> float:
    return max(logprob, LEAST_LOGPROB)
