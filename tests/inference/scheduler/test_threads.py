"""The number of threads against a machine that is quiet, busy, and quiet again."""

from __future__ import annotations

from collections.abc import Callable

from petra.inference.worker.scheduler.threads import Threads

ROW = 0.005


class Machine:
    """Two cores, on which another program may run; as measured, two threads then take ten times as long
    and one twice as long as two on a quiet machine."""

    def __init__(self) -> None:
        self.busy = False
        self.time = 0.0
        self.threads = Threads(2, ROW, lambda: 0.0 if self.busy else 1.0)

    def step(self) -> None:
        both = 0.1 if self.busy else 0.01
        seconds = both if self.threads.now == 2 else 0.02
        self.time += seconds
        self.threads.observe(1, 0, 100, seconds, self.time)

    def until(self, reached: Callable[[], bool], most: int) -> int:
        for steps in range(most):
            if reached():
                return steps
            self.step()
        raise AssertionError("never")


def test_a_quiet_machine_keeps_all_its_threads() -> None:
    machine = Machine()
    used = []
    for _ in range(20_000):
        machine.step()
        used.append(machine.threads.now)
    assert used.count(1) < 20  # a look now and then
    assert machine.threads.now == 2


def test_beside_another_program_it_changes_after_a_few_steps_and_comes_back() -> None:
    machine = Machine()
    for _ in range(50):
        machine.step()
    machine.busy = True
    assert machine.until(lambda: machine.threads.now == 1, 5) <= 4
    used = []
    for _ in range(2000):
        machine.step()
        used.append(machine.threads.now)
    assert used.count(2) == 0  # no look above while no core is idle
    machine.busy = False
    machine.until(lambda: machine.threads.now == 2, 200)
    machine.step()
    machine.step()
    assert machine.threads.now == 2


def test_a_machine_that_was_busy_from_the_start_is_found_out() -> None:
    machine = Machine()
    machine.threads = Threads(2, ROW * 20, lambda: 0.0)  # nothing known of quiet times
    machine.busy = True
    machine.until(lambda: machine.threads.now == 1, 400)
    for _ in range(5):
        machine.step()
    assert machine.threads.now == 1


def test_a_step_that_was_given_up_takes_fewer_threads_at_once() -> None:
    machine = Machine()
    assert machine.threads.collapsed(1.0) == 1
    assert Threads(1, ROW).collapsed(1.0) == 1
