"""A static embedder as the worker serves it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from petra.inference.static import StaticModel, is_static
from petra.inference.worker.embed_queue import Batching

__all__ = ["StaticEncoder", "is_static"]

BATCHING = Batching(16_384, 131_072)


class StaticEncoder(StaticModel):
    """`Encoder` over a static embedder's folder. Raises ModelFileError for one that is not whole."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.batching = BATCHING

    def about(self) -> dict[str, Any]:
        """See Encoder."""
        return {"precision": "static"}
