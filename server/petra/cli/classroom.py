"""`petra lsp --connect`: which token a classroom's server is shown."""

from __future__ import annotations

import argparse

from petra.cli import options
from petra.errors import NotAuthenticated
from petra.lsp.address import checked
from petra.lsp.remote import RemoteLink

SERVICE = "petra"
"""Under this name, with the address as the user, the system's keyring has the token."""


def connect(args: argparse.Namespace) -> RemoteLink:
    """A connection to the classroom's server. Raises SettingsError, NotAuthenticated or ServerAway."""
    url = checked(args.connect)
    return RemoteLink(url, _from_keyring(url) or _from_settings(args, url))


def _from_keyring(url: str) -> str | None:
    """The token in the system's keyring, where the `keyring` package is installed and has one."""
    try:
        import keyring
    except ImportError:
        return None
    try:
        token: str | None = keyring.get_password(SERVICE, url)
    except keyring.errors.KeyringError:
        return None  # locked, or a system without one
    return token


def _from_settings(args: argparse.Namespace, url: str) -> str:
    if token := options.settings(args).classroom_token:
        return token.get_secret_value()
    raise NotAuthenticated(
        "There is no token for the classroom's server",
        cause=f"Neither the keyring nor CLASSROOM_TOKEN has one for {url}",
        remedy=f"Run `keyring set {SERVICE} {url}`, or set CLASSROOM_TOKEN",
    )
