"""Rows 35, 36 and 41 for archives: Office documents and books that unpack to much, nest deeply or never end.
Each costs what its limit says and no more, says why, and the next file is read."""

from __future__ import annotations

import resource
import time
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from petra.errors import UnreadableDocument
from petra.knowledge.extract.extractor import Extractor
from petra.knowledge.extract.tables import MOST_CELLS
from tests import office

MiB = 1024 * 1024
ENTITIES = '<!DOCTYPE x [<!ENTITY a "ha">{}]>'.format(
    "".join(
        f'<!ENTITY {name} "{f"&{before};" * 10}">'
        for before, name in zip("abcdefgh", "bcdefghi", strict=True)
    )
)
EXTERNAL = '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>'


@pytest.fixture
async def extractor(tmp_path: Path) -> AsyncIterator[Extractor]:
    """One with little memory; whatever came before it reads the next file, and the server stays small."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.monotonic()
    extractor = Extractor(
        tokenizer=None,
        chunk_size=200,
        chunk_overlap=0,
        memory=320 * MiB,
        timeout=30,
        page_limit=50,
        text_limit=MiB,
    )
    yield extractor
    good = office.docx(tmp_path / "next.docx", office.paragraph("The next file is read."))
    found = await extractor.extract(good, "next.docx")
    await extractor.close()
    assert [chunk.text for chunk in found.chunks] == ["The next file is read."]
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100 * 1024, "KiB"
    assert time.monotonic() - start < 60


def large(path: Path, parts: dict[str, str | bytes], name: str, head: str, piece: str, times: int) -> Path:
    """An archive of `parts` in which one part is `piece` again and again, between `head` and nothing."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as file:
        for part, content in parts.items():
            if part != name:
                file.writestr(part, content)
        with file.open(name, "w") as target:
            target.write(head.encode())
            block = piece.encode() * max(1, MiB // len(piece))
            for _ in range(times * len(piece) // len(block)):
                target.write(block)
    return path


async def test_a_document_that_unpacks_without_end(extractor: Extractor, tmp_path: Path) -> None:
    head = f"<w:document {office.W}><w:body>"
    path = large(tmp_path / "bomb.docx", office.docx_parts(""), "word/document.xml", head, " ", 300 * MiB)
    assert path.stat().st_size < 2 * MiB
    with pytest.raises(UnreadableDocument, match="unpacks to more than 256 MiB") as caught:
        await extractor.extract(path, "bomb.docx")
    assert caught.value.remedy


async def test_a_paragraph_without_end_is_cut_and_said(extractor: Extractor, tmp_path: Path) -> None:
    head = f"<w:document {office.W}><w:body><w:p><w:r><w:t>"
    path = large(tmp_path / "long.docx", office.docx_parts(""), "word/document.xml", head, "word ", 6 * MiB)
    found = await extractor.extract(path, "long.docx")
    assert found.notice == f"Only the first {MiB:,} characters were read"
    assert sum(len(chunk.text) for chunk in found.chunks) <= MiB


async def test_a_sheet_of_ten_million_cells(extractor: Extractor, tmp_path: Path) -> None:
    row = f"<row>{'<c><v>1</v></c>' * 1000}</row>"
    parts = office.xlsx_parts({"Data": ""})
    head = f"<worksheet {office.X}><sheetData>"
    path = large(tmp_path / "data.xlsx", parts, "xl/worksheets/sheet0.xml", head, row, 10_000)
    found = await extractor.extract(path, "data.xlsx")
    assert found.notice == (
        f"Of sheet Data only the first {MOST_CELLS // 1000} rows were read;"
        " Of sheet Data only the first 256 columns were read"
    )


async def test_a_cell_in_the_last_corner_of_a_sheet(extractor: Extractor, tmp_path: Path) -> None:
    far = '<row r="1048576"><c r="XFD1048576"><v>7</v></c><c r="A1048576"><v>8</v></c></row>'
    parts = office.xlsx_parts({"Far": f"<worksheet {office.X}><sheetData>{far}</sheetData></worksheet>"})
    found = await extractor.extract(office.archive(tmp_path / "far.xlsx", parts), "far.xlsx")
    assert [chunk.text for chunk in found.chunks] == ["8"]


@pytest.mark.parametrize(("what", "reason"), [(ENTITIES, "defines entities"), (EXTERNAL, "defines entities")])
async def test_entities_inside_and_outside(
    extractor: Extractor, tmp_path: Path, what: str, reason: str
) -> None:
    for name, parts in {
        "essay.docx": office.docx_parts(
            office.paragraph("x").replace("x", "&i;" if what == ENTITIES else "&a;")
        ),
        "book.epub": office.epub_parts(["<p>x</p>"]),
    }.items():
        part = "word/document.xml" if "word/document.xml" in parts else "OEBPS/book.opf"
        parts[part] = what + str(parts[part])
        with pytest.raises(UnreadableDocument, match=reason):
            await extractor.extract(office.archive(tmp_path / name, parts), name)


async def test_elements_inside_each_other_without_end(extractor: Extractor, tmp_path: Path) -> None:
    nested = office.docx_parts("<w:tbl><w:tr><w:tc>" * 100_000)
    with pytest.raises(UnreadableDocument, match="nested more than 1,000 deep"):
        await extractor.extract(office.archive(tmp_path / "deep.docx", nested), "deep.docx")


async def test_a_thousand_slides_and_chapters(extractor: Extractor, tmp_path: Path) -> None:
    deck = office.pptx(tmp_path / "deck.pptx", [(office.shape([f"Slide {at}"]), "") for at in range(1000)])
    found = await extractor.extract(deck, "deck.pptx")
    assert (found.pages, len(found.chunks)) == (1000, 50)
    assert found.notice == "Only the first 50 of 1000 slides were read"
    book = office.epub(tmp_path / "book.epub", [f"<p>Chapter {at}</p>" for at in range(1000)])
    assert (
        await extractor.extract(book, "book.epub")
    ).notice == "Only the first 50 of 1000 chapters were read"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("deep.ipynb", "[" * 500_000),
        ("deep.html", "<div>" * 200_000 + "Words. " * 100),
        ("open.html", "<p>Words. " * 100 + "<a " * 100_000),
        ("wide.csv", ",".join(["1"] * 300_000) + "\n" + ",".join(["2"] * 300_000)),
        ("quote.csv", 'a,b\n"' + "x,y\n" * 200_000),
        ("blanks.tex", "\\section" + " " * 500_000 + "\nWords."),
        ("brackets.tex", "\\section[" * 50_000),
    ],
)
async def test_texts_that_parsers_stumble_over(
    extractor: Extractor, tmp_path: Path, name: str, content: str
) -> None:
    (tmp_path / name).write_text(content)
    assert (await extractor.extract(tmp_path / name, name)).chunks
