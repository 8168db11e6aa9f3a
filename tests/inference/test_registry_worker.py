"""Two real models in one worker: the second comes when it is asked for and goes when nobody needs it."""

import asyncio
from pathlib import Path

from tests.inference import gguf_files
from tests.inference.gguf_files import BACK
from tests.inference.wire import ask, get
from tests.inference.workers import worker

BODY = {"prompt": "xxxxxHelloMyWorld", "max_tokens": BACK}


async def loaded(address: str, names: list[str]) -> None:
    """Wait until exactly these are loaded."""
    async with asyncio.timeout(20):
        while (await get(address, "/health"))["loaded"] != names:
            await asyncio.sleep(0.02)


async def test_a_model_is_loaded_when_asked_for_and_unloaded_when_idle(tmp_path: Path) -> None:
    first, second = gguf_files.echo(tmp_path / "first.gguf"), gguf_files.echo(tmp_path / "second.gguf")
    models = [f"--model={path.stem}={path}" for path in (first, second)]
    with worker(tmp_path, "chat", *models, "--idle-unload=0.1", "--context=512") as address:
        contexts = [model["meta"] for model in (await get(address, "/v1/models"))["data"]]
        assert contexts == [{"n_ctx": 512}, {}]
        for _ in range(2):
            assert (await get(address, "/health"))["loaded"] == ["first"]
            answers = await asyncio.gather(
                ask(address, BODY), *(ask(address, BODY | {"model": "second"}) for _ in range(4))
            )
            assert {answer.text for answer in answers} == {"HelloMyWorld"}
            await loaded(address, ["first"])
        page = await get(address, "/metrics")
        assert page['petra_worker_ttft_seconds_count{model="first"}'] == 2
        assert page['petra_worker_ttft_seconds_count{model="second"}'] == 8
