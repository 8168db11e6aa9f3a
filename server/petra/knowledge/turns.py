"""One at a time with a collection."""

from __future__ import annotations

import asyncio
from weakref import WeakValueDictionary


class Turns:
    """Whose turn it is, by collection: `async with turns.of(id)`. A collection that nobody holds or waits for
    is not remembered, however many come and go."""

    def __init__(self) -> None:
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def __len__(self) -> int:
        return len(self._locks)

    def of(self, collection_id: str) -> asyncio.Lock:
        """The lock of a collection, the same for all who hold it or wait for it."""
        return self._locks.setdefault(collection_id, asyncio.Lock())
