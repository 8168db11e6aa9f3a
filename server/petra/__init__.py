"""Petra: answers from a person's own files, with a local model and checked sources."""

__version__ = "0.1.0"
