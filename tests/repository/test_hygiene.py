"""What must not be in the repository: paths of one machine, registry addresses, stray settings."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path

from tests.repository.checkout import ROOT, own_texts

PACKAGE = ROOT / "server" / "petra"
MAY_READ_THE_ENVIRONMENT = {"settings.py", "platform.py"}


def test_no_file_names_a_path_of_this_machine() -> None:
    places = {str(place) for place in (*ROOT.parent.iterdir(), Path.home()) if len(place.parts) > 2}
    pattern = re.compile("|".join(re.escape(place) + r"(?![\w-])" for place in sorted(places)))
    found = [
        f"{name}:{number}"
        for name, text in own_texts()
        for number, line in enumerate(text.splitlines(), 1)
        if pattern.search(line)
    ]
    assert not found


def test_pins_name_versions_and_no_address() -> None:
    for line in (ROOT / "constraints.txt").read_text().splitlines():
        assert line.startswith("#") or re.fullmatch(r"[A-Za-z0-9_.-]+==[\w.]+", line), line


def test_every_package_that_petra_names_is_pinned() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    named = [*project["dependencies"], *project["optional-dependencies"]["test"]]
    pins = {line.partition("==")[0] for line in (ROOT / "constraints.txt").read_text().splitlines()}
    pinned = {re.sub(r"[-_.]+", "-", name).lower() for name in pins}
    wanted = {re.sub(r"[-_.]+", "-", re.split(r"[\[<>=;~! ]", name)[0]).lower() for name in named}
    assert not wanted - pinned, "run `make pins`"


def test_the_page_is_built_from_whichever_registry_npm_is_set_to() -> None:
    lock = (ROOT / "web" / "package-lock.json").read_text()
    assert '"resolved": "http' not in lock, "npm install --omit-lockfile-registry-resolved writes it without"


def test_only_settings_and_platform_read_the_environment() -> None:
    found = [
        f"{path.relative_to(PACKAGE)}:{line}"
        for path in PACKAGE.rglob("*.py")
        if str(path.relative_to(PACKAGE)) not in MAY_READ_THE_ENVIRONMENT
        for line in environment_reads(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert not found


def environment_reads(tree: ast.Module) -> list[int]:
    """Lines that read the environment. Setting a variable, for a library in this process, reads nothing."""
    allowed = {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store)
    }
    names = {"environ", "environb", "getenv"}
    return [
        node.lineno
        for node in ast.walk(tree)
        if (isinstance(node, ast.Attribute) and node.attr in names and id(node) not in allowed)
        or (isinstance(node, ast.alias) and node.name in names)
    ]
