"""A flag that llama.cpp looks at between two operations of a step, without asking Python.

A callback in Python costs 50 times the step. Any C function that is given a pointer and whose result has
its lowest byte zero or one will do: the length of a string that is "" or "x".
"""

from __future__ import annotations

import ctypes
import sys

import llama_cpp as lib


class AbortFlag:
    """Raised or not; from any thread."""

    def __init__(self) -> None:
        self._text = ctypes.create_string_buffer(2)
        # The C library that this Python itself was linked with, by its name where that is needed.
        library = ctypes.CDLL("ucrtbase" if sys.platform == "win32" else None)
        self._callback = ctypes.cast(library.strlen, lib.ggml_abort_callback)

    def watch(self, context: int) -> None:
        """Let steps of `context` end early while the flag is raised. It must live as long as that."""
        lib.llama_set_abort_callback(context, self._callback, ctypes.cast(self._text, ctypes.c_void_p))

    def set(self, on: bool) -> None:
        """Raise or lower it: one byte, so that no lock is needed."""
        self._text[0] = b"x" if on else b"\0"
