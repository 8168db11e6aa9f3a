"""A GGUF file and its vocabulary."""

from __future__ import annotations

import ctypes
import os
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import llama_cpp as lib

from petra.errors import ModelFileError
from petra.inference import gguf
from petra.inference.worker.llamacpp import native
from petra.inference.worker.llamacpp.initials import Initials

ALL_LAYERS = 0x7FFFFFFF
# Bytes of a file that is read into memory, which may lie in large pages (child.py); those of a mapped file
# are small. What is larger stays mapped: where memory is short, the system may drop it and read it again.
READ_WHOLE = 512 << 20
# llama.cpp sets this bit where the file does not say its format.
GUESSED = lib.LLAMA_FTYPE_GUESSED


class FillTokens(NamedTuple):
    """The tokens around what comes before, what comes after, and what is to be filled in."""

    prefix: int
    suffix: int
    middle: int


class LlamaModel:
    """Weights and vocabulary, without a cache. Every method may be called from any thread."""

    def __init__(self, path: Path, *, extra_bufts: bool = True) -> None:
        """Load `path`. `extra_bufts` False leaves out weights repacked for this CPU, which are faster and
        have crashed on some. Raises ModelFileError."""
        gguf.check_header(path)
        native.start()
        self.path = path
        self.size = path.stat().st_size
        self.extra_bufts = extra_bufts
        self.gpu = bool(lib.llama_supports_gpu_offload())
        params = lib.llama_model_default_params()
        params.n_gpu_layers = ALL_LAYERS if self.gpu else 0
        params.use_extra_bufts = extra_bufts
        if not self.gpu and self.size <= READ_WHOLE:
            params.load_mode = lib.LLAMA_LOAD_MODE_NONE
        self.pointer = lib.llama_model_load_from_file(os.fsencode(path), params)
        if not self.pointer:
            raise _refused(path, "the file is truncated, damaged or of a kind it does not know")
        if lib.llama_model_has_encoder(self.pointer) or not lib.llama_model_has_decoder(self.pointer):
            self.close()
            raise _refused(path, "it is not a model that continues a text")
        self.vocab = lib.llama_model_get_vocab(self.pointer)
        self.vocabulary = int(lib.llama_vocab_n_tokens(self.vocab))
        self.trained_context = int(lib.llama_model_n_ctx_train(self.pointer))
        # Of most of the weights, a LLAMA_FTYPE of llama.cpp's.
        self.format = int(lib.llama_model_ftype(self.pointer)) & ~GUESSED
        # Layers that look back only so far (sliding-window attention); 0 when there are none.
        self.window = int(lib.llama_model_n_swa(self.pointer))
        self.can_trim = not (
            lib.llama_model_is_recurrent(self.pointer) or lib.llama_model_is_hybrid(self.pointer)
        )
        self.end_tokens = frozenset(
            token for token in range(self.vocabulary) if native.is_eog(self.vocab, token)
        )
        self._pieces: dict[int, bytes] = {}

    def close(self) -> None:
        """Free the memory. Every context of it is closed before; nothing may be called after."""
        lib.llama_model_free(self.pointer)

    @property
    def format_name(self) -> str:
        """As llama.cpp calls it: Q4_1, Q4_K - Medium, …"""
        return (lib.llama_ftype_name(self.format) or b"unknown").decode()

    @property
    def chat_template(self) -> str | None:
        """The template that the file brings, None for a base model."""
        text = lib.llama_model_chat_template(self.pointer, None)
        return text.decode("utf-8", "replace") if text else None

    @property
    def bos(self) -> int | None:
        """The token that a text has to begin with, None when it has to have none."""
        token = int(lib.llama_vocab_bos(self.vocab))
        return token if lib.llama_vocab_get_add_bos(self.vocab) and token >= 0 else None

    @property
    def fim(self) -> FillTokens | None:
        """The tokens for filling in the middle, None when this model was not trained for it."""
        tokens = FillTokens(
            int(lib.llama_vocab_fim_pre(self.vocab)),
            int(lib.llama_vocab_fim_suf(self.vocab)),
            int(lib.llama_vocab_fim_mid(self.vocab)),
        )
        return tokens if min(tokens) >= 0 else None

    def special_text(self, *, end: bool = False) -> str:
        """The text of the BOS or EOS token, for templates."""
        token = lib.llama_vocab_eos(self.vocab) if end else lib.llama_vocab_bos(self.vocab)
        if token < 0:
            return ""
        text = lib.llama_vocab_get_text(self.vocab, token)
        return text.decode("utf-8", "replace") if text else ""

    def has_token(self, text: str) -> bool:
        """Whether `text` is one special token of this model."""
        return len(self.tokenize(text, special=True)) == 1

    def tokenize(self, text: str, special: bool = False) -> list[int]:
        """Tokens of a text, without BOS. `special` reads special tokens: never for a person's text."""
        data = text.encode("utf-8", "replace")
        size = len(data) + 8
        tokens = (lib.llama_token * size)()
        count = lib.llama_tokenize(self.vocab, data, len(data), tokens, size, False, special)
        if count < 0:
            tokens = (lib.llama_token * -count)()
            count = lib.llama_tokenize(self.vocab, data, len(data), tokens, -count, False, special)
        return list(tokens[:count])

    def piece(self, token: int) -> bytes:
        """The bytes of a token; none for a special one."""
        known = self._pieces.get(token)
        if known is None:
            known = self._pieces[token] = self._piece(token)
        return known

    @cached_property
    def initials(self) -> Initials:
        """With what each token begins. Takes 40 ms the first time."""
        return Initials(self.vocab, self.vocabulary, self.end_tokens)

    def ends(self, token: int) -> bool:
        """Whether the token ends a turn."""
        return token in self.end_tokens

    def _piece(self, token: int) -> bytes:
        buffer = ctypes.create_string_buffer(64)
        size = native.token_to_piece(self.vocab, token, buffer, len(buffer), 0, False)
        if size < 0:
            buffer = ctypes.create_string_buffer(-size)
            size = native.token_to_piece(self.vocab, token, buffer, len(buffer), 0, False)
        return buffer.raw[: max(size, 0)]


def _refused(path: Path, cause: str) -> ModelFileError:
    return ModelFileError(
        f"{path.name} cannot be loaded",
        cause=f"llama.cpp refuses it: {cause}",
        remedy="Run `petra models verify`, then `petra models pull NAME`",
    )
