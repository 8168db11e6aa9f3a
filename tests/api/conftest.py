from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from blockbuster import blockbuster_ctx

from tests.api.rig import Rig, rig


@pytest.fixture
async def petra() -> AsyncIterator[Rig]:
    """A server that never holds its loop; while it starts and stops it serves nobody, and may."""
    async with rig() as open_rig:
        with blockbuster_ctx("petra"):
            yield open_rig
