"""The whole path of issue 2, as a person sees it, on the real models."""

import io
import re
from pathlib import Path

import numpy as np
import pypdfium2
from PIL import Image
from playwright.sync_api import expect

from tests.files import LECTURE, lecture_pdf

PAGE = 7
WATCH = """() => {
    window.lengths = [];
    new MutationObserver(() => {
        const answer = document.querySelector(".answer");
        if (answer) window.lengths.push(answer.textContent.length);
    }).observe(document.body, {subtree: true, childList: true, characterData: true});
}"""


def test_a_lecture_is_uploaded_asked_about_and_opened_at_the_source(real_server, visit, tmp_path: Path):
    lecture = lecture_pdf(tmp_path / "operating-systems.pdf", pages=24)
    one = visit(real_server, viewport={"width": 1280, "height": 800})
    one.add_and_wait(lecture, timeout=90_000)
    expect(one.row("operating-systems.pdf")).to_contain_text("24 pages")

    one.page.evaluate(WATCH)
    turn = one.ask_and_wait(LECTURE[PAGE - 1].question, timeout=90_000)
    lengths = [length for length in one.page.evaluate("window.lengths") if length]
    assert len(set(lengths)) > 1, "the answer came in one piece"

    one.source(turn, f"page {PAGE}").click()
    expect(one.page).to_have_url(re.compile(rf"page={PAGE}$"))
    expect(one.page.get_by_label("Page", exact=True)).to_have_value(str(PAGE))
    picture = one.page.get_by_role("img", name=f"Page {PAGE} of 24")
    expect(picture).to_be_visible()
    expect(one.page.locator(".page-text")).to_contain_text(LECTURE[PAGE - 1].title)
    address = picture.get_attribute("src") or ""
    shown = Image.open(io.BytesIO(one.context.request.get(one.origin + address).body()))
    assert nearest_page(lecture, shown) == PAGE


def nearest_page(pdf: Path, picture: Image.Image) -> int:
    """The number of the page that looks most like the picture."""
    size = (120, 170)
    seen = np.asarray(picture.convert("L").resize(size), dtype=float)
    document = pypdfium2.PdfDocument(pdf)
    try:
        pages = [page.render(scale=1).to_pil().convert("L").resize(size) for page in document]
    finally:
        document.close()
    distances = [np.abs(np.asarray(page, dtype=float) - seen).mean() for page in pages]
    return int(np.argmin(distances)) + 1
