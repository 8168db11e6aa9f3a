"""UTF-16 and Latin-1 source code reads as what it says."""

from __future__ import annotations

from pathlib import Path

import pytest

from petra.knowledge.extract.extractor import Extractor

CODE = 'def größe(x):\n    return f"naïve {x} ÿ"\n'


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "latin-1", "cp1252"]
)
async def test_encodings_are_found_out(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "code.py"
    path.write_bytes(CODE.replace("\n", "\r\n").encode(encoding))
    extractor = Extractor(tokenizer=None, chunk_size=200, chunk_overlap=32)
    try:
        (chunk,) = (await extractor.extract(path, "code.py")).chunks
    finally:
        await extractor.close()
    assert chunk.text == CODE.rstrip()
    assert chunk.lines == (1, 2)
