"""How a model runs best here is measured once, and again when something has changed."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from petra.inference.worker import calibrate as calibration
from petra.inference.worker.calibrate import Calibration, OtherPrograms, calibrate, other_threads
from petra.inference.worker.llamacpp.model import LlamaModel
from tests.inference import gguf_files


@pytest.fixture
def model(tmp_path: Path) -> Iterator[LlamaModel]:
    model = LlamaModel(gguf_files.echo(tmp_path / "echo.gguf"))
    yield model
    model.close()


@pytest.fixture
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(OtherPrograms, "share", lambda self: 0.0)


@pytest.fixture
def probes(monkeypatch: pytest.MonkeyPatch) -> list[Calibration]:
    """Each choice that is measured."""
    seen: list[Calibration] = []
    measure = calibration._Search._measure

    def watched(search: object, choice: Calibration, *rest: tuple[int, ...]) -> Calibration:
        seen.append(choice)
        return measure(search, choice, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(calibration._Search, "_measure", watched)
    return seen


def run(model: LlamaModel, cache: Path | None, **given: object) -> Calibration:
    return calibrate(model, threads=1, cells=4096, sequences=9, cache=cache, **given)  # type: ignore[arg-type]


def test_all_that_is_open_is_measured(model: LlamaModel, quiet: None, probes: list[Calibration]) -> None:
    found = run(model, None)
    kinds = [(choice.flash_attention, choice.unified) for choice in probes]
    assert kinds[:2] == [(False, True), (True, True)] and kinds[2][1] is False
    assert found.threads == 1 and found.writers == 8
    assert min(found.prefill_rate, found.shared_rate) > 0


def test_what_is_given_is_kept(model: LlamaModel, quiet: None, probes: list[Calibration]) -> None:
    for flash_attention in (True, False):
        for unified in (True, False):
            found = run(model, None, flash_attention=flash_attention, unified=unified)
            assert (found.flash_attention, found.unified) == (flash_attention, unified)
    assert len(probes) == 4


def test_the_next_start_measures_nothing(
    model: LlamaModel, quiet: None, probes: list[Calibration], tmp_path: Path
) -> None:
    cache = tmp_path / "folder" / "calibration.json"
    found = run(model, cache)
    probes.clear()
    assert run(model, cache) == found and not probes
    assert run(model, cache, unified=True).unified and probes, "another question"


def test_more_than_is_needed_may_be_kept(
    model: LlamaModel, quiet: None, probes: list[Calibration], tmp_path: Path
) -> None:
    cache = tmp_path / "calibration.json"
    found = run(model, cache)
    kept = json.loads(cache.read_text())
    cache.write_text(json.dumps({key: value | {"alone_rate": 9.5} for key, value in kept.items()}))
    probes.clear()
    assert run(model, cache) == found and not probes


@pytest.mark.parametrize("content", ["", "{", "[]", '{"a": 1}', "\udcff"])
def test_a_damaged_cache_counts_as_none(
    model: LlamaModel, quiet: None, probes: list[Calibration], tmp_path: Path, content: str
) -> None:
    cache = tmp_path / "calibration.json"
    cache.write_text(content, errors="surrogateescape")
    found = run(model, cache, flash_attention=False)
    assert probes and found.threads == 1
    probes.clear()
    run(model, cache, flash_attention=False)
    assert not probes


def test_an_entry_of_another_version_counts_as_none(
    model: LlamaModel, quiet: None, probes: list[Calibration], tmp_path: Path
) -> None:
    cache = tmp_path / "calibration.json"
    run(model, cache, flash_attention=False)
    for wrong in ('"threads": 0', '"threads": "many"', '"strands": 1'):
        cache.write_text(cache.read_text().replace('"threads": 1', wrong))
        probes.clear()
        run(model, cache, flash_attention=False)
        assert probes


def test_a_file_that_changed_is_measured_again(
    model: LlamaModel, quiet: None, probes: list[Calibration], tmp_path: Path
) -> None:
    cache = tmp_path / "calibration.json"
    run(model, cache, flash_attention=False)
    probes.clear()
    os.utime(model.path, (1, 1))
    run(model, cache, flash_attention=False)
    assert probes


def test_a_busy_machine_is_not_measured(
    model: LlamaModel, monkeypatch: pytest.MonkeyPatch, probes: list[Calibration], tmp_path: Path
) -> None:
    """What would be found is how busy it was."""
    monkeypatch.setattr(OtherPrograms, "share", lambda self: 0.5)
    cache = tmp_path / "calibration.json"
    found = run(model, cache)
    assert not probes and not cache.exists()
    assert (found.flash_attention, found.unified, found.threads) == (False, True, 1)
    assert found.prefill_rate > 0 and found.shared_rate == 0


def test_a_cache_that_cannot_be_written_is_left_alone(model: LlamaModel, quiet: None, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert run(model, tmp_path / "file" / "calibration.json", flash_attention=False).threads == 1


def test_a_cache_of_one_sequence(model: LlamaModel, quiet: None) -> None:
    found = calibrate(model, threads=1, cells=64, sequences=1)
    assert found.unified and found.writers == 1


@pytest.mark.parametrize(("usual", "logical", "others"), [(1, 1, ()), (2, 2, (1,)), (8, 16, (4, 6, 16))])
def test_numbers_of_threads(
    monkeypatch: pytest.MonkeyPatch, usual: int, logical: int, others: tuple[int, ...]
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: logical)
    assert other_threads(usual) == others
