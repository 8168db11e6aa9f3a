"""Faiss and tantivy segments, one set per collection: immutable, checksummed, rebuilt from rows."""

from petra.knowledge.index.entry import Candidates
from petra.knowledge.index.indexes import Indexes

__all__ = ["Candidates", "Indexes"]
