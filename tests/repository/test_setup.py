"""Set-up on machines other than this one: what is missing is said at once, and no CUDA comes by surprise."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.repository.checkout import ROOT

sys.path.insert(0, str(ROOT / "deploy" / "setup"))
import llama
import torch_cpu

SH = shutil.which("sh") or "/bin/sh"


def preflight(commands: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the preflight on a machine that has only the programs in `commands`."""
    return subprocess.run(
        [SH, str(ROOT / "deploy" / "setup" / "preflight.sh")],
        env={"PATH": str(commands), **environment},
        capture_output=True,
        text=True,
    )


def program(folder: Path, name: str, script: str) -> None:
    (folder / name).write_text(f"#!{SH}\n{script}\n")
    (folder / name).chmod(0o755)


@pytest.mark.parametrize(
    ("system", "packages"),
    [
        ("ID=debian", ["python3-venv", "nodejs npm", "build-essential"]),
        ("ID=pop\nID_LIKE='ubuntu debian'", ["python3-venv", "nodejs npm", "build-essential"]),
        ("ID=fedora", ["dnf install python3.12", "dnf install nodejs npm", "gcc-c++"]),
        ("ID=arch", ["pacman -S python", "pacman -S nodejs npm", "base-devel"]),
        ("ID=slackware", ["Python 3.11", "Node.js 20", "C++ compiler"]),
    ],
)
def test_a_bare_machine_is_told_all_that_is_missing_at_once(
    tmp_path: Path, system: str, packages: list[str]
) -> None:
    (tmp_path / "os-release").write_text(system)
    program(tmp_path, "uname", "echo Linux")
    result = preflight(tmp_path, PETRA_OS_RELEASE=str(tmp_path / "os-release"))
    assert result.returncode == 1
    assert result.stdout == ""
    assert all(package in result.stderr for package in packages)


def test_a_bare_mac_is_sent_to_xcode_and_brew(tmp_path: Path) -> None:
    result = preflight(tmp_path, PETRA_UNAME="Darwin")
    assert result.returncode == 1
    assert all(text in result.stderr for text in ("brew install python", "brew install node", "xcode-select"))


def test_programs_that_are_there_but_too_old_are_named_with_their_version(tmp_path: Path) -> None:
    program(tmp_path, "uname", "echo Linux")
    program(tmp_path, "python3", "exit 1")
    program(tmp_path, "node", '[ "$1" = --version ] && echo v18.19.0 || exit 1')
    result = preflight(tmp_path)
    assert "Python 3.11 or later" in result.stderr
    assert "Node.js 20.19 or later (found v18.19.0)" in result.stderr


def test_the_first_python_that_can_make_an_environment_is_taken(tmp_path: Path) -> None:
    program(tmp_path, "uname", "echo Linux")
    program(tmp_path, "python3.13", "exit 127")
    (tmp_path / "python3").symlink_to(sys.executable)
    program(tmp_path, "node", '[ "$1" = --version ] && echo v22.0.0; exit 0')
    program(tmp_path, "npm", "exit 0")
    program(tmp_path, "c++", "exit 0")
    result = preflight(tmp_path)
    assert result.returncode == 0, result.stderr
    assert Path(result.stdout.strip()).exists()


@pytest.mark.parametrize(
    ("requirements", "cuda"),
    [
        (["filelock", "sympy>=1.13.3"], False),
        (["filelock", "nvidia-cublas-cu12==12.8; platform_system == 'Linux'"], True),
        (["cuda-bindings<14; platform_system == 'Linux'", "filelock"], True),
    ],
)
def test_a_torch_that_would_bring_cuda_is_recognised(requirements: list[str], cuda: bool) -> None:
    assert torch_cpu.brings_cuda({"metadata": {"requires_dist": requirements}}) is cuda


def test_torch_and_llama_are_pinned() -> None:
    constraints = (ROOT / "constraints.txt").read_text()
    assert torch_cpu.pinned("torch", constraints)
    assert torch_cpu.pinned("llama_cpp_python", constraints)


def test_amx_is_switched_off_on_x86_only_and_own_flags_are_kept() -> None:
    x86 = llama.build_environment({"CFLAGS": "-g"}, gpu=False, machine="x86_64", amx_off=True)
    arm = llama.build_environment({}, gpu=True, machine="arm64", amx_off=True)
    assert x86 == {"CFLAGS": f"-g {llama.AMX_OFF}", "CXXFLAGS": llama.AMX_OFF, "CMAKE_ARGS": ""}
    assert arm == {"CFLAGS": "", "CXXFLAGS": "", "CMAKE_ARGS": "-DGGML_CUDA=on"}


def test_a_kept_wheel_is_used_again_only_for_the_same_build() -> None:
    def key(version: str = "0.3.36", flags: str = "", compiler: str = "g++ 12", cpu: str = "avx2") -> str:
        return llama.wheel_key(version, {"CFLAGS": flags}, compiler, cpu)

    keys = [key(), key(version="0.3.37"), key(flags="-g"), key(compiler="g++ 13"), key(cpu="avx512")]
    assert len(set(keys)) == len(keys)
    assert key() == key()


def test_a_compiler_that_does_not_know_amx_gets_no_flags(tmp_path: Path) -> None:
    program(tmp_path, "old-c++", "exit 1")
    assert not llama.accepts(str(tmp_path / "old-c++"), llama.AMX_OFF)
    assert llama.accepts(os.environ.get("CXX", "c++"), "-O1")
