"""The composition root: it alone builds the parts of a server from `Settings` and wires them."""

from petra.app.petra import Petra

__all__ = ["Petra"]
