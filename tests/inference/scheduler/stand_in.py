"""A Decoder without a model: the next token is a hash of all tokens that its sequence really holds.

So a wrong copy, a missed cut or two sequences in one place change every token after it. It refuses what
llama.cpp refuses (gaps, repeated positions, unknown sequences, a full cache), and `faults` makes it fail.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

from petra.inference.worker.decoder import DONE, NO_ROOM, Chosen, Row
from petra.inference.worker.engine import Sampling

VOCABULARY = 50
END = 0


def next_token(tokens: Sequence[int]) -> int:
    """What comes after `tokens`."""
    data = ",".join(map(str, tokens)).encode()
    return hashlib.blake2b(data, digest_size=4).digest()[0] % VOCABULARY


def alone(prompt: Sequence[int], most: int) -> list[int]:
    """What an answer has to be: written by itself, one token after the other."""
    tokens = list(prompt)
    while len(tokens) - len(prompt) < most:
        tokens.append(next_token(tokens))
        if tokens[-1] == END:
            break
    return tokens[len(prompt) :]


class StandIn:
    """See the module. A cell is a (position, token); in a unified cache copies share it."""

    def __init__(
        self,
        *,
        cells: int = 400,
        context: int = 200,
        sequences: int = 12,
        unified: bool = True,
        can_trim: bool = True,
        faults: Callable[[Sequence[Row]], int] = lambda rows: DONE,
    ) -> None:
        self.cells, self.context, self.sequences = cells, context, sequences
        self.batch = 64
        self.unified, self.can_trim = unified, can_trim
        self.tokens: dict[int, list[int]] = {}
        self._places: dict[int, list[object]] = {}
        self._faults = faults
        self._last: list[int] = []
        self.decoded = 0

    @property
    def used(self) -> int:
        lists = self._places.values()
        return len({id(cell) for cells in lists for cell in cells})

    def decode(self, rows: Sequence[Row], adapter: str | None = None) -> int:
        assert 0 < len(rows) <= self.batch
        fault = self._faults(rows)
        if fault:
            if fault not in (DONE, NO_ROOM):
                self._write(rows[: len(rows) // 2])
            return fault
        if self.used + len(rows) > self.cells:
            return NO_ROOM
        self._last = self._write(rows)
        self.decoded += len(rows)
        return DONE

    def _write(self, rows: Sequence[Row]) -> list[int]:
        chosen = []
        for row in rows:
            assert 0 <= row.sequence < self.sequences
            tokens = self.tokens.setdefault(row.sequence, [])
            assert row.position == len(tokens) < self.context, "a gap or a repeated position"
            tokens.append(row.token)
            self._places.setdefault(row.sequence, []).append(object())
            chosen.append(next_token(tokens) if row.logits else -1)
        return chosen

    def copy(self, source: int, target: int, length: int) -> None:
        assert 0 < length <= len(self.tokens[source]) and not self.tokens.get(target)
        self.tokens[target] = self.tokens[source][:length]
        cells = self._places[source][:length]
        self._places[target] = cells if self.unified else [object() for _ in cells]

    def length(self, sequence: int) -> int:
        return len(self.tokens.get(sequence, []))

    def trim(self, sequence: int, length: int) -> bool:
        whole = length and not self.can_trim and length < len(self.tokens.get(sequence, []))
        length = 0 if whole else length
        for kept in (self.tokens, self._places):
            if sequence in kept:
                del kept[sequence][length:]  # type: ignore[attr-defined]
        return not whole

    def save(self, sequence: int, start: int = 0) -> bytes:
        assert self.unified or not start
        return bytes(self.tokens[sequence][start:])

    def restore(self, sequence: int, state: bytes, start: int = 0) -> bool:
        assert len(self.tokens.get(sequence, [])) == start
        if self.used + len(state) > self.cells:
            return False
        self.tokens.setdefault(sequence, []).extend(state)
        self._places.setdefault(sequence, []).extend(object() for _ in state)
        return True

    def sampler(self, sampling: Sampling, prompt: Sequence[int]) -> Chooser:
        return Chooser(self)

    def interrupt(self, on: bool) -> None:
        pass

    def set_threads(self, threads: int) -> None:
        assert threads >= 1

    def at(self, row: int) -> int:
        token = self._last[row]
        assert token >= 0, "sampled where no result was asked for"
        return token


class Chooser:
    def __init__(self, decoder: StandIn) -> None:
        self._decoder = decoder
        self.closed = 0

    def sample(self, row: int) -> Chosen:
        assert not self.closed
        return Chosen(self._decoder.at(row))

    def close(self) -> None:
        self.closed += 1
