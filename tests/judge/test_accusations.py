"""Who is accused of what: the order, the amount, the instant and the rows, to the letter."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import pytest

from failing_exchange import ConfigurationError, FailingExchange, FailingExchangeError, simulate
from failing_exchange.core.commands import Freeze
from failing_exchange.core.units import ATOMS
from failing_exchange.faults.triggers import parse
from failing_exchange.judge.intents import intend
from failing_exchange.judge.judge import Judge
from failing_exchange.judge.probe import Probe, probe
from failing_exchange.judge.rule import Outcome, Result
from failing_exchange.runs.bot_process import JudgedRun

BTC = "BTC/USDT"
SECONDS = 1_800.0
START = "2026-01-05T00:00:00Z"
Fault = tuple[str, str, str, Mapping[str, Any]]


def found(
    rule: str, bot: Any, *faults: Fault, options: Mapping[str, Any] = {}
) -> tuple[Result, Judge]:
    """What a rule says of a bot after half an hour."""

    async def main() -> tuple[Result, Judge]:
        exchange = FailingExchange(seed=3)
        for kind, when, operation, fields in faults:
            exchange.arm(kind, parse(when), operations=operation, **fields)
        judge = Judge(exchange.venue, options={rule: options} if options else {})
        ending = await JudgedRun(bot=bot, exchange=exchange, seconds=SECONDS, judge=judge).play()
        return judge.verdict(crashed=ending.crashed).result(rule), judge

    return simulate(main(), seed=3, start=START)


# ---- monotone: what the bot still believes of what has ended


def believes_open(names: Sequence[str], *, orders: int = 1, seconds: float = 600.0) -> Any:
    """A bot that cancels orders and for so long still believes those of that name open."""

    async def bot(exchange: Any) -> None:
        for n in range(orders):
            name = {"clientOrderId": f"mine-{n + 1}"}
            order = await exchange.create_order(BTC, "limit", "buy", 0.01, 40_000, name)
            await exchange.cancel_order(order["id"], BTC)
        believed = list(names)
        probe(open_orders=lambda: believed)
        await asyncio.sleep(seconds)
        believed.clear()
        await asyncio.sleep(SECONDS)

    return bot


@pytest.mark.parametrize("name", ["1", "mine-1"])
def test_an_ended_order_is_recognized_by_either_of_its_names(name: str) -> None:
    """A bot calls its orders by its own ids or by the exchange's, and is told once."""
    result, _ = found("monotone", believes_open([name]))
    assert result.why == "believes order 1 open, which it was told has ended"
    assert result.times == 1


def test_each_ended_order_is_told() -> None:
    """Two mistakes are two, and an order that the bot has right is none."""
    result, _ = found("monotone", believes_open(["1", "mine-3"], orders=3))
    assert [breach.text[:22] for breach in result.breaches] == [
        "believes order 1 open,", "believes order 3 open,",
    ]  # fmt: skip


@pytest.mark.parametrize(("seconds", "outcome"), [(170.0, "pass"), (200.0, "fail")])
def test_an_end_may_be_noticed_a_little_late(seconds: float, outcome: str) -> None:
    """It is asked each minute: two minutes after it was told it must know, and not before."""
    assert str(found("monotone", believes_open(["1"], seconds=seconds))[0].outcome) == outcome


async def tells_its_balances(exchange: Any) -> None:
    probe(balances=lambda: {"USDT": 1.0})
    await asyncio.sleep(SECONDS)


def test_who_does_not_tell_its_orders_is_not_judged_by_them() -> None:
    """Its balances say nothing about orders: "pass" would claim that somebody has looked."""
    assert found("monotone", tells_its_balances)[0].outcome is Outcome.NOT_JUDGED
    for asked in (believes_open([]), believes_to_have_gained(0.0)):
        assert found("monotone", asked)[0].outcome is Outcome.PASS


def believes_to_have_gained(amount: float, *, side: str = "buy") -> Any:
    """A bot that has traded 0.01 BTC, and believes this."""

    async def bot(exchange: Any) -> None:
        await exchange.create_order(BTC, "market", side, 0.01)
        probe(positions=lambda: {BTC: amount})
        await asyncio.sleep(SECONDS)

    return bot


@pytest.mark.parametrize(
    ("side", "amount", "outcome"),
    [
        ("buy", 0.01001, "pass"), ("buy", 0.01002, "fail"), ("buy", -0.00001, "pass"),
        ("buy", -0.00002, "fail"), ("sell", -0.01001, "pass"), ("sell", -0.01002, "fail"),
    ],
)  # fmt: skip
def test_more_than_all_trades_make_was_counted_twice(
    side: str, amount: float, outcome: str
) -> None:
    """To the smallest step of the market, bought or sold; one step is rounding."""
    result, _ = found("monotone", believes_to_have_gained(amount, side=side))
    assert str(result.outcome) == outcome
    if outcome == "fail":
        assert result.why == f"believes to hold {amount:.8g} BTC, more than all its trades make"
        assert result.times == 1


# ---- converges: an order that the bot was never told of


LOST: Fault = ("lose_answer", "first(2)", "create_order", {})


async def buys_unheard(exchange: Any, price: float, amount: float = 0.1) -> None:
    with suppress(FailingExchangeError):
        await exchange.create_order(BTC, "limit", "buy", amount, price)


async def leaves_an_order(exchange: Any) -> None:
    await buys_unheard(exchange, 40_000)
    await asyncio.sleep(SECONDS)


