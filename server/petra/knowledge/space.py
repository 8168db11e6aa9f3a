"""A version of the index together with the model that embeds for it: the two are only ever used together."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from petra.inference.client import ModelEndpoint
from petra.knowledge.index import Indexes
from petra.storage.index_versions import IndexVersion

Use = Callable[[], Awaitable[ModelEndpoint]]
"""An endpoint once it is ready. Raises ModelUnavailable."""


@dataclass(frozen=True)
class Space:
    """One version of the index, and what embeds for it: questions with `query`, passages with `bulk`."""

    version: IndexVersion
    indexes: Indexes
    query: Use
    bulk: Use


@dataclass(frozen=True)
class Staged:
    """A space that nobody uses yet. `promote` makes its workers the ones that everybody uses, at once, and
    gives the space with those; `drop` ends them."""

    space: Space
    promote: Callable[[], Space]
    drop: Callable[[], Awaitable[None]]
