"""The parent's hold on one extraction child: start, ask, kill at the deadline. Blocking: for threads."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from petra import platform
from petra.errors import BadRequest, PetraError, UnreadableDocument
from petra.knowledge.extract.document import LeftOut
from petra.knowledge.extract.sniff import EmptyText, NotText

# One allocation arena and one thread: address space is limited, and the CPU belongs to people.
_ENVIRONMENT = {"MALLOC_ARENA_MAX": "1", "RAYON_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}
_KINDS: Mapping[str, type[PetraError]] = {
    "bad_request": BadRequest,
    "not_text": NotText,
    "empty_text": EmptyText,
    "left_out": LeftOut,
}
_LONGEST_LINE = 64 * 1024 * 1024


class Child:
    """One child process. After an error that ended it, `alive` is False and a new one is needed."""

    def __init__(self, arguments: Sequence[str], seconds: float) -> None:
        self._seconds = seconds
        self._late = False
        self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
            [sys.executable, "-I", "-B", "-X", "utf8", "-m", "petra.knowledge.extract.child", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=platform.minimal_environment() | _ENVIRONMENT,
            process_group=0,  # and no session of its own, within which alone the idle class may count
        )

    @property
    def alive(self) -> bool:
        """Whether it can take another request."""
        return self._process.poll() is None

    def ask(self, request: Mapping[str, Any], name: str) -> Iterator[dict[str, Any]]:
        """The answers to a request, the last one a `done` or a `refer`.

        Raises UnreadableDocument also when the child dies of it or does not end in time.
        """
        timer = threading.Timer(self._seconds, self._expire)
        timer.daemon = True
        timer.start()
        try:
            yield from self._exchange(request, name)
        finally:
            timer.cancel()

    def ask_each(self, requests: Sequence[Mapping[str, Any]]) -> list[list[dict[str, Any]] | PetraError]:
        """The answers to each request, or why there are none. It ends early when one ended the child."""
        found: list[list[dict[str, Any]] | PetraError] = []
        for request in requests:
            try:
                found.append(list(self.ask(request, str(request["name"]))))
            except PetraError as error:
                found.append(error)
            if not self.alive:
                break
        return found

    def _exchange(self, request: Mapping[str, Any], name: str) -> Iterator[dict[str, Any]]:
        assert self._process.stdin and self._process.stdout  # noqa: S101 - both are pipes
        try:
            self._process.stdin.write(json.dumps(request).encode() + b"\n")
            self._process.stdin.flush()
        except OSError:
            raise self._death(name) from None
        while line := self._process.stdout.readline(_LONGEST_LINE):
            try:
                answer = json.loads(line)
            except ValueError:
                break
            if error := answer.get("error"):
                raise _error(error, name, self._seconds)
            yield answer
            if "piece" not in answer and "symbols" not in answer:
                return
        raise self._death(name)

    def _expire(self) -> None:
        self._late = True
        self._process.kill()

    def _death(self, name: str) -> PetraError:
        """Why the child is gone, as far as its end tells."""
        self._process.kill()
        status = self._process.wait()
        if self._late or -status in platform.TIME_SIGNALS:
            return _error(["time"], name, self._seconds)
        return _error(["memory"], name, self._seconds)

    def end(self) -> None:
        """Kill it, and wait until it is gone. Any thread may call it, also during a request."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe:
                try:
                    pipe.close()
                except OSError:
                    continue


def _error(error: Sequence[str], name: str, seconds: float) -> PetraError:
    code, *words = error
    if code == "time":
        return UnreadableDocument(
            f"{name} is too large to read",
            cause=f"Reading it took longer than {seconds:.0f} seconds",
            remedy="Split it into smaller files, or raise EXTRACT_TIMEOUT",
        )
    if code == "memory":
        return UnreadableDocument(
            f"{name} is too large to read, or damaged",
            cause="The program that read it ran out of the memory that one document may use, or crashed",
            remedy="Split it into smaller files or export it again, or raise EXTRACT_MEMORY",
        )
    what, cause, remedy = (str(word) for word in words)
    return _KINDS.get(code, UnreadableDocument)(what, cause=cause, remedy=remedy)
