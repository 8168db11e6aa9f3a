"""Office documents and books as small as their formats allow, written part by part, so that a test can also
write what no program would."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from xml.sax.saxutils import escape

W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
A = 'xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main"'
P = 'xmlns:p="http://schemas.openxmlformats.org/presentationml/2006/main"'
X = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
R = 'xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"'
KIND = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/"

Cell = str | float | bool | None


def archive(path: Path, parts: Mapping[str, str | bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    """A ZIP of these parts, in this order."""
    with zipfile.ZipFile(path, "w", method) as file:
        for name, content in parts.items():
            file.writestr(name, content)
    return path


def relations(*uses: tuple[str, str, str]) -> str:
    """A part that says which others are used: (id, kind, target)."""
    items = "".join(f'<Relationship Id="{id}" Type="{KIND}{kind}" Target="{to}"/>' for id, kind, to in uses)
    return f'<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">{items}</Relationships>'


def paragraph(text: str, style: str = "") -> str:
    properties = f'<w:pPr><w:pStyle w:val="{style}"/></w:pPr>' if style else ""
    return f"<w:p>{properties}<w:r><w:t>{escape(text)}</w:t></w:r></w:p>"


def word_table(rows: Sequence[Sequence[str]]) -> str:
    cells = ("".join(f"<w:tc>{paragraph(cell)}</w:tc>" for cell in row) for row in rows)
    return f"<w:tbl>{''.join(f'<w:tr>{row}</w:tr>' for row in cells)}</w:tbl>"


def docx_parts(body: str, footnotes: str = "") -> dict[str, str | bytes]:
    styles = "".join(
        f'<w:style w:styleId="berschrift{level}"><w:name w:val="heading {level}"/></w:style>'
        for level in (1, 2, 3)
    )
    mine = '<w:style w:styleId="Mine"><w:name w:val="My own"/><w:basedOn w:val="berschrift2"/></w:style>'
    return {
        "[Content_Types].xml": "<Types/>",
        "_rels/.rels": relations(("r1", "officeDocument", "word/document.xml")),
        "word/document.xml": f"<w:document {W} {R}><w:body>{body}</w:body></w:document>",
        "word/_rels/document.xml.rels": relations(
            ("s", "styles", "styles.xml"), ("f", "footnotes", "footnotes.xml")
        ),
        "word/styles.xml": f"<w:styles {W}>{styles}{mine}</w:styles>",
        "word/footnotes.xml": f"<w:footnotes {W}>{footnotes}</w:footnotes>",
    }


def docx(path: Path, body: str, footnotes: str = "") -> Path:
    return archive(path, docx_parts(body, footnotes))


def shape(lines: Sequence[str], holder: str = "") -> str:
    mark = f'<p:nvSpPr><p:nvPr><p:ph type="{holder}"/></p:nvPr></p:nvSpPr>' if holder else ""
    texts = "".join(f"<a:p><a:r><a:t>{escape(line)}</a:t></a:r></a:p>" for line in lines)
    return f"<p:sp>{mark}<p:txBody>{texts}</p:txBody></p:sp>"


def slide_table(rows: Sequence[Sequence[str]]) -> str:
    cells = (
        "".join(f"<a:tc><a:txBody><a:p><a:r><a:t>{cell}</a:t></a:r></a:p></a:txBody></a:tc>" for cell in row)
        for row in rows
    )
    return (
        f"<p:graphicFrame><a:tbl>{''.join(f'<a:tr>{row}</a:tr>' for row in cells)}</a:tbl></p:graphicFrame>"
    )


def pptx_parts(slides: Sequence[tuple[str, str]]) -> dict[str, str | bytes]:
    """Slides as (shapes, notes). Their files are numbered backwards: the order is the presentation's."""
    count = len(slides)
    ids = "".join(f'<p:sldId id="{256 + at}" r:id="s{at}"/>' for at in range(count))
    parts: dict[str, str | bytes] = {
        "_rels/.rels": relations(("r1", "officeDocument", "/ppt/presentation.xml")),
        "ppt/presentation.xml": f"<p:presentation {P} {R}><p:sldIdLst>{ids}</p:sldIdLst></p:presentation>",
        "ppt/_rels/presentation.xml.rels": relations(
            *((f"s{at}", "slide", f"slides/slide{count - at}.xml") for at in range(count))
        ),
    }
    for at, (shapes, notes) in enumerate(slides):
        number = count - at
        parts[f"ppt/slides/slide{number}.xml"] = f"<p:sld {P} {A}><p:spTree>{shapes}</p:spTree></p:sld>"
        if notes:
            parts[f"ppt/slides/_rels/slide{number}.xml.rels"] = relations(
                ("n", "notesSlide", f"../notesSlides/notesSlide{number}.xml")
            )
            parts[f"ppt/notesSlides/notesSlide{number}.xml"] = (
                f"<p:notes {P} {A}>{shape([notes], 'body')}{shape([str(number)], 'sldNum')}</p:notes>"
            )
    return parts


