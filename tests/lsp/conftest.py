from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
from blockbuster import blockbuster_ctx

from tests.lsp.door import Door, open_door
from tests.serving import Served, served


@pytest.fixture(scope="module")
def real_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A real server for one file: what the small model says depends on what else could be found."""
    with served(tmp_path_factory.mktemp("petra")) as server:
        server.wait_until_ready()
        yield server


@pytest.fixture
def loop_never_blocks() -> Iterator[None]:
    with blockbuster_ctx("petra"):
        yield


@pytest.fixture
async def door(loop_never_blocks: None) -> AsyncIterator[Door]:
    async with open_door() as opened:
        yield opened
