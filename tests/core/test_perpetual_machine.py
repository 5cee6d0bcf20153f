"""The engine's perpetuals against the slow reference, and its books after whatever may happen."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from failing_exchange.core.conditional_order import FIRST_CONDITIONAL_ID
from tests.core import perpetual_everything as everything
from tests.core.perpetual_pair import STEPS, WEIGHTS, Pair

KINDS = tuple(STEPS)
JOINT_FROM = 120  # seeds from here on, and 1, have several assets and the multi-assets mode


class AgainstReference(RuleBasedStateMachine):
    """Random steps, shrunk by Hypothesis where the two differ."""

    def __init__(self) -> None:
        super().__init__()
        self.pair = Pair(joint=True)

    @rule(kind=st.sampled_from(KINDS), random=st.randoms(use_true_random=False))
    def step(self, kind: str, random: Random) -> None:
        """One step on both; `Pair` compares them."""
        self.pair.step(kind, random)


AgainstReference.TestCase.settings = settings(
    max_examples=15, stateful_step_count=30, deadline=None
)
TestAgainstReference = AgainstReference.TestCase


class Everything(RuleBasedStateMachine):
    """All orders, conditional ones too, and all incidents: the exchange stays sound."""

    def __init__(self) -> None:
        super().__init__()
        self.world = everything.Everything()

    @rule(kind=st.sampled_from(tuple(everything.STEPS)), random=st.randoms(use_true_random=False))
    def step(self, kind: str, random: Random) -> None:
        """One step, and an audit."""
        self.world.step(kind, random)


Everything.TestCase.settings = settings(max_examples=15, stateful_step_count=30, deadline=None)
TestEverything = Everything.TestCase


def run(world: Pair | everything.Everything, kinds: list[str], random: Random) -> None:
    """Take steps of these kinds; an error tells the last commands."""
    for number, kind in enumerate(kinds):
        try:
            world.step(kind, random)
        except Exception as wrong:
            told = "\n".join(world.told)
            raise AssertionError(f"step {number} ({kind}): {wrong}\n{told}") from wrong


def run_pair(seed: int, steps: int, every: int = 1) -> Pair:
    """So many steps of a seed on both; all is compared after each `every` of them."""
    random, pair = Random(seed), Pair(every, joint=seed >= JOINT_FROM or seed == 1)
    run(pair, random.choices(KINDS, WEIGHTS, k=steps), random)
    return pair


def run_everything(seed: int, steps: int) -> None:
    """So many steps of a seed, audited."""
    random, world = Random(seed), everything.Everything()
    kinds = random.choices(tuple(everything.STEPS), everything.WEIGHTS, k=steps)
    run(world, kinds, random)
    placed = world.engine.state.next_conditional_id - FIRST_CONDITIONAL_ID
    assert placed >= steps // 100


@pytest.mark.parametrize("seed", range(2))
def test_random_steps_agree(seed: int) -> None:
    """Positions, money, orders and refusals are the reference's, to the atom, after each step."""
    pair = run_pair(seed, 400)
    assert len(pair.trades) > 20


def test_all_that_happens_leaves_the_exchange_sound() -> None:
    """Conditional orders, batches, countdowns, halts, busts and liquidations, in any order."""
    run_everything(0, 1_000)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 130))
def test_a_million_random_steps_agree(seed: int) -> None:
    """Half a minute each on an idle core; the last ten with several assets, and fewer steps."""
    steps = 50_000 if seed < JOINT_FROM else 10_000
    pair = run_pair(seed, steps, every=10)
    assert len(pair.trades) > steps // 20


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 110))
def test_much_of_all_that_happens_leaves_the_exchange_sound(seed: int) -> None:
    """Ten times 20,000 steps; a few seconds each."""
    run_everything(seed, 20_000)
