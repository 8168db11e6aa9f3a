"""`petra/conversations` and `petra/feedback`: what was said, and what the person thinks of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import attrs

from petra.assistant.recall import Recall
from petra.lsp.feature import Method
from petra.lsp.progress import Running
from petra.messages import Rating, Token

if TYPE_CHECKING:
    from petra.lsp.session import Session


@attrs.frozen(kw_only=True)
class ConversationsParams:
    """All conversations, or with `id` one and what was said in it."""

    id: str | None = None
    work_done_token: Token | None = None
    partial_result_token: Token | None = None


@attrs.frozen(kw_only=True)
class FeedbackParams:
    """What a person thinks of the answer `id`; neither `rating` nor `comment` takes it back."""

    id: str
    rating: Rating | None = None
    comment: str = ""


class Conversations:
    """The conversations of a session's person."""

    def __init__(self, session: Session, recall: Recall, running: Running) -> None:
        self._session = session
        self._recall = recall
        self._progress = running

    def methods(self) -> Sequence[Method]:
        """What this feature answers."""
        return (
            Method("petra/conversations", "read_conversation", self.conversations, ConversationsParams),
            Method("petra/feedback", "give_feedback", self.feedback, FeedbackParams),
        )

    async def conversations(self, params: ConversationsParams) -> dict[str, Any]:
        """`{conversations}`, newest first, or one conversation."""
        with self._progress.shown(params.work_done_token, "Reading conversations"):
            if params.id is not None:
                found = await self._recall.read(self._session.identity, params.id)
            else:
                found = {"conversations": await self._recall.all(self._session.identity)}
        return self._progress.whole(params.partial_result_token, found)

    async def feedback(self, params: FeedbackParams) -> None:
        """Keep it."""
        await self._recall.rate(self._session.identity, params.id, params.rating, params.comment)
