"""What a figure rests on: without it, nobody can have the figure again. Blocking: for threads."""

from __future__ import annotations

import json
import platform as system
import shutil
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Any

from petra import __version__, platform
from petra.settings import Settings

PACKAGES = (
    "faiss-cpu",
    "ir-measures",
    "numpy",
    "sentence-transformers",
    "tantivy",
    "tokenizers",
    "torch",
    "tree-sitter-language-pack",
)
SETTINGS = ("embedding_", "chunk_", "similarity", "rerank_", "page_limit", "text_limit", "extract_")
"""How the names of settings begin on which what is found may depend."""


def record(settings: Settings) -> dict[str, Any]:
    """JSON values: versions, commit, the embedding model with its checksum, settings."""
    public = settings.public()
    return {
        "petra": __version__,
        "commit": commit(),
        "python": system.python_version(),
        "system": f"{system.machine()} {system.system()}",
        "packages": {name: _version(name) for name in PACKAGES},
        "model": {"name": settings.embedding_model, "sha256": _checksum(settings)},
        "settings": {name: value for name, value in public.items() if name.startswith(SETTINGS)},
    }


def commit() -> str | None:
    """The commit of the checkout this runs from, with `+` when files differ from it; None outside of one."""
    root, git = platform.checkout_root(), shutil.which("git")
    if root is None or git is None:
        return None
    head = _git(git, root, "rev-parse", "HEAD")
    changed = _git(git, root, "status", "--porcelain", "--untracked-files=no")
    return f"{head}+" if head and changed else head


def _git(git: str, root: Path, *arguments: str) -> str | None:
    done = subprocess.run(  # noqa: S603 - our own arguments
        [git, "-C", str(root), *arguments], capture_output=True, text=True, timeout=30, check=False
    )
    return done.stdout.strip() if done.returncode == 0 else None


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _checksum(settings: Settings) -> str | None:
    """Of the weights, as they were when the model was installed."""
    try:
        listed = json.loads((settings.models / settings.embedding_model / "installed.json").read_text())
        weights = max(listed["files"], key=lambda file: int(file["size"]))
        return str(weights["sha256"])
    except (OSError, ValueError, KeyError):
        return None
