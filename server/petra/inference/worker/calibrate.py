"""How a model runs best on this machine, found by measuring at the first start with it.

It is also the proof of the model: native code that does not fit the machine ends the process here, and not
in the middle of somebody's answer.
"""

from __future__ import annotations

import os
import time
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

import psutil

from petra.inference.worker.findings import Findings
from petra.inference.worker.llamacpp import native
from petra.inference.worker.llamacpp.model import LlamaModel
from petra.inference.worker.llamacpp.probe import Probe

# A class is measured with so many at once, as far as there are sequences.
WRITERS = 8
# The beginning that they share: as much as is read in half a second, within these bounds.
READ_SECONDS = 0.5
SHORTEST, LONGEST = 32, 256
# A cache in parts is given preference only when it is so much faster for a class that shares its
# beginning; and another number of threads, when it is more than the noise of a measurement.
SPLIT_GAIN = 1.25
THREADS_GAIN = 1.05
# Rows computed at once. More of them take more memory, and are of use only where a step reads so many.
ROWS, ROWS_OF_A_FAST_MACHINE = 128, 512
STEP_SECONDS = 0.15
# Of the machine's cores, what others may have used for a result to be kept.
OTHERS = 0.25


@dataclass(frozen=True)
class Calibration:
    """The best choices, and what they give: tokens/s of reading, and of a class of `writers` that shares its
    beginning, 0 where other programs kept the machine too busy to measure. `flash_attention` None leaves it
    to llama.cpp."""

    flash_attention: bool | None
    unified: bool
    threads: int
    prefill_rate: float
    writers: int
    shared_rate: float

    @property
    def rows(self) -> int:
        """How many rows to compute at once: the context's `ubatch`."""
        return ROWS_OF_A_FAST_MACHINE if self.prefill_rate * STEP_SECONDS > ROWS else ROWS


def calibrate(
    model: LlamaModel,
    *,
    threads: int,
    cells: int,
    sequences: int,
    flash_attention: bool | None = None,
    unified: bool | None = None,
    cache: Path | None = None,
) -> Calibration:
    """Measure what is not given: `threads` 0, `flash_attention` None, `unified` None. `cells` and
    `sequences` are what the model will be used with. Takes seconds; results are kept in `cache`.

    Raises ModelUnavailable when the model fails its first step.
    """
    findings = Findings(cache)
    given = {"threads": threads, "flash_attention": flash_attention, "unified": unified}
    measured_on = _identity(model) | given | {"sequences": min(sequences, WRITERS + 1)}
    known = _known(findings.get(measured_on))
    if known:
        _prove(model, known)
        return known
    search = _Search(model, cells=cells, sequences=sequences)
    best = search.run(threads, flash_attention, unified)
    if search.quiet:
        findings.put(measured_on, asdict(best))
    return best


