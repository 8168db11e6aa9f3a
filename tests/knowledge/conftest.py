"""Real parts for the room's tests: extraction children with the default embedder's tokenizer."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from blockbuster import blockbuster_ctx

from petra.knowledge.extract.extractor import Extractor
from petra.settings import Settings

MINILM = Settings().models / "all-MiniLM-L6-v2"


@pytest.fixture(autouse=True)
def never_block() -> Iterator[None]:
    """Whatever holds the event loop in this room fails the test."""
    with blockbuster_ctx("petra"):
        yield


@pytest.fixture(scope="session")
def tokenizer() -> Path:
    path = MINILM / "tokenizer.json"
    if not path.is_file():
        pytest.skip("the embedding model is not there: petra models pull all-MiniLM-L6-v2")
    return path


@pytest.fixture
async def extractor(tokenizer: Path) -> AsyncIterator[Extractor]:
    extractor = Extractor(tokenizer=tokenizer, chunk_size=200, chunk_overlap=32, timeout=30)
    yield extractor
    await extractor.close()
