"""Set `lecture-06-networks.md` as a PDF, one page a heading: `python tests/course_pdf/make.py`.

The source lies outside `tests/course`, so that an index of the course holds each fact of the lecture
once. The PDF is committed; a test compares it with what this file makes.
"""

from __future__ import annotations

import io
from pathlib import Path

from reportlab.lib.pagesizes import A4
from reportlab.lib.utils import simpleSplit
from reportlab.pdfgen.canvas import Canvas

SOURCE = Path(__file__).parent / "lecture-06-networks.md"
TARGET = Path(__file__).parents[1] / "course" / "lecture-06-networks.pdf"
WIDTH, HEIGHT = A4
MARGIN = 70


def make(source: str) -> bytes:
    """The PDF of a text whose pages start with `# heading` and whose paragraphs are single lines."""
    buffer = io.BytesIO()
    canvas = Canvas(buffer, pagesize=A4, invariant=1)
    canvas.setTitle("CS 230, Lecture 6: Computer networks")
    for number, page in enumerate(source.split("# ")[1:], 1):
        heading, *paragraphs = (line for line in page.splitlines() if line)
        _draw(canvas, number, heading, paragraphs)
    canvas.save()
    return buffer.getvalue()


def _draw(canvas: Canvas, number: int, heading: str, paragraphs: list[str]) -> None:
    canvas.setFont("Helvetica-Bold", 20)
    canvas.drawString(MARGIN, HEIGHT - 100, heading)
    text = canvas.beginText(MARGIN, HEIGHT - 150)
    text.setFont("Helvetica", 13)
    text.setLeading(20)
    for paragraph in paragraphs:
        for line in simpleSplit(paragraph, "Helvetica", 13, WIDTH - 2 * MARGIN):
            text.textLine(line)
        text.textLine("")
    canvas.drawText(text)
    canvas.setFont("Helvetica", 9)
    canvas.drawRightString(WIDTH - MARGIN, 40, f"CS 230, Lecture 6, page {number}")
    canvas.showPage()


if __name__ == "__main__":
    TARGET.write_bytes(make(SOURCE.read_text(encoding="utf-8")))
