"""A PDF that ends early: a clear reason, and the next file is read."""

from __future__ import annotations

from pathlib import Path

import pytest

from petra.errors import UnreadableDocument
from petra.knowledge.extract.extractor import Extractor
from tests.files import lecture_pdf, truncated_pdf


@pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.9, 0.99])
async def test_a_pdf_cut_anywhere_is_read_or_says_why_not(tmp_path: Path, share: float) -> None:
    content = lecture_pdf(tmp_path / "whole.pdf", pages=4).read_bytes()
    path = tmp_path / "cut.pdf"
    path.write_bytes(content[: int(len(content) * share)])
    extractor = Extractor(tokenizer=None, chunk_size=200, chunk_overlap=32)
    try:
        # PDFium rebuilds the table of a file that has lost only its end.
        assert (await extractor.extract(path, "cut.pdf")).chunks
    except UnreadableDocument as error:
        assert "damaged" in error.what
        assert error.cause
        assert error.remedy
    finally:
        await extractor.close()


async def test_a_truncated_pdf_names_the_cause_and_the_next_step(tmp_path: Path) -> None:
    extractor = Extractor(tokenizer=None, chunk_size=200, chunk_overlap=32)
    try:
        with pytest.raises(UnreadableDocument) as caught:
            await extractor.extract(truncated_pdf(tmp_path / "notes.pdf"), "notes.pdf")
        assert caught.value.what == "notes.pdf is damaged"
        assert "interrupted download" in caught.value.cause
        assert "again" in caught.value.remedy
        assert (await extractor.extract(lecture_pdf(tmp_path / "good.pdf", pages=1), "good.pdf")).chunks
    finally:
        await extractor.close()
