from __future__ import annotations

from collections.abc import Iterator

import pytest
from blockbuster import blockbuster_ctx


@pytest.fixture(autouse=True)
def never_block() -> Iterator[None]:
    """Whatever holds the event loop in this room fails the test."""
    with blockbuster_ctx("petra"):
        yield
