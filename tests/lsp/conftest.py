from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
from blockbuster import blockbuster_ctx

from tests.lsp.door import Door, open_door


@pytest.fixture
def loop_never_blocks() -> Iterator[None]:
    with blockbuster_ctx("petra"):
        yield


@pytest.fixture
async def door(loop_never_blocks: None) -> AsyncIterator[Door]:
    async with open_door() as opened:
        yield opened
