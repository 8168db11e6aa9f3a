"""Row 5: gzip bomb → 413, without unpacking it."""

from __future__ import annotations

import gzip
import io

from tests.api.rig import rig

BOMB = gzip.compress(b'{"question":"' + b" " * 50_000_000 + b'"}')


async def test_gzip_bomb() -> None:
    assert len(BOMB) < 64 * 1024
    async with rig() as petra:
        headers = {"Content-Encoding": "gzip", "Content-Type": "application/json"}
        async with petra.http.post("/api/v1/ask", data=io.BytesIO(BOMB), headers=headers) as response:
            assert response.status == 413
        await petra.post("/api/v1/ask", {"question": "and the next one?"})
