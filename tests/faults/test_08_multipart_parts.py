"""Row 8: 10k multipart parts → 413."""

from __future__ import annotations

import io

import pytest

from tests.api.rig import Rig, rig

HEADERS = {"Content-Type": "multipart/form-data; boundary=x"}


async def _send(petra: Rig, body: bytes) -> tuple[int, str]:
    async with petra.http.post("/upload", data=io.BytesIO(body), headers=HEADERS) as response:
        return response.status, (await response.json())["error"]["what"]


async def test_many_parts() -> None:
    part = b'--x\r\nContent-Disposition: form-data; name="collection"\r\n\r\nA\r\n'
    async with rig() as petra:
        status, what = await _send(petra, part * 10_000 + b"--x--\r\n")
        assert status == 413
        assert "parts" in what
        await petra.upload("a.txt", b"The next one is taken.")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"--x--\r\n",
        b"no boundary at all",
        b'--x\r\nContent-Disposition: form-data; name="other"\r\n\r\nA\r\n--x--\r\n',
        b'--x\r\nContent-Disposition: form-data; name="collection"\r\n\r\n' + b"A" * 5000 + b"\r\n--x--\r\n",
        b"--x\r\nContent-Type: multipart/mixed; boundary=y\r\n\r\n--y\r\n\r\n\r\n--y--\r\n--x--\r\n",
        b'--x\r\nContent-Disposition: form-data; name="file"\r\nX: '
        + b"A" * 20_000
        + b"\r\n\r\nA\r\n--x--\r\n",
        b'--x\r\nContent-Disposition: form-data; name="file"\r\n'
        + b"X: A\r\n" * 5000
        + b"\r\nA\r\n--x--\r\n",
        b'--x\r\nContent-Disposition: form-data; name="file"; filename="a\x1b.txt"\r\n\r\nA\r\n--x--\r\n',
        b"A" * 100_000,
    ],
    ids=[
        "empty",
        "no parts",
        "no boundary",
        "unknown field",
        "long field",
        "nested",
        "long header",
        "many headers",
        "control character",
        "long preamble",
    ],
)
async def test_malformed_forms(body: bytes) -> None:
    async with rig() as petra:
        status, what = await _send(petra, body)
        assert (status, bool(what)) == (400, True)
        assert list(petra.petra.settings.uploads.glob("*")) == []
