"""`python -m tests.editors.record [NAME…]`: write down what editors say in `initialize`, as
tests/lsp/profiles/NAME.json. Without names: all of them (`make test-setup .make/vscode` installs them).

Two are not recorded: Sublime Text and JetBrains' IDEs, which are in no package registry. What their clients
say was read from their source, at the commit that stands in the profile.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import Any

from tests.editors.emacs import emacs
from tests.editors.helix import helix
from tests.editors.house import Home, home
from tests.editors.kate import kate
from tests.editors.neovim import neovim
from tests.editors.vscode import vscode
from tests.lsp.desk import write
from tests.serving import served

PROFILES = Path(__file__).resolve().parents[1] / "lsp" / "profiles"
EDITORS: dict[str, Callable[[Home, Path], AbstractContextManager[Any]]] = {
    "neovim-0.11": partial(neovim, "0.11"),
    "neovim-0.12": partial(neovim, "0.12"),
    "helix": helix,
    "emacs-eglot": emacs,
    "kate": kate,
    "vscode": vscode,
}


def said(name: str, at: Home, path: Path) -> dict[str, Any]:
    """Who an editor says that it is, and what it can do; `from` says which one that was."""
    with EDITORS[name](at, path) as editor:
        params = at.wire.until("editor", "initialize")[0]
        version = first_line(editor.program, at)
    return {"from": version, "clientInfo": params.get("clientInfo"), "capabilities": params["capabilities"]}


def first_line(command: str, at: Home) -> str:
    """What an editor says of its version."""
    environment = at.environment() | {"QT_QPA_PLATFORM": "offscreen"}
    return subprocess.run(
        [command, "--version"], capture_output=True, text=True, env=environment
    ).stdout.splitlines()[0]


def main(names: Sequence[str]) -> None:
    PROFILES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="petra-") as place:
        write(Path(place) / "notes")
        with served(Path(place) / "data") as server:
            for name in names or EDITORS:
                recorded = said(name, home(Path(place) / name, server), Path(place) / "notes" / "queue.py")
                text = json.dumps(recorded, indent=1, sort_keys=True)
                (PROFILES / f"{name}.json").write_text(text + "\n")
                print(name, recorded["from"])


if __name__ == "__main__":
    main(sys.argv[1:])
