"""FAULTS row 76: an XSS corpus in answers, file names and titles; nothing runs."""

import json
import re
from pathlib import Path

from playwright.sync_api import expect

from tests.web.visit import write

CORPUS = Path(__file__).parents[2] / "web" / "src" / "answer" / "xss.corpus.ts"

FOREIGN = (
    "script:not([src^='/assets/']), iframe, object, embed, base, img[src='x'], [onerror], [onload], [onclick]"
)


def corpus() -> list[str]:
    """The strings that the page's own tests use too."""
    text = CORPUS.read_text(encoding="utf-8")
    found = re.findall(r"^  (?:\"(?:[^\"\\]|\\.)*\"|'[^']*'),$", text, re.MULTILINE)
    strings = [line.strip().rstrip(",") for line in found]
    return [json.loads(one) if one[0] == '"' else one[1:-1] for one in strings]


def test_nothing_runs(empty_server, visit, tmp_path: Path):
    attacks = [text.replace("\0", "") for text in corpus()]
    assert len(attacks) > 40
    one = visit(empty_server)
    lines = [f"# {text}\n\nAttack{i} is {text}" for i, text in enumerate(attacks)]
    files = [
        write(tmp_path, "<img src=x onerror=alert(1)>.md", lines),
        write(tmp_path, "' onmouseover=alert(1) x='.txt", ["Plain words about giraffes."]),
    ]
    one.add_and_wait(*files)
    for i in (0, 1, 3, 7, len(attacks) - 1):
        one.ask_and_wait(f"What is Attack{i}? <img src=x onerror=alert({i})>")
    for name in [file.name for file in files]:
        one.row(name).get_by_role("link").click()
        expect(one.page.locator(".lines")).to_be_visible()
        one.page.keyboard.press("Escape")
    expect(one.page.locator(FOREIGN)).to_have_count(0)
    # `visit` fails when a dialog opened, a script failed or the content policy had to step in.
