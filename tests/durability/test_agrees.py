"""Search, rows and index agree with a naive model after each of many random steps."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from .machine import Agrees, Life


@pytest.fixture
def machine() -> Iterator[type[Agrees]]:
    """The state machine, ready to run."""
    Agrees.life = Life()
    yield Agrees
    Agrees.life.end()


def agree(machine: type[Agrees], examples: int, steps: int, *, derandomize: bool = True) -> None:
    """Run it; derandomized, so that a change is what makes it fail. A failure is printed as it was found:
    making it smaller would take minutes."""
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            derandomize=derandomize,
            phases=[Phase.generate],
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_search_agrees_with_a_naive_model(machine: type[Agrees]) -> None:
    agree(machine, examples=7, steps=12)
