"""The switches of the ranker: what is on, for the benchmark to leave one out at a time."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Factors:
    """Each switches one factor. docs/retrieval.md has what each is worth."""

    share: bool = True
    """The weight of meaning against words follows the query and what is searched."""
    definition: bool = True
    """What defines an identifier of the query comes first."""
    names: bool = True
    """The words of a path count."""
    places: bool = True
    """A file and line that the query names."""
    coherence: bool = True
    """A file with several good passages is more likely the right one."""
    kinds: bool = True
    """Tests, examples, generated files and the like come later."""
    spread: bool = True
    """Further passages of one file come later."""
    contents: bool = True
    """Tables of contents and indexes come below what they point to."""
    copies: bool = True
    """Passages that say nearly the same are shown once."""
