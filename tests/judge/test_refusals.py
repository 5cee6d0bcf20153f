"""What a bot may do after a final no, and what it could not have done otherwise.

Each rule has a keeper here that it used to accuse, and a breaker in the same world.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from failing_exchange import FailingExchange, FailingExchangeError, simulate
from failing_exchange.core.commands import MovePrice
from failing_exchange.explorer import targets
from failing_exchange.explorer.world import FaultSpec, World
from failing_exchange.faults.operations import PRIVATE_CALLS
from failing_exchange.faults.triggers import parse
from failing_exchange.judge.judge import Judge
from failing_exchange.judge.rule import Outcome, Result
from failing_exchange.judge.rules.back_off import FINAL, FOR_THE_ACCOUNT, FOR_THE_REQUEST
from failing_exchange.runs.bot_process import JudgedRun
from failing_exchange.venue.default_world import MARKETS

BTC = "BTC/USDT"
Fault = tuple[str, str, tuple[str, ...], dict[str, Any]]
ORDERS = ("create_order", "cancel_order")


def judged(rule: str, bot: Any, *faults: Fault, **options: Any) -> Result:
    """What one rule says after an hour; no fault has a say in the others."""

    async def main() -> Result:
        exchange = FailingExchange(seed=3, **options)
        for kind, when, operations, fields in faults:
            exchange.arm(kind, parse(when), operations=operations, **fields)
        judge = Judge(exchange.venue)
        ending = await JudgedRun(bot=bot, exchange=exchange, seconds=3_600.0, judge=judge).play()
        return judge.verdict(crashed=ending.crashed, returned=ending.returned).result(rule)

    return simulate(main(), seed=3)


def refusing(why: str, *operations: str, **fields: Any) -> Fault:
    return ("reject_request", "always", operations, {"why": why, **fields})


def repeats(call: Any, pause: float) -> Any:
    """A bot that does the same for ever, at its pace."""

    async def bot(exchange: Any) -> None:
        while True:
            with suppress(FailingExchangeError):
                await call(exchange)
            await asyncio.sleep(pause)

    return bot


async def asks_for_the_status(exchange: Any) -> None:
    await exchange.fetch_status()


async def reads(exchange: Any) -> None:
    await exchange.fetch_balance()


async def reads_and_prices(exchange: Any) -> None:
    with suppress(FailingExchangeError):
        await exchange.fetch_balance()
    await exchange.fetch_ticker(BTC)


async def buys(exchange: Any) -> None:
    await exchange.create_order(BTC, "limit", "buy", 0.1, 40_000)


async def buys_other_amounts(exchange: Any) -> None:
    amount = 0.1 + exchange.journal.last / 1_000
    await exchange.create_order(BTC, "limit", "buy", round(amount, 3), 40_000)


async def buys_between_reads(exchange: Any) -> None:
    with suppress(FailingExchangeError):
        await buys_other_amounts(exchange)
    await exchange.fetch_balance()


GONE = refusing("not_supported", "fetch_status")
SHUT_OUT = refusing("restricted_location")
NO_KEY = refusing("key_refused", *ORDERS)
NO_RIGHT = refusing("permission_denied", "create_order")


@pytest.mark.parametrize(
    ("rule", "fault", "keeps", "breaks"),
    [
        ("no_hot_loop", GONE, repeats(asks_for_the_status, 60), repeats(asks_for_the_status, 1)),
        ("stops", GONE, repeats(asks_for_the_status, 60), None),
        ("no_hot_loop", SHUT_OUT, repeats(reads_and_prices, 60), repeats(reads_and_prices, 1)),
        ("stops", SHUT_OUT, repeats(reads_and_prices, 60), repeats(reads, 1)),
        ("stops", NO_KEY, repeats(reads, 60), repeats(buys_between_reads, 60)),
        ("stops", NO_KEY, repeats(buys, 3_000), repeats(buys, 600)),
        ("stops", NO_RIGHT, repeats(reads, 60), repeats(buys_between_reads, 60)),
        ("no_hot_loop", refusing("insufficient_funds", "create_order"), repeats(buys, 250),
         repeats(buys, 60)),
    ],
)  # fmt: skip
def test_a_poller_goes_on_and_a_trader_stops(
    rule: str, fault: Fault, keeps: Any, breaks: Any
) -> None:
    """Once a minute is no hot loop; an order that is refused for good is not sent for ever."""
    assert judged(rule, keeps, fault).outcome is Outcome.PASS
    if breaks is not None:
        assert judged(rule, breaks, fault).outcome is Outcome.FAIL


def test_three_tries_a_minute_are_a_loop() -> None:
    """A pause behind each three does not make them one."""

    async def thrice(exchange: Any) -> None:
        for _ in range(3):
            with suppress(FailingExchangeError):
                await exchange.fetch_status()

    assert judged("no_hot_loop", repeats(thrice, 60), GONE).outcome is Outcome.FAIL


def test_every_final_refusal_is_of_one_kind() -> None:
    """Of this request, or of this account: each has its right behaviour in the docs."""
    assert not FOR_THE_REQUEST & FOR_THE_ACCOUNT
    assert FINAL == FOR_THE_REQUEST | FOR_THE_ACCOUNT


def tidies_up(again: int) -> Any:
    """A bot whose key is refused with five orders open: it tries to cancel each."""

    async def bot(exchange: Any) -> None:
        orders = [
            await exchange.create_order(BTC, "limit", "buy", 0.1, 40_000 + n) for n in range(5)
        ]
        with suppress(FailingExchangeError):
            await exchange.fetch_open_orders(BTC)
        for _ in range(again):
            for order in orders:
                with suppress(FailingExchangeError):
                    await exchange.cancel_order(order["id"], BTC)

    return bot


def test_each_order_may_be_canceled_once_more() -> None:
    """Who is shut out tries to leave nothing behind; once."""
    fault = refusing("key_refused", "fetch_open_orders", "cancel_order")
    assert judged("stops", tidies_up(1), fault).outcome is Outcome.PASS
    assert judged("stops", tidies_up(2), fault).outcome is Outcome.FAIL


def at_once(call: Any, times: int) -> Any:
    """A bot that has several requests on their way at the same time."""

    async def bot(exchange: Any) -> None:
        await asyncio.gather(*(call(exchange) for _ in range(times)), return_exceptions=True)
        await asyncio.sleep(3_000)

    return bot


def one_by_one(call: Any, times: int) -> Any:
    """The same requests, each behind the answer to the one before."""

    async def bot(exchange: Any) -> None:
        for _ in range(times):
            with suppress(FailingExchangeError):
                await call(exchange)

    return bot


async def sells_too_much(exchange: Any) -> None:
    await exchange.create_order(BTC, "limit", "sell", 0.1, 60_000)


async def ignores_a_step(exchange: Any) -> None:
    await exchange.create_order(BTC, "limit", "buy", 0.1, 40_000.12)


@pytest.mark.parametrize(
    ("rule", "call", "fault", "balances"),
    [
        ("no_hot_loop", buys, refusing("insufficient_funds", "create_order"), None),
        ("keeps_time", reads, ("clock_skew", "always", ("fetch_balance",), {"ahead": 2.0}), None),
        ("sells_free", sells_too_much,
         ("take_funds", "nth(1)", ("create_order",), {"asset": "BTC"}), {"BTC": 1.0}),
        ("obeys_filters", ignores_a_step,
         ("change_steps", "nth(1)", ("create_order",), {"price": 100}), None),
    ],
)  # fmt: skip
def test_what_was_on_its_way_is_no_repetition(
    rule: str, call: Any, fault: Fault, balances: Any
) -> None:
    """None of them had heard the no when it was sent."""
    assert judged(rule, at_once(call, 8), fault, balances=balances).outcome is Outcome.PASS
    assert judged(rule, one_by_one(call, 8), fault, balances=balances).outcome is Outcome.FAIL


async def looks_up(exchange: Any) -> None:
    await exchange.fetch_order("7", BTC)


@pytest.mark.parametrize(
    ("rule", "call", "fault", "borne"),
    [
        ("no_hot_loop", buys, refusing("insufficient_funds", "create_order"), 1 + 5),
        ("no_hot_loop", looks_up, refusing("order_not_found", "fetch_order"), 1 + 40),
        ("keeps_time", reads, refusing("clock_skew", "fetch_balance"), 1 + 2),
        ("stops", buys, NO_KEY, 1 + 3),
        ("stops", reads, refusing("key_refused", "fetch_balance"), 1 + 20),
    ],
)
def test_the_last_try_that_is_borne(rule: str, call: Any, fault: Fault, borne: int) -> None:
    """The documented number of tries behind the first is kept to the one."""
    assert judged(rule, one_by_one(call, borne), fault).outcome is Outcome.PASS
    assert judged(rule, one_by_one(call, borne + 1), fault).outcome is Outcome.FAIL


def test_a_nonce_is_not_a_clock() -> None:
    """No bot can mend it by setting its clock; a clock it can."""
    nonce = refusing("clock_skew", "fetch_balance", message="EAPI:Invalid nonce")
    assert judged("keeps_time", repeats(reads, 10), nonce).outcome is Outcome.PASS
    clock = refusing("clock_skew", "fetch_balance")
    assert judged("keeps_time", repeats(reads, 10), clock).outcome is Outcome.FAIL


def prices(*sources: str, pause: float = 60.0) -> Any:
    """A bot that looks at these, and prices an order from the first that makes sense."""

    async def bot(exchange: Any) -> None:
        while True:
            bids = []
            for source in sources:
                seen = await getattr(exchange, source)(BTC)
                book = source == "fetch_order_book"
                bid = (seen["bids"] or [[None]])[0][0] if book else seen["bid"]
                ask = (seen["asks"] or [[None]])[0][0] if book else seen["ask"]
                if bid and ask and bid < ask:
                    bids.append(bid)
            bids = bids or [50_000.0]
            await exchange.create_order(BTC, "limit", "buy", 0.001, round(bids[0] * 0.99, 2))
            await asyncio.sleep(pause)

    return bot


@pytest.mark.parametrize("fault", ["cross_ticker", "zero_price", "null_ticker"])
def test_a_price_from_a_sound_source_is_fresh(fault: str) -> None:
    """Though another source was crossed, zero or null at the time; without one it is not."""
    broken: Fault = (fault, "after(1)", ("fetch_ticker",), {})
    sound = prices("fetch_order_book", "fetch_ticker")
    assert judged("fresh", sound, broken).outcome is Outcome.PASS
    assert judged("fresh", prices("fetch_ticker"), broken).outcome is Outcome.FAIL


def after_a_jump(misses: int) -> Any:
    """A bot whose price lies outside the band, because the market has moved under it."""

    async def bot(exchange: Any) -> None:
        bid = (await exchange.fetch_ticker(BTC))["bid"]
        exchange.venue.gateway.operate(MovePrice(BTC, -700_000))
        await asyncio.sleep(5)
        for _ in range(misses):
            with suppress(FailingExchangeError):
                await exchange.create_order(BTC, "limit", "buy", 0.1, round(bid, 2))

    return bot


def test_the_band_may_move_under_an_order_once() -> None:
    """The bot could not know; the refusal tells it."""
    banded = [replace(MARKETS[BTC], price_band=(500_000, 500_000))]
    once, twice = (judged("obeys_filters", after_a_jump(n), markets=banded) for n in (1, 2))
    assert (once.outcome, twice.outcome) == (Outcome.PASS, Outcome.FAIL)


def grid(apart: float) -> Any:
    """A bot with equal orders at several prices; it does not ask about the one that was lost."""

    async def bot(exchange: Any) -> None:
        for n in range(3):
            with suppress(FailingExchangeError):
                await exchange.create_order(BTC, "limit", "buy", 0.1, 45_000 * (1 - n * apart))

    return bot


def test_another_price_is_another_order() -> None:
    """A grid sends the next of its orders, and repeats none."""
    lost: Fault = ("lose_answer", "nth(1)", ("create_order",), {})
    assert judged("resolves", grid(0.02), lost).outcome is Outcome.NOT_JUDGED
    assert judged("resolves", grid(0.0), lost).outcome is Outcome.FAIL


def test_a_position_is_not_held_against_a_bot_that_is_locked_out() -> None:
    """A key refused for good: no stop can be placed, and no more can be done than to look again."""
    fields = {"why": "key_refused", "lasts": None}
    dead = FaultSpec(
        "reject_request", "nth(4)", PRIVATE_CALLS, fields
    )  # bought, and not yet protected
    world = World(seed=20, seconds=3_600.0, calm=600.0, faults=(dead,))
    found = targets.load("stopper-careful").run(world)
    assert found.verdict is not None
    assert "covered" not in found.broken


def test_each_new_lock_of_the_funds_is_news() -> None:
    """Its client could not know; a lock that stands is known after the first refusal."""

    async def sells_what_is_free(exchange: Any) -> None:
        await exchange.create_order(BTC, "market", "sell", 0.1)

    bot = repeats(sells_what_is_free, 90.0)
    lock = {"asset": "BTC", "part": 1.0}
    again: Fault = ("lock_funds", "always", ("create_order",), {**lock, "lasts": 30.0})
    once: Fault = ("lock_funds", "nth(1)", ("create_order",), {**lock, "lasts": None})
    assert judged("no_hot_loop", bot, again, balances={"BTC": 1}).outcome is Outcome.PASS
    assert "Insufficient" in judged("no_hot_loop", bot, once, balances={"BTC": 1}).why


def test_reads_that_pass_are_not_in_vain() -> None:
    """A key that may not trade for a while, and reads again: to look is what a bot should do."""

    async def bot(exchange: Any) -> None:
        with suppress(FailingExchangeError):
            await exchange.create_order(BTC, "market", "buy", 0.1)
        while True:
            with suppress(FailingExchangeError):
                await exchange.fetch_balance()
            await asyncio.sleep(10)

    passing = refusing("key_refused", "create_order")
    refused = refusing("key_refused", *PRIVATE_CALLS)
    assert judged("stops", bot, passing).outcome is Outcome.PASS
    assert judged("stops", bot, refused).outcome is Outcome.FAIL
