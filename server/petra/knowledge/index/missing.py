"""Chunks that have no vector yet, in little memory: a large folder begins with a hundred thousand."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from petra.knowledge.index.engine import Ints
from petra.knowledge.index.entry import Entry

Rows = np.ndarray[Any, Any]
ROW = np.dtype([("chunk", "<i8"), ("document", "S32"), ("hash", "S64")])


class Missing(Mapping[int, str]):
    """From chunks, ascending, to the hashes of their texts. It is never changed."""

    def __init__(self, rows: Rows | None = None) -> None:
        self.rows: Rows = np.zeros(0, ROW) if rows is None else rows

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[int]:
        return iter(self.rows["chunk"].tolist())

    def __getitem__(self, chunk_id: int) -> str:
        place = int(np.searchsorted(self.rows["chunk"], chunk_id))
        if place == len(self.rows) or self.rows["chunk"][place] != chunk_id:
            raise KeyError(chunk_id)
        return bytes(self.rows["hash"][place]).decode()

    def hashes(self) -> list[str]:
        """All of them; a hundred thousand take some 20 ms."""
        found: list[str] = np.unique(self.rows["hash"]).astype(np.str_).tolist()
        return found

    @property
    def chunk_ids(self) -> Ints:
        """All chunks, ascending."""
        found: Ints = self.rows["chunk"]
        return found

    def documents_of(self, ids: Ints) -> dict[int, bytes]:
        """The documents of these chunks, of those that are missing a vector."""
        rows = self.rows[np.isin(self.rows["chunk"], ids)]
        return dict(zip(rows["chunk"].tolist(), rows["document"].tolist(), strict=True))

    def changed(self, added: Sequence[Entry], removed: Collection[int]) -> Missing:
        """This without what was removed or has come with a vector, and with what came without one."""
        gone = np.fromiter(removed, np.int64, len(removed))
        come = np.array([entry.chunk_id for entry in added], np.int64)
        new = [entry for entry in added if entry.vector is None]
        rows = np.array(
            [(entry.chunk_id, entry.document_id.encode(), entry.text_hash.encode()) for entry in new], ROW
        )
        kept = self.rows
        if len(kept):
            kept = kept[~np.isin(kept["chunk"], np.concatenate([gone, come]))]
        rows = np.concatenate([kept, rows])
        return Missing(rows[np.argsort(rows["chunk"], kind="stable")])

    def without(self, chunk_ids: Ints) -> Missing:
        """This without these chunks."""
        return Missing(self.rows[~np.isin(self.rows["chunk"], chunk_ids)])

    def having(self, hashes: Collection[str]) -> Rows:
        """The rows of the chunks whose text has one of these hashes."""
        wanted = np.array([item.encode() for item in hashes], "S64")
        found: Rows = self.rows[np.isin(self.rows["hash"], wanted)]
        return found
