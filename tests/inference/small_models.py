"""Embedders of a few words, written by hand: a static one, and a transformer of one layer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from tokenizers.processors import TemplateProcessing

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "the", "cat", "sat", "dog", "ran", "fast"]
DIMENSION = 8


def tokenizer(path: Path) -> None:
    """A word is a token."""
    made = Tokenizer(WordLevel({word: id for id, word in enumerate(WORDS)}, unk_token="[UNK]"))
    made.pre_tokenizer = Whitespace()
    made.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    path.mkdir(parents=True, exist_ok=True)
    made.save(str(path / "tokenizer.json"))


def static(path: Path, tensors: dict[str, Any] | None = None, **config: Any) -> Path:
    """A folder as model2vec writes it; by default token n is the n-th direction."""
    tokenizer(path)
    save_file(tensors or {"embeddings": np.eye(len(WORDS), dtype=np.float16)}, path / "model.safetensors")
    _write(path / "config.json", {"model_type": "model2vec", "normalize": True, **config})
    return path


def transformer(path: Path) -> Path:
    """A BERT of one layer with random weights, as a sentence-transformers folder."""
    tokenizer(path)
    random = np.random.default_rng(5)
    layer = "encoder.layer.0"
    shapes = {
        "embeddings.word_embeddings": (len(WORDS), DIMENSION),
        "embeddings.position_embeddings": (16, DIMENSION),
        "embeddings.token_type_embeddings": (2, DIMENSION),
        f"{layer}.attention.self.query": (DIMENSION, DIMENSION),
        f"{layer}.attention.self.key": (DIMENSION, DIMENSION),
        f"{layer}.attention.self.value": (DIMENSION, DIMENSION),
        f"{layer}.attention.output.dense": (DIMENSION, DIMENSION),
        f"{layer}.intermediate.dense": (2 * DIMENSION, DIMENSION),
        f"{layer}.output.dense": (DIMENSION, 2 * DIMENSION),
        "pooler.dense": (DIMENSION, DIMENSION),
    }
    weights = {f"{name}.weight": random.normal(0, 0.5, shape) for name, shape in shapes.items()}
    weights |= {f"{name}.bias": np.zeros(shape[0]) for name, shape in shapes.items() if "embed" not in name}
    for name in ("embeddings", f"{layer}.attention.output", f"{layer}.output"):
        weights[f"{name}.LayerNorm.weight"] = np.ones(DIMENSION)
        weights[f"{name}.LayerNorm.bias"] = np.zeros(DIMENSION)
    save_file({name: value.astype(np.float32) for name, value in weights.items()}, path / "model.safetensors")
    config = {
        "model_type": "bert",
        "architectures": ["BertModel"],
        "vocab_size": len(WORDS),
        "hidden_size": DIMENSION,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "intermediate_size": 2 * DIMENSION,
        "max_position_embeddings": 16,
        "hidden_act": "gelu",
        "pad_token_id": 0,
    }
    _write(path / "config.json", config)
    special = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    _write(path / "tokenizer_config.json", {"tokenizer_class": "PreTrainedTokenizerFast", **special})
    kinds = ["Transformer", "Pooling", "Normalize"]
    modules = [
        {
            "idx": n,
            "name": str(n),
            "path": f"{n}_{kind}" if n else "",
            "type": f"sentence_transformers.models.{kind}",
        }
        for n, kind in enumerate(kinds)
    ]
    _write(path / "modules.json", modules)
    _write(path / "sentence_bert_config.json", {"max_seq_length": 16, "do_lower_case": False})
    pooling = {"word_embedding_dimension": DIMENSION, "pooling_mode_mean_tokens": True}
    _write(path / "1_Pooling" / "config.json", pooling)
    return path


def _write(path: Path, content: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")
