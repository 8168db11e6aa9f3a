from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from petra import __version__
from petra.cli import main
from petra.cli.options import data_dir
from petra.errors import SettingsError


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"petra {__version__}\n"


def test_wrong_usage_is_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["nonsense"]) == 2
    assert main(["ask"]) == 2
    assert main(["ask", "?", "--in", "a", "--collection", "b"]) == 2


@pytest.mark.parametrize("option", ["--data-dir", "--config=petra.yaml"])
def test_an_option_before_the_command_is_told_its_place(
    option: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([option, "data", "status"]) == 2
    assert f"{option} stands after the command" in capsys.readouterr().err


@pytest.mark.parametrize("command", [["backup", ""], ["restore", ""]])
def test_an_empty_folder_is_not_this_one(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(command) == 2
    assert "it is empty" in capsys.readouterr().err


@pytest.mark.parametrize("command", [["open", "--print"], ["ask", "Why?"], ["serve"]])
def test_a_data_directory_that_cannot_be_written_to_is_an_error_with_a_remedy(
    command: list[str], tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    done = subprocess.run(
        [sys.executable, "-m", "petra", *command, "--data-dir", str(tmp_path / "file")],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert "cannot write to its data directory" in done.stderr and "DATA_DIR" in done.stderr
    assert "Traceback" not in done.stderr


def test_yaml_that_is_none_is_told_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "petra.yaml"
    config.write_text("mode: local\nport: [\n")
    assert main(["config", "--config", str(config)]) == 1
    assert [text[:9] for text in capsys.readouterr().err.splitlines()] == [
        "petra: Th",
        "  Line 3:",
        "  Give a ",
    ]


def test_without_a_command_it_tells_what_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    shown = capsys.readouterr().out
    for name in ("serve", "ask", "search", "index", "status", "stop", "config", "models", "worker", "lsp"):
        assert name in shown


def test_an_unknown_setting_is_refused_with_the_nearest(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "petra.yaml"
    config.write_text("chunk_sise: 100\n")
    assert main(["config", "--config", str(config)]) == 1
    shown = capsys.readouterr().err
    assert "chunk_sise" in shown and "CHUNK_SIZE" in shown
    assert "Traceback" not in shown


@pytest.mark.parametrize("where", ["before the action", "after it", "on both sides"])
def test_an_action_takes_the_common_options_on_either_side(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], where: str
) -> None:
    config = tmp_path / "petra.yaml"
    config.write_text("chunk_sise: 100\n")
    common = ["--config", str(config)]
    words = {
        "before the action": ["models", *common, "list"],
        "after it": ["models", "list", *common],
        "on both sides": ["models", *common, "list", "--data-dir", str(tmp_path)],
    }[where]
    assert main(words) == 1
    assert "CHUNK_SIZE" in capsys.readouterr().err


def test_config_shows_no_secret(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_KEY", "do-not-show-me" * 4)
    assert main(["config", "--data-dir", str(tmp_path)]) == 0
    shown = capsys.readouterr().out
    assert "do-not-show-me" not in shown
    assert "SECRET_KEY=set" in shown
    assert f"DATA_DIR={tmp_path}" in shown


def test_the_data_directory_comes_from_the_option_the_file_or_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import argparse

    config = tmp_path / "petra.json"
    config.write_text(f'{{"data_dir": "{tmp_path}/from-file"}}')
    monkeypatch.setenv("DATA_DIR", str(tmp_path / "from-env"))
    none = argparse.Namespace(data_dir=None, config=None)
    assert data_dir(none) == tmp_path / "from-env"
    assert data_dir(argparse.Namespace(data_dir=None, config=config)) == tmp_path / "from-file"
    assert data_dir(argparse.Namespace(data_dir=tmp_path / "x", config=config)) == tmp_path / "x"
    config.write_text("[]")
    with pytest.raises(SettingsError):
        data_dir(argparse.Namespace(data_dir=None, config=config))


def test_status_and_stop_start_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status", "--data-dir", str(tmp_path)]) == 3
    assert main(["stop", "--data-dir", str(tmp_path)]) == 0
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", ["ask", "search", "index", "status", "stop", "open", "lsp"])
def test_commands_import_nothing_heavy(command: str) -> None:
    code = (
        f"import sys, petra.cli; petra.cli.main([{command!r}, '--help']);"
        "heavy = {'pydantic', 'aiohttp', 'numpy', 'sqlalchemy', 'faiss', 'torch', 'yaml'} & set(sys.modules);"
        "sys.exit(str(heavy) if heavy else 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)
