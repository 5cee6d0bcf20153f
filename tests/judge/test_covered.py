"""A position and its stop: what gives a bot more time, and which positions are to have one."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

from failing_exchange import FailingExchangeError
from failing_exchange.explorer.trial import run
from failing_exchange.explorer.world import FaultSpec, World
from failing_exchange.judge.intents import intend
from failing_exchange.judge.rule import Outcome, Result

BTC = "BTC/USDT"


def covered(bot: Any, *faults: FaultSpec) -> Result:
    """What the rule says of a bot after half an hour."""
    verdict = run(bot, World(seed=1, seconds=1_800.0, faults=faults)).verdict
    assert verdict is not None
    return verdict.result("covered")


async def buys_to_be_covered(exchange: Any) -> None:
    with intend(BTC, "buy", 0.01, covered_within=60):
        await exchange.create_order(BTC, "market", "buy", 0.01)


async def places_a_stop(exchange: Any, share: float) -> Any:
    price = exchange.price_to_precision(BTC, (await exchange.fetch_ticker(BTC))["bid"] * share)
    stop = {"stopLossPrice": float(price)}
    return await exchange.create_order(BTC, "market", "sell", 0.00999, None, stop)


async def sends_the_same_wrong_stop(exchange: Any) -> None:
    await buys_to_be_covered(exchange)
    while True:
        with suppress(FailingExchangeError):
            await places_a_stop(exchange, 1.05)
        await asyncio.sleep(55)


async def looks_for_what_never_was(exchange: Any) -> None:
    await buys_to_be_covered(exchange)
    while True:
        with suppress(FailingExchangeError):
            await exchange.fetch_order("999", BTC)
        await asyncio.sleep(50)


def tries_each(seconds: float) -> Any:
    """A bot that tries so often until its stop stands."""

    async def bot(exchange: Any) -> None:
        await buys_to_be_covered(exchange)
        while True:
            with suppress(FailingExchangeError):
                await places_a_stop(exchange, 0.9)
                break
            await asyncio.sleep(seconds)
        await asyncio.sleep(1_000)

    return bot


async def covers_one_and_then_wants_none(exchange: Any) -> None:
    await buys_to_be_covered(exchange)
    stop = await places_a_stop(exchange, 0.9)
    await asyncio.sleep(300)
    await exchange.cancel_order(stop["id"], BTC)
    await exchange.create_order(BTC, "market", "sell", 0.00999)
    await asyncio.sleep(60)
    with intend(BTC, "buy", 0.01):
        await exchange.create_order(BTC, "market", "buy", 0.01)
    await asyncio.sleep(1_000)


async def forgets_the_second(exchange: Any) -> None:
    await covers_one_and_then_wants_none(exchange)
    await buys_to_be_covered(exchange)
    await asyncio.sleep(200)


def test_a_refusal_that_the_bot_could_have_avoided_gives_no_more_time() -> None:
    """A stop on the wrong side of the market covers nothing, however often it is sent."""
    for bot in (sends_the_same_wrong_stop, looks_for_what_never_was):
        result = covered(bot)
        assert result.outcome is Outcome.FAIL
        assert "without its stop for 30 min, where 60 s were meant" in result.why


def test_who_tries_again_when_the_venue_fails_has_more_time() -> None:
    """Overload, silence: after each the clock starts again."""
    for kind in ("reject_request", "lose_request"):
        fields = {"why": "unavailable"} if kind == "reject_request" else {}
        fault = FaultSpec(kind, "after(1) & first(5)", ("create_order",), fields)
        assert covered(tries_each(30), fault).outcome is Outcome.PASS


def test_a_stop_that_was_acknowledged_but_never_arrived_gives_more_time() -> None:
    """Its client finds out by looking; until then it has done what it could."""

    async def bot(exchange: Any) -> None:
        await buys_to_be_covered(exchange)
        await asyncio.sleep(50)
        await places_a_stop(exchange, 0.9)
        await asyncio.sleep(50)
        if not await exchange.fetch_open_orders(BTC):
            await places_a_stop(exchange, 0.9)

    phantom = FaultSpec("phantom_success", "nth(2)", ("create_order",), {})
    assert covered(bot, phantom).outcome is Outcome.PASS


def test_what_the_operator_has_locked_needs_no_stop() -> None:
    """Nobody can sell it; what is left of the position still has to be covered."""
    lock = {"asset": "BTC", "part": 1.0, "lasts": 200.0}
    locked = FaultSpec("lock_funds", "nth(1)", ("fetch_ticker",), lock)
    assert covered(tries_each(50), locked).outcome is Outcome.PASS
    assert "for 2 min 30 s" in covered(tries_each(350), locked).why  # since it was let go


def test_while_a_market_is_halted_nobody_is_late() -> None:
    """The clock starts when it opens, even for who has not asked all the while."""
    halt = FaultSpec("halt_market", "nth(1)", ("fetch_ticker",), {"lasts": 200.0})
    assert covered(tries_each(250), halt).outcome is Outcome.PASS


async def gives_up_its_stop_in_a_halt(exchange: Any) -> None:
    await buys_to_be_covered(exchange)
    stop = await places_a_stop(exchange, 0.9)
    await exchange.fetch_order_book(BTC)  # the market is halted with it
    await exchange.cancel_order(stop["id"], BTC)
    await asyncio.sleep(220)
    await places_a_stop(exchange, 0.9)
    await asyncio.sleep(1_000)


def test_a_stop_that_is_gone_in_a_halt_is_missed_from_the_opening_on() -> None:
    """The clock starts no sooner than somebody could place one."""
    halt = FaultSpec("halt_market", "nth(1)", ("fetch_order_book",), {"lasts": 200.0})
    assert covered(gives_up_its_stop_in_a_halt, halt).outcome is Outcome.PASS
    longer = FaultSpec("halt_market", "nth(1)", ("fetch_order_book",), {"lasts": 100.0})
    assert "for 2 min, where 60 s were meant" in covered(gives_up_its_stop_in_a_halt, longer).why


def test_only_what_was_bought_to_be_covered_needs_a_stop() -> None:
    """The wish belongs to its intent, and not to the market for ever."""
    assert covered(covers_one_and_then_wants_none).outcome is Outcome.PASS
    assert "for 3 min 20 s" in covered(forgets_the_second).why


def test_an_answer_with_nothing_in_it_gives_more_time() -> None:
    """It says success, and no bot can read a price, or an amount, from it."""

    async def bot(exchange: Any) -> None:
        await buys_to_be_covered(exchange)
        while True:
            ticker = await exchange.fetch_ticker(BTC)
            if ticker is not None:
                break
            await asyncio.sleep(30)
        await asyncio.sleep(25)
        await places_a_stop(exchange, 0.9)

    empty = FaultSpec("null_answer", "first(4)", ("fetch_ticker",))
    assert covered(bot, empty).outcome is Outcome.PASS
