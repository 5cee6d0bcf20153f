"""Each rule has a bot that breaks it, and no other, and a bot that keeps it in the same world."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from failing_exchange import FailingExchange, FailingExchangeError, simulate
from failing_exchange.faults.triggers import parse
from failing_exchange.judge.catalogue import RULES
from failing_exchange.judge.intents import intend
from failing_exchange.judge.judge import Judge
from failing_exchange.judge.probe import probe
from failing_exchange.judge.rule import Outcome
from failing_exchange.judge.verdict import Verdict
from failing_exchange.runs.bot_process import JudgedRun
from tests.judge.position_stories import POSITION_STORIES, Story

Bot = Callable[[Any], Awaitable[None]]
BTC = "BTC/USDT"
SECONDS = 1_800.0


def fault(kind: str, when: str, *operations: str, **fields: Any) -> dict[str, Any]:
    return {"kind": kind, "when": when, "operations": operations, **fields}


async def buy(exchange: Any, amount: float = 0.1, **more: Any) -> Any:
    return await exchange.create_order(BTC, "limit", "buy", amount, 60_000, more)


# ---- once


async def two_orders_for_one(exchange: Any) -> None:
    with intend(BTC, "buy", 0.1):
        await buy(exchange)
        await buy(exchange)


async def one_order_for_one(exchange: Any) -> None:
    with intend(BTC, "buy", 0.1):
        await buy(exchange)


# ---- resolves: the request was lost, so that nothing is bought twice


async def sends_again_unasked(exchange: Any) -> None:
    with intend(BTC, "buy", 0.1):
        with suppress(FailingExchangeError):
            await buy(exchange, clientOrderId="one")
        await buy(exchange, clientOrderId="two")


async def asks_first(exchange: Any) -> None:
    with intend(BTC, "buy", 0.1):
        with suppress(FailingExchangeError):
            await buy(exchange, clientOrderId="one")
        await asyncio.sleep(10)
        with suppress(FailingExchangeError):
            await exchange.fetch_order("", BTC, {"clientOrderId": "one"})
        await buy(exchange, clientOrderId="two")


# ---- converges, monotone, books_fees: what a bot believes


async def believes_too_little(exchange: Any) -> None:
    probe(positions=lambda: {BTC: 0.0})
    await buy(exchange)
    await keeps_reading(exchange)


async def believes_what_is(exchange: Any) -> None:
    held: dict[str, float] = {BTC: 0.0}
    probe(positions=lambda: held)
    order = await buy(exchange)
    held[BTC] = order["filled"] - sum(fee["cost"] for fee in order["fees"])
    await keeps_reading(exchange)


async def keeps_reading(exchange: Any) -> None:
    while True:
        with suppress(FailingExchangeError):
            await exchange.fetch_balance()
        await asyncio.sleep(60)


async def believes_an_ended_order_open(exchange: Any) -> None:
    order = await exchange.create_order(BTC, "limit", "buy", 0.1, 40_000)
    await exchange.cancel_order(order["id"], BTC)
    beliefs: list[tuple[str, ...]] = [(order["id"],)]
    probe(open_orders=lambda: beliefs[0])
    await asyncio.sleep(600)
    beliefs[0] = ()
    await keeps_reading(exchange)


async def believes_it_ended(exchange: Any) -> None:
    order = await exchange.create_order(BTC, "limit", "buy", 0.1, 40_000)
    await exchange.cancel_order(order["id"], BTC)
    probe(open_orders=lambda: ())
    await keeps_reading(exchange)


async def forgets_the_fee(exchange: Any) -> None:
    began = (await exchange.fetch_balance())["BTC"]["total"]
    owned = {"BTC": began}
    probe(balances=lambda: owned)
    order = await buy(exchange)
    owned["BTC"] += order["filled"]
    await asyncio.sleep(30)


async def books_the_fee(exchange: Any) -> None:
    began = (await exchange.fetch_balance())["BTC"]["total"]
    owned = {"BTC": began}
    probe(balances=lambda: owned)
    order = await buy(exchange)
    owned["BTC"] += order["filled"] - sum(fee["cost"] for fee in order["fees"])
    await asyncio.sleep(30)


# ---- alive


async def dies(exchange: Any) -> None:
    await exchange.fetch_ticker(BTC)
    raise KeyError("bid")


async def lives(exchange: Any) -> None:
    await keeps_reading(exchange)


# ---- backs_off, no_hot_loop, keeps_time, stops


async def asks_inside_the_ban(exchange: Any) -> None:
    for _ in range(3):
        with suppress(FailingExchangeError):
            await exchange.fetch_ticker(BTC)
        await asyncio.sleep(1)


async def waits_out_the_ban(exchange: Any) -> None:
    for _ in range(3):
        try:
            await exchange.fetch_ticker(BTC)
        except FailingExchangeError as error:
            await asyncio.sleep(getattr(error, "retry_after", 0) + 1)


async def same_order_for_ever(exchange: Any) -> None:
    for _ in range(10):
        with suppress(FailingExchangeError):
            await exchange.create_order(BTC, "limit", "buy", 0.1, 40_000)
        await asyncio.sleep(10)


async def gives_up_soon(exchange: Any) -> None:
    for _ in range(3):
        with suppress(FailingExchangeError):
            await exchange.create_order(BTC, "limit", "buy", 0.1, 40_000)
        await asyncio.sleep(10)


async def never_sets_its_clock(exchange: Any) -> None:
    for _ in range(6):
        with suppress(FailingExchangeError):
            await exchange.fetch_balance()
        await asyncio.sleep(5)


async def sets_its_clock(exchange: Any) -> None:
    for _ in range(6):
        try:
            await exchange.fetch_balance()
        except FailingExchangeError:
            await exchange.fetch_time()
        await asyncio.sleep(5)


async def trades_on_with_a_dead_key(exchange: Any) -> None:
    for n in range(5):
        with suppress(FailingExchangeError):
            await exchange.create_order(BTC, "limit", "buy", 0.1 + n / 100, 40_000)
        await asyncio.sleep(30)


async def stops_with_a_dead_key(exchange: Any) -> None:
    with suppress(FailingExchangeError):
        await exchange.create_order(BTC, "limit", "buy", 0.1, 40_000)


# ---- fresh, obeys_filters, sells_free


async def trades_on_an_old_price(exchange: Any) -> None:
    ticker = await exchange.fetch_ticker(BTC)
    await asyncio.sleep(300)
    await exchange.create_order(BTC, "limit", "buy", 0.1, round(ticker["bid"] * 0.9, 2))


async def looks_again_first(exchange: Any) -> None:
    await exchange.fetch_ticker(BTC)
    await asyncio.sleep(300)
    ticker = await exchange.fetch_ticker(BTC)
    await exchange.create_order(BTC, "limit", "buy", 0.1, round(ticker["bid"] * 0.9, 2))


async def ignores_the_minimum(exchange: Any) -> None:
    with suppress(FailingExchangeError):
        await exchange.create_order(BTC, "limit", "buy", 0.00001, 40_000)


async def heeds_the_minimum(exchange: Any) -> None:
    least = exchange.markets[BTC]["limits"]["cost"]["min"]
    await exchange.create_order(BTC, "limit", "buy", 2 * least / 40_000, 40_000)


async def sells_the_gross(exchange: Any) -> None:
    await buy(exchange)
    with suppress(FailingExchangeError):
        await exchange.create_order(BTC, "market", "sell", 0.1)


async def sells_the_net(exchange: Any) -> None:
    await buy(exchange)
    free = (await exchange.fetch_balance())["BTC"]["free"]
    await exchange.create_order(
        BTC, "market", "sell", float(exchange.amount_to_precision(BTC, free))
    )


# ---- resyncs, covered


async def trades_after_a_break_unseen(exchange: Any) -> None:
    with suppress(FailingExchangeError):
        await exchange.watch_orders(BTC)
    await exchange.create_order(BTC, "limit", "buy", 0.1, 40_000)


async def looks_after_a_break(exchange: Any) -> None:
    with suppress(FailingExchangeError):
        await exchange.watch_orders(BTC)
    await exchange.fetch_open_orders(BTC)
    await exchange.create_order(BTC, "limit", "buy", 0.1, 40_000)


async def with_a_second_client(exchange: Any, then: Bot) -> None:
    """Something happens on the account, so that its feed has something to say."""
    task = asyncio.get_running_loop().create_task(_later(exchange))
    try:
        await then(exchange)
    finally:
        await task


async def _later(exchange: Any) -> None:
    await asyncio.sleep(5)
    await exchange.create_order(BTC, "limit", "buy", 0.1, 39_000)


async def break_unseen(exchange: Any) -> None:
    await with_a_second_client(exchange, trades_after_a_break_unseen)


async def break_seen(exchange: Any) -> None:
    await with_a_second_client(exchange, looks_after_a_break)


async def goes_naked(exchange: Any) -> None:
    with intend(BTC, "buy", 0.1, covered_within=60):
        await buy(exchange)
    await asyncio.sleep(600)


async def places_its_stop(exchange: Any) -> None:
    with intend(BTC, "buy", 0.1, covered_within=60):
        await buy(exchange)
    await exchange.create_order(BTC, "market", "sell", 0.0999, None, {"stopLossPrice": 40_000})
    await asyncio.sleep(600)


STORIES: dict[str, Story] = {
    "once": Story((), two_orders_for_one, one_order_for_one),
    "converges": Story((fault("time_out", "nth(1)", "fetch_balance"),), believes_too_little,
                       believes_what_is),
    "alive": Story((), dies, lives),
    "backs_off": Story((fault("rate_limited", "nth(1)", "fetch_ticker", retry_after=60),),
                       asks_inside_the_ban, waits_out_the_ban),
    "no_hot_loop": Story((fault("reject_request", "always", "create_order",
                                why="insufficient_funds"),), same_order_for_ever, gives_up_soon),
    "resolves": Story((fault("lose_request", "nth(1)", "create_order"),), sends_again_unasked,
                      asks_first),
    "monotone": Story((), believes_an_ended_order_open, believes_it_ended),
    "fresh": Story((), trades_on_an_old_price, looks_again_first),
    "resyncs": Story((fault("break_feed", "nth(1)", "watch_orders"),), break_unseen, break_seen),
    "obeys_filters": Story((), ignores_the_minimum, heeds_the_minimum),
    "keeps_time": Story((fault("clock_skew", "always", "fetch_balance", ahead=2.0),),
                        never_sets_its_clock, sets_its_clock),
    "covered": Story((), goes_naked, places_its_stop),
    "sells_free": Story((), sells_the_gross, sells_the_net, {"USDT": 10_000.0}),
    "books_fees": Story((), forgets_the_fee, books_the_fee),
    "stops": Story((fault("reject_request", "always", "create_order", why="key_refused"),),
                   trades_on_with_a_dead_key, stops_with_a_dead_key),
    **POSITION_STORIES,
}  # fmt: skip


def judged(story: Story, bot: Bot) -> Verdict:
    """The verdict on a bot in a story's world."""

    async def main() -> Verdict:
        exchange = FailingExchange(
            seed=3, balances=story.balances, markets=story.markets and list(story.markets)
        )
        for one in story.faults:
            given = dict(one)
            exchange.arm(given.pop("kind"), parse(given.pop("when")), **given)
        if story.rate_limit is not None:
            exchange.set_rate_limit(story.rate_limit)
        for after, command in story.incidents:
            exchange.venue.plan_incident(round(after * 1e9), command)
        judge = Judge(exchange.venue, options=story.options)
        ending = await JudgedRun(bot=bot, exchange=exchange, seconds=SECONDS, judge=judge).play()
        return judge.verdict(crashed=ending.crashed, returned=ending.returned)

    return simulate(main(), seed=3)


