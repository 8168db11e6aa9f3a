"""From a request to the work of its answers: its prompt in tokens, and the room that they may take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from petra.errors import BadRequest, TooLarge
from petra.inference.worker.decoder import Decoder
from petra.inference.worker.engine import Generation, Sampling
from petra.inference.worker.llamacpp.model import LlamaModel
from petra.inference.worker.metrics import WorkerMetrics
from petra.inference.worker.options import Limits
from petra.inference.worker.template import CHATML, TRANSCRIPT, ChatTemplate, Prompt
from petra.inference.worker.ticket import Answer, Ticket, Vocabulary
from petra.inference.worker.work import Work

# Room that an answer without max_tokens is certain to have; it gets more where there is more.
RESERVE, MOST_RESERVED = 512, 1024
# Characters that no token exceeds on average: longer texts are refused before they are tokenised.
LONGEST_TOKEN = 64


class Preparation:
    """Prepares requests for one model. For any thread: it only reads the model, and makes samplers."""

    def __init__(
        self,
        name: str,
        model: LlamaModel,
        decoder: Decoder,
        adapters: Sequence[str],
        limits: Limits,
        metrics: WorkerMetrics,
    ) -> None:
        self._name = name
        self._model = model
        self._decoder = decoder
        self._adapters = adapters
        self._limits = limits
        self._metrics = metrics
        self._template = _template(model)
        self._vocabulary = Vocabulary(model.piece, model.ends)

    def tokenize(self, texts: Sequence[str]) -> list[list[int]]:
        """Tokens of each text; special tokens are not read."""
        return [self._model.tokenize(text) for text in texts]

    def works(self, request: Generation) -> tuple[Ticket, list[Work]]:
        """The answers to write for a request. Raises TooLarge or BadRequest."""
        if request.adapter is not None and request.adapter not in self._adapters:
            raise BadRequest(f"The model {self._name} has no adapter {request.adapter}")
        prompt = self._prompt(request)
        most = self._room(prompt, request)
        ticket = Ticket(request, len(prompt.tokens), self._metrics, running=request.n)
        return ticket, [
            Work(
                prompt.tokens,
                self._decoder.sampler(_sampling(request, index), prompt.tokens),
                Answer(ticket, index, self._vocabulary),
                most,
                owner=request.user,
                public=prompt.public,
                adapter=request.adapter,
                reserve=min(most, request.max_tokens or RESERVE, MOST_RESERVED),
                reuse=request.cache_prompt,
                seconds=self._limits.seconds,
            )
            for index in range(request.n)
        ]

    def _prompt(self, request: Generation) -> Prompt:
        characters = sum(map(len, request.texts))
        if characters > LONGEST_TOKEN * self._decoder.context:
            raise TooLarge(
                "The prompt is far too long",
                cause=f"It has {characters} characters, and the model reads {self._decoder.context} tokens",
                remedy="Ask a shorter question, select less, or choose a model with a longer context",
            )
        if request.prompt is None:
            return self._template.apply(request.messages, request.public_messages)
        first = [] if self._model.bos is None else [self._model.bos]
        tokens = self._model.tokenize(request.prompt)
        if request.suffix is None:
            return Prompt([*first, *tokens] or self._model.tokenize("\n"), 0)
        if self._model.fim is None:
            raise BadRequest(
                f"The model {self._name} cannot fill in the middle",
                cause="Its file names no tokens for it",
                remedy="Leave suffix out, or choose a model that was trained for it, such as Qwen2.5-Coder",
            )
        prefix, suffix, middle = self._model.fim
        behind = self._model.tokenize(request.suffix)
        return Prompt([*first, prefix, *tokens, suffix, *behind, middle], 0)

    def _room(self, prompt: Prompt, request: Generation) -> int:
        """How many tokens an answer may have. Raises TooLarge when there is no room for even one."""
        context = self._decoder.context
        room = context - len(prompt.tokens)
        if room < 1:
            raise TooLarge(
                f"The prompt is {1 - room} tokens too long",
                cause=f"It has {len(prompt.tokens)}, and the model reads {context}, the answer included",
                remedy="Ask a shorter question, select less, or choose a model with a longer context",
            )
        return min(room, self._limits.tokens, request.max_tokens or self._limits.tokens)


def _sampling(request: Generation, index: int) -> Sampling:
    """Answers to one request with a seed differ from each other, and are the same the next time."""
    seed = request.sampling.seed
    return request.sampling if seed is None else replace(request.sampling, seed=seed + index)


def _template(model: LlamaModel) -> ChatTemplate:
    source = model.chat_template
    if source is None:
        source = CHATML if model.has_token("<|im_start|>") else TRANSCRIPT
    return ChatTemplate(
        source,
        model.tokenize,
        bos=model.special_text(),
        eos=model.special_text(end=True),
        bos_token=model.bos,
    )
