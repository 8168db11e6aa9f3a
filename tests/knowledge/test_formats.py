"""Each format that a course uses: what comes out of it, under which heading, and where it says it stands."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from petra.errors import UnreadableDocument
from petra.knowledge.extract import delimited, html, kinds, latex, sniff
from petra.knowledge.extract.document import Document
from petra.knowledge.extract.extractor import Extracted, Extractor
from tests import office


def places(found: Extracted) -> list[tuple[str, str, tuple[int, int] | None]]:
    """(header, text, pages) of each passage."""
    return [(chunk.header, chunk.text, chunk.pages) for chunk in found.chunks]


def text(content: str, name: str) -> Document:
    return kinds.text(sniff.read_text(content.encode(), name), name)


async def test_a_word_document_has_a_part_for_each_heading(extractor: Extractor, tmp_path: Path) -> None:
    body = (
        office.paragraph("Course notes", "berschrift1")
        + office.paragraph("Paging", "berschrift2")
        + office.paragraph("Marlin has pages of 4 KiB.")
        + "<w:p><w:pPr><w:numPr/></w:pPr><w:r><w:t>A fault costs</w:t><w:tab/><w:t>2 ms</w:t></w:r></w:p>"
        + "<w:p><w:del><w:r><w:delText>Old.</w:delText></w:r></w:del><w:r><w:t>New.</w:t></w:r></w:p>"
        + office.word_table([["Policy", "Faults"], ["FIFO", "9"], ["LRU", "6"]])
        + office.paragraph("Locks", "Mine")
        + office.paragraph("A lock has one owner.")
    )
    path = office.docx(tmp_path / "notes.docx", body, office.paragraph("Measured in 2024."))
    found = await extractor.extract(path, "notes.docx")
    assert (found.media_type, found.pages, found.notice) == (sniff.DOCX, 3, None)
    assert places(found) == [
        (
            "Course notes › Paging",
            "Paging\n\nMarlin has pages of 4 KiB.\n- A fault costs\t2 ms\n\nNew.",
            (1, 1),
        ),
        ("Course notes › Paging › Policy | Faults", "FIFO | 9\nLRU | 6", (1, 1)),
        ("Course notes › Locks", "Locks\n\nA lock has one owner.", (2, 2)),
        ("Footnotes", "Footnotes\n- Measured in 2024.", (3, 3)),
    ]


async def test_slides_come_in_the_order_they_are_shown_in_with_their_notes(
    extractor: Extractor, tmp_path: Path
) -> None:
    slides = [
        (office.shape(["Deadlock"], "title") + office.shape(["Four conditions", "Coffman 1971"]), ""),
        ("<p:pic/>", ""),
        (
            office.shape(["Avoidance"], "title")
            + office.slide_table([["Method", "Cost"], ["Banker", "high"]])
            + office.shape(["3"], "sldNum"),
            "Tell the story of the banker.",
        ),
    ]
    found = await extractor.extract(office.pptx(tmp_path / "week 3.pptx", slides), "week 3.pptx")
    assert (found.media_type, found.pages) == (sniff.PPTX, 3)
    assert places(found) == [
        ("Deadlock", "Deadlock\nFour conditions\nCoffman 1971", (1, 1)),
        ("Avoidance", "Avoidance\n\nNotes:\nTell the story of the banker.", (3, 3)),
        ("Avoidance › Method | Cost", "Banker | high", (3, 3)),
    ]


async def test_sheets_are_tables_with_what_their_cells_show(extractor: Extractor, tmp_path: Path) -> None:
    grades = office.sheet_xml(
        [
            ["Grades of the spring term"],
            [],
            ["Name", "Handed in", "Share", "Sum"],
            ["Ada", (45292.0, 1), (0.85, 2), 0.1 + 0.2],
            ["Bo", (45293.5, 1), (1.0, 2), "=B4+1"],
            ["Cy", None, None, True],
        ]
    )
    sheets = {"Grades": grades, "Secret": office.sheet_xml([["x", "y"], ["1", "2"]])}
    path = office.xlsx(tmp_path / "grades.xlsx", sheets, hidden=["Secret"])
    found = await extractor.extract(path, "grades.xlsx")
    assert (found.media_type, found.pages, found.notice) == (sniff.XLSX, 2, "1 hidden sheet left out")
    assert places(found) == [
        ("Grades", "Grades of the spring term", (1, 1)),
        (
            "Grades › Name | Handed in | Share | Sum",
            "Ada | 2024-01-01 | 85% | 0.3\nBo | 2024-01-02 12:00 | 100% | =B4+1\nCy |  |  | TRUE",
            (1, 1),
        ),
    ]


async def test_a_long_table_repeats_its_column_names_and_cuts_no_row(
    extractor: Extractor, tmp_path: Path
) -> None:
    path = tmp_path / "runs.csv"
    path.write_text(
        "Policy;Frames;Page faults\n"
        + "".join(f"LRU {n};{n};{n * 7}\n" for n in range(200))
        + '"a;\nb";1;2\n'
    )
    found = await extractor.extract(path, "runs.csv")
    assert found.media_type == "text/csv"
    assert len(found.chunks) > 5
    assert {chunk.header for chunk in found.chunks} == {"Policy | Frames | Page faults"}
    for chunk in found.chunks:
        assert chunk.lines
        for number, line in zip(
            range(chunk.lines[0], chunk.lines[1] + 1), chunk.text.split("\n"), strict=True
        ):
            n = number - 2
            assert line == (f"LRU {n} | {n} | {n * 7}" if n < 200 else "a; b | 1 | 2")


def test_rows_of_a_wide_table_name_their_columns() -> None:
    names = [f"A rather long column name {n}" for n in range(6)]
    (block,) = delimited.read("\t".join(names) + "\n" + "\t".join("123456") + "\n").blocks
    assert (block.header, block.line) == ("", 2)
    assert block.text.startswith("A rather long column name 0: 1; A rather long column name 1: 2;")


@pytest.mark.parametrize("content", ["Just a line, with a comma.\n", 'a,"b\n', "x" * 200_000 + ",1\ny,2\n"])
def test_what_is_no_table_is_text(content: str) -> None:
    (block,) = delimited.read(content).blocks
    assert block.kind == "prose" or "a" in block.text


async def test_a_notebook_has_its_cells(extractor: Extractor, tmp_path: Path) -> None:
    picture = {"output_type": "display_data", "data": {"image/png": "iVBOR" * 1000}}
    printed = {
        "output_type": "stream",
        "name": "stdout",
        "text": ["\x1b[31mloss 0.5\x1b[0m\n"] + ["again\n"] * 2000,
    }
    error = {"output_type": "error", "ename": "KeyError", "evalue": "'frames'", "traceback": ["…"]}
    cells = [
        {"cell_type": "markdown", "source": ["# Paging\n", "Policies.\n", "## LRU\n", "The oldest goes."]},
        {"cell_type": "code", "source": "def lru():\n    pass", "outputs": [picture, printed]},
        {"cell_type": "code", "source": "", "outputs": []},
        {"cell_type": "code", "source": "lru()['frames']", "outputs": [error]},
        {"cell_type": "raw", "source": "plain"},
    ]
    path = tmp_path / "lab.ipynb"
    path.write_text(json.dumps({"cells": cells, "nbformat": 4, "metadata": {}}))
    found = await extractor.extract(path, "lab.ipynb")
    assert (found.media_type, found.pages) == (sniff.NOTEBOOK, 5)
    by_place = places(found)
    assert by_place[:3] == [
        ("Paging", "# Paging\nPolicies.", (1, 1)),
        ("Paging › LRU", "## LRU\nThe oldest goes.", (1, 1)),
        ("Paging › LRU › lru", "def lru():\n    pass", (2, 2)),
    ]
    output = [text for header, text, _ in by_place if header == "Paging › LRU › Output"]
    assert output[0].startswith("loss 0.5\nagain") and sum(map(len, output)) < 3000
    assert output[-1] == "KeyError: 'frames'"
    assert by_place[-1] == ("Paging › LRU", "plain", (5, 5))
    assert "iVBOR" not in str(by_place)


def test_a_notebook_from_before_2015() -> None:
    cells = [
        {"cell_type": "heading", "level": 2, "source": "Locks"},
        {"cell_type": "code", "input": "lock()"},
    ]
    found = text(json.dumps({"worksheets": [{"cells": cells}], "nbformat": 3}), "old.ipynb")
    assert [(b.header, b.text, b.page) for b in found.blocks] == [
        ("Locks", "## Locks", 1),
        ("Locks", "lock()", 2),
    ]


def test_a_web_page_is_its_text() -> None:
    page = (
        """<!doctype html><html><head><title>Course &amp; more</title><style>p{}</style></head><body>
      <nav><ul><li>Home<li>Login</ul></nav>
      <p>The course has twelve weeks and <b>one</b>
      exam.<script>alert("x")</script>
      <h2>Grading</h2><ul><li>Labs<li>Exam</ul>
      <table><tr><th>Part<th>Share<tr><td>Labs<td>40&nbsp;%<tr><td>Exam<td>60 %</table>
      <pre>make
  test</pre><footer>Imprint</footer>"""
        + "<p>More words than a frame of a page has. " * 8
    )
    blocks = html.read(page)
    assert [(b.header, b.page, b.kind) for b in blocks] == [
        ("Course & more", 1, "prose"),
        ("Course & more › Grading", 2, "prose"),
        ("Course & more › Grading › Part | Share", 2, "table"),
        ("Course & more › Grading", 2, "prose"),
    ]
    assert blocks[0].text.strip() == "The course has twelve weeks and one exam."
    assert blocks[1].text == "Grading\n- Labs\n- Exam"
    assert blocks[2].text == "Labs | 40 %\nExam | 60 %"
    assert blocks[3].text.strip().startswith("make\n  test")


def test_a_web_page_that_a_program_fills_in_is_source_code() -> None:
    frame = (
        '<!doctype html>\n<html><body>\n<div id="root" class="app"></div>\n<script src="/main.js"></script>\n'
    )
    template = "<ul>{% for item in items %}<li>{{ item }}</li>{% endfor %}</ul>" + "word " * 100
    for page in (frame * 3, template):
        (block,) = html.read(page)
        assert (block.kind, block.line, block.text) == ("source", 1, page)


def test_latex_has_sections_exact_lines_and_no_comments() -> None:
    source = (
        "\\documentclass{article} % a class\n\\begin{document}\n\\section[Short]{Paging \\& \\emph{more}}\n"
        "50\\% of all faults. % TODO: check\n\\input{figures/a}\n"
        '\\begin{verbatim}\nprintf("%d");\n\\end{verbatim}\n'
        "\\subsection{LRU}\nOldest.\n\\begin{frame}\n\\frametitle{A slide}\nx\n\\end{frame}\nAfter.\n"
    )
    blocks = latex.read(source)
    assert [(b.header, b.line) for b in blocks] == [
        ("", 1),
        ("Paging \\& \\emph{more}", 3),
        ("Paging \\& \\emph{more} › LRU", 9),
        ("Paging \\& \\emph{more} › LRU › A slide", 11),
        ("Paging \\& \\emph{more} › LRU", 15),
    ]
    lines = source.split("\n")
    for block in blocks:
        assert block.line
        for number, line in enumerate(block.text.split("\n"), block.line):
            assert line.strip() == lines[number - 1].split(" % ")[0].strip()
    assert 'printf("%d");' in blocks[1].text and "\\input{figures/a}" in blocks[1].text


async def test_a_book_has_chapters(extractor: Extractor, tmp_path: Path) -> None:
    chapters = [
        "<html><body><img src='cover.jpg'/></body></html>",
        "<?xml version='1.0'?><html xmlns='http://www.w3.org/1999/xhtml'><head><title/></head>"
        "<body><h1>Threads</h1><p>A thread<br/>shares memory.</p></body></html>",
        "<html><body><h1>Files</h1><p>A file has a name.</p><h2>Links</h2><p>Two names.</p></body></html>",
    ]
    found = await extractor.extract(office.epub(tmp_path / "book.epub", chapters), "book.epub")
    assert (found.media_type, found.pages) == (sniff.EPUB, 3)
    assert places(found) == [
        ("Threads", "Threads\n\nA thread\nshares memory.", (2, 2)),
        ("Files", "Files\n\nA file has a name.", (3, 3)),
        ("Files › Links", "Links\n\nTwo names.", (3, 3)),
    ]


async def test_a_book_against_copying_and_a_deck_of_pictures_say_so(
    extractor: Extractor, tmp_path: Path
) -> None:
    lock = (
        '<encryption><EncryptionMethod Algorithm="http://www.w3.org/2001/04/xmlenc#aes128-cbc"/></encryption>'
    )
    parts = office.epub_parts(["<p>Words</p>"]) | {"META-INF/encryption.xml": lock}
    with pytest.raises(UnreadableDocument, match="protected against copying"):
        await extractor.extract(office.archive(tmp_path / "b.epub", parts), "b.epub")
    with pytest.raises(
        UnreadableDocument, match=r"No text was found in d\.pptx\. It has 2 slides of pictures only"
    ):
        await extractor.extract(office.pptx(tmp_path / "d.pptx", [("<p:pic/>", "")] * 2), "d.pptx")


def test_the_page_on_formats_names_every_ending() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "formats.md").read_text()
    for suffix in filter(None, [*sniff._ZIPPED, *sniff._TEXT_TYPES]):
        assert f"`{suffix}`" in page or suffix in sniff.PROSE
    for unit in sniff.UNITS.values():
        assert f"| {unit} " in page
