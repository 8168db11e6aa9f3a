"""Faiss and tantivy segments, one set per collection: immutable, checksummed, rebuilt from rows."""
