"""How rows look on the wire, for every door. Pure: rows in, JSON values out."""

from __future__ import annotations

from typing import Any

from petra.inference.supervisor import WorkerState
from petra.knowledge.extract import sniff
from petra.knowledge.search import Passage
from petra.storage.collections import Collection
from petra.storage.conversations import Conversation
from petra.storage.documents import Document
from petra.storage.jobs import Job

FINDINGS = ("comparison", "freed")
"""What a job of upkeep tells the one who asked for it."""


def passage(item: Passage, *, why: bool = False) -> dict[str, Any]:
    """A passage that a search has found; with `why`, also what made its score, by factor."""
    shown = {
        "document_id": item.document_id,
        "document": item.document,
        "path": item.path,
        "header": item.header,
        "pages": item.pages,
        "lines": item.lines,
        "unit": item.unit,
        "text": item.text,
        "score": item.score,
    }
    return shown | ({"why": dict(item.why)} if why else {})


def collection(item: Collection, *, local: bool) -> dict[str, Any]:
    """A collection; `folder` says that it mirrors one. Where that is, is told to this machine only."""
    shown = {
        "id": item.id,
        "name": item.name,
        "revision": item.revision,
        "folder": item.root is not None,
    }
    return shown | ({"root": item.root} if local else {})


def document(item: Document, of: str) -> dict[str, Any]:
    """A document of the collection named `of`."""
    return {
        "id": item.id,
        "name": item.title,
        "path": item.path,
        "collection": of,
        "state": item.state,
        "reason": item.reason,
        "pages": item.pages,
        "unit": sniff.unit(item.media_type),
        "size": item.size,
        "media_type": item.media_type,
        "created_at": item.created_at,
    }


def job(item: Job, now: float) -> dict[str, Any]:
    """A job and how far it is; `now` is in seconds since the epoch."""
    return {
        "id": item.id,
        "kind": item.kind,
        "state": item.state,
        "done": item.done,
        "total": item.total,
        "unit": item.unit,
        "eta_s": item.eta_s(now),
        "reason": item.reason,
        "waits_for": item.payload.get("waits_for"),
        "collection_id": item.collection_id,
        "document_id": item.document_id,
        "model": item.payload.get("model"),
        "skipped": item.payload.get("skipped", []),
        "found": {name: item.payload[name] for name in FINDINGS if name in item.payload},
    }


def conversation(item: Conversation) -> dict[str, Any]:
    """A conversation in a list."""
    return {"id": item.id, "title": item.title, "created_at": item.created_at}


def worker(state: WorkerState) -> dict[str, Any]:
    """A worker's state; what there is nothing to say about is left out."""
    said = {
        "state": state.state,
        "model": state.model,
        "restarts": state.restarts,
        "degraded": state.degraded,
        "last_exit": state.last_exit,
        "remedy": state.remedy,
        "pid": state.pid,
    }
    return {name: value for name, value in said.items() if value not in (None, 0)}
