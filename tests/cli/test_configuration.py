"""docs/configuration.md and .env.example have every setting, with its default, and nothing else."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from petra.errors import SettingsError
from petra.settings import Settings, load

ROOT = Path(__file__).resolve().parents[2]

ROWS = re.findall(
    r"^\| `([A-Z0-9_]+)` \| (.+?) \| (.+?) \|$", (ROOT / "docs" / "configuration.md").read_text(), re.M
)
EXAMPLE = (ROOT / ".env.example").read_text()


def default_of(name: str) -> str | None:
    """The default as a person would write it, None when there is none or it is derived."""
    field = Settings.model_fields[name]
    return None if field.default_factory or field.default is None else str(field.default)


def test_the_document_has_every_setting_once() -> None:
    assert sorted(name for name, _, _ in ROWS) == sorted(name.upper() for name in Settings.model_fields)


@pytest.mark.parametrize(("name", "default", "meaning"), ROWS)
def test_the_document_says_what_the_program_says(name: str, default: str, meaning: str) -> None:
    written = default_of(name.lower())
    assert default == ("–" if written is None else f"`{written}`")
    assert meaning == Settings.model_fields[name.lower()].description


def test_the_example_has_every_setting_with_its_default() -> None:
    given = dict(re.findall(r"^#([A-Z0-9_]+)=(.*)$", EXAMPLE, re.M))
    assert given == {name.upper(): default_of(name) or "" for name in Settings.model_fields}


def test_the_example_can_be_used_with_every_default_switched_on(tmp_path: Path) -> None:
    used = tmp_path / ".env"
    lines = re.sub(r"^#([A-Z0-9_]+=.+)$", r"\1", EXAMPLE, flags=re.M)
    used.write_text(lines)
    assert load({"data_dir": tmp_path}, dotenv=used).port == 7878


def test_a_line_that_is_no_setting_is_named(tmp_path: Path) -> None:
    used = tmp_path / ".env"
    used.write_text("LOG_LEVEL=info\njust words\n")
    with pytest.raises(SettingsError, match=r"Line 2 of .*\.env is no setting"):
        load({"data_dir": tmp_path}, dotenv=used)
