"""What every command takes, and the data directory and settings that follow from it."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from petra import platform

if TYPE_CHECKING:
    from petra.settings import Settings


def add_common(parser: argparse.ArgumentParser, *, default: str | None = None) -> None:
    """`--config` and `--data-dir`. A parser below another one has to leave what that one has read: its
    `default` is argparse.SUPPRESS."""
    common = parser.add_argument_group("on every command")
    common.add_argument(
        "--config",
        metavar="FILE",
        type=_path,
        default=default,
        help="settings from a YAML or JSON file (docs/configuration.md)",
    )
    common.add_argument(
        "--data-dir",
        metavar="DIR",
        type=_path,
        default=default,
        help=f"where Petra keeps everything ({platform.default_data_dir()})",
    )


def settings(args: argparse.Namespace, **explicit: Any) -> Settings:
    """All settings. Raises SettingsError."""
    from petra.settings import load

    return load({"data_dir": args.data_dir, **explicit}, config=args.config, dotenv=dotenv())


def data_dir(args: argparse.Namespace) -> Path:
    """Only the data directory, without importing pydantic unless a file may say where it is."""
    if args.data_dir:
        return Path(args.data_dir)
    if args.config or (not platform.given_data_dir() and _mentions_data_dir(dotenv())):
        return settings(args).data_dir.absolute()
    return platform.default_data_dir()


def server_arguments(args: argparse.Namespace) -> list[str]:
    """What a server that is started for this command has to be told."""
    return ["--config", str(args.config)] if args.config else []


def dotenv() -> Path:
    """The `.env` that counts: the checkout's, or one in the data directory. Never that of the folder a
    command happens to be run in: it belongs to the project there."""
    return (platform.checkout_root() or platform.default_data_dir()) / ".env"


def _mentions_data_dir(path: Path) -> bool:
    try:
        return "DATA_DIR" in path.read_text(encoding="utf-8", errors="replace").upper()
    except OSError:
        return False


def words(text: str) -> str:
    """What somebody asks or looks for, for argparse: a shell hands on bytes that are no UTF-8, too."""
    return text.encode(errors="surrogateescape").decode(errors="replace")


def name(text: str) -> str:
    """A name, for argparse: an empty one, as of a variable that is not set, is none."""
    if not text.strip():
        raise argparse.ArgumentTypeError("it is empty: give a name")
    return text


def file_or_folder(text: str) -> Path:
    """A file or folder, for argparse: an empty one, as of a variable that is not set, is not this folder."""
    if not text:
        raise argparse.ArgumentTypeError("it is empty: give a file or folder, or `.` for this folder")
    return Path(text)


def _path(text: str) -> Path:
    return Path(text).expanduser().absolute()
