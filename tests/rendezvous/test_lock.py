from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest

from petra import platform, rendezvous
from petra.errors import AlreadyRunning, VersionMismatch
from petra.rendezvous import Lock, NotStarted, Running

HOLD = """
import sys, time
from pathlib import Path
from petra import rendezvous
with rendezvous.Lock(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def running(pid: int, version: str = rendezvous.__version__) -> Running:
    return Running(pid, "/run/http.sock", "/run/lsp.sock", 7878, "t" * 43, version, 1.0)


@pytest.fixture
def holder(tmp_path: Path):  # type: ignore[no-untyped-def]
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout and process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def test_the_run_file_is_true_only_while_the_lock_is_held(
    tmp_path: Path, holder: subprocess.Popen[str]
) -> None:
    rendezvous.write_run_file(tmp_path, running(holder.pid))
    assert rendezvous.read(tmp_path) == running(holder.pid)
    holder.kill()
    holder.wait()
    assert (tmp_path / "run.json").exists()
    assert rendezvous.read(tmp_path) is None


def test_a_lock_that_was_left_by_a_killed_process_can_be_taken(
    tmp_path: Path, holder: subprocess.Popen[str]
) -> None:
    rendezvous.write_run_file(tmp_path, running(holder.pid))
    holder.kill()
    holder.wait()
    with Lock(tmp_path):
        # What the dead server wrote must not lead a client to its socket.
        assert not (tmp_path / "run.json").exists()
        assert rendezvous.is_locked(tmp_path)
    assert not rendezvous.is_locked(tmp_path)


def test_a_second_server_is_refused_and_told_of_the_first(
    tmp_path: Path, holder: subprocess.Popen[str]
) -> None:
    with pytest.raises(AlreadyRunning) as caught, Lock(tmp_path):
        pass
    assert str(holder.pid) in caught.value.what
    assert "petra stop" in caught.value.remedy


def test_looking_does_not_take_the_lock_away(tmp_path: Path) -> None:
    with Lock(tmp_path):
        for _ in range(3):
            assert rendezvous.is_locked(tmp_path)
        with pytest.raises(AlreadyRunning), Lock(tmp_path):
            pass


@pytest.mark.parametrize("content", ["", "{", "[]", '{"pid": 1}', "\x00\xff"])
def test_a_damaged_run_file_is_no_server(tmp_path: Path, content: str) -> None:
    with Lock(tmp_path):
        (tmp_path / "run.json").write_bytes(content.encode("latin-1"))
        assert rendezvous.read(tmp_path) is None


@pytest.mark.parametrize(
    "field",
    [
        {"pid": "1"},
        {"pid": 10**30},
        {"pid": True},
        {"pid": -1},
        {"port": None},
        {"socket": 5},
        {"socket": None},
        {"token": "t\r\nX: y"},
        {"version": 1},
        {"started_at": "now"},
    ],
)
def test_a_run_file_that_somebody_edited_is_no_server(tmp_path: Path, field: dict[str, object]) -> None:
    whole = asdict(running(os.getpid()))
    with Lock(tmp_path):
        (tmp_path / "run.json").write_text(json.dumps(whole))
        assert rendezvous.read(tmp_path)
        (tmp_path / "run.json").write_text(json.dumps(whole | field))
        assert rendezvous.read(tmp_path) is None


def test_a_server_whose_run_file_is_gone_is_named(tmp_path: Path, holder: subprocess.Popen[str]) -> None:
    with pytest.raises(NotStarted, match=str(holder.pid)) as caught:
        rendezvous.find_or_start(tmp_path, timeout=0.2)
    assert "petra stop" in caught.value.remedy


@pytest.mark.skipif(sys.platform == "win32", reason="no unix sockets")
def test_a_link_in_the_temporary_folder_is_not_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    data_dir = tmp_path / ("long" * 20)
    folder = platform.runtime_dir(data_dir)
    assert folder.parent == tmp_path and folder.stat().st_mode & 0o777 == 0o700
    folder.rmdir()
    (tmp_path / "theirs").mkdir()
    folder.symlink_to(tmp_path / "theirs")
    with pytest.raises(PermissionError):
        platform.runtime_dir(data_dir)


def test_files_with_secrets_are_for_their_owner_alone(tmp_path: Path) -> None:
    rendezvous.write_run_file(tmp_path, running(1))
    rendezvous.token(tmp_path)
    for name in ("run.json", "token"):
        assert (tmp_path / name).stat().st_mode & 0o777 == 0o600


def test_the_token_is_kept(tmp_path: Path) -> None:
    first = rendezvous.token(tmp_path)
    assert rendezvous.token(tmp_path) == first
    assert len(first) >= 32


def test_another_version_is_said(tmp_path: Path) -> None:
    with Lock(tmp_path):
        rendezvous.write_run_file(tmp_path, running(os.getpid(), version="0.0.9"))
        with pytest.raises(VersionMismatch) as caught:
            rendezvous.find_or_start(tmp_path, timeout=1)
    assert "0.0.9" in caught.value.what and rendezvous.__version__ in caught.value.what
    assert "petra stop" in caught.value.remedy


def test_a_server_that_cannot_start_says_why(tmp_path: Path) -> None:
    config = tmp_path / "bad.yaml"
    config.write_text("chunk_sise: 3\n")
    with pytest.raises(rendezvous.NotStarted) as caught:
        rendezvous.find_or_start(tmp_path / "data", timeout=20, argv=["--config", str(config)])
    assert "CHUNK_SIZE" in caught.value.cause
    assert "server.log" in caught.value.remedy