def test_every_rule_has_its_story() -> None:
    """A rule that nobody was seen to break may be blind."""
    assert set(STORIES) == set(RULES)


def test_the_manual_has_every_rule() -> None:
    """With its severity, its sentence and the defaults of its parameters."""
    pages = Path(__file__).parents[2] / "docs" / "conduct.md"
    rows = [line for line in pages.read_text("utf-8").splitlines() if line.startswith("| `")]
    for name, rule in RULES.items():
        given = inspect.signature(rule).parameters.values()
        shown = (one for one in given if isinstance(one.default, int | float))
        defaults = ", ".join(f"{one.name}={one.default:g}" for one in shown)
        row = f"| `{name}` | {rule.invariant} | {rule.severity} | {rule.sentence} | {defaults} |"
        assert row in rows


@pytest.mark.parametrize("rule", RULES)
def test_a_bot_breaks_this_rule_and_no_other(rule: str) -> None:
    """So it sees what it is for, and the others do not cry wolf."""
    verdict = judged(STORIES[rule], STORIES[rule].breaks)
    assert [result.rule for result in verdict.failures] == [rule], str(verdict)
    breach = verdict.result(rule).breaches[0]
    assert breach.text
    assert breach.at


@pytest.mark.parametrize("rule", RULES)
def test_a_bot_keeps_it_in_the_same_world(rule: str) -> None:
    """And it is judged to: not merely not judged."""
    verdict = judged(STORIES[rule], STORIES[rule].keeps)
    assert verdict.passed, str(verdict)
    assert verdict.result(rule).outcome is Outcome.PASS, verdict.result(rule).why
