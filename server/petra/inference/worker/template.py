"""A model's own chat template, applied so that no text of a person's can forge a turn.

The template is rendered with a placeholder for each message's content. What it writes around them is
tokenised with special tokens, the contents without: `<|im_end|>` in a question is eight harmless
characters' worth of ordinary tokens. White space around a content is dropped (many templates do so).

Templates come with model files and are programs: they are rendered here, in the worker, sandboxed, and
by the thread that the heartbeat watches.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

import jinja2
from jinja2.ext import loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment

from petra.errors import BadRequest, ModelFileError
from petra.inference.worker.engine import Message

# Private-use characters: they are in no template, and contents are never in the rendered text.
OPEN, CLOSE = "\ue000", "\ue001"
PLACEHOLDER = re.compile(f"{OPEN}(\\d+){CLOSE}")

CHATML = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] "
    "+ '<|im_end|>\n' }}{% endfor %}{{ '<|im_start|>assistant\n' }}"
)
# For base models, which have no template: a transcript to go on with.
TRANSCRIPT = (
    "{% for message in messages %}{% if message['role'] == 'system' %}{{ message['content'] + '\n\n' }}"
    "{% else %}{{ message['role'] | capitalize + ': ' + message['content'] + '\n\n' }}{% endif %}"
    "{% endfor %}{{ 'Assistant:' }}"
)

Tokenize = Callable[[str, bool], list[int]]


@dataclass(frozen=True)
class Prompt:
    """Tokens, and how many of them come before the first content that is not public: only those may be
    shared between people. 0 when no message was marked public."""

    tokens: list[int]
    public: int


class ChatTemplate:
    """Renders messages to tokens. `tokenize(text, special)` is the model's, without a BOS token. Raises
    ModelFileError for a template that is none."""

    def __init__(
        self, source: str, tokenize: Tokenize, *, bos: str = "", eos: str = "", bos_token: int | None = None
    ) -> None:
        environment = ImmutableSandboxedEnvironment(
            trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols], autoescape=False
        )
        environment.globals["raise_exception"] = _refuse
        environment.globals["strftime_now"] = lambda form: datetime.now().astimezone().strftime(form)
        try:
            self._template = environment.from_string(source)
        except jinja2.TemplateError as error:
            raise ModelFileError(
                "The model's chat template cannot be read",
                cause=str(error)[:200],
                remedy="Choose another file of this model",
            ) from error
        self._tokenize = tokenize
        self._names = {"bos_token": bos, "eos_token": eos}
        self._bos = bos
        self._bos_token = bos_token

    def apply(self, messages: Sequence[Message], public_messages: int = 0) -> Prompt:
        """The prompt for an answer of the assistant, the first `public_messages` of `messages` being
        public. Raises BadRequest for an order of roles that the model's template refuses."""
        rendered = self._render(messages)
        tokens: list[int] = []
        public: int | None = None
        position = 0
        if self._bos_token is not None and not (self._bos and rendered.startswith(self._bos)):
            tokens.append(self._bos_token)
        for place in PLACEHOLDER.finditer(rendered):
            tokens += self._tokenize(rendered[position : place.start()], True)
            number = int(place.group(1))
            if public is None and number >= public_messages:
                public = len(tokens)
            tokens += self._tokenize(messages[number].content.strip(), False)
            position = place.end()
        tokens += self._tokenize(rendered[position:], True)
        if public is None:
            public = len(tokens)
        return Prompt(tokens, public if public_messages else 0)

    def _render(self, messages: Sequence[Message]) -> str:
        """The template's text, with a placeholder for the content of every message."""
        turns = [(message.role, f"{OPEN}{number}{CLOSE}") for number, message in enumerate(messages)]
        attempts = [turns]
        if messages[0].role == "system" and len(messages) > 1:
            # Some templates refuse or drop a system message: then it opens the first turn.
            (_, system), (role, content), *rest = turns
            attempts.append([(role, f"{system}\n\n{content}"), *rest])
        cause = ""
        for attempt in attempts:
            try:
                rendered = self._text(attempt)
            except Exception as error:  # a template is somebody's program: whatever it raises is its refusal
                cause = str(error)[:200]
                continue
            if {int(place.group(1)) for place in PLACEHOLDER.finditer(rendered)} == set(range(len(turns))):
                return rendered
            cause = cause or "It leaves a message out"
        raise BadRequest(
            "The model's chat template refuses these messages",
            cause=cause,
            remedy="Give a system message first or none, then user and assistant in turn",
        )

    def _text(self, turns: Sequence[tuple[str, str]]) -> str:
        values = [{"role": role, "content": content} for role, content in turns]
        return self._template.render(messages=values, add_generation_prompt=True, **self._names)


def _refuse(message: str) -> None:
    raise jinja2.TemplateError(message)
