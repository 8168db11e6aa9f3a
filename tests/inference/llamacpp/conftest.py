from collections.abc import Iterator
from pathlib import Path

import pytest

from petra.inference.worker.llamacpp.context import LlamaContext
from petra.inference.worker.llamacpp.model import LlamaModel
from tests.inference import gguf_files
from tests.inference.llamacpp.reading import opened
from tests.inference.workers import CHAT, GEMMA, chat_file


@pytest.fixture(scope="session")
def smol() -> Iterator[LlamaModel]:
    model = LlamaModel(chat_file(CHAT))
    yield model
    model.close()


@pytest.fixture(scope="session")
def gemma() -> Iterator[LlamaModel]:
    """Three layers in four look back 512 tokens only."""
    model = LlamaModel(chat_file(GEMMA))
    yield model
    model.close()


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LlamaModel]:
    """Says what it heard twelve tokens before, by bytes."""
    model = LlamaModel(gguf_files.echo(tmp_path_factory.mktemp("tiny") / "echo.gguf"))
    yield model
    model.close()


@pytest.fixture(scope="session")
def shout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return gguf_files.shout(tmp_path_factory.mktemp("shout") / "shout.gguf")


@pytest.fixture(params=["smol", "gemma"])
def model(request: pytest.FixtureRequest) -> LlamaModel:
    """Two kinds of attention."""
    found: LlamaModel = request.getfixturevalue(request.param)
    return found


@pytest.fixture(params=[True, False], ids=["unified", "split"])
def context(request: pytest.FixtureRequest, model: LlamaModel) -> Iterator[LlamaContext]:
    with opened(model, unified=request.param) as context:
        yield context


@pytest.fixture
def unified(model: LlamaModel) -> Iterator[LlamaContext]:
    with opened(model, unified=True) as context:
        yield context


@pytest.fixture
def small(tiny: LlamaModel) -> Iterator[LlamaContext]:
    with opened(tiny, unified=True) as context:
        yield context
