"""What never becomes a passage: secrets, dependencies, generated and binary files. Pure, and the one
place that says so."""

from __future__ import annotations

import re
from pathlib import PurePath

MiB = 1024 * 1024
LARGEST_TEXT = 4 * MiB
LARGEST_DOCUMENT = 200 * MiB
LARGEST_NOTEBOOK = 64 * MiB
"""Pictures in it are text, of which nothing is read."""
MOST_FILES = 50_000

# A folder with one of these files says itself that it holds an environment or a cache.
FOLDER_MARKS = ("pyvenv.cfg", "CACHEDIR.TAG")
_FOLDERS = frozenset(
    ("node_modules", "bower_components", "__pycache__", "site-packages", "venv", "virtualenv")
)
_LARGEST = {
    **dict.fromkeys(
        ("pdf", "docx", "docm", "pptx", "pptm", "ppsx", "xlsx", "xlsm", "epub"), LARGEST_DOCUMENT
    ),
    "ipynb": LARGEST_NOTEBOOK,
}
_SECRET = re.compile(
    r"\.env(\..+)?|.+\.env|\.envrc|[._]netrc|\.npmrc|\.pypirc|\.pgpass|\.my\.cnf|\.htpasswd|\.dockercfg"
    r"|\.git-credentials|credentials(\..+)?|.+[-_]credentials\.json|client_secret.*\.json|.*service[-_]?account.*\.json"
    r"|secrets\.(json|ya?ml|toml|ini)|kubeconfig|wallet\.dat|id_(rsa|dsa|ecdsa|ed25519)(_.+)?(\.pub)?"
    r"|.+\.(pem|key|p8|p12|pfx|jks|keystore|kdbx?|ppk|gpg|asc|tfstate|tfvars|ovpn)"
)
_GENERATED = re.compile(
    r".+[.-]min\.(js|css)|.+\.(map|lock)|package-lock\.json|npm-shrinkwrap\.json|pnpm-lock\.yaml|go\.sum"
)
_BINARY = re.compile(
    r"7z|a|avi|avif|bin|bmp|bz2|class|db|dll|dmg|doc|dylib|eot|exe|faiss|flac|gguf|gif|gz|ico|iso"
    r"|jar|jpe?g|lib|mkv|mov|mp3|mp4|mpeg|np[yz]|o|obj|od[pst]|ogg|onnx|otf|parquet|pkl|png|ppt|psd|pth?"
    r"|py[co]|rar|safetensors|so|sqlite3?|tar|tgz|tiff?|ttf|wasm|wav|webm|webp|whl|wmv|woff2?|xls|xz|zip|zst"
)


def secret(name: str) -> bool:
    """Whether a file of this name holds keys or passwords, going by the name."""
    return _SECRET.fullmatch(PurePath(name).name.lower()) is not None


def folder(name: str) -> str | None:
    """Why a folder is left out, or None."""
    if name.startswith("."):
        return "hidden"
    if name.lower() in _FOLDERS or name.lower().endswith(".egg-info"):
        return "dependencies or caches"
    return None


def file(name: str, size: int) -> str | None:
    """Why a file is left out, or None. `size` is in bytes."""
    if secret(name):
        return "may hold secrets"
    if name.startswith("."):
        return "hidden"
    lower = name.lower()
    if _GENERATED.fullmatch(lower):
        return "generated"
    suffix = PurePath(lower).suffix[1:]
    if _BINARY.fullmatch(suffix):
        return "not text"
    if size > _LARGEST.get(suffix, LARGEST_TEXT):
        return "too large"
    return None
