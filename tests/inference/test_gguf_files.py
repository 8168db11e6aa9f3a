"""The tiny models in llama.cpp itself, without any code of Petra's: what they say is what they promise."""

from collections.abc import Iterator
from pathlib import Path

import llama_cpp
import pytest

from tests.inference import gguf_files


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tiny")
    gguf_files.echo(folder / "echo.gguf")
    gguf_files.shout(folder / "shout.gguf")
    return folder


@pytest.fixture(scope="module")
def echo(folder: Path) -> Iterator[llama_cpp.Llama]:
    model = llama_cpp.Llama(str(folder / "echo.gguf"), n_ctx=512, n_threads=1, verbose=False)
    yield model
    model.close()


def said(model: llama_cpp.Llama, prompt: str, tokens: int = gguf_files.BACK) -> str:
    return str(model(prompt, max_tokens=tokens, temperature=0)["choices"][0]["text"])


def test_it_says_the_end_of_the_prompt_over_and_over(echo: llama_cpp.Llama) -> None:
    assert said(echo, "x" * 300 + "hello world!", 15) == "hello world!hel"
    assert said(echo, "reads: a 🦊 or") == "s: a 🦊 or"
    assert said(echo, "now ends\x03 here", 30) == "w ends"


def test_an_emoji_is_four_tokens_and_special_tokens_are_heard(echo: llama_cpp.Llama) -> None:
    assert len(echo.tokenize("🦊".encode(), add_bos=False)) == 4
    tokens = echo.tokenize(b"<PRE>abc<SUF>defghi<MID>", add_bos=False, special=True)
    assert len(tokens) == gguf_files.BACK
    answer = echo(tokens, max_tokens=len(tokens), temperature=0)["choices"][0]["text"]
    assert answer == "<abc|defghi>"


def test_the_adapter_swaps_the_case_of_letters(folder: Path) -> None:
    adapter = str(folder / "shout.gguf")
    model = llama_cpp.Llama(
        str(folder / "echo.gguf"), lora_path=adapter, n_ctx=64, n_threads=1, verbose=False
    )
    assert said(model, "HelloMyWorld") == "hELLOmYwORLD"
    model.close()
