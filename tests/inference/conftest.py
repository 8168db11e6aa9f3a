from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from petra.inference import installed
from petra.inference.client import ModelEndpoint
from tests.inference.workers import CHAT, EMBED, models, worker


@pytest.fixture(scope="session")
def chat_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    path = installed.resolve(models(), CHAT).path
    folder = tmp_path_factory.mktemp("chat")
    with worker(folder, "chat", "--model", str(path), "--name", CHAT, "--context", "2048") as address:
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