def pptx(path: Path, slides: Sequence[tuple[str, str]]) -> Path:
    return archive(path, pptx_parts(slides))


def sheet_xml(rows: Sequence[Sequence[Cell | tuple[Cell, int]]]) -> str:
    """Rows of a sheet; a cell may be (value, style) and a text that begins with `=` is a formula."""
    out = []
    for number, row in enumerate(rows, 1):
        cells = []
        for at, given in enumerate(row):
            value, style = given if isinstance(given, tuple) else (given, 0)
            where = f'r="{chr(65 + at)}{number}" s="{style}"'
            if isinstance(value, bool):
                cells.append(f'<c {where} t="b"><v>{int(value)}</v></c>')
            elif isinstance(value, str) and value.startswith("="):
                cells.append(f"<c {where}><f>{escape(value[1:])}</f></c>")
            elif isinstance(value, str):
                cells.append(f'<c {where} t="inlineStr"><is><t>{escape(value)}</t></is></c>')
            elif value is not None:
                cells.append(f"<c {where}><v>{value!r}</v></c>")
        out.append(f'<row r="{number}">{"".join(cells)}</row>')
    return f"<worksheet {X}><sheetData>{''.join(out)}</sheetData></worksheet>"


def xlsx_parts(sheets: Mapping[str, str], hidden: Sequence[str] = ()) -> dict[str, str | bytes]:
    """Sheets by name, each as `sheet_xml` writes it. Style 1 is a date, style 2 a percentage."""
    states = {name: "hidden" if name in hidden else "visible" for name in sheets}
    items = "".join(
        f'<sheet name="{name}" r:id="s{at}" state="{states[name]}"/>' for at, name in enumerate(sheets)
    )
    parts: dict[str, str | bytes] = {
        "_rels/.rels": relations(("r1", "officeDocument", "xl/workbook.xml")),
        "xl/workbook.xml": f"<workbook {X} {R}><sheets>{items}</sheets></workbook>",
        "xl/_rels/workbook.xml.rels": relations(
            *((f"s{at}", "worksheet", f"worksheets/sheet{at}.xml") for at in range(len(sheets))),
            ("st", "styles", "styles.xml"),
        ),
        "xl/styles.xml": f"<styleSheet {X}>"
        '<numFmts><numFmt numFmtId="164" formatCode="yyyy\\-mm\\-dd"/></numFmts>'
        '<cellXfs><xf numFmtId="0"/><xf numFmtId="164"/><xf numFmtId="9"/></cellXfs></styleSheet>',
    }
    return parts | {f"xl/worksheets/sheet{at}.xml": text for at, text in enumerate(sheets.values())}


def xlsx(path: Path, sheets: Mapping[str, str], hidden: Sequence[str] = ()) -> Path:
    return archive(path, xlsx_parts(sheets, hidden))


def epub_parts(chapters: Sequence[str]) -> dict[str, str | bytes]:
    items = "".join(
        f'<item id="c{at}" href="text/ch%20{at}.xhtml" media-type="application/xhtml+xml"/>'
        for at in range(len(chapters))
    )
    order = "".join(f'<itemref idref="c{at}"/>' for at in range(len(chapters)))
    parts: dict[str, str | bytes] = {
        "mimetype": "application/epub+zip",
        "META-INF/container.xml": '<container><rootfile full-path="OEBPS/book.opf"/></container>',
        "OEBPS/book.opf": f"<package><manifest>{items}</manifest><spine>{order}</spine></package>",
    }
    return parts | {f"OEBPS/text/ch {at}.xhtml": text for at, text in enumerate(chapters)}


def epub(path: Path, chapters: Sequence[str]) -> Path:
    return archive(path, epub_parts(chapters))
