"""Verdicts that were wrong: a right bot was accused, or a wrong one passed."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

import aiohttp
import pytest

from failing_exchange import FailingExchange, FailingExchangeError, simulate
from failing_exchange.core.commands import LiquidatePosition, PayFunding
from failing_exchange.faults.triggers import nth
from failing_exchange.judge import facts as facts_module
from failing_exchange.judge.judge import Judge
from failing_exchange.judge.probe import Sample, probe
from failing_exchange.judge.rule import Outcome
from failing_exchange.venues.base import serve
from tests.judge.both_products import CONTRACT, SPOT, Fault, judged

PASS, FAIL, NOT_JUDGED = Outcome.PASS, Outcome.FAIL, Outcome.NOT_JUDGED


# ---- monotone


async def names_each_order_alike(exchange: Any) -> None:
    """A venue lets an ended order's name be used again."""
    open_now: list[str] = []
    probe(open_orders=lambda: open_now)
    for _ in range(2):
        order = await exchange.create_order(
            SPOT, "limit", "buy", 0.01, 40_000, {"clientOrderId": "entry"}
        )
        open_now[:] = ["entry"]
        await asyncio.sleep(590)
        await exchange.cancel_order(order["id"], SPOT)
        open_now.clear()
        await asyncio.sleep(1)


async def keeps_its_ended_order(exchange: Any) -> None:
    probe(open_orders=lambda: ["entry"])
    order = await exchange.create_order(
        SPOT, "limit", "buy", 0.01, 40_000, {"clientOrderId": "entry"}
    )
    await exchange.cancel_order(order["id"], SPOT)
    await asyncio.sleep(1_000)


def test_the_name_of_an_ended_order_may_be_that_of_an_open_one() -> None:
    """The bot believes the new order open, and not the old one."""
    assert judged(names_each_order_alike).result("monotone").outcome is PASS
    assert judged(keeps_its_ended_order).result("monotone").outcome is FAIL


async def buys_each_minute(exchange: Any) -> None:
    held = {SPOT: 0.0}
    probe(positions=lambda: held)
    while True:
        order = await exchange.create_order(SPOT, "market", "buy", 0.01)
        held[SPOT] += order["filled"] - sum(fee["cost"] for fee in order["fees"])
        await asyncio.sleep(60)


