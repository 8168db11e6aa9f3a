"""One GGUF model and one sequence of it, over llama.cpp's low-level interface. Not thread-safe, except
for tokenising."""

from __future__ import annotations

import ctypes
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import llama_cpp as lib

from petra.errors import ModelFileError, ModelUnavailable
from petra.inference import gguf
from petra.inference.worker.engine import Sampling

# Most tokens in one call: what a cancel may have to wait for. Measured: 128 are prefilled nearly as fast
# as 512 (FACTS: 1.4 s against 3.6 s of the worst gap for others).
BATCH = 128
RANDOM_SEED = 0xFFFFFFFF
ALL_LAYERS = 0x7FFFFFFF
WARN = 3


@lib.llama_log_callback  # type: ignore[untyped-decorator]
def _log(level: int, text: bytes, _: Any) -> None:
    """Only warnings and errors of llama.cpp; they are about the file and the machine, not about text."""
    if level in (WARN, WARN + 1):
        sys.stderr.write(text.decode("utf-8", "replace"))


class LlamaModel:
    """A loaded model with an empty cache of `context` tokens."""

    def __init__(self, path: Path, *, context: int, threads: int, extra_bufts: bool = True) -> None:
        gguf.check_header(path)
        lib.llama_log_set(_log, ctypes.c_void_p(0))
        lib.llama_backend_init()
        gpu = bool(lib.llama_supports_gpu_offload())
        params = lib.llama_model_default_params()
        params.n_gpu_layers = ALL_LAYERS if gpu else 0
        params.use_extra_bufts = extra_bufts
        self._model = lib.llama_model_load_from_file(str(path).encode(), params)
        if not self._model:
            raise ModelFileError(
                f"{path.name} cannot be loaded",
                cause="llama.cpp refuses it: the file is truncated, damaged or of a kind it does not know",
                remedy="Run `petra models verify`, then `petra models pull NAME`",
            )
        self._vocab = lib.llama_model_get_vocab(self._model)
        trained = int(lib.llama_model_n_ctx_train(self._model))
        self.context = min(context, trained) if trained > 0 else context
        options = lib.llama_context_default_params()
        options.n_ctx = self.context
        options.n_batch = options.n_ubatch = BATCH
        options.n_threads = options.n_threads_batch = threads
        options.n_seq_max = 1
        # Measured on CPUs: 13.6 ms a token without flash attention, 19 with.
        options.flash_attn_type = (
            lib.LLAMA_FLASH_ATTN_TYPE_AUTO if gpu else lib.LLAMA_FLASH_ATTN_TYPE_DISABLED
        )
        self._context = lib.llama_init_from_model(self._model, options)
        if not self._context:
            lib.llama_model_free(self._model)
            raise ModelUnavailable(
                f"There is not enough memory for {path.name}",
                cause=f"A context of {self.context} tokens could not be made",
                remedy="Choose a smaller CONTEXT_TOKENS or a smaller model",
            )
        self._memory = lib.llama_get_memory(self._context)
        self._batch = lib.llama_batch_init(BATCH, 0, 1)
        self.length = 0

    def close(self) -> None:
        """Free the memory. Nothing may be called after it."""
        lib.llama_batch_free(self._batch)
        lib.llama_free(self._context)
        lib.llama_model_free(self._model)

    @property
    def chat_template(self) -> str | None:
        """The template that the file brings, None for a base model."""
        text = lib.llama_model_chat_template(self._model, None)
        return text.decode("utf-8", "replace") if text else None

    @property
    def bos(self) -> int | None:
        """The token that a text has to begin with, None when it has to have none."""
        token = int(lib.llama_vocab_bos(self._vocab))
        return token if lib.llama_vocab_get_add_bos(self._vocab) and token >= 0 else None

    def special_text(self, *, end: bool = False) -> str:
        """The text of the BOS or EOS token, for templates."""
        token = lib.llama_vocab_eos(self._vocab) if end else lib.llama_vocab_bos(self._vocab)
        if token < 0:
            return ""
        text = lib.llama_vocab_get_text(self._vocab, token)
        return text.decode("utf-8", "replace") if text else ""

    def has_token(self, text: str) -> bool:
        """Whether `text` is one special token of this model."""
        return len(self.tokenize(text, special=True)) == 1

    def tokenize(self, text: str, special: bool = False) -> list[int]:
        """Tokens of a text, without BOS. `special` reads special tokens: never for a person's text."""
        data = text.encode("utf-8", "replace")
        size = len(data) + 8
        tokens = (lib.llama_token * size)()
        count = lib.llama_tokenize(self._vocab, data, len(data), tokens, size, False, special)
        if count < 0:
            tokens = (lib.llama_token * -count)()
            count = lib.llama_tokenize(self._vocab, data, len(data), tokens, -count, False, special)
        return list(tokens[:count])

    def piece(self, token: int) -> bytes:
        """The bytes of a token; none for a special one."""
        buffer = ctypes.create_string_buffer(64)
        size = lib.llama_token_to_piece(self._vocab, token, buffer, len(buffer), 0, False)
        if size < 0:
            buffer = ctypes.create_string_buffer(-size)
            size = lib.llama_token_to_piece(self._vocab, token, buffer, len(buffer), 0, False)
        return buffer.raw[: max(size, 0)]

    def ends(self, token: int) -> bool:
        """Whether the token ends a turn."""
        return bool(lib.llama_vocab_is_eog(self._vocab, token))

    def keep(self, length: int) -> int:
        """Drop all but the first `length` tokens of the cache; 0 when this model can only drop all.
        Returns how many are left."""
        if length and not lib.llama_memory_seq_rm(self._memory, 0, length, -1):
            length = 0
        if not length:
            lib.llama_memory_clear(self._memory, True)
        self.length = length
        return length

    def decode(self, tokens: Sequence[int]) -> None:
        """Append at most BATCH tokens to the cache; the next `sample` is of the last one's logits.

        Raises ModelUnavailable; the cache is empty then.
        """
        batch = self._batch
        batch.n_tokens = len(tokens)
        for index, token in enumerate(tokens):
            batch.token[index] = token
            batch.pos[index] = self.length + index
            batch.n_seq_id[index] = 1
            batch.seq_id[index][0] = 0
            batch.logits[index] = index == len(tokens) - 1
        code = lib.llama_decode(self._context, batch)
        if code:
            self.keep(0)
            raise ModelUnavailable(
                "The model failed on this request",
                cause=f"llama.cpp could not decode {len(tokens)} tokens (code {code})",
                remedy="Ask again, or ask a shorter question",
            )
        self.length += len(tokens)

    def sampler(self, sampling: Sampling) -> Sampler:
        """A chooser of tokens for one answer; close it."""
        return Sampler(self._context, sampling)

    def measure(self) -> float:
        """Prove the model with real work, and return the prefill rate in tokens/s.

        Where native code does not fit this machine, the process dies here and not in somebody's answer.
        """
        probe = self.tokenize("The quick brown fox jumps over the lazy dog. " * 8)[: BATCH // 2]
        self.decode(probe[:1])
        started = time.perf_counter()
        self.decode(probe[1:])
        rate = (len(probe) - 1) / (time.perf_counter() - started)
        sampler = self.sampler(Sampling(temperature=0))
        self.decode([sampler.sample()])
        sampler.close()
        self.keep(0)
        return rate


class Sampler:
    """llama.cpp's sampler chain. `sample` also accepts the token."""

    def __init__(self, context: Any, sampling: Sampling) -> None:
        self._context = context
        self._chain = lib.llama_sampler_chain_init(lib.llama_sampler_chain_default_params())
        vocabulary = lib.llama_model_get_vocab(lib.llama_get_model(context))
        for part in _parts(sampling, lib.llama_vocab_n_tokens(vocabulary)):
            lib.llama_sampler_chain_add(self._chain, part)

    def sample(self) -> int:
        """The next token."""
        return int(lib.llama_sampler_sample(self._chain, self._context, -1))

    def close(self) -> None:
        """Free it."""
        lib.llama_sampler_free(self._chain)


def _parts(sampling: Sampling, vocabulary: int) -> list[Any]:
    parts = []
    penalties = (sampling.repeat_penalty, sampling.frequency_penalty, sampling.presence_penalty)
    if penalties != (1.0, 0.0, 0.0):
        parts.append(lib.llama_sampler_init_penalties(vocabulary, 64, *penalties))
    if sampling.temperature <= 0:
        return [*parts, lib.llama_sampler_init_greedy()]
    # top-k first: top-p over the whole vocabulary costs 629 µs a token, after top-k 52.
    parts.append(lib.llama_sampler_init_top_k(sampling.top_k))
    parts.append(lib.llama_sampler_init_top_p(sampling.top_p, 1))
    parts.append(lib.llama_sampler_init_min_p(sampling.min_p, 1))
    parts.append(lib.llama_sampler_init_temp(sampling.temperature))
    seed = RANDOM_SEED if sampling.seed is None else sampling.seed & RANDOM_SEED
    return [*parts, lib.llama_sampler_init_dist(seed)]
