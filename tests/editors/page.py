"""The configurations on docs/editors.md: what the tests start editors with is what the page says."""

from __future__ import annotations

import re
from pathlib import Path

PAGE = Path(__file__).resolve().parents[2] / "docs" / "editors.md"


def snippet(editor: str, language: str) -> str:
    """The one block of a language in the section of an editor."""
    section = re.search(rf"^## {re.escape(editor)}$(.*?)(?=^## |\Z)", PAGE.read_text(), re.M | re.S)
    assert section, f"docs/editors.md has no section {editor}"
    blocks = re.findall(rf"^```{language}\n(.*?)^```$", section[1], re.M | re.S)
    assert len(blocks) == 1, f"docs/editors.md has {len(blocks)} blocks of {language} for {editor}"
    return str(blocks[0])
