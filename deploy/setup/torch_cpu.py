"""Install torch as the CPU build: from PyTorch's own CPU index where that can be reached, or as pip finds it.

Nothing is downloaded before it is known what it would be: on Linux the wheels of the ordinary index bring
gigabytes of CUDA, and those are refused. `--gpu` asks for exactly that build.

Standard library only; run it with the Python of the virtual environment.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

CPU_INDEX = "https://download.pytorch.org/whl/cpu"
ROOT = Path(__file__).resolve().parents[2]


def pinned(name: str, constraints: str) -> str:
    """The version that `constraints` pins `name` to. Raises SystemExit when it pins none."""
    for line in constraints.splitlines():
        package, _, version = line.partition("==")
        if package.strip().lower() == name:
            return version.strip()
    raise SystemExit(f"constraints.txt does not pin {name}")


def pip(*arguments: str) -> subprocess.CompletedProcess[str]:
    """pip of this Python, its output captured."""
    return subprocess.run([sys.executable, "-m", "pip", *arguments], capture_output=True, text=True)


def resolve(version: str, sources: list[str]) -> dict[str, Any] | None:
    """pip's description of the torch it would install, or None when it finds none. Nothing is installed."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        result = pip(
            "install", "--dry-run", "--ignore-installed", "--no-deps", "--quiet", "--report", str(report),
            *sources, f"torch=={version}",
        )  # fmt: skip
        if result.returncode or not report.is_file():
            return None
        found: dict[str, Any] = json.loads(report.read_text(encoding="utf-8"))["install"][0]
        return found


def brings_cuda(torch: dict[str, Any]) -> bool:
    """Whether this wheel's own requirements name NVIDIA's packages."""
    required = torch["metadata"].get("requires_dist", [])
    return any(name.lower().startswith(("nvidia-", "cuda-", "triton")) for name in required)


def install(version: str, sources: list[str]) -> None:
    """Install torch without its dependencies: those come later, pinned, with everything else."""
    command = [sys.executable, "-m", "pip", "install", "-qq", "--no-deps", *sources, f"torch=={version}"]
    if subprocess.run(command, check=False).returncode:
        raise SystemExit(1)  # pip has said why


def main() -> None:
    """Decide which torch, say which, install it."""
    version = pinned("torch", (ROOT / "constraints.txt").read_text(encoding="utf-8"))
    if "--gpu" in sys.argv[1:]:
        print(f"torch {version} with GPU support: several gigabytes")
        install(version, [])
        return
    # A short time-out and no retries: without a network the next source should be asked at once.
    for sources in (["--index-url", CPU_INDEX, "--timeout", "8", "--retries", "0"], []):
        found = resolve(version, sources)
        if found is None:
            continue
        if sys.platform == "linux" and brings_cuda(found):
            continue
        install(str(found["metadata"]["version"]), sources)
        return
    raise SystemExit(
        f"No CPU build of torch {version} was found.\n"
        f"  PyTorch's own index ({CPU_INDEX}) cannot be reached, and what pip finds otherwise is missing\n"
        "  or brings gigabytes of CUDA.\n"
        "  Connect to the network; or lay the CPU wheel into a folder and run\n"
        "  PIP_FIND_LINKS=that-folder make setup; or ask for the GPU build with make setup GPU=1."
    )


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        raise SystemExit(130) from None
