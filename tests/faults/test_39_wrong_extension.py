"""A file whose name lies: the content decides."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from petra.errors import UnreadableDocument
from petra.knowledge.extract.extractor import Extractor
from tests import office
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


async def test_what_is_in_an_archive_decides(tmp_path: Path) -> None:
    deck = office.pptx(tmp_path / "essay.docx", [(office.shape(["A slide"]), "")])
    essay = office.docx(tmp_path / "deck.txt", office.paragraph("A paragraph."))
    other = office.archive(tmp_path / "report.docx", {"readme.txt": "Only a ZIP."})
    odt = office.archive(
        tmp_path / "notes.docx",
        {"mimetype": "application/vnd.oasis.opendocument.text", "content.xml": "<x/>"},
    )
    locked = tmp_path / "exam.xlsx"
    locked.write_bytes(b"\xd0\xcf\x11\xe0" + bytes(600) + "EncryptedPackage".encode("utf-16-le") + bytes(600))
    extractor = Extractor(tokenizer=None, chunk_size=200, chunk_overlap=32)
    try:
        found = await extractor.extract(deck, deck.name)
        assert (found.media_type.endswith("presentation"), found.chunks[0].text) == (True, "A slide")
        assert (await extractor.extract(essay, essay.name)).media_type.endswith("wordprocessingml.document")
        with pytest.raises(UnreadableDocument, match=r"It is a ZIP archive\. Unpack it first"):
            await extractor.extract(other, other.name)
        with pytest.raises(UnreadableDocument, match=r"It is an OpenDocument file\. Save it as \.docx"):
            await extractor.extract(odt, odt.name)
        with pytest.raises(UnreadableDocument, match=r"exam\.xlsx is encrypted: password needed"):
            await extractor.extract(locked, locked.name)
    finally:
        await extractor.close()


@pytest.mark.parametrize("name", ["lab.ipynb", "table.csv", "page.html", "paper.tex"])
async def test_a_text_that_is_not_what_its_name_says_is_read_as_text(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text("Just a few words that somebody noted down.\n")
    extractor = Extractor(tokenizer=None, chunk_size=200, chunk_overlap=32)
    try:
        (chunk,) = (await extractor.extract(path, name)).chunks
    finally:
        await extractor.close()
    assert chunk.text.strip() == "Just a few words that somebody noted down."
