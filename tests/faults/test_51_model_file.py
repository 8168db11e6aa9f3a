"""A model file that is missing or truncated: said with the command that repairs it, and when the file
comes, the worker comes."""

import asyncio
import shutil
from pathlib import Path

import pytest

from petra.errors import ModelFileError, ModelUnavailable
from petra.inference import gguf, installed
from petra.inference.supervisor import WorkerSpec
from tests.inference.workers import CHAT, PARIS, models, said, supervised


async def test_missing_then_there(tmp_path: Path) -> None:
    folder = tmp_path / "models"
    folder.mkdir()
    async with supervised(tmp_path, WorkerSpec("chat", "chat", CHAT), models_dir=folder) as supervisor:
        with pytest.raises(ModelUnavailable, match=f"petra models pull {CHAT}"):
            await supervisor.use("chat")
        assert supervisor.state("chat").state == "missing_model"
        shutil.copytree(models() / CHAT, folder / "arriving")
        (folder / "arriving").rename(folder / CHAT)
        # Nobody has to say so: the supervisor looks for it.
        while supervisor.state("chat").state == "missing_model":
            await asyncio.sleep(0.02)
        text, _ = await said(await supervisor.use("chat"), PARIS)
        assert "Paris" in text


async def test_truncated(tmp_path: Path) -> None:
    """The header is right, so only llama.cpp can tell: the worker that tries it reports and ends."""
    whole = installed.resolve(models(), CHAT).path
    half = tmp_path / "half.gguf"
    with whole.open("rb") as source:
        half.write_bytes(source.read(whole.stat().st_size // 2))
    async with supervised(tmp_path, WorkerSpec("chat", "chat", str(half))) as supervisor:
        with pytest.raises(ModelUnavailable, match=r"truncated.*models verify"):
            await supervisor.use("chat")
        assert supervisor.state("chat").state == "missing_model"


def test_an_installed_model_that_lost_bytes_is_found_before_it_is_loaded(tmp_path: Path) -> None:
    shutil.copytree(models() / CHAT, tmp_path / CHAT)
    file = next((tmp_path / CHAT).glob("*Q4_1.gguf"))
    with file.open("rb+") as content:
        content.truncate(1000)
    with pytest.raises(ModelFileError, match=r"1000 of 98362432 bytes.*models pull"):
        installed.resolve(tmp_path, CHAT)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"GGUF",
        b"PK\x03\x04" + bytes(100),
        b"GGUF" + (99).to_bytes(4, "little") + bytes(100),
        # 53 bytes that announce 2^60 entries: a parser that believes them never ends.
        b"GGUF" + (3).to_bytes(4, "little") + (1 << 60).to_bytes(8, "little") * 2 + bytes(29),
        b"GGUF" + (3).to_bytes(4, "little") + (5000).to_bytes(8, "little") * 2 + bytes(29),
    ],
)
def test_what_is_no_gguf_file_never_reaches_a_parser(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(content)
    with pytest.raises(ModelFileError, match="not a usable model file"):
        gguf.check_header(path)
