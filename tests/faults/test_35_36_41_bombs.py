"""Rows 35, 36 and 41: small files that unpack to much, pages without end, a line of 1 GB, and headings
without text. Each costs what its limit says and no more, and the next file is read."""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from petra.errors import UnreadableDocument
from petra.knowledge.extract.child import MOST_PIECES
from petra.knowledge.extract.extractor import Extractor

MiB = 1024 * 1024
BLANK = b" " * MiB


@pytest.fixture
async def extractor(tmp_path: Path) -> AsyncIterator[Extractor]:
    extractor = Extractor(
        tokenizer=None,
        chunk_size=200,
        chunk_overlap=32,
        memory=256 * MiB,
        timeout=30,
        page_limit=50,
        text_limit=2 * MiB,
    )
    yield extractor
    (tmp_path / "next.txt").write_text("The next file is read.")
    found = await extractor.extract(tmp_path / "next.txt", "next.txt")
    await extractor.close()
    assert [chunk.text for chunk in found.chunks] == ["The next file is read."]


def pdf(path: Path, content: bytes, *, filters: bytes = b"", pages: int = 1) -> Path:
    """A PDF whose pages are all the same one; written by hand, because no library writes such things."""
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[%b]/Count %d>>" % (b"5 0 R " * pages, pages),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
        b"<</Length %d%b>>\nstream\n%b\nendstream" % (len(content), filters, content),
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Resources<</Font<</F 3 0 R>>>>/Contents 4 0 R>>",
    ]
    out, offsets = b"%PDF-1.7\n", []
    for number, item in enumerate(objects, 1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%b\nendobj\n" % (number, item)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    path.write_bytes(
        out
        + b"xref\n0 6\n0000000000 65535 f \n%btrailer\n<</Size 6/Root 1 0 R>>\n" % table
        + b"startxref\n%d\n%%%%EOF\n" % len(out)
    )
    return path


async def test_a_flate_bomb(extractor: Extractor, tmp_path: Path) -> None:
    pack = zlib.compressobj(1)
    packed = b"".join(pack.compress(BLANK) for _ in range(400)) + pack.flush()
    bomb = pdf(tmp_path / "bomb.pdf", packed, filters=b"/Filter/FlateDecode")
    assert bomb.stat().st_size < 4 * MiB
    with pytest.raises(UnreadableDocument, match="too large to read") as caught:
        await extractor.extract(bomb, "bomb.pdf")
    assert "EXTRACT_MEMORY" in caught.value.remedy
    with pytest.raises(UnreadableDocument):
        await extractor.render_page(bomb, "bomb.pdf", 1, 2400)


async def test_a_hundred_thousand_pages(extractor: Extractor, tmp_path: Path) -> None:
    book = pdf(tmp_path / "book.pdf", b"BT /F 24 Tf 100 700 Td (A page of many.) Tj ET", pages=100_000)
    found = await extractor.extract(book, "book.pdf")
    assert (found.pages, found.notice) == (100_000, "Only the first 50 of 100000 pages were read")


async def test_a_line_of_one_gigabyte(extractor: Extractor, tmp_path: Path) -> None:
    path = tmp_path / "line.txt"
    with path.open("wb") as file:
        file.write(b"word " * MiB)
        file.truncate(1024 * MiB)
    found = await extractor.extract(path, "line.txt")
    assert sum(len(chunk.text) for chunk in found.chunks) < 3 * MiB
    assert found.notice == "Only the first 2 MiB were read"


async def test_headings_without_text(extractor: Extractor, tmp_path: Path) -> None:
    """200,000 passages of one letter took 460 MB of the server."""
    path = tmp_path / "headings.md"
    path.write_text("a\n=\n\n" * (MOST_PIECES + 5000))
    found = await extractor.extract(path, "headings.md")
    assert len(found.chunks) == MOST_PIECES
    assert found.notice == "Only the first 50,000 of 55,000 passages are kept"
