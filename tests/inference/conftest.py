from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from petra.inference.client import ModelEndpoint
from tests.inference import gguf_files
from tests.inference.workers import CHAT, EMBED, GEMMA, chat_file, models, worker


@pytest.fixture(scope="session")
def small_chat(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ...]:
    """Arguments of a worker with the small model; what it measures at its start is measured once."""
    measured = tmp_path_factory.getbasetemp() / "measured.json"
    return ("--context", "2048", "--calibration", str(measured))


@pytest.fixture(scope="session")
def chat_address(tmp_path_factory: pytest.TempPathFactory, small_chat: tuple[str, ...]) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("chat")
    with worker(folder, "chat", "--model", str(chat_file()), "--name", CHAT, *small_chat) as address:
        yield address


@pytest.fixture(scope="session")
def gemma_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A second architecture: a base model whose layers mostly look at a window only."""
    folder = tmp_path_factory.mktemp("gemma")
    with worker(folder, "chat", "--model", str(chat_file(GEMMA)), "--context", "1024") as address:
        yield address


@pytest.fixture(scope="session")
def tiny_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The models of gguf_files in one worker: `echo` and its adapter `shout`, `page`, which hears what was
    said 150 tokens ago, and `soft`, which is not sure."""
    folder = tmp_path_factory.mktemp("tiny")
    echo = gguf_files.echo(folder / "echo.gguf")
    page = gguf_files.echo(folder / "page.gguf", back=gguf_files.PAGE)
    soft = gguf_files.echo(folder / "soft.gguf", certainty=gguf_files.SOFT)
    shout = gguf_files.shout(folder / "shout.gguf")
    models = [f"--model={path.stem}={path}" for path in (echo, page, soft)]
    with worker(folder, "chat", *models, f"--lora=shout={shout}@echo", "--queue=256") as address:
        yield address


@pytest.fixture(scope="session")
def embed_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("embed")
    with worker(folder, "embed", "--model", str(models() / EMBED), "--name", EMBED) as address:
        yield address


@pytest.fixture(scope="session")
def stub_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with worker(tmp_path_factory.mktemp("stub"), "stub") as address:
        yield address


@pytest.fixture
async def chat(chat_address: str) -> AsyncIterator[ModelEndpoint]:
    endpoint = ModelEndpoint(chat_address)
    yield endpoint
    await endpoint.close()


@pytest.fixture
async def embed(embed_address: str) -> AsyncIterator[ModelEndpoint]:
    endpoint = ModelEndpoint(embed_address)
    yield endpoint
    await endpoint.close()


@pytest.fixture
async def stub(stub_address: str) -> AsyncIterator[ModelEndpoint]:
    endpoint = ModelEndpoint(stub_address)
    yield endpoint
    await endpoint.close()


@pytest.fixture
def empty_models(tmp_path: Path) -> Path:
    folder = tmp_path / "models"
    folder.mkdir()
    return folder
