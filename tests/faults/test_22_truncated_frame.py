"""Row 22: a truncated body, then silence → timeout."""

from __future__ import annotations

import pytest

from petra.lsp.transport import Limits
from tests.lsp.door import open_door


@pytest.mark.parametrize("begun", [b"Content-Length: 100\r\n\r\n{", b"Content-Le"])
async def test_truncated_frame(begun: bytes) -> None:
    async with open_door(Limits(frame=0.2)) as door:
        client = await door.client()
        client.writer.write(begun)
        assert await client.receive() is None
        await door.still_serves()
