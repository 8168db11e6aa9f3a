"""A file whose name lies: the content decides."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from petra.errors import UnreadableDocument
from petra.knowledge.extract.extractor import Extractor
from tests.files import lecture_pdf


async def test_the_content_decides(tmp_path: Path) -> None:
    pdf = lecture_pdf(tmp_path / "lecture.txt", pages=1)
    text = tmp_path / "notes.pdf"
    text.write_text("Plain words.")
    picture = tmp_path / "essay.txt"
    Image.new("RGB", (40, 40)).save(picture, "PNG")
    extractor = Extractor(tokenizer=None, chunk_size=200, chunk_overlap=32)
    try:
        assert (await extractor.extract(pdf, pdf.name)).media_type == "application/pdf"
        assert (await extractor.extract(text, text.name)).chunks[0].text == "Plain words."
        with pytest.raises(UnreadableDocument, match=r"not text\. It is a PNG picture"):
            await extractor.extract(picture, picture.name)
    finally:
        await extractor.close()
