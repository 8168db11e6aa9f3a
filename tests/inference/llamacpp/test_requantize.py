"""Weights in a format that is read slowly are copied once into one that is read fast."""

import os
import resource
import shutil
import subprocess
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from petra.inference import installed
from petra.inference.installed import COPY, MANIFEST
from petra.inference.worker.llamacpp import requantize
from petra.inference.worker.llamacpp.model import LlamaModel
from tests.inference import gguf_files
from tests.inference.llamacpp.reading import opened, read
from tests.inference.workers import CHAT, GEMMA, chat_file

TEXT = "A hash table keeps pairs of a key and a value. Its size is doubled when three quarters are taken, so "


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """The default model, in a folder as `petra models pull` leaves it."""
    (tmp_path / MANIFEST).write_text("{}")
    return Path(shutil.copy2(chat_file(CHAT), tmp_path))


class Usage(NamedTuple):
    total: int
    used: int
    free: int


def loaded(path: Path) -> tuple[Path, str]:
    """The file that was loaded in the end, and its format."""
    model = requantize.load(path)
    try:
        return model.path, model.format_name
    finally:
        model.close()


def files(path: Path) -> set[str]:
    return {entry.name for entry in path.parent.iterdir()} - {MANIFEST}


def test_a_copy_is_made_once(file: Path) -> None:
    copy, name = loaded(file)
    assert name == "Q8_0" and copy.parent == file.parent and copy != file
    made = copy.stat()
    assert loaded(file) == (copy, "Q8_0")
    assert copy.stat().st_ino == made.st_ino, "the second start made another one"
    assert files(file) == {file.name, copy.name}


def test_another_file_gets_another_copy(file: Path) -> None:
    copy, _ = loaded(file)
    made = copy.stat()
    os.utime(file, (1, 1))
    assert loaded(file) == (copy, "Q8_0")
    assert copy.stat().st_ino != made.st_ino
    assert files(file) == {file.name, copy.name}


@pytest.mark.parametrize("bytes_left", [0, 100, 1 << 20])
def test_a_damaged_copy_is_made_again(file: Path, bytes_left: int) -> None:
    copy, _ = loaded(file)
    time = copy.stat().st_mtime_ns
    os.truncate(copy, bytes_left)
    os.utime(copy, ns=(time, time))
    assert loaded(file) == (copy, "Q8_0")
    assert copy.stat().st_size > file.stat().st_size


def test_nothing_is_left_beside_a_persons_own_file(file: Path) -> None:
    (file.parent / MANIFEST).unlink()
    assert loaded(file) == (file, "Q4_1")
    assert files(file) == {file.name}


def test_without_room_the_file_is_used_as_it_is(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: Usage(1 << 30, 1 << 30, file.stat().st_size))
    assert loaded(file) == (file, "Q4_1")
    assert files(file) == {file.name}


def test_where_nothing_can_be_written_the_file_is_used_as_it_is(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(source: Path, target: Path) -> None:
        raise PermissionError(target)

    monkeypatch.setattr(Path, "replace", refused)
    assert loaded(file) == (file, "Q4_1")
    assert files(file) == {file.name}, "something half is left"


def test_what_cannot_be_copied_is_used_as_it_is(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The process that makes the copy dies, as one does for which the memory is too small."""
    monkeypatch.setattr(requantize.subprocess, "run", partial(subprocess.run, preexec_fn=little_memory))
    assert loaded(file) == (file, "Q4_1")
    assert files(file) == {file.name}


def little_memory() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (64 << 20, 64 << 20))


def test_a_copy_that_was_cut_short_is_tried_again_later(file: Path) -> None:
    scratch = file.with_name(f".{file.stem}{COPY}.part")
    scratch.write_bytes(b"GGUF")
    assert loaded(file) == (file, "Q4_1"), "somebody else may be making it"
    os.utime(scratch, (1, 1))
    assert loaded(file)[1] == "Q8_0"
    assert files(file) == {file.name, file.stem + COPY}


def test_two_files_of_a_person_that_are_named_like_a_file_and_its_copy(file: Path) -> None:
    (file.parent / MANIFEST).unlink()
    other = gguf_files.echo(file.with_name(file.stem + COPY))
    shutil.copystat(file, other)
    assert loaded(file) == (file, "Q4_1")


def test_a_file_that_changes_meanwhile_is_copied_again(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    really = subprocess.run

    def run(*arguments: Any, **options: Any) -> None:
        really(*arguments, **options)
        os.utime(file)

    monkeypatch.setattr(requantize.subprocess, "run", run)
    assert loaded(file) == (file, "Q4_1")
    assert files(file) == {file.name}
    monkeypatch.undo()
    assert loaded(file)[1] == "Q8_0"


def test_verify_deletes_the_copy_which_has_no_checksum(tmp_path: Path) -> None:
    shutil.copytree(chat_file(CHAT).parent, tmp_path / CHAT)
    file = tmp_path / CHAT / chat_file(CHAT).name
    assert loaded(file)[1] == "Q8_0"
    installed.verify(tmp_path, CHAT, every=False)
    assert len(files(file)) == 2
    installed.verify(tmp_path, CHAT)
    assert files(file) == {file.name}


def test_a_large_model_is_used_as_it_is(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requantize, "MOST_BYTES", file.stat().st_size - 1)
    assert loaded(file) == (file, "Q4_1")


def test_a_format_that_is_read_fast_stays(tmp_path: Path) -> None:
    source = chat_file(GEMMA)
    (tmp_path / MANIFEST).write_text("{}")
    file = Path(shutil.copy2(source, tmp_path))
    assert loaded(file) == (file, "Q4_K - Medium")
    assert files(file) == {file.name}


@pytest.fixture
def both(file: Path, smol: LlamaModel) -> Iterator[tuple[LlamaModel, LlamaModel]]:
    copy = requantize.load(file)
    yield smol, copy
    copy.close()


def test_the_copy_says_what_the_file_says(both: tuple[LlamaModel, LlamaModel]) -> None:
    """Mean KL over the positions of a text. Coarser formats (Q5_0: 0.08, IQ4_NL: 0.20) would not pass."""
    tokens = both[0].tokenize(TEXT * 3)
    assert both[1].tokenize(TEXT * 3) == tokens
    said = [distributions(model, tokens) for model in both]
    divergence = (np.exp(said[0]) * (said[0] - said[1])).sum(axis=1)
    assert divergence.mean() < 0.02


def distributions(model: LlamaModel, tokens: list[int]) -> Any:
    """Log probabilities after each token, shape (tokens, vocabulary)."""
    with opened(model) as context:
        logits = np.array([read(context, 0, [token]) for token in tokens], dtype=np.float64)
    logits -= logits.max(axis=1, keepdims=True)
    return logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
