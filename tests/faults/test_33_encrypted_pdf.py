"""An encrypted PDF: "password needed"."""

from __future__ import annotations

from pathlib import Path

import pytest

from petra.errors import UnreadableDocument
from petra.knowledge.extract.extractor import Extractor
from tests.files import encrypted_pdf


async def test_an_encrypted_pdf_says_that_it_needs_a_password(tmp_path: Path) -> None:
    extractor = Extractor(tokenizer=None, chunk_size=200, chunk_overlap=32)
    try:
        with pytest.raises(UnreadableDocument) as caught:
            await extractor.extract(encrypted_pdf(tmp_path / "exam.pdf"), "exam.pdf")
    finally:
        await extractor.close()
    assert "exam.pdf" in caught.value.what
    assert "password needed" in caught.value.what
    assert "without a password" in caught.value.remedy
