"""Taking away from an extraction child what it does not need any more: files, sockets, other programs.

What reads a document may be wrong in a way that lets the document command it. Then these hold: on Linux
Landlock (files, TCP, other processes) and a seccomp filter (sockets, programs, opening files), elsewhere
and in older kernels what there is of them, down to the limit on open files. All of it is given up for good
and without a word: a kernel that lacks a part has the others, the memory limit and the deadline.
"""

from __future__ import annotations

import codecs
import ctypes
import os
import struct
import sys
from collections.abc import Sequence
from pathlib import Path

_FONTS = ("/usr/share/fonts", "/usr/share/X11/fonts", "/usr/local/share/fonts")

# Landlock's system calls have the same numbers everywhere.
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_VERSION_FLAG = 1
_RULE_PATH = 1
_READ_FILE, _READ_DIR = 1 << 2, 1 << 3
# How many rights to files each version of Landlock knows, from version 1 on.
_FILE_RIGHTS = (13, 14, 15, 15, 16)
_TCP_RIGHTS = 0b11
_SCOPES = 0b11

_NO_NEW_PRIVILEGES, _SET_SECCOMP, _FILTER_MODE = 38, 22, 2
_LOAD, _EQUAL, _AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_ALLOW, _REFUSE, _KILL = 0x7FFF0000, 0x00050001, 0x80000000

# Numbers of system calls: (architecture, sockets and programs and signals to others, opening of files).
_CALLS = {
    # socket socketpair connect bind accept execve execveat kill ptrace process_vm_readv process_vm_writev
    # bpf userfaultfd io_uring_setup pidfd_open · open creat openat openat2 name_to_handle_at
    # open_by_handle_at
    "x86_64": (
        0xC000003E,
        (41, 53, 42, 49, 43, 59, 322, 62, 101, 310, 311, 321, 323, 425, 434),
        (2, 85, 257, 437, 303, 304),
    ),
    "aarch64": (
        0xC00000B7,
        (198, 199, 203, 200, 202, 221, 281, 129, 117, 270, 271, 280, 282, 425, 434),
        (56, 437, 264, 265),
    ),
}
_X32 = 0x40000000


def to_reading() -> None:
    """From now on this process may open files to read them, and no more: no writing, sockets, programs."""
    _without_files(("/",))
    _without_calls(opening=False)


def to_fonts() -> None:
    """From now on this process may read the system's fonts, which a PDF may ask for, where Landlock can tell
    them from other files."""
    _prepare()
    _without_files([folder for folder in _FONTS if Path(folder).is_dir()])
    _without_calls(opening=False)


def to_nothing() -> None:
    """From now on this process has its memory and the files that are open. Modules it will need have to be
    imported."""
    _prepare()
    if sys.platform == "win32":
        return
    import resource

    _without_files(())
    _without_calls(opening=True)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, 0))


def _prepare() -> None:
    """Load what Python would load when it is first used."""
    for name in ("utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp437", "cp1252", "latin-1"):
        codecs.lookup(name)


def _libc() -> ctypes.CDLL | None:
    return ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def _without_files(readable: Sequence[str]) -> None:
    """Landlock: no files but those below `readable`, to read them; no TCP; no signals to others."""
    libc = _libc()
    if libc is None:
        return
    version = libc.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), _VERSION_FLAG)
    if version < 1:
        return
    files = (1 << _FILE_RIGHTS[min(version, len(_FILE_RIGHTS)) - 1]) - 1
    rules = struct.pack("QQQ", files, _TCP_RIGHTS, _SCOPES)[: 8 if version < 4 else 16 if version < 6 else 24]
    ruleset = libc.syscall(_CREATE_RULESET, rules, ctypes.c_size_t(len(rules)), 0)
    if ruleset < 0:
        return
    for path in readable:
        folder = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        libc.syscall(_ADD_RULE, ruleset, _RULE_PATH, struct.pack("=Qi", _READ_FILE | _READ_DIR, folder), 0)
        os.close(folder)
    if libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0) == 0:
        libc.syscall(_RESTRICT_SELF, ruleset, 0)
    os.close(ruleset)


def _without_calls(*, opening: bool) -> None:
    """A seccomp filter: the calls that a reader never makes fail as not permitted."""
    libc = _libc()
    machine = os.uname().machine if libc else ""
    if libc is None or machine not in _CALLS:
        return
    architecture, others, opens = _CALLS[machine]
    calls = others + (opens if opening else ())
    # The last instruction refuses, the one before it allows; the checks above jump over it or fall on it.
    checks = [(_EQUAL, len(calls) - at, 0, call) for at, call in enumerate(calls)]
    program = [
        (_LOAD, 0, 0, 4),
        (_EQUAL, 1, 0, architecture),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, 0),
        (_AT_LEAST, len(calls) + 1, 0, _X32),
        *checks,
        (_RETURN, 0, 0, _ALLOW),
        (_RETURN, 0, 0, _REFUSE),
    ]
    code = b"".join(struct.pack("=HBBI", *instruction) for instruction in program)
    buffer = ctypes.create_string_buffer(code, len(code))
    head = struct.pack("HP", len(program), ctypes.addressof(buffer))
    if libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0) == 0:
        libc.prctl(_SET_SECCOMP, _FILTER_MODE, ctypes.c_char_p(head), 0, 0)
