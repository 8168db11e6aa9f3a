"""An empty file, whatever its name says."""

from __future__ import annotations

from pathlib import Path

import pytest

from petra.errors import UnreadableDocument
from petra.knowledge.extract.extractor import Extractor


@pytest.mark.parametrize("name", ["notes.txt", "lecture.pdf", "README.md", "main.py"])
@pytest.mark.parametrize("content", [b"", b" \r\n\t\n", b"\0" * 100, b"\xef\xbb\xbf", b"\xff\xfe"])
async def test_an_empty_file_says_so(tmp_path: Path, name: str, content: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    extractor = Extractor(tokenizer=None, chunk_size=200, chunk_overlap=32)
    try:
        with pytest.raises(UnreadableDocument) as caught:
            await extractor.extract(path, name)
    finally:
        await extractor.close()
    assert caught.value.what == f"{name} is empty"
    assert caught.value.remedy
