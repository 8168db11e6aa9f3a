"""What a GGUF file tells of itself."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from petra.errors import ModelFileError
from petra.inference import child
from petra.inference.worker.llamacpp import model
from petra.inference.worker.llamacpp.model import LlamaModel
from tests.inference import gguf_files
from tests.inference.workers import chat_file


def test_the_default_model(smol: LlamaModel) -> None:
    assert smol.trained_context == 8192 and smol.window == 0 and smol.can_trim
    assert smol.fim is None and smol.bos is None
    assert smol.chat_template and "<|im_start|>" in smol.chat_template
    assert smol.has_token("<|im_end|>") and not smol.has_token("<|turn|>")
    assert smol.special_text(end=True) == "<|im_end|>"


def test_another_architecture(gemma: LlamaModel) -> None:
    assert gemma.window == 512 and gemma.bos == 2 and gemma.can_trim
    assert gemma.vocabulary == 262144


def test_text_there_and_back(model: LlamaModel) -> None:
    text = "Grüße, 世界! 🦊\n\tdef f(x): return x"
    tokens = model.tokenize(text)
    assert b"".join(model.piece(token) for token in tokens) == text.encode()
    assert model.tokenize("") == []


def test_a_person_writes_no_special_token(model: LlamaModel) -> None:
    end = next(token for token in sorted(model.end_tokens) if not model.piece(token))
    name = "<|im_end|>" if model.has_token("<|im_end|>") else "<end_of_turn>"
    assert model.tokenize(name, special=True)[0] in model.end_tokens
    assert not model.end_tokens & set(model.tokenize(name))
    assert model.ends(end) and not model.ends(model.tokenize("a")[0])


def test_tokens_to_fill_in_the_middle(tiny: LlamaModel) -> None:
    assert tiny.fim is not None
    assert list(tiny.fim) == tiny.tokenize("<PRE><SUF><MID>", special=True)


@pytest.mark.parametrize("largest", [model.READ_WHOLE, 0])
def test_a_small_file_lies_in_memory_in_large_pages_a_large_one_is_mapped(
    tmp_path: Path, largest: int
) -> None:
    file = chat_file()
    script = (
        f"import pathlib; from petra.inference.worker.llamacpp import model; model.READ_WHOLE = {largest}; "
        f"held = model.LlamaModel(pathlib.Path({str(file)!r})); "
        "print(pathlib.Path('/proc/self/smaps').read_text())"
    )
    env = child.environment(os.environ)
    told = subprocess.run([sys.executable, "-c", script], env=env, capture_output=True, text=True, check=True)
    regions = re.findall(r"^\w+-\w+ .*?^VmFlags:.*?$", told.stdout, re.MULTILINE | re.DOTALL)
    mapped = [region for region in regions if file.name in region.splitlines()[0]]
    assert bool(mapped) == (file.stat().st_size > largest)
    # Where the kernel gives large pages to who asks, what holds the weights was asked for.
    asked = "[madvise]" in Path("/sys/kernel/mm/transparent_hugepage/enabled").read_text()
    large = [int(region.split("Size:")[1].split()[0]) << 10 for region in regions if " hg" in region]
    assert (sum(large) >= file.stat().st_size) == (asked and not mapped)


def test_what_llama_cpp_refuses(tmp_path: Path, shout: Path) -> None:
    whole = gguf_files.echo(tmp_path / "whole.gguf").read_bytes()
    damaged = tmp_path / "damaged.gguf"
    damaged.write_bytes(whole[: len(whole) // 2])
    for file in (damaged, shout):
        with pytest.raises(ModelFileError, match=file.name):
            LlamaModel(file)
