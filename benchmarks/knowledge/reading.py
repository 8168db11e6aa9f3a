"""Pages a second of PDFs, in the limited children that read every person's."""

from __future__ import annotations

import asyncio
import io
import tempfile
import time
from pathlib import Path

from reportlab.lib.pagesizes import A4
from reportlab.pdfgen.canvas import Canvas

from benchmarks.knowledge import corpora
from benchmarks.knowledge.lines import Aim, Line
from benchmarks.knowledge.setting import Setting
from petra.knowledge.extract.extractor import Extractor

DOCUMENTS, PAGES, ROWS = 6, 60, 42
COLUMNS = 90


def pages(setting: Setting) -> list[Line]:
    """Lecture notes of sixty pages, 2,500 letters each; chunking included, as it is in the child."""
    values: list[float] = []
    with tempfile.TemporaryDirectory(prefix="petra-bench-") as name:
        files = []
        for number in range(DOCUMENTS):
            path = Path(name) / f"notes-{number}.pdf"
            path.write_bytes(notes(number))
            files.append((path, path.name))
        for _ in range(setting.repetitions):
            values.append(asyncio.run(_read(setting, files)))
    return [Line("PDF, pages a second", values, Aim(least=100), more=True, note="a limited child for each")]


async def _read(setting: Setting, files: list[tuple[Path, str]]) -> float:
    settings = setting.settings(setting.kept)
    extractor = Extractor(
        tokenizer=setting.model(settings.embedding_model) / "tokenizer.json",
        chunk_size=settings.chunk_size,
        chunk_overlap=settings.chunk_overlap,
        memory=settings.extract_memory,
        timeout=settings.extract_timeout,
    )
    try:
        started = time.perf_counter()
        found = await extractor.extract_many(files)
        elapsed = time.perf_counter() - started
    finally:
        await extractor.close()
    assert all(not isinstance(item, Exception) and item.pages == PAGES for item in found), found
    return DOCUMENTS * PAGES / elapsed


def notes(number: int) -> bytes:
    """One of the documents: prose of the standard library's descriptions, set in lines."""
    buffer = io.BytesIO()
    canvas = Canvas(buffer, pagesize=A4, invariant=1)
    lines = corpora.prose(number * PAGES * ROWS, PAGES * ROWS, COLUMNS)
    for page in range(PAGES):
        text = canvas.beginText(60, A4[1] - 60)
        text.setFont("Times-Roman", 11)
        text.setLeading(17)
        text.textLine(f"Section {page + 1}")
        for line in lines[page * ROWS : (page + 1) * ROWS]:
            text.textLine(line)
        canvas.drawText(text)
        canvas.showPage()
    canvas.save()
    return buffer.getvalue()
