"""Which reader reads what: kinds of text by their name, archives by what is in them."""

from __future__ import annotations

from typing import BinaryIO

from petra.errors import UnreadableDocument
from petra.knowledge.blocks import Block
from petra.knowledge.extract import delimited, docx, epub, html, latex, notebook, pptx, sniff, xlsx
from petra.knowledge.extract.archive import Archive
from petra.knowledge.extract.document import Document
from petra.knowledge.extract.office import main_part
from petra.knowledge.extract.text import read as read_plain
from petra.knowledge.hygiene import clean

_OPEN_DOCUMENT = b"application/vnd.oasis.opendocument"


def text(found: sniff.Text, name: str) -> Document:
    """A text file as what its kind says. Raises UnreadableDocument for a notebook without text."""
    content = found.content
    if found.media_type == "text/html":
        blocks = html.read(content)
        return Document(blocks, max((block.page or 0 for block in blocks), default=0) or None)
    if found.media_type == "text/csv":
        return delimited.read(content)
    if found.media_type == "text/x-tex":
        return Document(latex.read(content), None)
    if found.media_type == sniff.NOTEBOOK:
        cells = notebook.read(content, name)
        return cells or Document([Block(text=clean(content), line=1)], None)
    return Document(read_plain(found), None)


def zipped(file: BinaryIO, name: str, *, page_limit: int, text_limit: int) -> tuple[Document, str]:
    """An office document or a book, and its media type: what is in the archive decides.

    Raises UnreadableDocument, and NotText for an archive of anything else.
    """
    archive = Archive(file, name)
    if epub.CONTAINER in archive:
        return epub.read(archive, chapter_limit=page_limit, text_limit=text_limit), sniff.EPUB
    main = main_part(archive) or ""
    if main.startswith("word/"):
        return docx.read(archive, main, text_limit=text_limit), sniff.DOCX
    if main.startswith("ppt/"):
        return pptx.read(archive, main, slide_limit=page_limit, text_limit=text_limit), sniff.PPTX
    if main.startswith("xl/"):
        return xlsx.read(archive, main, sheet_limit=page_limit, text_limit=text_limit), sniff.XLSX
    if archive.read("mimetype").startswith(_OPEN_DOCUMENT):
        raise UnreadableDocument(
            f"{name} cannot be read",
            cause="It is an OpenDocument file",
            remedy="Save it as .docx, .pptx or .xlsx, or export it as PDF",
        )
    raise sniff.NotText(f"{name} is not text", cause="It is a ZIP archive", remedy="Unpack it first")
