"""Where a worker listens: a unix socket, on Windows a loopback port with a token."""

from __future__ import annotations

import secrets
import socket
from dataclasses import dataclass
from pathlib import Path

from petra import platform
from petra.inference.client import ModelEndpoint


@dataclass(frozen=True)
class Address:
    """An endpoint, and the arguments that make a worker listen there (none for somebody else's)."""

    endpoint: ModelEndpoint
    arguments: tuple[str, ...] = ()


def is_address(model: str) -> bool:
    """Whether a model is the address of an endpoint that somebody else runs."""
    return model.startswith(("http://", "https://", "unix:"))


def external(address: str, token: str | None) -> Address:
    """An endpoint that is there already. `address#name` asks it for the model of that name."""
    base, _, model = address.partition("#")
    return Address(ModelEndpoint(base, model=model or None, token=token))


def called(model: str) -> str:
    """What a model goes by: one that is a path, by the file's name. Where it lies is nobody's business."""
    return Path(model).stem if model.endswith(".gguf") or len(Path(model).parts) > 1 else model


def own(name: str, model: str, runtime_dir: Path) -> Address:
    """That of a worker of our own; it stays the same over restarts."""
    model = called(model)
    if not platform.WINDOWS:
        address = f"unix:{runtime_dir / f'{name}.sock'}"
        return Address(ModelEndpoint(address, model=model), ("--listen", address))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    token, file = secrets.token_urlsafe(32), runtime_dir / f"{name}.token"
    platform.private_write(file, token)
    endpoint = ModelEndpoint(f"http://127.0.0.1:{port}", model=model, token=token)
    return Address(endpoint, ("--listen", f"127.0.0.1:{port}", "--token-file", str(file)))
