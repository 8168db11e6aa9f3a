"""What the model is given, in an order that lets it be read once and reused.

System prompt, then the earlier turns exactly as they were sent, then what the question is about (marked
text, an open document), then the passages, then the question: the front of the prompt stays
byte-identical from question to question, so an engine that keeps its prefix does not read it again.
Pure functions: the caller counts tokens and fetches passages.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from petra.assistant.subject import Subject
from petra.inference.client import ChatMessage
from petra.knowledge.search import Passage

STOP = ("\nQuestion:", "\nPassages:")
"""Where a small model starts to write the next question itself."""

# Room for the chat template's own tokens around each message; SmolLM2 and Qwen use 5, Llama 3.2 six.
TEMPLATE_TOKENS = 8

# A busy machine may read 13 tokens a second; better a late answer than one without its passage.
FEWEST_PASSAGES = 3

_NUMBER = re.compile(r"^\[(\d+)\]", re.MULTILINE)


@dataclass(frozen=True)
class Turn:
    """An earlier question as it was sent to the model, and what it answered."""

    prompt: str
    answer: str


@dataclass(frozen=True)
class Prompt:
    """`messages` for the model, the `passages` quoted in them, how many turns were left out, and what the
    question is about, as much of it as is quoted."""

    messages: list[ChatMessage]
    passages: list[Passage]
    turns_left_out: int
    subject: Subject | None = None

    @property
    def question(self) -> str:
        """The last message: what has to be stored to send this turn again unchanged."""
        return self.messages[-1].content


def quote_passage(n: int, passage: Passage) -> str:
    """One numbered passage as the model sees it: headings, no page or line numbers.

    SmolLM2-135M recites what looks like a list of places, counting the pages on; without them it wrote
    27 % less and answered as many of 12 questions. A line that looks like the beginning of a passage gets
    other brackets: a document must not pass off its own words as another's.
    """
    text = _NUMBER.sub(r"(\1)", passage.text.strip())
    return f"[{n}] {passage.header or passage.document}\n{text}"


def question_message(question: str, passages: Sequence[Passage], subject: Subject | None = None) -> str:
    """The person's turn: what they marked or have open, then passages, the question last."""
    blocks = []
    if subject:
        blocks.append(subject.quoted())
    if passages:
        blocks.append("Passages:")
        blocks += [quote_passage(n, passage) for n, passage in enumerate(passages, 1)]
    blocks.append(f"Question: {question.strip()}")
    return "\n\n".join(blocks)


def build(
    system: str,
    question: str,
    passages: Sequence[Passage],
    turns: Sequence[Turn],
    *,
    passage_tokens: Sequence[int],
    turn_tokens: Sequence[int],
    fixed_tokens: int,
    context: int,
    passage_budget: int,
    subject: Subject | None = None,
) -> Prompt:
    """Choose what fits and lay it out.

    `passage_tokens` and `turn_tokens` are the sizes of `passages` (best first) and `turns` (oldest
    first) in the model's tokens; `fixed_tokens` that of system prompt, question, subject and the
    room for the answer. Passages are taken from the best down while they fit into `passage_budget`
    and the context; FEWEST_PASSAGES are taken whatever they cost, if the context holds them. Then as many
    of the latest turns as fit; older ones are left out whole, never rewritten.
    """
    free = context - fixed_tokens
    chosen: list[Passage] = []
    spent = 0
    for passage, tokens in zip(passages, passage_tokens, strict=True):
        enough = len(chosen) >= FEWEST_PASSAGES
        if spent + tokens > free or (enough and spent + tokens > passage_budget):
            break
        chosen.append(passage)
        spent += tokens
    free -= spent

    kept: list[Turn] = []
    for turn, tokens in zip(reversed(turns), reversed(turn_tokens), strict=True):
        if tokens > free:
            break
        kept.insert(0, turn)
        free -= tokens

    messages = [ChatMessage("system", system)]
    for turn in kept:
        messages += [ChatMessage("user", turn.prompt), ChatMessage("assistant", turn.answer)]
    messages.append(ChatMessage("user", question_message(question, chosen, subject)))
    return Prompt(messages, chosen, len(turns) - len(kept), subject)
