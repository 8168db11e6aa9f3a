"""Search, rows and index agree with a naive model after each of many random steps."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from .machine import Agrees, Life


@pytest.fixture
def machine() -> Iterator[type[Agrees]]:
    """The state machine, ready to run."""
    Agrees.life = Life()
    yield Agrees
    Agrees.life.end()


def agree(machine: type[Agrees], examples: int, steps: int) -> None:
    """Run it; derandomized, so that a change is what makes it fail."""
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_search_agrees_with_a_naive_model(machine: type[Agrees]) -> None:
    agree(machine, examples=10, steps=12)
