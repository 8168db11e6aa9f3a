"""Which precision the probe chooses, with the model and the clock in our hands."""

import numpy as np
import pytest

from petra.inference.worker.embed_probe import Precision, choose, known
from petra.inference.worker.engine import Vectors


class Bench:
    """A model whose speed and error in bfloat16 are given; float32 takes one second."""

    def __init__(self, *, seconds: float, error: float = 0.001) -> None:
        self.seconds = {"float32": 1.0, "bfloat16": seconds}
        self.error = error
        self.now = 0.0
        self.calls: list[Precision] = []

    def encode(self, precision: Precision) -> Vectors:
        self.calls.append(precision)
        self.now += self.seconds[precision]
        vector = np.array([[1.0, self.error if precision == "bfloat16" else 0.0]], np.float32)
        return vector / np.linalg.norm(vector)

    def choice(self) -> Precision:
        return choose(self.encode, clock=lambda: self.now)


def test_bfloat16_is_taken_where_it_is_faster() -> None:
    assert Bench(seconds=0.4).choice() == "bfloat16"


def test_it_is_refused_where_it_is_slower_and_then_tried_no_more_than_needed() -> None:
    bench = Bench(seconds=5.0)
    assert bench.choice() == "float32"
    assert bench.calls.count("bfloat16") == 2


def test_it_is_refused_when_the_vectors_are_others_however_fast() -> None:
    assert Bench(seconds=0.1, error=0.05).choice() == "float32"


def test_it_is_refused_where_torch_cannot_do_it() -> None:
    bench = Bench(seconds=0.1)

    def encode(precision: Precision) -> Vectors:
        if precision == "bfloat16":
            raise RuntimeError("not implemented for 'BFloat16'")
        return bench.encode(precision)

    assert choose(encode, clock=lambda: bench.now) == "float32"


def test_one_slow_run_does_not_decide() -> None:
    bench = Bench(seconds=0.4)
    runs = iter([0.4, 3.0, 0.4, 0.4])

    def encode(precision: Precision) -> Vectors:
        if precision == "bfloat16":
            bench.seconds["bfloat16"] = next(runs)
        return bench.encode(precision)

    # The first run is the warm-up; after the slow one the measuring would stop, were it 2 s or more.
    bench.seconds["float32"] = 2.0
    assert choose(encode, clock=lambda: bench.now) == "bfloat16"


@pytest.mark.parametrize("found", [None, {}, {"precision": "int4"}, {"precision": 7}])
def test_what_no_probe_wrote_is_not_believed(found: dict[str, object] | None) -> None:
    assert known(found) is None
    assert known({"precision": "bfloat16"}) == "bfloat16"
