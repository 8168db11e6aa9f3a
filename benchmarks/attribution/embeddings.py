"""The vectors of all texts that attribution asks for, from the model that Petra uses."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from petra.assistant.attribution import Vectors, texts_to_embed
from petra.errors import ModelFileError
from petra.settings import load as load_settings

if TYPE_CHECKING:
    from labels import Question

MODEL = "all-MiniLM-L6-v2"


def load(questions: Sequence[Question]) -> Vectors:
    """By text. Raises ModelFileError if the model is not there."""
    folder = load_settings().models / MODEL
    if not (folder / "config.json").is_file():
        raise ModelFileError(f"{MODEL} is not in {folder.parent}", remedy=f"Run `petra models pull {MODEL}`")
    os.environ["HF_HUB_OFFLINE"] = "1"
    from sentence_transformers import SentenceTransformer

    texts = sorted(
        {
            text
            for question in questions
            for text in texts_to_embed(question.answer, question.passages, question=question.question)
        }
    )
    model = SentenceTransformer(str(folder), device="cpu")
    rows = model.encode(texts, normalize_embeddings=True, show_progress_bar=False)
    return dict(zip(texts, rows, strict=True))
