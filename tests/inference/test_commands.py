"""`petra models`, as a person runs it."""

import asyncio
import shutil
from pathlib import Path

import pytest

from petra.cli import main
from petra.settings import Settings
from petra.storage import index_versions
from petra.storage.database import Database
from tests.inference.workers import CHAT, models


def test_list_verify_and_remove(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(models() / CHAT, tmp_path / CHAT)
    monkeypatch.setenv("MODELS_DIR", str(tmp_path))
    assert main(["models", "list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith(CHAT) and "  installed, used for answers" in line for line in lines)
    assert any("Llama 3.2 Community License" in line and "installed" not in line for line in lines)

    file = next((tmp_path / CHAT).glob("*Q4_1.gguf"))
    with file.open("rb+") as content:
        content.write(b"!")
    assert main(["models", "verify"]) == 1
    assert f"petra models pull {CHAT}" in capsys.readouterr().out

    assert main(["models", "remove", CHAT]) == 0
    assert main(["models", "remove", CHAT]) == 1
    assert "not installed" in capsys.readouterr().err


def test_the_list_names_the_embedder_that_was_chosen_since(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def reindexed(configured: str, chosen: str) -> None:
        db = await Database.open(Settings().database)
        async with db.write() as conn:
            await index_versions.at_start(conn, configured)
            made = await index_versions.begin(conn, chosen, configured)
            await index_versions.swap(conn, made.id)
        await db.close()

    def searches() -> str:
        assert main(["models", "list"]) == 0
        lines = capsys.readouterr().out.splitlines()
        (line,) = [line for line in lines if "used for search" in line]
        return line.split()[0]

    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    before, other = "bge-small-en-v1.5", "all-MiniLM-L6-v2"
    monkeypatch.setenv("EMBEDDING_MODEL", before)
    assert searches() == before
    asyncio.run(reindexed(before, other))
    assert searches() == other
    monkeypatch.setenv("EMBEDDING_MODEL", other)
    assert searches() == other
    (tmp_path / "petra.db").write_bytes(b"no database")
    assert searches() == other


def test_an_unknown_model_gets_the_nearest_names(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "pull", "Qwen2.5-Coder-7B"]) == 1
    assert "Qwen2.5-Coder-7B-Instruct" in capsys.readouterr().err
    assert main(["models", "pull"]) == 1
