"""Compile llama-cpp-python for this machine once, keep the wheel, install it from there.

pip's own cache of wheels knows neither compiler flags nor the CPU, so a wheel built for another machine or
without the flags below could come back from it. Ours lies in a folder named by all that went into it.

On x86-64 the AMX instructions are switched off: virtual machines announce them and then cannot carry them,
and the first decode dies (llama.cpp #20824).

Standard library only; run it with the Python of the virtual environment.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from torch_cpu import ROOT, pinned

AMX_OFF = "-mno-amx-tile -mno-amx-int8 -mno-amx-bf16"


def output_of(*command: str) -> str:
    """What a command prints, or nothing when it cannot be run."""
    try:
        return subprocess.run(command, capture_output=True, text=True).stdout.strip()
    except OSError:
        return ""


def cpu() -> str:
    """All that decides what a build for "this CPU" means: its name and the instructions it has."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return output_of("sysctl", "-n", "machdep.cpu.brand_string") or platform.processor()
    wanted = ("model name", "flags", "features", "cpu part")
    described = (line for line in lines if line.lower().startswith(wanted))
    return "\n".join(sorted(set(described)))


def accepts(compiler: str, flags: str) -> bool:
    """Whether the compiler knows these flags; one that does not know AMX cannot use it either."""
    command = [*compiler.split(), *flags.split(), "-x", "c++", "-fsyntax-only", os.devnull]
    return subprocess.run(command, capture_output=True).returncode == 0


def build_environment(
    environ: Mapping[str, str], *, gpu: bool, machine: str, amx_off: bool
) -> dict[str, str]:
    """The variables that steer the build: what the person has set, and what Petra adds to it."""
    flags = AMX_OFF if amx_off and machine.lower() in ("x86_64", "amd64") else ""
    cmake = "-DGGML_CUDA=on" if gpu else ""
    added = {"CFLAGS": flags, "CXXFLAGS": flags, "CMAKE_ARGS": cmake}
    return {name: f"{environ.get(name, '')} {text}".strip() for name, text in added.items()}


def wheel_key(version: str, environment: Mapping[str, str], compiler: str, processor: str) -> str:
    """Name of the folder that holds exactly this build."""
    parts = json.dumps([version, dict(environment), compiler, processor, platform.machine(), sys.platform])
    return f"llama-cpp-python-{version}-{hashlib.sha256(parts.encode()).hexdigest()[:16]}"


def build(version: str, environment: Mapping[str, str], folder: Path) -> None:
    """Compile and lay the wheel into `folder`, all of it or nothing."""
    print(
        f"Compiling llama.cpp for this machine ({os.cpu_count()} cores): about 5 minutes on two cores, "
        "once. Its output is shown only if it fails.",
        flush=True,
    )
    start = time.monotonic()
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".building-") as temporary:
        command = [
            sys.executable, "-m", "pip", "wheel", "--no-cache-dir", "--no-deps",
            "--no-binary", "llama-cpp-python", "--build-constraint", str(ROOT / "constraints.txt"),
            "--wheel-dir", temporary, f"llama-cpp-python=={version}",
        ]  # fmt: skip
        result = subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True)
        if result.returncode:
            sys.stderr.write(result.stdout[-6000:] + result.stderr[-6000:])
            raise SystemExit("llama.cpp could not be compiled; the compiler's words are above.")
        folder.mkdir(exist_ok=True)
        for wheel in Path(temporary).glob("*.whl"):
            wheel.replace(folder / wheel.name)
    print(f"Compiled in {time.monotonic() - start:.0f} s; the wheel is kept in {folder}", flush=True)


def main() -> None:
    """Build unless this very build is there, then install it."""
    gpu = "--gpu" in sys.argv[1:]
    version = pinned("llama_cpp_python", (ROOT / "constraints.txt").read_text(encoding="utf-8"))
    compiler = os.environ.get("CXX", "c++")
    environment = build_environment(
        os.environ, gpu=gpu, machine=platform.machine(), amx_off=accepts(compiler, AMX_OFF)
    )
    compilers = output_of(*compiler.split(), "--version") + (output_of("nvcc", "--version") if gpu else "")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "petra" / "wheels"
    folder = cache / wheel_key(version, environment, compilers, cpu())
    if not any(folder.glob("*.whl")):
        build(version, environment, folder)
    (wheel,) = folder.glob("*.whl")
    command = [sys.executable, "-m", "pip", "install", "-qq", "--no-deps", "--force-reinstall", str(wheel)]
    if subprocess.run(command, check=False).returncode:
        raise SystemExit(1)  # pip has said why


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        raise SystemExit(130) from None
