"""Row 21: Content-Length above 16 MiB or 8 digits → that connection only is closed."""

from __future__ import annotations

import pytest

from tests.lsp.door import open_door


@pytest.mark.parametrize("length", ["16777217", "000000100", "10000000000"])
async def test_content_length_over_the_cap(length: str) -> None:
    async with open_door() as door:
        other = await door.client()
        client = await door.client()
        client.writer.write(f"Content-Length: {length}\r\n\r\n".encode())
        assert await client.receive() is None
        other.ask(1, "not closed")
        assert (await other.reply(1))["result"]["answer"] == "not closed "
