"""What a parser tells of source text: the definitions of each language, and what it does when it cannot."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from petra.knowledge.blocks import Definition
from petra.knowledge.syntax import grammars, languages
from petra.knowledge.syntax.outline import outline

FOLDER = Path(__file__).parent / "definitions"
"""For each language a text, a line of ="s and what is defined in it: kind, path, lines, description."""


def shown(item: Definition) -> str:
    return " ".join([item.kind, item.path, f"{item.first + 1}-{item.last + 1}", item.doc]).rstrip()


@pytest.mark.parametrize("language", sorted(languages.LANGUAGES))
def test_the_definitions_of_a_text(language: str) -> None:
    text, _, wanted = (FOLDER / f"{language}.txt").read_text().partition("=====\n")
    found = outline(text, language)
    assert found
    assert [shown(item) for item in found.definitions] == wanted.splitlines()


def test_every_language_that_students_use_is_there() -> None:
    asked = (
        "python java c cpp csharp javascript typescript tsx html css go rust ruby php kotlin swift "
        "scala r julia haskell ocaml lua sql bash matlab latex json yaml toml verilog"
    )
    assert set(asked.split()) <= set(languages.LANGUAGES)


@pytest.mark.parametrize(
    ("name", "text", "language"),
    [
        ("a.PY", "", "python"),
        ("point.h", "struct point { int x; };", "c"),
        ("point.h", "namespace a {\n  class Point;\n}", "cpp"),
        ("view.m", "#import <UIKit/UIKit.h>\n", None),
        ("square.m", "function y = square(x)\n", "matlab"),
        ("run", "#!/usr/bin/env -S python3 -I\n", "python"),
        ("run", "#!/bin/sh\n", "bash"),
        ("run", "Just text.", None),
        ("notes.txt", "#!/bin/sh\n", None),
    ],
)
def test_the_language_of_a_file(name: str, text: str, language: str | None) -> None:
    assert languages.of(name, text) == language


def test_what_takes_too_long_or_is_too_large_has_no_outline() -> None:
    assert outline("x = 1\n" * 10_000, "python", seconds=0) is None
    assert outline("x = 1\n" * (grammars.LARGEST // 6 + 1), "python") is None


def test_text_that_is_no_program_has_an_outline_all_the_same() -> None:
    for language in languages.LANGUAGES:
        assert outline("}{ ][ \x01 'é\n" * 50, language)


@pytest.mark.timeout(20)
@pytest.mark.parametrize("deep", ["(\n" * 5000 + ")\n" * 5000, "[" * 200_000, '{"a":' * 50_000])
def test_nesting_without_end_is_survived(deep: str) -> None:
    for language in ("python", "javascript", "json", "cpp"):
        started = time.monotonic()
        outline(deep, language)
        assert time.monotonic() - started < 5


def test_the_server_does_not_load_a_parser() -> None:
    code = "import sys, petra.app; print('tree_sitter' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout == "False\n"
