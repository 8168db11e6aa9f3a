"""A model that never comes to an end: caps on tokens and on seconds, and the next answer is not in its
way."""

from pathlib import Path

from tests.inference import gguf_files
from tests.inference.gguf_files import BACK
from tests.inference.wire import Body, ask, get
from tests.inference.workers import worker

# The tiny model says the last 12 characters of the prompt for ever.
ENDLESS: Body = {"prompt": "and so on, and so on"}
SAID = "and so on, and so on"[-BACK:]


async def test_tokens(tmp_path: Path) -> None:
    path = gguf_files.echo(tmp_path / "echo.gguf")
    with worker(tmp_path, "chat", f"--model={path}", "--max-tokens=60") as address:
        for asked in ({}, {"max_tokens": 4000}, {"n": 2, "ignore_eos": True}):
            answer = await ask(address, ENDLESS | asked)
            assert set(answer.reasons.values()) == {"length"}
            assert answer.text == SAID * 5
            assert answer.usage["completion_tokens"] == 60 * len(answer.reasons)


async def test_seconds(tmp_path: Path) -> None:
    path = gguf_files.echo(tmp_path / "echo.gguf")
    arguments = (f"--model={path}", "--max-seconds=0.5", "--max-tokens=100000", "--context=16384")
    with worker(tmp_path, "chat", *arguments) as address:
        answer = await ask(address, ENDLESS)
        said = min(len(SAID), len(answer.text))
        assert answer.reason == "length" and said and answer.text[:said] == SAID[:said]
        assert answer.usage["completion_tokens"] < 16_000
        assert not (await get(address, "/health"))["busy"]
        # One token: this answer has no more than half a second either.
        assert (await ask(address, ENDLESS | {"max_tokens": 1})).text == SAID[:1]
