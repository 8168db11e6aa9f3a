from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.editors.house import Home, home
from tests.editors.terminal import SECONDS
from tests.lsp.desk import write
from tests.serving import Served, environment, petra, served


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """One wait may take all the time that a test elsewhere has."""
    for item in items:
        if item.path.parent == Path(__file__).parent:
            item.add_marker(pytest.mark.timeout(3 * SECONDS))


@pytest.fixture(scope="package")
def real_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A real server of their own: what the small model says depends on what else could be found."""
    with served(tmp_path_factory.mktemp("petra"), FIRST_TOKEN_TARGET="0.1") as server:
        server.wait_until_ready()
        yield server


@pytest.fixture(scope="package")
def notes(real_server: Served, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of notes and code that a person has indexed, with the command for that."""
    folder = tmp_path_factory.mktemp("course") / "notes"
    write(folder)
    subprocess.run(
        petra("index", str(folder), "--data-dir", str(real_server.data_dir)),
        check=True,
        capture_output=True,
        env=environment(),
    )
    real_server.wait_until_embedded()
    return folder


@pytest.fixture
def new_home(real_server: Served, tmp_path: Path) -> Callable[[str], Home]:
    """Makes a home directory on this machine."""
    return lambda name: home(tmp_path / name, real_server)
