import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_the_types_of_the_page_are_those_of_the_server():
    command = [sys.executable, str(ROOT / "web" / "generate_types.py"), "--check"]
    assert subprocess.run(command, check=False).returncode == 0
