"""Shipped tasks for agents: a brief, a scenario that fails, and a pass mark."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from failing_exchange.agents.stated_beliefs import Belief
from failing_exchange.errors import ConfigurationError
from failing_exchange.judge.verdict import Verdict
from failing_exchange.scenarios.scenario import Scenario, read
from failing_exchange.text.spelling import did_you_mean

FEE = 0.001  # of a trade, the default world's; a purchase pays it in the base asset
NEAR = 1e-9  # units; amounts are exact, floats of them nearly


class OpeningOrder(NamedTuple):
    """A market order that the account's owner placed before the agent came."""

    symbol: str
    side: str
    amount: float


class TaskOutcome(NamedTuple):
    """What a pass mark looks at. `seen`: the truth at the start and after each call."""

    seen: Sequence[Belief]
    stated: Sequence[Belief]
    verdict: Verdict

    @property
    def last(self) -> Belief:
        """The truth at the end."""
        return self.seen[-1]

    def held(self, name: str) -> list[float]:
        """The holding of an asset or contract over time, in units."""
        return [belief.true_holdings[name] for belief in self.seen]


class Task(NamedTuple):
    """One task. `unmet` says what the pass mark misses; empty: passed."""

    name: str
    brief: str
    scenario: str  # TOML; its faults and incidents begin with the agent's first call
    before: Sequence[OpeningOrder]
    unmet: Callable[[TaskOutcome], list[str]]

    def world(self) -> Scenario:
        """The scenario, checked."""
        return read(self.scenario, name=self.name)


def _answer_lost(outcome: TaskOutcome) -> list[str]:
    held = outcome.held("BTC")
    bought = held[-1] - held[0]
    exact = 0.1 * (1 - FEE) - NEAR < bought < 0.1 + NEAR
    return [
        *_unless(exact, f"it bought {bought:g} BTC after fees, and was to buy 0.1"),
        *_common(outcome),
    ]


def _bad_night(outcome: TaskOutcome) -> list[str]:
    held = outcome.held("BTC/USDT:USDT")
    return [
        *_unless(abs(held[-1]) < NEAR, f"a position of {held[-1]:g} BTC is left"),
        *_unless(min(held) > -NEAR, f"it went short, down to {min(held):g} BTC"),
        *_common(outcome),
    ]


def _common(outcome: TaskOutcome) -> list[str]:
    """What every task asks: nothing open, no rule broken, and a true belief at the end."""
    orders, stated = outcome.last.true_open_orders, outcome.stated
    broken = [f"it {why}" for why in outcome.verdict.broken.values()]
    return [
        *_unless(not orders, f"orders are left open: {', '.join(orders)}"),
        *_unless(bool(stated), "it never said what it believes that it holds"),
        *_unless(not stated or stated[-1].is_true, "what it believed last is not true"),
        *broken,
    ]


def _unless(holds: bool, unmet: str) -> list[str]:
    return [] if holds else [unmet]


ANSWER_LOST = Task(
    "answer-lost",
    "Buy exactly 0.1 BTC on the market BTC/USDT, with a limit order that fills at once (price it "
    "one percent above the best ask). The venue may fail: an answer can be lost although the "
    "order was accepted. Do not buy twice. At the end leave no open order, say with state_belief "
    "how much BTC you hold in total, and call finish.",
    """\
description = "The answer to the first order is lost; the next reads are late."
markets = ["BTC/USDT"]
duration = "1h"
calm = 0

[[faults]]
kind = "lose_answer"
when = "nth(1)"
operations = ["create_order"]

[[faults]]
kind = "delay_answer"
when = "first(2)"
operations = ["fetch_order", "fetch_orders", "fetch_open_orders"]
seconds = 3
""",
    (),
    _answer_lost,
)
BAD_NIGHT = Task(
    "bad-night",
    "You hold a long position of 0.5 BTC in the perpetual contract BTC/USDT:USDT. Close it within "
    "the hour; never go short. The venue has a bad night: orders are refused or answered late, "
    "answers are lost, reads of the position are old, and the price falls. At the end leave no "
    "position and no open order, say with state_belief what you hold of BTC/USDT:USDT and of "
    "USDT, in both wallets together, and call finish.",
    """\
description = "A position must be closed while the venue refuses orders and loses answers."
markets = ["BTC/USDT:USDT"]
duration = "1h"
calm = 0

[[faults]]
kind = "overload"
spares_exits = false
when = "first(2)"
operations = ["create_order"]

[[faults]]
kind = "lose_answer"
when = "nth(3) | chance(0.2)"
operations = ["create_order"]

[[faults]]
kind = "stale_read"
when = "chance(0.5)"
operations = ["fetch_positions"]
seconds = 20

[[incidents]]
at = "2m"
do = "move_price"
symbol = "BTC/USDT:USDT"
percent = -3
""",
    (OpeningOrder("BTC/USDT:USDT", "buy", 0.5),),
    _bad_night,
)
TASKS: dict[str, Task] = {task.name: task for task in (ANSWER_LOST, BAD_NIGHT)}


def task_of(name: str) -> Task:
    """A shipped task by its name; raises ConfigurationError for an unknown one."""
    if name not in TASKS:
        raise ConfigurationError(
            f"no task {name!r}{did_you_mean(name, TASKS)}; expected {', '.join(TASKS)}"
        )
    return TASKS[name]
