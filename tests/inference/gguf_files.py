"""Tiny GGUF models whose every answer is known beforehand, written byte by byte.

`echo` is a llama of one layer and one head that says what it read `back` tokens before: the last `back`
tokens of the prompt come out in their order, then again, without end. A token is a byte, so an emoji is
four. Tokens without a text of their own are heard as a letter (`HEARD`), so an answer shows where they
stood; END_BYTE is heard as the end of the answer. `shout` is a LoRA for it that swaps the case of letters.

How it is done: a token's embedding is a code of nine signs and a constant. Queries and keys are made of
the constant alone; rotary positions turn them, and the query is turned back by `back` - 1 positions, so the
head looks at one place only. Its value, that token's code, is what the output matrix is compared with.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

Tensors = Mapping[str, np.ndarray[Any, np.dtype[np.float32]]]

BACK, PAGE = 12, 150
SOFT = 0.3
CONTEXT = 16384
SPECIAL = ("<unk>", "<s>", "</s>", "<|turn|>", "<PRE>", "<SUF>", "<MID>")
HEARD = {"<s>": "^", "<|turn|>": "#", "<PRE>": "<", "<SUF>": "|", "<MID>": ">"}
MARKLESS = {"<PRE>": "<a>", "<SUF>": "<b>", "<MID>": "<c>"}
END_BYTE = "\x03"
TEMPLATE = "{% for message in messages %}{{ '<|turn|>' + message['content'] }}{% endfor %}{{ '<|turn|>' }}"

BITS = 9
WIDTH = 32
ONE = BITS  # the place of the constant in an embedding
COPY = BITS + 1  # where what the head saw begins
# A sign after each of the two normalisations: the squares of the first are 10 times 1, of the second
# 10 times 1 and 9 times what the head saw.
SIGN = (WIDTH / (BITS + 1)) ** 0.5
SEEN = SIGN * (WIDTH / (BITS + 1 + BITS * SIGN**2)) ** 0.5
BASE = 10_000.0
FORMAT = {bool: (7, "<?"), int: (4, "<I"), np.int32: (5, "<i"), float: (6, "<f")}
STRING, ARRAY = 8, 9
ALIGNMENT = 32
NORMAL, UNKNOWN, CONTROL, BYTE = 1, 2, 3, 6


def echo(path: Path, *, back: int = BACK, certainty: float = 4.0, fill_in: bool = True) -> Path:
    """Write the model. A wrong token's logit is lower by 2 * `certainty` for each sign that differs;
    without `fill_in` it has no tokens for filling in the middle."""
    tokens = _vocabulary()
    kinds = [UNKNOWN, *[CONTROL] * (len(SPECIAL) - 1), *[BYTE] * 256, NORMAL]
    number = {token: index for index, token in enumerate(tokens)}
    pairs: dict[str, Any] = {
        "general.architecture": "llama",
        "llama.context_length": CONTEXT,
        "llama.embedding_length": WIDTH,
        "llama.block_count": 1,
        "llama.feed_forward_length": WIDTH,
        "llama.attention.head_count": 1,
        "llama.attention.layer_norm_rms_epsilon": 1e-6,
        "llama.rope.dimension_count": WIDTH,
        "llama.rope.freq_base": BASE,
        "tokenizer.ggml.model": "llama",
        # llama.cpp knows the marks by their texts too.
        "tokenizer.ggml.tokens": tokens if fill_in else [MARKLESS.get(token, token) for token in tokens],
        "tokenizer.ggml.scores": [0.0] * len(tokens),
        "tokenizer.ggml.token_type": [np.int32(kind) for kind in kinds],
        "tokenizer.ggml.bos_token_id": number["<s>"],
        "tokenizer.ggml.eos_token_id": number["</s>"],
        "tokenizer.ggml.unknown_token_id": number["<unk>"],
        "tokenizer.ggml.add_bos_token": True,
        "tokenizer.ggml.add_space_prefix": False,
        "tokenizer.chat_template": TEMPLATE,
    }
    if fill_in:
        for name in ("pre", "suf", "mid"):
            pairs[f"tokenizer.ggml.fim_{name}_token_id"] = number[f"<{name.upper()}>"]
    write(path, pairs, _weights(tokens, back, certainty))
    return path


def shout(path: Path) -> Path:
    """Write the LoRA: what the head saw gets the other case."""
    case = COPY + 5  # the bit of a letter's byte that is its case
    down, up = np.zeros((1, WIDTH), np.float32), np.zeros((WIDTH, 1), np.float32)
    down[0, 5], up[case, 0] = -2.0, 1.0
    pairs = {
        "general.architecture": "llama",
        "general.type": "adapter",
        "adapter.type": "lora",
        "adapter.lora.alpha": 1.0,
    }
    name = "blk.0.attn_output.weight"
    write(path, pairs, {f"{name}.lora_a": down, f"{name}.lora_b": up})
    return path


def logits(heard: str, certainty: float) -> np.ndarray[Any, np.dtype[np.float64]]:
    """What `echo` thinks of every token when it is to say the character `heard`."""
    codes = np.array([_code(token, number) for number, token in enumerate(_vocabulary())], np.float64)
    return certainty * codes @ np.array(_code(f"<0x{ord(heard):02X}>", 0))


def _vocabulary() -> list[str]:
    # SPM reads a space as "▁"; everything else falls back to bytes.
    return [*SPECIAL, *(f"<0x{byte:02X}>" for byte in range(256)), "▁"]


def _weights(tokens: list[str], back: int, certainty: float) -> Tensors:
    said = np.array([_code(token, number) for number, token in enumerate(tokens)])
    heard = [_code(_as_heard(token), number) for number, token in enumerate(tokens)]
    embedding = np.zeros((len(tokens), WIDTH), np.float32)
    embedding[:, :BITS], embedding[:, ONE] = heard, 1.0
    query, key, value, out = (np.zeros((WIDTH, WIDTH), np.float32) for _ in range(4))
    angles = BASE ** (-np.arange(0, WIDTH, 2) / WIDTH) * (back - 1)
    # Sharp enough that no other place within CONTEXT gets a millionth.
    query[0::2, ONE], query[1::2, ONE] = 40 * np.cos(angles), -40 * np.sin(angles)
    key[0::2, ONE] = 4.0
    bits = np.arange(BITS)
    value[bits, bits] = 1.0
    out[COPY + bits, bits] = 1.0
    output = np.zeros((len(tokens), WIDTH), np.float32)
    output[:, COPY : COPY + BITS] = said * (certainty / SEEN)
    ones, none = np.ones(WIDTH, np.float32), np.zeros((WIDTH, WIDTH), np.float32)
    return {
        "token_embd.weight": embedding,
        "output_norm.weight": ones,
        "output.weight": output,
        "blk.0.attn_norm.weight": ones,
        "blk.0.attn_q.weight": query,
        "blk.0.attn_k.weight": key,
        "blk.0.attn_v.weight": value,
        "blk.0.attn_output.weight": out,
        "blk.0.ffn_norm.weight": ones,
        "blk.0.ffn_gate.weight": none,
        "blk.0.ffn_up.weight": none,
        "blk.0.ffn_down.weight": none,
    }


def _as_heard(token: str) -> str:
    if token == f"<0x{ord(END_BYTE):02X}>":
        return "</s>"
    return f"<0x{ord(HEARD[token]):02X}>" if token in HEARD else token


def _code(token: str, number: int) -> list[int]:
    """Nine signs: the bits of a byte, and of what is no byte a number above them."""
    value = 256 + number
    if token == "▁":
        value = ord(" ")
    elif token.startswith("<0x") and token != "<0x20>":
        value = int(token[1:-1], 16)
    return [1 if value >> bit & 1 else -1 for bit in range(BITS)]


def write(path: Path, pairs: Mapping[str, Any], tensors: Tensors) -> None:
    """A GGUF file of version 3, as ggml's docs/gguf.md describes it."""
    head = [b"GGUF", struct.pack("<IQQ", 3, len(tensors), len(pairs))]
    head += [_string(name) + _typed(value) for name, value in pairs.items()]
    body = b""
    for name, tensor in tensors.items():
        shape = tensor.shape[::-1]
        head.append(_string(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, 0, len(body)))
        body += _padded(tensor.astype("<f4").tobytes())
    path.write_bytes(_padded(b"".join(head)) + body)


def _typed(value: Any) -> bytes:
    if isinstance(value, str):
        return struct.pack("<I", STRING) + _string(value)
    if isinstance(value, list):
        items = [_typed(item) for item in value]
        return (
            struct.pack("<I", ARRAY)
            + items[0][:4]
            + struct.pack("<Q", len(items))
            + b"".join(item[4:] for item in items)
        )
    kind, layout = FORMAT[type(value)]
    return struct.pack("<I", kind) + struct.pack(layout, value)


def _string(text: str) -> bytes:
    data = text.encode()
    return struct.pack("<Q", len(data)) + data


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % ALIGNMENT)
