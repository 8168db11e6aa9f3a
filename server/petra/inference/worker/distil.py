"""Makes a static embedder out of a sentence-transformers folder, after model2vec (Tulkens and van Dongen,
2024): what the model says of each token alone, less its mean, in its principal components, rare tokens
heavier. `python -m petra.inference.worker.distil SOURCE TARGET`; prints the share done, a line each.

Two differences to model2vec 0.10, because search is better for them (docs/performance.md): the token's own
output instead of the mean with [CLS] and [SEP], and a smoothing of 3e-5 instead of 1e-4.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.numpy import save_file
from sentence_transformers import SentenceTransformer

from petra import platform

DIMENSION = 256
SMOOTHING = 3e-5
BATCH = 512
MODULES = [
    {"idx": 0, "name": "0", "path": ".", "type": "sentence_transformers.models.StaticEmbedding"},
    {"idx": 1, "name": "1", "path": "1_Normalize", "type": "sentence_transformers.models.Normalize"},
]


def distil(source: Path, target: Path) -> None:
    """Write the folder `target`, in the form of model2vec, which sentence-transformers reads as well."""
    target.mkdir(parents=True, exist_ok=True)
    vectors = weighed(principal(_outputs(source), DIMENSION))
    save_file({"embeddings": vectors.astype(np.float16)}, target / "model.safetensors")
    shutil.copyfile(source / "tokenizer.json", target / "tokenizer.json")
    config = {"model_type": "model2vec", "normalize": True, "max_length": 512, "distilled_from": source.name}
    (target / "config.json").write_text(json.dumps(config, indent=1), encoding="utf-8")
    (target / "modules.json").write_text(json.dumps(MODULES, indent=1), encoding="utf-8")


def principal(outputs: Any, dimension: int) -> Any:
    """Rows without their mean, in the `dimension` directions in which they differ most."""
    centred = outputs.astype(np.float64) - outputs.mean(axis=0, dtype=np.float64)
    _, directions = np.linalg.eigh(centred.T @ centred)
    return centred @ directions[:, ::-1][:, :dimension]


def weighed(vectors: Any) -> Any:
    """Rare tokens count for more (Arora et al., 2017): a / (a + p), with p by Zipf's law, since
    vocabularies begin with what is frequent."""
    rarity = 1 / np.arange(2, len(vectors) + 2)
    return vectors * (SMOOTHING / (SMOOTHING + rarity / rarity.sum()))[:, None]


def _outputs(source: Path) -> Any:
    """What the transformer says of each token between its special ones, float32 (vocabulary, d)."""
    model = SentenceTransformer(str(source), local_files_only=True).eval()
    tokenizer = model.tokenizer.backend_tokenizer
    tokenizer.no_padding()
    word = tokenizer.encode("the", add_special_tokens=False).ids
    frame = tokenizer.encode("the").ids
    at = frame.index(word[0])
    outputs = []
    with torch.inference_mode():
        size = tokenizer.get_vocab_size()
        for start in range(0, size, BATCH):
            ids = torch.arange(start, min(start + BATCH, size))
            rows = torch.tensor(frame).repeat(len(ids), 1)
            rows[:, at] = ids
            found = model[0].model(input_ids=rows, attention_mask=torch.ones_like(rows))
            # A copy: a view would keep the others.
            outputs.append(found.last_hidden_state[:, at].float().numpy().copy())
            sys.stdout.write(f"{(start + len(ids)) / size:.3f}\n")
            sys.stdout.flush()
    return np.concatenate(outputs)


if __name__ == "__main__":
    platform.die_first()
    platform.enter_idle_class()
    # In the idle class a second thread waits for the first in a spin: beside other programs, three times
    # the work for none of the gain.
    torch.set_num_threads(1)
    distil(Path(sys.argv[1]), Path(sys.argv[2]))
