"""A model file becomes a model that can write: proved, measured, and given its cache."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from petra.inference.worker.calibrate import Calibration, calibrate
from petra.inference.worker.llamacpp import requantize
from petra.inference.worker.llamacpp.context import ContextOptions, LlamaContext
from petra.inference.worker.llamacpp.model import LlamaModel
from petra.inference.worker.options import EngineOptions

# Sequences beyond those of the answers: pinned beginnings, and histories that wait in the cache.
SPARE_SEQUENCES, SPARE_IN_PARTS = 12, 2


@dataclass(frozen=True)
class Loaded:
    """A model, its cache and step function, and how it runs best. `close` frees the first two."""

    model: LlamaModel
    decoder: LlamaContext
    calibration: Calibration

    def close(self) -> None:
        """Nothing may be asked of it after this."""
        self.decoder.close()
        self.model.close()


def load(path: Path, options: EngineOptions) -> Loaded:
    """Load a GGUF file, prove it and measure how it runs best. Blocks for seconds.

    Raises ModelFileError, or ModelUnavailable where the memory is too small.
    """
    model = requantize.load(path) if options.extra_bufts else LlamaModel(path, extra_bufts=False)
    # A cache in parts needs room for the longest prompt in each.
    split = options.context * (options.limits.places + SPARE_IN_PARTS)
    # In a thread that ends: OpenMP keeps the threads of every thread that ever computed, and once there
    # are more than cores it lets all of them sleep while they wait (a token took 31 ms in place of 11).
    with ThreadPoolExecutor(1, "probe") as probe:
        found = probe.submit(
            calibrate,
            model,
            threads=options.threads,
            cells=options.room,
            sequences=options.limits.places + SPARE_SEQUENCES,
            flash_attention=options.flash_attention,
            unified=True if options.unified is None and options.room < split else options.unified,
            cache=options.calibration,
        ).result()
    context = LlamaContext(
        model,
        ContextOptions(
            cells=options.room if found.unified or options.cells else split,
            context=options.context,
            sequences=options.limits.places + (SPARE_SEQUENCES if found.unified else SPARE_IN_PARTS),
            threads=found.threads,
            ubatch=found.rows,
            flash_attention=found.flash_attention,
            unified=found.unified,
        ),
        adapters=options.adapters,
    )
    return Loaded(model, context, found)
