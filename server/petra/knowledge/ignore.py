"""What never becomes a passage, nor any other part of a prompt: secrets, dependencies, generated and
binary files. Pure, and the one place that says so. Whoever looks into a folder asks `folder` and `file`,
whoever has a text asks `why_text`; `exclusions` adds the rules that the person's own folders hold."""

from __future__ import annotations

import re

from petra.knowledge import generated, secrets

MiB = 1024 * 1024
LARGEST_TEXT = 4 * MiB
LARGEST_DOCUMENT = 200 * MiB
LARGEST_NOTEBOOK = 64 * MiB
"""Pictures in it are text, of which nothing is read."""
MOST_FILES = 50_000
SECRET = "may hold secrets"  # noqa: S105
LARGE = "too large"
BY_GIT = "ignored by git"
BY_PETRA = "in .petraignore"

FOLDER_MARKS = frozenset(("pyvenv.cfg", "CACHEDIR.TAG"))
"""A folder with one of these files says itself that it holds an environment or a cache."""
_FOLDERS = frozenset(
    ("node_modules", "bower_components", "__pycache__", "site-packages", "venv", "virtualenv")
)
_LARGEST = {
    **dict.fromkeys(
        ("pdf", "docx", "docm", "pptx", "pptm", "ppsx", "xlsx", "xlsm", "epub"), LARGEST_DOCUMENT
    ),
    "ipynb": LARGEST_NOTEBOOK,
}
_BINARY = re.compile(
    r"7z|a|avi|avif|bin|bmp|bz2|class|db|dll|dmg|doc|dylib|eot|exe|faiss|flac|gguf|gif|gz|ico|iso"
    r"|jar|jpe?g|lib|mkv|mov|mp3|mp4|mpeg|np[yz]|o|obj|od[pst]|ogg|onnx|otf|parquet|pkl|png|ppt|psd|pth?"
    r"|py[co]|rar|safetensors|so|sqlite3?|tar|tgz|tiff?|ttf|wasm|wav|webm|webp|whl|wmv|woff2?|xls|xz|zip|zst"
)
# Left behind while a file is saved, by editors that are in the middle of it or have crashed.
_BACKUP = re.compile(r".+~|#.+#|.+\.(sw[a-p]|swpx|bak|orig|rej|tmp)|.+___jb_(tmp|old)___|4913")
_SED = re.compile(r"sed(?=.*[A-Z0-9])[A-Za-z0-9]{6}")
LEFT_BEHIND = "left behind by an editor"


def folder(name: str) -> str | None:
    """Why a folder is left out, or None."""
    if name.startswith("."):
        return "hidden"
    if name.lower() in _FOLDERS or name.lower().endswith(".egg-info"):
        return "dependencies or caches"
    return None


def file(name: str, size: int) -> str | None:
    """Why a file is left out, or None. `size` is in bytes."""
    lower = name.lower()
    if secrets.named(lower):
        return SECRET
    if name.startswith("."):
        return "hidden"
    if generated.named(lower):
        return "generated"
    if _BACKUP.fullmatch(lower) or _SED.fullmatch(name):
        return LEFT_BEHIND
    stem, _, suffix = lower.rpartition(".")
    if stem and _BINARY.fullmatch(suffix):
        return "not text"
    if size > (most := _LARGEST.get(suffix, LARGEST_TEXT)):
        return f"{LARGE} (over {most // MiB} MiB)"
    return None


def why_text(text: str, name: str, *, made_too: bool = False) -> str | None:
    """Why a file is left out for what it holds, or None. With `made_too` it may be generated: a person
    has chosen this very file."""
    if found := secrets.secret_in(text, name):
        return f"{SECRET}: {found}"
    return None if made_too else generated.in_text(text, name)
