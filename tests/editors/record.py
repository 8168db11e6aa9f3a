"""`python -m tests.editors.record`: write down what the installed editors say in `initialize`, as
tests/lsp/profiles/NAME.json."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import Any

from tests.editors.emacs import emacs
from tests.editors.helix import helix
from tests.editors.house import Home, home
from tests.editors.neovim import neovim
from tests.lsp.desk import write
from tests.serving import served

PROFILES = Path(__file__).resolve().parents[1] / "lsp" / "profiles"
EDITORS: dict[str, Callable[[Home, Path], AbstractContextManager[Any]]] = {
    "neovim-0.11": partial(neovim, "0.11"),
    "neovim-0.12": partial(neovim, "0.12"),
    "helix": helix,
    "emacs-eglot": emacs,
}


def said(name: str, at: Home, path: Path) -> dict[str, Any]:
    """Who an editor says that it is, and what it can do."""
    with EDITORS[name](at, path):
        params = at.wire.until("editor", "initialize")[0]
    return {"clientInfo": params.get("clientInfo"), "capabilities": params["capabilities"]}


def main() -> None:
    PROFILES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="petra-") as place:
        write(Path(place) / "notes")
        with served(Path(place) / "data") as server:
            for name in EDITORS:
                recorded = said(name, home(Path(place) / name, server), Path(place) / "notes" / "queue.py")
                text = json.dumps(recorded, indent=1, sort_keys=True)
                (PROFILES / f"{name}.json").write_text(text + "\n")
                print(name, recorded["clientInfo"])


if __name__ == "__main__":
    main()