def test_an_order_that_nobody_knows_of_is_told_with_all_that_shows_it() -> None:
    """The author looks for the request, the order's row, the time and the money, in that order."""
    result, judge = found("converges", leaves_an_order, LOST)
    [breach] = result.breaches
    order = judge.facts.orders[1]
    trip = next(t for t in judge.venue.journal.trips if t.operation == "create_order")
    assert breach.text == (
        "was never told of order 1, which is open, because the answer to its first order "
        f"(trip {trip.number}) was lost"
    )
    assert breach.trips == (trip.number,)
    assert breach.row == repr(order.order)
    assert breach.at == order.accepted_at
    assert breach.money == judge.facts.money(BTC, order.order.remaining, judge.venue.clock.now())
    assert breach.money
    assert (breach.operation, breach.symbol) == ("create_order", BTC)


async def leaves_one_of_two(exchange: Any) -> None:
    for price in (70_000, 40_000):
        await buys_unheard(exchange, price, 0.01)
    await asyncio.sleep(SECONDS)


def test_an_unknown_order_that_is_filled_hides_none_that_is_open() -> None:
    """The first has ended, and says nothing about the second."""
    result, judge = found("converges", leaves_one_of_two, LOST)
    strangers = [b.text for b in result.breaches if b.text.startswith("was never told of")]
    assert [text[:44] for text in strangers] == ["was never told of order 2, which is open, be"]
    verdict = judge.verdict()
    assert (verdict.placed, verdict.orphans) == (2, 2), "the venue has accepted both"


def gives_up_before(ago: float) -> Any:
    """A bot that stops waiting for an order's answer, so long before the end."""

    async def bot(exchange: Any) -> None:
        await asyncio.sleep(SECONDS - ago)
        with suppress(asyncio.TimeoutError):
            order = exchange.create_order(BTC, "limit", "buy", 0.1, 40_000)
            await asyncio.wait_for(order, 0.000_001)
        await asyncio.sleep(SECONDS)

    return bot


@pytest.mark.parametrize(("ago", "outcome"), [(250.0, "pass"), (350.0, "fail")])
def test_there_is_time_to_look_for_an_order(ago: float, outcome: str) -> None:
    """Five minutes, unless the rule is told otherwise."""
    assert str(found("converges", gives_up_before(ago))[0].outcome) == outcome


# ---- resolves: what happened, beside what the bot made of it


def sends_again(price: float) -> Any:
    async def bot(exchange: Any) -> None:
        with intend(BTC, "buy", 0.1):
            await buys_unheard(exchange, price)
            await buys_unheard(exchange, price)
        await asyncio.sleep(SECONDS)

    return bot


@pytest.mark.parametrize(
    ("kind", "price", "row"),
    [
        ("lose_request", 40_000, "nothing happened"),
        ("lose_answer", 40_000, "OrderAccepted"),
        ("lose_answer", 60_000, "OrderAccepted, OrderFilled"),
    ],
)
def test_what_became_of_the_first_order_stands_beside_the_second(
    kind: str, price: float, row: str
) -> None:
    """Whether the second was one too many depends on it, and only the exchange has seen it."""
    result, _ = found("resolves", sends_again(price), (kind, "nth(1)", "create_order", {}))
    assert [breach.row for breach in result.breaches] == [row]


# ---- the probe


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({}, "probe(): give positions=, open_orders=, balances= or equity="),
        ({"positions": None}, "probe(): give positions=, open_orders=, balances= or equity="),
        ({"positions": {BTC: 1}},
         "probe(positions={'BTC/USDT': 1}): expected a function without arguments"),
        ({"open_orders": ["1"]},
         "probe(open_orders=['1']): expected a function without arguments"),
        ({"balances": 0}, "probe(balances=0): expected a function without arguments"),
    ],
)  # fmt: skip
def test_a_probe_that_asks_nothing_is_refused(given: Any, text: str) -> None:
    """At once, with what was given and what is expected."""
    with pytest.raises(ConfigurationError) as error:
        Probe(**given)
    assert str(error.value) == text


def test_a_probe_asks_what_it_was_given_and_nothing_else() -> None:
    """None means "not asked": an empty answer would accuse a bot of what it never said."""
    asked = Probe(open_orders=lambda: iter(["1", "two"])).sample(7)
    assert asked == (7, None, ("1", "two"), None, None, None)
    asked = Probe(positions=lambda: {BTC: 1}, balances=dict).sample(8)
    assert asked == (8, {BTC: 1.0}, None, {}, None, None)


# ---- sells_free: what the venue said before a restart is forgotten


@pytest.mark.parametrize(("restarts", "outcome"), [(True, "pass"), (False, "fail")])
def test_a_restarted_bot_may_ask_once_more(restarts: bool, outcome: str) -> None:
    """The venue's "nothing is free" went to a process that has ended; the new one must ask."""

    async def main() -> Result:
        exchange = FailingExchange(seed=3, balances={"BTC": 1.0})
        judge = Judge(exchange.venue)

        async def bot(client: Any) -> None:
            await client.fetch_balance()
            exchange.venue.gateway.operate(Freeze("main", "BTC", ATOMS))
            for attempt in range(2):
                with suppress(FailingExchangeError):
                    await client.create_order(BTC, "market", "sell", 0.5)
                if restarts and not attempt:
                    judge.restarted()
                await asyncio.sleep(60)

        await JudgedRun(bot=bot, exchange=exchange, seconds=SECONDS, judge=judge).play()
        return judge.verdict().result("sells_free")

    assert str(simulate(main(), seed=3).outcome) == outcome
