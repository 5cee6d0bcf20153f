"""What a bot takes for its highest equity, against what it could have seen."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from failing_exchange import FailingExchange, simulate
from failing_exchange.core import commands as c
from failing_exchange.judge.judge import Judge
from failing_exchange.judge.probe import probe
from failing_exchange.judge.rule import Result
from failing_exchange.runs.bot_process import JudgedRun

PERPETUAL = "BTC/USDT:USDT"
UP, BACK, DOWN = 50_000, 0, -50_000  # ppm of the mark: 2,500 USDT of the bot's position


def holds(*, looks_at: tuple[int, ...], states: str = "peak") -> Any:
    """A bot that holds 1 BTC, looks at its equity at these seconds, and states what it found.

    "peak": its highest; "latest peak": the latest for the highest; "equity": the latest; "first
    equity": the first for the latest. Between, it looks at prices.
    """

    async def bot(exchange: Any) -> None:
        seen = [50_000.0]
        found: dict[str, Callable[[], float]] = {
            "peak": lambda: max(seen),
            "latest peak": lambda: seen[-1],
            "equity": lambda: seen[-1],
            "first equity": lambda: seen[0],
        }
        if "equity" in states:
            probe(equity=lambda: {"USDT": found[states]()})
        else:
            probe(peak_equity=lambda: {"USDT": found[states]()})
        await exchange.create_order(PERPETUAL, "market", "buy", 1)
        for second in range(5, 600, 5):
            await asyncio.sleep(4.96)  # and 0.04 s of latency
            if second in looks_at:
                seen.append((await exchange.fetch_balance({"type": "swap"}))["total"]["USDT"])
            else:
                await exchange.fetch_ticker(PERPETUAL)

    return bot


def judged(bot: Any, *moves: tuple[float, int]) -> Result:
    """What `equity` says of a bot after ten minutes in which the mark price was moved."""

    async def main() -> Result:
        exchange = FailingExchange(seed=3, markets=[PERPETUAL], balances={"USDT": 50_000.0})
        for seconds, ppm in moves:
            exchange.venue.plan_incident(round(seconds * 1e9), c.MoveMark(PERPETUAL, ppm=ppm))
        judge = Judge(exchange.venue)
        await JudgedRun(bot=bot, exchange=exchange, seconds=600.0, judge=judge).play()
        return judge.verdict().result("equity")

    return simulate(main(), seed=3)


@pytest.mark.parametrize(
    ("looks_at", "moves"),
    [
        ((), [(10.0, DOWN)]),  # the start was its highest, and before the first minute it is lost
        ((70,), [(67.0, UP), (73.0, BACK)]),  # it alone has looked between two minutes
        ((20,), [(52.0, UP), (62.0, BACK)]),  # it has not looked while the price was high
    ],
)
def test_a_peak_is_what_the_bot_could_see(
    looks_at: tuple[int, ...], moves: list[tuple[float, int]]
) -> None:
    """The judge looks each minute, a bot when it likes: neither is wrong for what it missed."""
    assert str(judged(holds(looks_at=looks_at), *moves).outcome) == "pass"


def test_a_peak_that_the_bot_has_read_counts() -> None:
    """It has seen 52,500 USDT and then takes 50,000 for the highest: its draw-down is too small."""
    result = judged(holds(looks_at=(70, 130), states="latest peak"), (67.0, UP), (73.0, BACK))
    assert result.why.startswith("took 49,9"), result
    assert "for its peak equity, which was 52," in result.why


def test_what_was_true_since_the_last_read_is_no_mistake() -> None:
    """A bot whose round ended early has not read its balance: the price has moved meanwhile."""
    assert str(judged(holds(looks_at=(5,), states="equity"), (62.0, UP)).outcome) == "pass"
    assert str(judged(holds(looks_at=(5, 70), states="equity"), (62.0, UP)).outcome) == "pass"
    result = judged(holds(looks_at=(5, 70), states="first equity"), (62.0, UP))
    assert result.why.startswith("took 50,000.00"), result