class _Search:
    """The probes of one model, from the usual choice to the best that was found. `quiet` says whether the
    machine was: if not, the search ends at once, and what it found is not worth keeping."""

    def __init__(self, model: LlamaModel, *, cells: int, sequences: int) -> None:
        self._model = model
        self._writers = max(1, min(WRITERS, sequences - 1))
        room = min(cells, model.trained_context or cells) // 2
        self._length = min(SHORTEST, room)
        self._longest = min(LONGEST, room)
        self._others = OtherPrograms()

    @property
    def quiet(self) -> bool:
        return self._others.share() < OTHERS

    def run(self, threads: int, flash_attention: bool | None, unified: bool | None) -> Calibration:
        usual = threads or physical_cores()
        # On a GPU llama.cpp knows best whether flash attention can be used.
        open_choice = flash_attention is None and not self._model.gpu
        best = Calibration(False if open_choice else flash_attention, unified is not False, usual, 0, 0, 0)
        rate = self._glance(best)
        if not self.quiet:
            return replace(best, prefill_rate=round(rate, 1))
        self._length = max(self._length, min(self._longest, int(rate * READ_SECONDS)))
        best = self._measure(best, () if threads else other_threads(usual))
        if open_choice and self.quiet:
            other = self._measure(replace(best, flash_attention=True))
            if other.shared_rate > best.shared_rate and other.prefill_rate > 0.9 * best.prefill_rate:
                best = other
        if unified is None and self._model.can_trim and self._writers > 1 and self.quiet:
            split = self._measure(replace(best, unified=False))
            if split.shared_rate > SPLIT_GAIN * best.shared_rate:
                best = split
        return best

    def _glance(self, choice: Calibration) -> float:
        """About how many tokens/s are read; the first step of this model."""
        with self._probe(choice) as probe:
            return probe.read()

    def _measure(self, choice: Calibration, other_threads: tuple[int, ...] = ()) -> Calibration:
        with self._probe(choice) as probe:
            read, shared, threads = probe.read(), probe.shared(), choice.threads
            for other in other_threads if self.quiet else ():
                probe.set_threads(other)
                seconds = probe.shared()
                if seconds * THREADS_GAIN < shared:
                    shared, threads = seconds, other
            probe.set_threads(threads)
            return replace(
                choice,
                threads=threads,
                prefill_rate=round(read, 1),
                writers=self._writers,
                shared_rate=round(self._writers / shared, 1),
            )

    def _probe(self, choice: Calibration) -> Probe:
        return Probe(
            self._model,
            length=self._length,
            writers=self._writers,
            threads=choice.threads,
            flash_attention=choice.flash_attention,
            unified=choice.unified,
        )


def _prove(model: LlamaModel, known: Calibration) -> None:
    """One short step, the way the model will be run."""
    with Probe(
        model,
        length=min(SHORTEST, model.trained_context or SHORTEST),
        writers=1,
        threads=known.threads,
        flash_attention=known.flash_attention,
        unified=known.unified,
    ) as probe:
        probe.read()
        probe.shared()


def physical_cores() -> int:
    """Cores that this process may use, without the second thread of each."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(psutil.cpu_count(logical=False) or allowed, allowed))


def other_threads(usual: int) -> tuple[int, ...]:
    """Numbers of threads worth a try beside the usual one: some CPUs have slow cores among the fast."""
    logical = os.cpu_count() or usual
    return tuple(sorted({usual // 2, usual * 3 // 4, min(logical, 2 * usual)} - {0, usual}))


def _identity(model: LlamaModel) -> dict[str, Any]:
    status = model.path.stat()
    return {
        "file": model.path.name,
        "size": status.st_size,
        "changed": status.st_mtime_ns,
        "extra_bufts": model.extra_bufts,
        "gpu": model.gpu,
        "cores": os.cpu_count(),
        "llama_cpp": native.VERSION,
    }


def _known(found: dict[str, Any] | None) -> Calibration | None:
    """What was kept, unless this version needs more; an earlier one kept more than is needed."""
    names = {field.name for field in fields(Calibration)}
    try:
        known = Calibration(**{name: value for name, value in (found or {}).items() if name in names})
    except TypeError:
        return None
    whole = isinstance(known.threads, int) and known.threads > 0 and isinstance(known.unified, bool)
    return known if whole and known.flash_attention in (None, True, False) else None


class OtherPrograms:
    """How much of the machine programs other than this one use."""

    def __init__(self) -> None:
        self._begun = self._read()

    def share(self) -> float:
        """Since the beginning, as a part of all cores."""
        passed, busy, own = (now - then for now, then in zip(self._read(), self._begun, strict=True))
        return max(0.0, busy - own) / passed if passed > 0 else 0.0

    def _read(self) -> tuple[float, float, float]:
        times = psutil.cpu_times()
        every = sum(times) - getattr(times, "guest", 0.0) - getattr(times, "guest_nice", 0.0)
        return every, every - times.idle - getattr(times, "iowait", 0.0), time.process_time()
