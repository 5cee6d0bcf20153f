"""What a bot means to have: by its client order ids, by its scenario, or as it declares it."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from failing_exchange import ConfigurationError, FailingExchange, simulate
from failing_exchange.judge import intents as module
from failing_exchange.judge.intents import Intents
from failing_exchange.judge.judge import Judge
from failing_exchange.judge.rule import Outcome
from failing_exchange.judge.verdict import Verdict
from failing_exchange.runs.bot_process import JudgedRun
from failing_exchange.venue.default_world import MARKETS

BTC, ETH = "BTC/USDT", "ETH/USDT"


def intents(**table: Any) -> Intents:
    """Those of a scenario's table `intent`."""
    listed = {symbol: SimpleNamespace(market=market) for symbol, market in MARKETS.items()}
    made = Intents(listed)
    made.of_scenario(table, 10)
    return made


def order(client_id: str = "", symbol: str = BTC, side: str = "buy") -> Any:
    return SimpleNamespace(client_id=client_id, symbol=symbol, side=side)


def test_tries_of_one_name_are_one_intent() -> None:
    """A bot that names its tries entry-1, entry-2 needs to declare nothing."""
    known = intents(client_ids=r"(.*)-\d+", covered_within=60.0)
    first = known.of(order("entry-1"), 20)
    assert first is not None
    assert known.of(order("entry-2"), 30) is first
    assert known.of(order("exit-1", side="sell"), 30) is not first
    assert known.of(order("auto"), 30) is None
    assert (first.name, first.lots, first.began_at) == ("entry", None, 20)
    assert first.covered_within == 60.0
    assert (known.source, known.lost) == ("client ids", None)


def test_an_order_is_for_the_newest_intent_that_had_begun() -> None:
    """Of its market and side; an order cannot serve what was declared behind it."""
    known = intents()
    first = known.declare(BTC, "buy", 0.1, 10)
    second = known.declare(BTC, "buy", 0.2, 20)
    assert known.of(order(), 20) is second
    assert known.of(order(), 19) is first
    assert known.of(order(), 9) is None
    assert known.of(order(side="sell"), 20) is None
    assert known.of(order(symbol=ETH), 20) is None
    assert [one.lots for one in (first, second)] == [10_000, 20_000]


def test_a_scenario_may_say_what_a_bot_is_to_do() -> None:
    """So many orders of an amount are one intent of their sum."""
    known = intents(symbol=ETH, side="sell", amount=0.5, orders=3, covered_within=30.0)
    found = known.of(order(symbol=ETH, side="sell"), 10)
    assert found is not None
    assert found.lots is not None
    assert found.lots * MARKETS[ETH].amount_step == 150_000_000
    assert found.covered_within == 30.0
    assert (known.source, known.declared, known.lost) == ("scenario", 0, None)


@pytest.mark.parametrize(
    ("table", "match"),
    [
        ({"client_ids": "("}, r"client_ids '\(' is not a regular expression"),
        ({"client_ids": "entry"}, "needs a group that names the intent"),
        ({"amount": 0.1, "side": "long"}, "side must be 'buy' or 'sell', not 'long'"),
        ({"amount": 0.1, "symbol": "BTC"}, "no market 'BTC'; there are "),
        ({"amonut": 0.1}, "'amonut' is not one of symbol, side, amount"),
    ],
)
def test_a_table_that_makes_no_sense_is_refused(table: dict[str, Any], match: str) -> None:
    """Before the run: a rule that never judges looks like a rule that is kept."""
    with pytest.raises(ConfigurationError, match=match):
        intents(**table)


def test_the_oldest_intents_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bot of a long run declares millions; those that are named by client ids, too."""
    monkeypatch.setattr(module, "INTENTS_KEPT_MAX", 2)
    known = intents(client_ids=r"(.*)-\d+")
    old = known.declare(BTC, "buy", 0.1, 10)
    named = known.of(order("a-1"), 20)
    known.of(order("b-1"), 20)
    assert known.numbered(old.number) is None
    assert known.of(order(), 20) is None
    assert known.of(order("a-2"), 20) is named
    known.of(order("c-1"), 20)
    assert known.of(order("a-3"), 20) is not named


def judged(bot: Any, table: dict[str, Any]) -> Verdict:
    """The verdict on a bot in a calm half hour."""

    async def main() -> Verdict:
        exchange = FailingExchange(seed=3)
        judge = Judge(exchange.venue, intent=table)
        ending = await JudgedRun(bot=bot, exchange=exchange, seconds=1_800.0, judge=judge).play()
        return judge.verdict(crashed=ending.crashed, returned=ending.returned)

    return simulate(main(), seed=3)


@pytest.mark.parametrize(
    ("names", "outcome"),
    [(("entry-1", "entry-2"), Outcome.FAIL), (("entry-1", "other-1"), Outcome.PASS)],
)
def test_a_bot_is_judged_by_its_client_ids(names: tuple[str, ...], outcome: Outcome) -> None:
    """Two filled tries of one intent are one order too many; two intents are two orders."""

    async def buys(exchange: Any) -> None:
        for name in names:
            more = {"clientOrderId": name}
            await exchange.create_order(BTC, "market", "buy", 0.1, None, more)
        await asyncio.sleep(1_000)

    assert judged(buys, {"client_ids": r"(.*)-\d+"}).result("once").outcome is outcome
