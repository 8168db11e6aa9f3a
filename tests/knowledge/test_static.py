"""Vectors for what is not embedded yet, made by the server itself."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from petra.inference.static import StaticModel
from petra.knowledge import static
from petra.knowledge.static import StaticVectors
from tests.inference import small_models, workers

TEXTS = ("the dog", "a  Dog_cat(fox)", "", "unheard", "fox\nfox dog")


@pytest.fixture
def model(tmp_path: Path) -> Iterator[Path]:
    yield small_models.static(tmp_path / static.NAME)


def test_they_are_those_of_the_model(model: Path) -> None:
    texts = [" ".join(words) for words in ("dog cat", "cat cat fox", "unheard fox", "")]
    whole = StaticModel(model)
    found = StaticVectors(model).embed(texts)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, whole.encode(whole.read(texts)), atol=1e-6)


def test_the_tokenizer_splits_where_we_do() -> None:
    """The real one: what is between our words is never one of its tokens."""
    model = workers.fetched(static.NAME) / static.NAME
    source = Path(static.__file__).read_text(encoding="utf-8").split("\n\n")
    texts = [*source, "Déjà vu: Ångström_unit x²", "速い茶色の狐", "don't re-enter", "a\u0301b"]
    whole = StaticModel(model)
    alike = (StaticVectors(model).embed(texts) * whole.encode(whole.read(texts))).sum(axis=1)
    assert alike.min() > 0.999


def test_words_that_are_known_and_those_that_are_not_give_the_same(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = [StaticVectors(model).embed([text])[0] for text in TEXTS]
    monkeypatch.setattr(static, "WORDS", 3)
    vectors = StaticVectors(model)
    for _ in range(3):
        np.testing.assert_allclose(vectors.embed(TEXTS), alone, atol=1e-6)
        for text, row in zip(TEXTS, alone, strict=True):
            np.testing.assert_allclose(vectors.embed([text])[0], row, atol=1e-6)


def test_threads_may_ask_at_the_same_time(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(static, "WORDS", 4)
    vectors = StaticVectors(model)
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda number: vectors.embed([TEXTS[number % 5]])[0], range(200)))
    for number, row in enumerate(found):
        np.testing.assert_allclose(row, found[number % 5], atol=1e-6)


def test_what_is_not_installed_or_damaged_is_done_without(model: Path) -> None:
    assert StaticVectors.installed(model.parent / "none") is None
    vectors = StaticVectors.installed(model.parent)
    assert vectors
    (model / "model.safetensors").write_bytes(b"no")
    assert not vectors.embed(TEXTS).any() and vectors.embed(TEXTS).shape[0] == len(TEXTS)
    shutil.rmtree(model)
    assert StaticVectors.installed(model.parent) is None
