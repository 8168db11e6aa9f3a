"""The worker is killed with eight answers under way."""

import asyncio
import os
import signal
from contextlib import aclosing
from pathlib import Path

from petra.errors import ModelUnavailable
from petra.inference.client import ChatMessage, ModelEndpoint
from petra.inference.replies import Delta
from petra.inference.supervisor import WorkerSpec
from tests.inference.workers import CHAT, PARIS, said, supervised


async def told(endpoint: ModelEndpoint, number: int, texts: dict[int, str]) -> ModelUnavailable | None:
    """Write an answer into `texts`; returns the error that ended it."""
    question = [ChatMessage("user", f"Tell me a very long story about {number} foxes.")]
    try:
        async with aclosing(endpoint.chat(question, max_tokens=400, user=f"u{number}")) as events:
            async for event in events:
                if isinstance(event, Delta):
                    texts[number] = texts.get(number, "") + event.text
    except ModelUnavailable as error:
        return error
    return None


async def test_every_reader_is_told_keeps_the_text_and_can_ask_again(
    tmp_path: Path, small_chat: tuple[str, ...]
) -> None:
    async with supervised(tmp_path, WorkerSpec("chat", "chat", CHAT, args=small_chat)) as supervisor:
        endpoint = await supervisor.use("chat")
        texts: dict[int, str] = {}
        readers = [asyncio.create_task(told(endpoint, number, texts)) for number in range(8)]
        async with asyncio.timeout(60):
            while sum(len(text) > 20 for text in texts.values()) < 8:
                await asyncio.sleep(0.02)
        pid = supervisor.state("chat").pid
        assert pid and not any(reader.done() for reader in readers)
        os.kill(pid, signal.SIGKILL)
        async with asyncio.timeout(10):
            errors = await asyncio.gather(*readers)
        assert all(error and "in the middle of the answer" in error.what for error in errors)
        assert all(len(text) > 20 for text in texts.values())
        again = await supervisor.use("chat")
        answers = await asyncio.gather(*(said(again, PARIS, user=f"u{number}") for number in range(3)))
        assert all("Paris" in text for text, _ in answers)
        state = supervisor.state("chat")
        assert (state.state, state.restarts, state.last_exit) == ("ready", 1, "ended by SIGKILL")
