"""What a feature of the language server is: a small class that lists the methods and commands it answers.

A session composes features (`features.py`) and registers what they list in one place
(`Session._register`), which puts `authorize`, metrics and typed params around every handler.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from petra.access import Action

Handler = Callable[..., Any]


@dataclass(frozen=True)
class Method:
    """A method of the protocol, the action that `authorize` is asked about, and who answers it.

    An LSP method's handler gets the params of `lsprotocol`. A method of Petra's own (`petra/…`) gets
    an object of the attrs class `params`, read by `petra.lsp.params`, or the plain object
    where `params` is None. An `async` handler may take its time and is cancelled with its request; a
    plain one runs before the next message is read, which is what notifications that change state need
    (it has 10 ms). `options` are those that the capability is advertised with.
    """

    name: str
    action: Action
    handler: Handler
    params: type[Any] | None = None
    options: Any = None


@dataclass(frozen=True)
class Command:
    """A command of `workspace/executeCommand`; the `async` handler gets the list of its arguments."""

    name: str
    action: Action
    handler: Handler


class Feature(Protocol):
    """A part of a session. It is made with the session and what else it needs, and freed with it."""

    def methods(self) -> Sequence[Method | Command]:
        """What this feature answers."""
