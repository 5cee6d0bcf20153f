"""The engine's perpetuals against the slow reference, and its books after whatever may happen."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from tests.core.perpetual_pair import STEPS, WEIGHTS, Pair

KINDS = tuple(STEPS)


class AgainstReference(RuleBasedStateMachine):
    """Random steps, shrunk by Hypothesis where the two differ."""

    def __init__(self) -> None:
        super().__init__()
        self.pair = Pair()

    @rule(kind=st.sampled_from(KINDS), random=st.randoms(use_true_random=False))
    def step(self, kind: str, random: Random) -> None:
        """One step on both; `Pair` compares them."""
        self.pair.step(kind, random)


AgainstReference.TestCase.settings = settings(
    max_examples=15, stateful_step_count=30, deadline=None
)
TestAgainstReference = AgainstReference.TestCase


def run(seed: int, steps: int, every: int = 1) -> Pair:
    """So many steps of a seed; everything is compared after each `every` of them."""
    random, pair = Random(seed), Pair(every)
    for kind in random.choices(KINDS, WEIGHTS, k=steps):
        try:
            pair.step(kind, random)
        except Exception as wrong:
            told = "\n".join(pair.told)
            raise AssertionError(
                f"seed {seed}, step {pair.steps} ({kind}): {wrong}\n{told}"
            ) from wrong
    return pair


@pytest.mark.parametrize("seed", range(2))
def test_random_steps_agree(seed: int) -> None:
    """Positions, money, orders and refusals are the reference's, to the atom, after each step."""
    pair = run(seed, 600)
    assert len(pair.trades) > 30


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 120))
def test_a_million_random_steps_agree(seed: int) -> None:
    """Twenty times 50,000 steps, about a minute each."""
    pair = run(seed, 50_000, every=5)
    assert len(pair.trades) > 5_000
