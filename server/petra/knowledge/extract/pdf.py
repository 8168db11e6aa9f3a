"""PDF to blocks and to pictures, by PDFium. Runs only in an extraction child: PDFium does crash, and is
not thread-safe."""

from __future__ import annotations

import io
import re

import pypdfium2
from PIL import Image
from pypdfium2 import raw

from petra.errors import BadRequest, UnreadableDocument
from petra.knowledge.blocks import Block
from petra.knowledge.extract.document import Document, counted, damaged, locked
from petra.knowledge.hygiene import lines_of, unwrap, without_running_lines

_SENTENCE_END = re.compile(r"[.!?。！？][\"'”’)\]]*(?=\s|$)")
_LONGEST_SPILL = 600
_LONGEST_TITLE = 90


def read(content: bytes, name: str, *, page_limit: int, text_limit: int) -> Document:
    """Text of a PDF by page. Raises UnreadableDocument: encrypted, damaged, without text.

    `text_limit` counts characters.
    """
    pdf = _open(content, name)
    total = len(pdf)
    count = min(total, page_limit)
    texts, bad, size = [], 0, 0
    for number in range(count):
        try:
            text = _page_text(pdf, number)
        except pypdfium2.PdfiumError:
            text, bad = "", bad + 1
        texts.append(text[: text_limit - size])
        size += len(text)
        if size > text_limit:
            count = number + 1
            break
    if bad and bad == len(texts):
        raise damaged(name, "a PDF")
    if not any(text.strip() for text in texts):
        raise UnreadableDocument(
            f"No text was found in {name}",
            cause=f"It has {counted(total, 'page')} of pictures only, as a scan does"
            if total
            else "It has no pages",
            remedy="Run text recognition (OCR) over it, for example with ocrmypdf, and add the result",
        )
    notices = []
    if count < total:
        notices.append(f"Only the first {count} of {counted(total, 'page')} were read")
    if bad:
        notices.append(f"{counted(bad, 'page')} could not be read")
    return Document(
        blocks=page_blocks(without_running_lines(texts)),
        pages=total,
        notice="; ".join(notices) or None,
    )


def page_blocks(pages: list[str]) -> list[Block]:
    """One block a page that has text, each with its title. A sentence that runs over a page border
    goes whole to the page where it begins."""
    texts = [unwrap(page) for page in pages]
    blocks: list[Block] = []
    for at, text in enumerate(texts):
        if not text.strip():
            continue
        turn = None
        if at + 1 < len(texts) and (spill := _spill(text, texts[at + 1])):
            turn = len(text) + 1
            text, texts[at + 1] = f"{text} {texts[at + 1][:spill]}", texts[at + 1][spill:]
        blocks.append(Block(text=text, header=_title(text), page=at + 1, turn=turn))
    return blocks


def prepare() -> None:
    """Import what `render` needs, for a process that will open no file any more."""
    Image.preinit()


def render(content: bytes, name: str, page: int, width: int) -> bytes:
    """Page `page` (from 1) as PNG, `width` pixels wide. Raises BadRequest for a page it does not have."""
    pdf = _open(content, name)
    if not 1 <= page <= len(pdf):
        raise BadRequest(f"{name} has no page {page}", cause=f"It has {counted(len(pdf), 'page')}")
    try:
        sheet = pdf[page - 1]
        points, height = sheet.get_size()
        # A page may claim to be a kilometre high: bound the picture, not only its width.
        scale = min(width / max(points, 1.0), 4 * width / max(height, 1.0))
        picture = sheet.render(scale=scale).to_pil()
    except pypdfium2.PdfiumError as error:
        raise damaged(name, "a PDF") from error
    target = io.BytesIO()
    picture.save(target, "PNG", compress_level=3)
    return target.getvalue()


def _open(content: bytes, name: str) -> pypdfium2.PdfDocument:
    try:
        return pypdfium2.PdfDocument(content)
    except pypdfium2.PdfiumError as error:
        if error.err_code == raw.FPDF_ERR_PASSWORD:
            raise locked(name) from error
        raise damaged(name, "a PDF") from error


def _page_text(pdf: pypdfium2.PdfDocument, number: int) -> str:
    page = pdf[number]
    try:
        text = page.get_textpage()
        try:
            return str(text.get_text_bounded(errors="ignore"))
        finally:
            text.close()
    finally:
        page.close()


def _title(text: str) -> str:
    """The first line, when it looks like a heading rather than like the first words of a sentence.

    A line without a letter above it is the page's number.
    """
    lines = [line.strip() for line in lines_of(text)]
    while lines and not any(map(str.isalpha, lines[0])):
        del lines[0]
    if not any(lines[1:]) or len(lines[0]) > _LONGEST_TITLE or lines[0].endswith((".", ",", ";")):
        return ""
    return lines[0] if lines[0][0].isupper() or lines[0][0].isdigit() else ""


def _spill(text: str, following: str) -> int:
    """How many characters at the start of the next page finish this page's last sentence."""
    last = text.rstrip()
    if not last[-1:].isalnum() and last[-1:] not in (",", "-"):
        return 0
    if not following[:1].islower():
        return 0
    end = _SENTENCE_END.search(following, 0, _LONGEST_SPILL)
    return end.end() if end else 0
