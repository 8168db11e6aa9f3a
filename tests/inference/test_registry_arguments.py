"""What a worker's command line says about its models."""

import argparse
from pathlib import Path

import pytest

from petra.errors import SettingsError
from petra.inference.worker import arguments
from petra.inference.worker.arguments import LoraFile, ModelFile
from petra.inference.worker.options import EngineOptions, Limits


def parsed(*given: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    arguments.add(parser)
    return parser.parse_args(["chat", "--listen", "unix:x", *given])


def test_models_have_the_names_that_are_given_or_those_of_their_files() -> None:
    args = parsed("--model", "/m/a.gguf", "--model", "b=/m/x.gguf", "--model", "/odd=path/c.gguf")
    assert arguments.model_files(args) == [
        ModelFile("a", Path("/m/a.gguf")),
        ModelFile("b", Path("/m/x.gguf")),
        ModelFile("c", Path("/odd=path/c.gguf")),
    ]


def test_the_name_is_the_first_models() -> None:
    args = parsed("--model", "/m/a.gguf", "--model", "/m/b.gguf", "--name", "SmolLM2")
    assert [model.name for model in arguments.model_files(args)] == ["SmolLM2", "b"]


def test_adapters_belong_to_the_first_model_or_to_the_one_they_name(tmp_path: Path) -> None:
    odd = tmp_path / "c@home.gguf"
    odd.touch()
    args = parsed("--model=a=/m/a.gguf", "--model=b=/m/b.gguf", "--lora=x=/m/x.gguf", "--lora=y=/m/y.gguf@b",
                  f"--lora=z={odd}")  # fmt: skip
    assert arguments.lora_files(args, arguments.model_files(args)) == [
        LoraFile("x", Path("/m/x.gguf"), "a"),
        LoraFile("y", Path("/m/y.gguf"), "b"),
        LoraFile("z", odd, "a"),
    ]


@pytest.mark.parametrize(
    "given",
    [
        [],
        ["--model=a=/m/a.gguf", "--model=a=/m/b.gguf"],
        ["--model=/m/a.gguf", "--model=/n/a.gguf"],
        ["--model=/m/a.gguf", "--lora=a=/m/x.gguf"],
        ["--model=/m/a.gguf", "--lora=/m/x.gguf"],
        ["--model=/m/a.gguf", "--lora=x=/m/x.gguf@other"],
        ["--model=/m/a.gguf", "--parallel=0"],
        ["--model=/m/a.gguf", "--step-ms=-1"],
    ],
    ids=" ".join,
)
def test_what_makes_no_sense_is_refused(given: list[str]) -> None:
    args = parsed(*given)
    with pytest.raises(SettingsError):
        models = arguments.model_files(args)
        arguments.engine_options(args, adapters=arguments.lora_files(args, models), threads=2)


def test_without_arguments_the_engine_is_run_as_it_is_by_itself() -> None:
    assert arguments.engine_options(parsed(), adapters=[], threads=0) == EngineOptions()


def test_every_argument_reaches_the_engine() -> None:
    args = parsed("--context=512", "--kv-tokens=9000", "--step-ms=80", "--park-bytes=5", "--parallel=3",
                  "--per-person=2", "--queue=7", "--max-tokens=99", "--max-seconds=8", "--kv=split",
                  "--flash-attention=on", "--calibration=/c.json", "--no-extra-bufts")  # fmt: skip
    lora = LoraFile("x", Path("/m/x.gguf"), "a")
    assert arguments.engine_options(args, adapters=[lora], threads=2) == EngineOptions(
        context=512,
        cells=9000,
        threads=2,
        step_seconds=0.08,
        park_bytes=5,
        flash_attention=True,
        unified=False,
        calibration=Path("/c.json"),
        adapters={"x": Path("/m/x.gguf")},
        extra_bufts=False,
        limits=Limits(queue=7, tokens=99, seconds=8, places=3, per_person=2),
    )
