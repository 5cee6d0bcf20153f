"""What a sentence of a verdict says follows from the trips that it names."""

from __future__ import annotations

import re
from typing import Any

import pytest

from failing_exchange import FailingExchange, simulate
from failing_exchange.core.events import OrderAccepted
from failing_exchange.faults.triggers import parse
from failing_exchange.judge.judge import Judge
from failing_exchange.judge.rule import Breach
from failing_exchange.runs.bot_process import JudgedRun
from failing_exchange.runs.bots import BOTS, Notebook

BTC = "BTC/USDT"
AMOUNT = re.compile(r"(never learned that it )?(?:bought|sold) ([0-9.]+) BTC")
NAMED = re.compile(r"\btrips? ((?:\d+, )*\d+(?: and \d+)?)")
TROUBLE: dict[str, dict[str, Any]] = {
    "lose_answer": {},
    "false_reject": {"why": "unavailable"},
    "partial_fill": {"fill_ratio": 0.3},
    "repeat_request": {},
}


def run(name: str, seed: int, kind: str, rate: str) -> tuple[Judge, list[Breach]]:
    """An hour of a reference bot without a probe, then calm; all that it was accused of."""

    async def bot(exchange: Any) -> None:
        await BOTS[name](exchange, Notebook())

    async def main() -> Judge:
        exchange = FailingExchange(seed=seed)
        exchange.arm(kind, parse(rate), operations="create_order", **TROUBLE[kind])
        judge = Judge(exchange.venue)
        await JudgedRun(bot=bot, exchange=exchange, seconds=3_600, judge=judge, calm=600).play()
        return judge

    judge = simulate(main(), seed=seed)
    return judge, [breach for result in judge.verdict().results for breach in result.breaches]


def lots_of(judge: Judge, breach: Breach, *, untold: bool) -> int:
    """What the orders of the trips that a breach names have traded, or have traded untold."""
    trips = {trip.number: trip for trip in judge.venue.journal.trips}
    orders = [
        judge.facts.orders[event.order_id]
        for number in breach.trips
        for event in trips[number].happened
        if isinstance(event, OrderAccepted)
    ]
    return sum(one.unaware if untold else one.order.filled for one in orders)


@pytest.mark.parametrize("kind", TROUBLE)
@pytest.mark.parametrize("rate", ["chance(0.2)", "first(3)"])
@pytest.mark.parametrize(("bot", "seed"), [("naive", 1), ("naive", 2), ("maker-naive", 4)])
def test_the_amount_is_the_sum_of_the_trips(bot: str, seed: int, kind: str, rate: str) -> None:
    """It said of a bot with orders of 0.1: 0.44132 BTC, because of its third order."""
    judge, breaches = run(bot, seed, kind, rate)
    market = judge.venue.markets[BTC]
    amounts = 0
    for breach in breaches:
        told = AMOUNT.match(breach.text)
        if told is None:
            continue
        amounts += 1
        lots = lots_of(judge, breach, untold=bool(told[1]))
        assert told[2] == market.amount_text(lots), breach.text
        named = {int(n) for text in NAMED.findall(breach.text) for n in re.findall(r"\d+", text)}
        assert named, breach.text
        assert named <= set(breach.trips), "it names no trip that does not show it"
    assert amounts or (bot, kind) == ("maker-naive", "partial_fill"), "nothing was looked at"