def test_forgotten_orders_still_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a long run only the newest orders are kept; what the others bought is still held."""
    monkeypatch.setattr(facts_module, "ORDERS_KEPT_MAX", 5)
    verdict = judged(buys_each_minute)
    assert verdict.result("monotone").outcome is PASS, str(verdict)
    assert verdict.result("converges").outcome is PASS, str(verdict)


# ---- books_fees, funding_once and converges


def pays_its_fee_in_bnb(*, looks: bool) -> Any:
    """Trades once, 30 s before the end, or at the start and never books the fee."""

    async def bot(exchange: Any) -> None:
        seen = {"BNB": 10.0}
        probe(balances=lambda: seen)
        if not looks:
            await exchange.create_order(SPOT, "market", "buy", 0.01)
        await asyncio.sleep(1_150)
        if looks:
            seen["BNB"] = (await exchange.fetch_balance())["total"]["BNB"]
            await asyncio.sleep(20)
            await exchange.create_order(SPOT, "market", "buy", 0.01)
        await asyncio.sleep(1_000)

    return bot


def test_a_fee_since_the_newest_look_is_not_left_out() -> None:
    """It is all that is missing, as in the books of a bot that knows no fees."""
    right = judged(pays_its_fee_in_bnb(looks=True), fee_asset="BNB")
    assert right.result("books_fees").outcome is PASS, str(right)
    wrong = judged(pays_its_fee_in_bnb(looks=False), fee_asset="BNB")
    assert wrong.result("books_fees").outcome is FAIL


def leaves_out(*what: str) -> Any:
    """Holds a contract, and states its cash without fees, funding or the result of liquidation."""

    async def bot(exchange: Any) -> None:
        cash = {"USDT": 200_000.0}
        probe(balances=lambda: cash)
        order = await exchange.create_order(CONTRACT, "market", "buy", 0.1)
        if "fees" not in what:
            cash["USDT"] -= sum(fee["cost"] for fee in order["fees"])
        await asyncio.sleep(300)
        held = await wallet(exchange)
        exchange.venue.gateway.operate(PayFunding(CONTRACT, 100_000))
        if "funding" not in what:
            cash["USDT"] += await wallet(exchange) - held
        held = await wallet(exchange)
        exchange.venue.gateway.operate(LiquidatePosition("main", CONTRACT))
        if "liquidation" not in what:
            cash["USDT"] += await wallet(exchange) - held
        await exchange.fetch_positions()
        await asyncio.sleep(1_000)

    return bot


async def wallet(exchange: Any) -> float:
    found = await exchange.fetch_balance({"type": "swap"})
    return float(found["info"]["USDT"]["walletBalance"])


@pytest.mark.parametrize(
    ("what", "rules"),
    [
        ((), {}),
        (("fees",), {"books_fees": FAIL, "converges": PASS}),
        (("funding",), {"funding_once": FAIL, "converges": PASS}),
        (("fees", "funding"), {"converges": FAIL}),  # neither rule can tell it by its amount
        (("liquidation",), {"converges": FAIL}),
    ],
)  # fmt: skip
def test_what_no_other_rule_reports_is_reported(
    what: tuple[str, ...], rules: dict[str, Outcome]
) -> None:
    """Wrong cash is one rule's, and never nobody's."""
    verdict = judged(leaves_out(*what))
    assert verdict.passed is not bool(what), str(verdict)
    for rule, outcome in rules.items():
        assert verdict.result(rule).outcome is outcome, str(verdict)


async def believes_wrongly_and_asks_for_a_market_that_is_not_there(exchange: Any) -> None:
    probe(positions=lambda: {SPOT: 1.0})
    while True:
        with suppress(FailingExchangeError):
            await exchange.fetch_balance()
            await exchange.fetch_ticker("DOGE/USDT")
        await asyncio.sleep(60)


async def believes_wrongly_and_may_not_trade(exchange: Any) -> None:
    probe(positions=lambda: {SPOT: 1.0})
    await exchange.fetch_balance()
    with suppress(FailingExchangeError):
        await exchange.create_order(SPOT, "market", "buy", 0.01)
    await asyncio.sleep(2_000)


async def believes_wrongly_and_can_not_read(exchange: Any) -> None:
    probe(positions=lambda: {SPOT: 1.0})
    await exchange.fetch_balance()
    with suppress(FailingExchangeError):
        await exchange.fetch_orders(SPOT)
    await asyncio.sleep(2_000)


NO_TRADING: Fault = ("reject_request", "nth(1)", ("create_order",), {"why": "permission_denied"})
NO_MARKET: Fault = ("reject_request", "nth(1)", ("fetch_orders",), {"why": "unknown_symbol"})
NO_KEY: Fault = ("reject_request", "nth(1)", ("create_order",), {"why": "key_refused"})


@pytest.mark.parametrize(
    ("bot", "faults", "outcome"),
    [
        (believes_wrongly_and_asks_for_a_market_that_is_not_there, (), FAIL),
        (believes_wrongly_and_may_not_trade, (NO_TRADING,), FAIL),
        (believes_wrongly_and_may_not_trade, (NO_KEY,), NOT_JUDGED),
        (believes_wrongly_and_can_not_read, (NO_MARKET,), NOT_JUDGED),
    ],
)
def test_only_a_bot_that_may_not_read_is_excused(
    bot: Any, faults: tuple[Fault, ...], outcome: Outcome
) -> None:
    """A market that does not exist, or a right that is missing, hides no balance."""
    assert judged(bot, *faults).result("converges").outcome is outcome


@pytest.mark.parametrize(("faults", "outcome"), [((), FAIL), ((NO_MARKET,), NOT_JUDGED)])
def test_nor_is_it_accused_of_a_close_that_it_can_not_see(
    faults: tuple[Fault, ...], outcome: Outcome
) -> None:
    """Forced closes and funding are seen by reads as well."""

    async def bot(exchange: Any) -> None:
        probe(positions=lambda: {CONTRACT: 0.1}, balances=lambda: {"USDT": 200_000.0})
        await exchange.create_order(CONTRACT, "market", "buy", 0.1)
        exchange.venue.gateway.operate(PayFunding(CONTRACT, 100_000))
        exchange.venue.gateway.operate(LiquidatePosition("main", CONTRACT))
        with suppress(FailingExchangeError):
            await exchange.fetch_orders(CONTRACT)
        await asyncio.sleep(2_000)

    assert judged(bot, *faults).result("books_forced").outcome is outcome


def test_an_order_that_the_bot_names_is_none_that_it_does_not_know() -> None:
    """Its answer was lost; the bot keeps it among its open orders, which is the truth."""

    def bot(named: str) -> Any:
        async def trades(exchange: Any) -> None:
            probe(open_orders=lambda: [named])
            with suppress(FailingExchangeError):
                await exchange.create_order(
                    SPOT, "limit", "buy", 0.01, 40_000, {"clientOrderId": "entry"}
                )
            await asyncio.sleep(2_000)

        return trades

    lost: Fault = ("lose_answer", "nth(1)", ("create_order",), {})
    assert judged(bot("entry"), lost).result("converges").outcome is PASS
    assert judged(bot("other"), lost).result("converges").outcome is FAIL


@pytest.mark.parametrize(("seconds_ago", "outcome"), [(140, PASS), (160, NOT_JUDGED)])
def test_what_was_believed_long_ago_is_not_judged(seconds_ago: int, outcome: Outcome) -> None:
    """A bot of another process may have died; what it said last may have been right then."""

    async def main() -> Outcome:
        exchange = FailingExchange(seed=3)
        await exchange.ready()
        judge = Judge(exchange.venue)
        judge.attach()
        await exchange.fetch_balance()
        await asyncio.sleep(1_000)
        judge.sampled(Sample(exchange.venue.clock.now(), {SPOT: 0.0}, None, None))
        await asyncio.sleep(seconds_ago)
        return judge.verdict().result("converges").outcome

    assert simulate(main(), seed=3) is outcome


# ---- alive


def works_until(seconds: float, *, subscribes: bool = False, refused: bool = False) -> Any:
    """Works for a while; after a request that fails it does nothing any more."""

    async def bot(exchange: Any) -> None:
        feed = asyncio.ensure_future(watches(exchange)) if subscribes else None
        if refused:
            with suppress(FailingExchangeError):
                await exchange.fetch_ticker("DOGE/USDT")
        until = asyncio.get_running_loop().time() + seconds
        while asyncio.get_running_loop().time() < until:
            await asyncio.sleep(10)
            await exchange.fetch_balance()
        with suppress(FailingExchangeError):
            await exchange.fetch_my_trades(SPOT)
        await asyncio.sleep(10_000)
        assert feed is not None

    return bot


async def watches(exchange: Any) -> None:
    while True:
        await exchange.watch_ticker(SPOT)


@pytest.mark.parametrize(
    ("bot", "outcome"),
    [
        (works_until(500), FAIL),
        (works_until(500, refused=True), FAIL),  # it has worked for long since
        (works_until(30, refused=True), NOT_JUDGED),
        (works_until(500, subscribes=True), NOT_JUDGED),  # a stream goes on by itself
    ],
    ids=["dead", "refused", "stopped", "stream"],
)
def test_a_bot_that_has_stopped_is_not_taken_for_one_that_works(bot: Any, outcome: Outcome) -> None:
    """Neither an old refusal nor a stream shows that it does its work."""
    last: Fault = ("rate_limited", "nth(1)", ("fetch_my_trades",), {"retry_after": 0.0})
    verdict = judged(bot, last)
    assert verdict.result("alive").outcome is outcome, str(verdict)


# ---- resolves


def buys_again_after(look: str) -> Any:
    """Its market order got no answer; it looks, and sends the order again."""

    async def bot(exchange: Any) -> None:
        with suppress(FailingExchangeError):
            await exchange.create_order(SPOT, "market", "buy", 0.01)
        await asyncio.sleep(10)
        await getattr(exchange, look)(SPOT)
        await exchange.create_order(SPOT, "market", "buy", 0.01)
        await asyncio.sleep(10_000)

    return bot


@pytest.mark.parametrize(
    ("look", "fault", "outcome"),
    [
        ("fetch_open_orders", "lose_answer", FAIL),  # it is filled, and in no such list
        ("fetch_my_trades", "lose_request", PASS),  # nothing was traded, so there was no order
        ("fetch_my_trades", "lose_answer", PASS),  # it has seen the trade: that is for `once`
        ("fetch_orders", "lose_request", PASS),
    ],
)
def test_a_look_must_be_able_to_show_the_order(look: str, fault: str, outcome: Outcome) -> None:
    """A market order is never open, and always among the trades."""
    verdict = judged(buys_again_after(look), (fault, "nth(1)", ("create_order",), {}))
    assert verdict.result("resolves").outcome is outcome, str(verdict)


# ---- backs_off


async def asks_after_a_limit_of_spot(url: str) -> Outcome:
    """A read of Spot is refused for a minute; then another read is sent."""
    exchange = FailingExchange(markets=[SPOT, CONTRACT], latency=None)
    server = serve("binance", exchange)
    await server.listen_in_simulation()
    try:
        exchange.arm("rate_limited", nth(1), operations="fetch_ticker", retry_after=60.0)
        judge = Judge(exchange.venue)
        judge.attach()
        ticker = "https://api.binance.com/api/v3/ticker/24hr?symbol=BTCUSDT"
        async with aiohttp.ClientSession() as session:
            for one, status in ((ticker, 429), (url, 200)):
                async with session.get(one) as answer:
                    assert answer.status == status
        return judge.verdict().result("backs_off").outcome
    finally:
        await server.close()


@pytest.mark.parametrize(
    ("url", "outcome"),
    [
        ("https://fapi.binance.com/fapi/v1/time", PASS),
        ("https://api.binance.com/api/v3/time", FAIL),
    ],
)
def test_a_limit_of_one_product_is_none_of_the_other(url: str, outcome: Outcome) -> None:
    """Spot and futures count apart, each at its own host."""
    assert simulate(asks_after_a_limit_of_spot(url)) is outcome
