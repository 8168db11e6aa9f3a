"""`petra/search`: passages that fit, without a model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import attrs

from petra.assistant import views
from petra.assistant.library import Library
from petra.errors import BadRequest
from petra.lsp.feature import Method
from petra.lsp.places import Places
from petra.lsp.progress import Running
from petra.lsp.scope import Scope, within
from petra.messages import Token

if TYPE_CHECKING:
    from petra.lsp.session import Session

MOST = 100


@attrs.frozen(kw_only=True)
class SearchParams:
    """What to look for, where, and how many passages to give."""

    query: str
    scope: Scope | None = None
    collections: tuple[str, ...] | None = None
    path: str | None = None
    top_k: int | None = None
    work_done_token: Token | None = None
    partial_result_token: Token | None = None


class Searching:
    """Searches of one session."""

    def __init__(self, session: Session, library: Library, places: Places, running: Running) -> None:
        self._session = session
        self._library = library
        self._places = places
        self._progress = running

    def methods(self) -> Sequence[Method]:
        """What this feature answers."""
        return (Method("petra/search", "search", self.search, SearchParams),)

    async def search(self, params: SearchParams) -> dict[str, Any]:
        """The passages, the best first. With a partial result token they come under it, and the result
        has none."""
        k = params.top_k or self._session.preferences.top_k
        if k is not None and not 1 <= k <= MOST:
            raise BadRequest(f"topK is not between 1 and {MOST}", remedy="Leave it out")
        around = await within(self._session, self._library, params.scope)
        names = around.collections if params.collections is None else params.collections
        with self._progress.shown(params.work_done_token, "Petra searches"):
            found = await self._library.search(
                self._session.identity, params.query, k=k, names=names, path=params.path
            )
        passages = [views.passage(item) | {"location": await self._places.location(item)} for item in found]
        return self._progress.whole(params.partial_result_token, {"passages": passages})
