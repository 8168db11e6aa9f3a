"""Static embedders: read in both published forms, made here out of a transformer."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from petra.errors import Cancelled, ModelFileError
from petra.inference import installed, pull
from petra.inference.catalogue import DistilSource, ModelEntry, ModelFile, Source
from petra.inference.client import ModelEndpoint
from petra.inference.worker.static import StaticEncoder, is_static
from tests.inference import small_models
from tests.inference.small_models import WORDS
from tests.inference.workers import worker


def vector(path: Path, text: str) -> list[float]:
    encoder = StaticEncoder(path)
    return [round(float(value), 4) for value in encoder.encode(encoder.read([text]))[0]]


def unit(**weights: float) -> list[float]:
    found = np.array([weights.get(word, 0.0) for word in WORDS])
    return [round(float(value), 4) for value in found / np.linalg.norm(found)]


def test_a_text_is_the_mean_of_its_words_and_has_length_one(tmp_path: Path) -> None:
    path = small_models.static(tmp_path)
    assert vector(path, "cat sat cat") == unit(cat=2, sat=1)


def test_words_without_a_token_say_nothing(tmp_path: Path) -> None:
    path = small_models.static(tmp_path)
    assert vector(path, "zyzzyva cat") == unit(cat=1)
    assert vector(path, "zyzzyva") == [0.0] * len(WORDS) == vector(path, "")


def test_a_long_text_is_cut_off_at_the_context(tmp_path: Path) -> None:
    path = small_models.static(tmp_path, max_length=3)
    assert StaticEncoder(path).context == 3
    assert vector(path, "cat cat cat dog dog dog dog") == unit(cat=1)


def test_a_quantised_vocabulary_shares_rows_and_keeps_weights(tmp_path: Path) -> None:
    tensors = {
        "embeddings": np.eye(2, dtype=np.float32),
        "mapping": np.array([0] * 7 + [1] * 3),
        "weights": np.array([1.0] * 9 + [3.0], np.float32),
    }
    path = small_models.static(tmp_path, tensors)
    assert vector(path, "cat fast") == [round(1 / 10**0.5, 4), round(3 / 10**0.5, 4)]


def test_the_form_of_sentence_transformers_is_read(tmp_path: Path) -> None:
    small_models.tokenizer(tmp_path / "0_StaticEmbedding")
    weights = {"embedding.weight": np.eye(len(WORDS), dtype=np.float32)}
    save_file(weights, tmp_path / "0_StaticEmbedding" / "model.safetensors")
    kind = "sentence_transformers.sentence_transformer.modules.StaticEmbedding"
    modules = [{"idx": 0, "name": "0", "path": "0_StaticEmbedding", "type": kind}]
    (tmp_path / "modules.json").write_text(json.dumps(modules))
    assert is_static(tmp_path) and vector(tmp_path, "dog") == unit(dog=1)


def test_a_transformer_is_not_static_and_a_damaged_folder_is_said(tmp_path: Path) -> None:
    assert not is_static(small_models.transformer(tmp_path / "bert")) and not is_static(tmp_path / "none")
    path = small_models.static(tmp_path / "static")
    (path / "model.safetensors").write_bytes(b"\x08" + bytes(40))
    with pytest.raises(ModelFileError, match="static cannot be loaded"):
        StaticEncoder(path)


@pytest.fixture
def teacher(tmp_path: Path, empty_models: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModelEntry]:
    """An installed transformer, and a model of the catalogue that is made out of it."""
    added = pull.add_path(
        small_models.transformer(tmp_path / "teacher"), empty_models, lambda *_: None, lambda: False
    )
    files = tuple(ModelFile(file.path, file.size, file.sha256) for file in added.files)
    made = tuple(
        ModelFile(name, 400, None) for name in ("model.safetensors", "tokenizer.json", "config.json")
    )

    def entry(name: str, files: tuple[ModelFile, ...], *sources: Source) -> ModelEntry:
        return ModelEntry(name, "embed", "CC0-1.0", 512, 0.1, "For a test.", files, sources)

    known = {"teacher": entry("teacher", files), "small": entry("small", made, DistilSource("teacher"))}
    monkeypatch.setattr(pull, "find", known.__getitem__)
    yield known["small"]


async def test_one_is_made_out_of_a_transformer_and_is_whole(
    teacher: ModelEntry, empty_models: Path, tmp_path: Path
) -> None:
    seen: list[tuple[int, int]] = []
    folder = await pull.pull("small", empty_models, lambda done, total: seen.append((done, total)))
    assert installed.verify(empty_models, "small").source == "distilled here from teacher"
    assert seen[-1] == (1200, 1200)
    encoder = StaticEncoder(folder)
    one, same, other = encoder.encode(encoder.read(["cat sat", "sat cat", "dog ran fast"]))
    assert one @ same > 0.999 > one @ other
    before = (folder / "model.safetensors").stat().st_mtime_ns
    await pull.pull("small", empty_models)
    assert (folder / "model.safetensors").stat().st_mtime_ns == before, "made once, and not again"


def test_making_one_can_be_cancelled(teacher: ModelEntry, empty_models: Path) -> None:
    started = time.monotonic()
    with pytest.raises(Cancelled):
        pull.pull_entry(teacher, empty_models, lambda *_: None, lambda: time.monotonic() > started + 0.3)
    assert not (empty_models / "small").exists()


async def test_a_worker_serves_one(tmp_path: Path) -> None:
    path = small_models.static(tmp_path / "model")
    with worker(tmp_path, "embed", "--model", str(path)) as address:
        endpoint = ModelEndpoint(address)
        vectors = await endpoint.embed(["cat sat", "cat", "zyzzyva"])
        assert vectors.shape == (3, len(WORDS)) and vectors[0] @ vectors[1] > 0.7
        health = await endpoint.health()
        assert (health["precision"], health["dimension"]) == ("static", len(WORDS))
        await endpoint.close()


def test_loading_one_loads_no_torch(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from petra.inference.worker.embed import EmbedEngine; "
        "EmbedEngine.load('small', Path(sys.argv[1]), threads=1); sys.exit('torch' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code, str(small_models.static(tmp_path))], check=True)
