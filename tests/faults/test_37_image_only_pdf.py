"""A scan without a text layer: "no text found", never a success."""

from __future__ import annotations

from pathlib import Path

import pytest

from petra.errors import UnreadableDocument
from petra.knowledge.extract.extractor import Extractor
from tests.files import image_only_pdf


async def test_a_scan_is_a_failure_with_a_reason(tmp_path: Path) -> None:
    extractor = Extractor(tokenizer=None, chunk_size=200, chunk_overlap=32)
    try:
        with pytest.raises(UnreadableDocument) as caught:
            await extractor.extract(image_only_pdf(tmp_path / "scan.pdf"), "scan.pdf")
    finally:
        await extractor.close()
    assert caught.value.what == "No text was found in scan.pdf"
    assert "2 pages" in caught.value.cause
    assert "OCR" in caught.value.remedy
