"""How many examples a property test draws: a part in `make test`, all in `make slow`."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, TypeVar
from unittest import TestCase

import pytest
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine

IS_THOROUGH = "THOROUGH" in os.environ  # set by `make slow`, which then runs these tests, too
PART = 4
LEAST = 10
Test = TypeVar("Test", bound=Callable[..., None])


def count(every: int) -> int:
    """How many examples are drawn where `make slow` draws `every` of them."""
    return every if IS_THOROUGH else max(LEAST, every // PART)


def examples(every: int, **more: Any) -> Callable[[Test], Test]:
    """Have a property test draw so many examples in `make slow`; stands above `@given`."""

    def decorated(test: Test) -> Test:
        found = settings(max_examples=count(every), deadline=None, **more)(test)
        return pytest.mark.slow(found) if IS_THOROUGH else found

    return decorated


def machine(kind: type[RuleBasedStateMachine], every: int, steps: int) -> type[TestCase]:
    """The test case of a state machine, which takes so many walks in `make slow`."""
    case: type[TestCase] = kind.TestCase
    case.settings = settings(  # type: ignore[attr-defined]
        max_examples=count(every), stateful_step_count=steps, deadline=None
    )
    return pytest.mark.slow(case) if IS_THOROUGH else case
