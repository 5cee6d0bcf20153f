"""The unified calls about contracts: ccxt's structures, and what becomes of a position."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import ccxt.async_support as ccxt
import pytest

from failing_exchange import (
    BadRequestError,
    FailingExchange,
    InsufficientBalanceError,
    NoChangeError,
    OperationRejectedError,
    SymbolNotFoundError,
    simulate,
)
from failing_exchange.core.commands import CheckMarks, LiquidatePosition
from tests.client.test_structures import Judge, validator

SWAP, SPOT = "BTC/USDT:USDT", "BTC/USDT"
SYMBOLS = [SPOT, SWAP, "ETH/USDT:USDT"]


def make(**options: Any) -> FailingExchange:
    return FailingExchange(**{"seed": 7, "markets": SYMBOLS, "latency": None, **options})


async def both_modes(x: FailingExchange) -> list[Any]:
    await x.set_margin_mode("isolated", SWAP)
    await x.set_leverage(5, SWAP)
    await x.create_order(SWAP, "market", "buy", 0.1)
    await x.create_order("ETH/USDT:USDT", "market", "sell", 1)
    return [*await x.fetch_positions(), await x.fetch_position(SWAP)]


async def margin_changes(x: FailingExchange) -> list[Any]:
    await both_modes(x)
    return [await x.add_margin(SWAP, 50), await x.reduce_margin(SWAP, "20.5")]


async def transfers(x: FailingExchange) -> list[Any]:
    back = await x.transfer("USDT", "2.5", "future", "spot")
    return [await x.transfer("USDT", 10, "spot", "swap"), back]


async def contract_orders(x: FailingExchange) -> list[Any]:
    bought = await x.create_order(SWAP, "market", "buy", 0.1)
    price, more = bought["average"] * 1.1, {"reduceOnly": True}
    return [bought, await x.create_order(SWAP, "limit", "sell", 0.1, price, more)]


async def balances(x: FailingExchange) -> list[Any]:
    await x.create_order(SWAP, "market", "buy", 0.1)
    return [await x.fetch_balance({"type": "swap"})]


async def liquidations(x: FailingExchange) -> list[Any]:
    await x.set_leverage(100, SWAP)
    await x.create_order(SWAP, "market", "buy", 0.1)
    await x.operate(LiquidatePosition("main", SWAP))
    [entry] = await x.fetch_my_liquidations(SWAP)
    assert entry["price"] > 0
    return [{**entry, "price": None}]  # with a price the validator takes baseValue for quoteValue


# ccxt's validators, and what gives them entries
ACCEPTED: dict[str, Callable[[FailingExchange], Any]] = {
    "market": lambda x: x.fetch_markets(),
    "position": both_modes,
    "margin_modification": margin_changes,
    "transfer": transfers,
    "order": contract_orders,
    "balance": balances,
    "leverage_tier": lambda x: x.fetch_market_leverage_tiers(SWAP),
    "funding_rate_history": lambda x: x.fetch_funding_rate_history(SWAP),
    "open_interest": lambda x: _listed(x.fetch_open_interest(SWAP)),
    "margin_mode": lambda x: _listed(x.fetch_margin_mode(SWAP)),
    "liquidation": liquidations,
}


async def _listed(call: Any) -> list[Any]:
    return [await call]


@pytest.mark.parametrize("name", ACCEPTED)
def test_ccxt_accepts(name: str) -> None:
    """A bot that was written for ccxt reads these keys, and expects these types."""

    async def story() -> None:
        exchange = make()
        judge = Judge(exchange)
        entries = await ACCEPTED[name](exchange)
        assert entries
        for entry in entries:
            arguments: list[Any] = [judge, {}, f"fetch_{name}", entry]
            if name in ("position", "order"):
                arguments += [entry["symbol"], judge.milliseconds()]
            if name in ("funding_rate_history", "liquidation"):
                arguments.append(SWAP)
            if name == "transfer":
                arguments.append("USDT")
            validator(name)(*arguments)
        await judge.close()

    simulate(story())


def test_a_contract_is_a_linear_swap() -> None:
    """Bots choose their markets by these fields."""

    async def story() -> None:
        x = make()
        market = (await x.load_markets())[SWAP]
        assert (market["type"], market["swap"], market["spot"], market["linear"]) == (
            "swap", True, False, True
        )  # fmt: skip
        assert (market["settle"], market["contractSize"], market["id"]) == ("USDT", 1.0, "BTCUSDT")
        assert market["limits"]["leverage"] == {"min": 1.0, "max": 150.0}
        assert x.has["swap"] and x.has["setLeverage"] and x.has["fetchPositions"]

    simulate(story())


def test_a_position_follows_its_orders() -> None:
    """Opened short, halved by a reduce-only order that asks for more than is left, closed."""

    async def story() -> None:
        x = make()
        await x.set_leverage(10, SWAP)
        sold = await x.create_order(SWAP, "market", "sell", 0.2)
        assert sold["reduceOnly"] is False
        await x.create_order(SWAP, "market", "buy", 0.1, params={"reduceOnly": True})
        position = await x.fetch_position(SWAP)
        assert (position["side"], position["contracts"], position["leverage"]) == ("short", 0.1, 10)
        assert position["entryPrice"] == sold["average"]
        assert position["liquidationPrice"] > position["markPrice"]
        assert position["initialMargin"] == pytest.approx(position["notional"] / 10)
        await x.create_order(SWAP, "market", "buy", 5, params={"reduceOnly": True})
        empty = await x.fetch_position(SWAP)
        assert (empty["side"], empty["contracts"], empty["entryPrice"]) == (None, 0, None)
        assert await x.fetch_positions() == []
        profit = sum(
            float(t["info"]["realizedPnl"]) - t["fee"]["cost"]
            for t in await x.fetch_my_trades(SWAP)
        )
        futures = await x.fetch_balance({"type": "swap"})
        assert futures["USDT"]["total"] == pytest.approx(10_000_000 + profit)

    simulate(story())


def test_the_futures_wallet_shows_margin() -> None:
    """`free` is what orders can use, `used` the initial margin, `total` the margin balance."""

    async def story() -> None:
        x = make(balances={"USDT": 1_000})
        await x.set_leverage(10, SWAP)
        await x.create_order(SWAP, "market", "buy", 0.1)
        [position] = await x.fetch_positions([SWAP])
        usdt = (await x.fetch_balance({"type": "future"}))["USDT"]
        assert usdt["used"] == position["initialMargin"]
        assert usdt["free"] + usdt["used"] == pytest.approx(usdt["total"])
        assert position["collateral"] == usdt["total"]
        assert (await x.fetch_balance())["USDT"]["free"] == 1_000  # of the spot wallet
        x.options["defaultType"] = "swap"
        assert (await x.fetch_balance())["USDT"]["total"] < 1_000
        only = make(markets=[SWAP], balances={"USDT": 500})
        assert (await only.fetch_balance())["USDT"] == {"free": 500, "used": 0, "total": 500}
        with pytest.raises(BadRequestError, match="margin"):
            await x.fetch_balance({"type": "margin"})

    simulate(story())


def test_hedge_mode_keeps_two_positions() -> None:
    """A buy is for the long one; with reduceOnly it closes the short one, as in ccxt."""

    async def story() -> None:
        x, hedged = make(), {"hedged": True}
        await x.set_position_mode(True)
        await x.create_order(SWAP, "market", "buy", 0.2, params=hedged)
        await x.create_order(SWAP, "market", "sell", 0.1, params=hedged)
        found = {p["side"]: p["contracts"] for p in await x.fetch_positions() if p["hedged"]}
        assert found == {"long": 0.2, "short": 0.1}
        await x.create_order(SWAP, "market", "buy", 0.1, params={**hedged, "reduceOnly": True})
        await x.create_order(SWAP, "market", "sell", 0.05, params={"positionSide": "LONG"})
        assert [p["contracts"] for p in await x.fetch_positions()] == [0.15]
        with pytest.raises(OperationRejectedError, match="position side"):
            await x.create_order(SWAP, "market", "buy", 0.1)

    simulate(story())


def test_money_moves_between_the_wallets() -> None:
    """One account holds both; only the futures wallet pays margin."""

    async def story() -> None:
        x = make(balances={"USDT": 100})
        await x.transfer("USDT", 40, "spot", "swap")
        assert (await x.fetch_balance())["USDT"]["free"] == 60
        assert (await x.fetch_balance({"type": "swap"}))["USDT"]["free"] == 140
        with pytest.raises(InsufficientBalanceError):
            await x.transfer("USDT", 61, "spot", "future")
        for wrong in (("DOGE", 1, "spot", "swap"), ("USDT", 1, "swap", "swap"),
                      ("USDT", 1, "spot", "bank")):  # fmt: skip
            with pytest.raises(BadRequestError):
                await x.transfer(*wrong)

    simulate(story())


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (("set_margin_mode", "cross", SWAP), NoChangeError),
        (("set_position_mode", False), NoChangeError),
        (("set_margin_mode", "portfolio", SWAP), BadRequestError),
        (("set_position_mode", 1), BadRequestError),
        (("set_leverage", 200, SWAP), BadRequestError),
        (("set_leverage", 2.5, SWAP), BadRequestError),
        (("set_leverage", 2), BadRequestError),
        (("set_leverage", 2, SPOT), SymbolNotFoundError),
        (("fetch_positions", [SPOT]), SymbolNotFoundError),
        (("add_margin", SWAP, 5), OperationRejectedError),
        (("create_order", SWAP, "market", "buy", 0.1, None, {"positionSide": "UP"}),
         BadRequestError),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused_in_words(call: tuple[Any, ...], error: type) -> None:
    """As ccxt's binanceusdm refuses it, so that a bot's handlers are tried."""
    name, *arguments = call
    with pytest.raises(error) as refused:
        simulate(getattr(make(), name)(*arguments))
    assert type(refused.value) is error and str(refused.value)


def test_refusals_are_those_of_ccxts_binanceusdm() -> None:
    """-4046 raises MarginModeAlreadySet there, -4048, -4061 and -2027 OperationRejected."""
    assert issubclass(NoChangeError, ccxt.MarginModeAlreadySet)
    assert issubclass(OperationRejectedError, ccxt.OperationRejected)


def test_what_is_set_can_be_read() -> None:
    """A bot checks its leverage and modes before its first order."""

    async def story() -> None:
        x = make()
        await x.set_leverage(7, SWAP)
        await x.set_margin_mode("isolated", SWAP)
        leverage = await x.fetch_leverage(SWAP)
        assert (leverage["longLeverage"], leverage["marginMode"]) == (7, "isolated")
        assert (await x.fetch_margin_mode(SWAP))["marginMode"] == "isolated"
        assert {s: m["marginMode"] for s, m in (await x.fetch_margin_modes()).items()} == {
            SWAP: "isolated", "ETH/USDT:USDT": "cross"
        }  # fmt: skip
        assert list(await x.fetch_leverages(["ETH/USDT:USDT"])) == ["ETH/USDT:USDT"]
        assert (await x.fetch_position_mode())["hedged"] is False
        await x.set_position_mode(True)
        assert (await x.fetch_position_mode())["hedged"] is True
        tiers = await x.fetch_leverage_tiers()
        assert tiers[SWAP][0]["maxLeverage"] == 150 and list(tiers) == [SWAP, "ETH/USDT:USDT"]
        with pytest.raises(SymbolNotFoundError, match="not a contract"):
            await x.fetch_market_leverage_tiers(SPOT)

    simulate(story())


def test_funding_is_told_before_it_is_paid_and_booked_after() -> None:
    """The rate of the history is that which the account paid for its position."""

    async def story() -> None:
        x = make()
        told = await x.fetch_funding_rate(SWAP)
        assert set(told) == FUNDING_KEYS and told["interval"] == "8h"
        assert told["fundingTimestamp"] % (8 * 3_600_000) == 0
        assert set(await x.fetch_funding_rates()) == {SWAP, "ETH/USDT:USDT"}
        interval = await x.fetch_funding_interval(SWAP)
        assert set(interval) == FUNDING_KEYS and interval["interval"] == "8h"
        await x.create_order(SWAP, "market", "buy", 0.1)
        assert await x.fetch_funding_history() == []
        await asyncio.sleep(8 * 3_600)
        *before, last = await x.fetch_funding_rate_history(SWAP)
        assert len(before) == 99 and last["timestamp"] == told["fundingTimestamp"]
        [paid] = await x.fetch_funding_history(SWAP)
        mark = float(last["info"]["markPrice"])
        assert paid["amount"] == pytest.approx(-0.1 * mark * last["fundingRate"], abs=1e-8)
        assert (paid["code"], paid["timestamp"]) == ("USDT", last["timestamp"])
        two = await x.fetch_funding_rate_history(SWAP, before[5]["timestamp"], 2)
        assert two == before[5:7]

    simulate(story())


def test_mark_prices_are_tickers_with_a_mark_price() -> None:
    """ccxt gives them in its ticker structure, and nothing else in it."""

    async def story() -> None:
        x = make()
        one = await x.fetch_mark_price(SWAP)
        assert set(one) == set(await x.fetch_ticker(SWAP)) and one["last"] is None
        assert one["markPrice"] == pytest.approx(one["indexPrice"], rel=1e-3)
        assert set(await x.fetch_mark_prices([SWAP])) == {SWAP}
        with pytest.raises(SymbolNotFoundError):
            await x.fetch_mark_price(SPOT)

    simulate(story())


FUNDING_KEYS = set(ccxt.binanceusdm().parse_funding_rate({"symbol": "BTCUSDT"}))


def test_the_fee_of_a_contract_is_paid_in_what_it_settles_in() -> None:
    """A buy of a contract receives nothing that a fee could be taken from."""

    async def story() -> None:
        x = make()
        bought = await x.create_order(SWAP, "market", "buy", 0.1)
        told = x.calculate_fee(SWAP, "market", "buy", 0.1, bought["average"])
        assert (told["currency"], told["cost"]) == ("USDT", pytest.approx(bought["fee"]["cost"]))

    simulate(story())


def test_open_interest_follows_the_volume_of_the_last_day() -> None:
    """Those who are simulated as one hold a third of what they trade in a day."""

    async def story() -> None:
        x = make()
        for _ in range(2):
            day, told = await asyncio.gather(x.fetch_ticker(SWAP), x.fetch_open_interest(SWAP))
            # the ticker's day ends with a whole minute, so they differ by seconds of its volume
            assert told["openInterestAmount"] == pytest.approx(day["baseVolume"] / 3, rel=0.01)
            await asyncio.sleep(6 * 3_600)

    simulate(story())


def test_looks_at_the_mark_price_do_not_pile_up() -> None:
    """A bot that adds to a position is looked at as often after hours as at first.

    Each order plans a look of its own; those that an earlier one has replaced do nothing.
    """

    async def main() -> list[int]:
        exchange, planned = make(), list[int]()
        for n in range(36):
            await exchange.create_order(SWAP, "market", "buy", 0.002)
            await asyncio.sleep(300)
            if n % 12 == 11:
                assert exchange.venue.engine is not None
                agenda = exchange.venue.engine.state.agenda
                planned.append(sum(isinstance(one.command, CheckMarks) for one in agenda))
        return planned

    assert max(simulate(main)) <= 13  # those of the last hour's twelve orders, and the one due
