"""Fits a question into what a model can read: counts its tokens, cuts an open document, refuses the rest."""

from __future__ import annotations

from collections.abc import Sequence

from petra.assistant import prompt as prompts
from petra.assistant.subject import Subject
from petra.errors import TooLarge
from petra.inference.client import ModelEndpoint
from petra.knowledge.search import Passage

CHARACTERS_PER_TOKEN = 3
"""Of source text; prose has four and more."""


class Fitting:
    """For an answer of at most `answer_tokens`, whose first should come after `first_token_seconds`."""

    def __init__(self, endpoint: ModelEndpoint, *, answer_tokens: int, first_token_seconds: float) -> None:
        self._endpoint = endpoint
        self._answer_tokens = answer_tokens
        self._first_token_seconds = first_token_seconds

    async def prompt(
        self,
        system: str,
        question: str,
        subject: Subject | None,
        passages: Sequence[Passage],
        turns: Sequence[prompts.Turn],
    ) -> prompts.Prompt:
        """Lay out what fits. Raises TooLarge when not even question and selection do."""
        able = await self._endpoint.capabilities()
        rate = able.prefill_tokens_per_s
        budget = int(self._first_token_seconds * rate) if rate else able.context
        subject, subject_tokens = await self._cut(subject, min(budget, self._room(able.context)))
        quotes = [prompts.quote_passage(n, passage) for n, passage in enumerate(passages, 1)]
        turn_texts = [f"{turn.prompt}{turn.answer}" for turn in turns]
        bare = prompts.question_message(question, [])
        counts = await self._endpoint.count_tokens([system, bare, *quotes, *turn_texts])
        fixed = counts[0] + counts[1] + subject_tokens + self._answer_tokens + 4 * prompts.TEMPLATE_TOKENS
        if fixed >= able.context:
            raise TooLarge(
                f"The question is {fixed - able.context + 1} tokens too long for the model",
                cause=f"It reads {able.context} tokens at most, the answer included",
                remedy="Ask a shorter question, select less, or choose a model with a longer context",
            )
        after_quotes = 2 + len(quotes)
        return prompts.build(
            system,
            question,
            passages,
            turns,
            passage_tokens=[count + 2 for count in counts[2:after_quotes]],
            turn_tokens=[count + 2 * prompts.TEMPLATE_TOKENS for count in counts[after_quotes:]],
            fixed_tokens=fixed,
            context=able.context,
            passage_budget=max(budget - subject_tokens, 0),
            subject=subject,
        )

    def _room(self, context: int) -> int:
        """Tokens that a document may take: half of what the answer leaves, so that passages fit as well."""
        return max((context - self._answer_tokens) // 2, 1)

    async def _cut(self, subject: Subject | None, room: int) -> tuple[Subject | None, int]:
        """What the question is about and its tokens; of a whole document as much as `room` tokens hold."""
        if subject is None:
            return None, 0
        cut = subject.within(room * CHARACTERS_PER_TOKEN)
        (tokens,) = await self._endpoint.count_tokens([cut.quoted()])
        if subject.whole and tokens > room:
            cut = subject.within(len(cut.text) * room // tokens)
            (tokens,) = await self._endpoint.count_tokens([cut.quoted()])
        return cut, tokens
