"""The worker is killed in the middle of an answer: the text so far is kept, the reader is told, and the
next question is answered."""

import os
import signal
from contextlib import aclosing
from pathlib import Path

import pytest

from petra.errors import ModelUnavailable
from petra.inference.replies import Delta
from petra.inference.supervisor import WorkerSpec
from tests.inference.workers import CHAT, PARIS, STORY, said, supervised


async def test_killed_mid_token(tmp_path: Path) -> None:
    async with supervised(tmp_path, WorkerSpec("chat", "chat", CHAT)) as supervisor:
        endpoint = await supervisor.use("chat")
        pid = supervisor.state("chat").pid
        text = ""
        with pytest.raises(ModelUnavailable, match="in the middle of the answer"):
            async with aclosing(endpoint.chat(STORY, max_tokens=200)) as events:
                async for event in events:
                    assert isinstance(event, Delta)
                    text += event.text
                    if len(text) > 20 and pid:
                        os.kill(pid, signal.SIGKILL)
                        pid = None
        assert len(text) > 20
        answer, _ = await said(await supervisor.use("chat"), PARIS)
        assert "Paris" in answer
        state = supervisor.state("chat")
        assert (state.state, state.restarts, state.last_exit) == ("ready", 1, "ended by SIGKILL")
