"""The control API tells the truth about contracts, and its operator names the wallet."""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest

from failing_exchange import FailingExchange, simulate
from failing_exchange.core import (
    candles,
    collateral,
    commands,
    conditional_order,
    contract_queries,
    events,
    mark_price,
    order,
    positions,
    public_trade,
    queries,
)
from failing_exchange.core.collateral import SetMultiAssets
from failing_exchange.core.contract_queries import (
    ContractHistory,
    ContractStatistics,
    Insurance,
)
from failing_exchange.core.reject import Reject
from failing_exchange.errors import ConfigurationError
from failing_exchange.server.control_api import ControlApi
from failing_exchange.venue import plain_view as cv
from failing_exchange.venues.binance.venue import Binance

SPOT, SWAP = "BTC/USDT", "BTC/USDT:USDT"
WORLD: dict[str, Any] = {"seed": 7, "latency": None, "markets": [SPOT, SWAP],
                         "balances": {"USDT": 1_000}}  # fmt: skip


def told(story: Callable[[ControlApi, FailingExchange], Awaitable[Any]], **options: Any) -> Any:
    """What a story of the control API and a client of its venue returns."""

    async def main() -> Any:
        exchange = FailingExchange(**WORLD | options)
        await exchange.ready()
        return await story(ControlApi(Binance(exchange)), exchange)

    return simulate(main())


def account(api: ControlApi) -> Any:
    found = api.answer("GET", "/accounts/main", {})
    return json.loads(json.dumps(found, allow_nan=False))


def do(api: ControlApi, name: str, **fields: Any) -> None:
    api.answer("POST", "/incidents", {"do": name, **fields})


def test_the_truth_of_an_account_has_its_futures_wallet_positions_and_conditional_orders() -> None:
    """A test in any language asks what a bot really holds; half of it would pass a naked short."""

    async def story(api: ControlApi, x: FailingExchange) -> Any:
        await x.set_leverage(10, SWAP)
        await x.create_order(SWAP, "market", "sell", 0.05)
        stop = {"stopLossPrice": 60_000, "closePosition": True}
        await x.create_order(SWAP, "market", "buy", None, None, stop)
        [position] = await x.fetch_positions()
        return account(api), position, await x.fetch_balance({"type": "swap"})

    found, position, balance = told(story)
    [held] = found["positions"]
    assert (held["symbol"], held["amount"], held["leverage"]) == (SWAP, "-0.05", 10)
    assert (held["mode"], held["side"]) == ("cross", "both")
    for name, unified in (
        ("mark", "markPrice"), ("entry", "entryPrice"), ("notional", "notional"),
        ("unrealised", "unrealizedPnl"), ("maintenance", "maintenanceMargin"),
        ("liquidation", "liquidationPrice"), ("initial", "initialMargin"),
    ):  # fmt: skip
        assert float(held[name]) == position[unified], name
    wallet = found["futures"]["balances"]["USDT"]
    assert float(wallet["available"]) == balance["free"]["USDT"]
    assert float(wallet["margin_balance"]) == balance["total"]["USDT"]
    assert (found["futures"]["hedge"], found["balances"]["USDT"]["free"]) == (False, "1000")
    [waiting] = found["conditional_orders"]
    assert (waiting["stop_price"], waiting["close_position"]) == ("60000", True)
    assert (waiting["type"], waiting["status"], found["open_orders"]) == ("stop_loss", "new", [])


def test_in_multi_assets_mode_the_joint_margin_is_told() -> None:
    """All assets together decide about a liquidation then."""

    async def story(api: ControlApi, x: FailingExchange) -> Any:
        await x.operate(SetMultiAssets("main", True))
        return account(api)["futures"]

    found = told(story)
    assert found["multi_assets"] is True
    assert 900 < float(found["joint"]["equity"]) <= 1_000


def test_in_process_the_truth_is_the_same() -> None:
    """A test compares what its bot believes with it, whatever faults are armed."""

    async def story(api: ControlApi, x: FailingExchange) -> Any:
        await x.create_order(SWAP, "market", "sell", 0.05)
        x.arm("null_answer")
        trips = len(x.journal.trips)
        with pytest.raises(ConfigurationError, match="no account 'bob'; there are main"):
            await x.truth("bob")
        return await x.truth(), account(api), len(x.journal.trips) - trips

    truth, told_by_api, trips = told(story)
    assert (truth == told_by_api, trips, truth["positions"][0]["amount"]) == (True, 0, "-0.05")


def test_accounts_are_listed() -> None:
    """An operator who does not know the names asks for them."""

    async def story(api: ControlApi, x: FailingExchange) -> Any:
        x.client("bob")
        return api.answer("GET", "/accounts", {})

    assert told(story) == ["main", "bob"]


@pytest.mark.parametrize(
    ("fields", "spot", "futures"),
    [
        ({}, "1005", "1000"),
        ({"wallet": "spot"}, "1005", "1000"),
        ({"wallet": "futures"}, "1000", "1005"),
    ],
)
def test_the_operator_names_the_wallet(fields: dict[str, Any], spot: str, futures: str) -> None:
    """What a bot of contracts gets or loses is in its futures wallet."""

    async def story(api: ControlApi, x: FailingExchange) -> Any:
        do(api, "credit", asset="USDT", amount=12, **fields)
        do(api, "debit", asset="USDT", amount=7, **fields)
        return account(api)

    found = told(story)
    assert found["balances"]["USDT"]["free"] == spot
    assert found["futures"]["balances"]["USDT"]["wallet"] == futures


def test_without_spot_markets_it_is_the_futures_wallet() -> None:
    """As `fetch_balance` does: the other one is empty there."""

    async def story(api: ControlApi, x: FailingExchange) -> Any:
        do(api, "credit", asset="USDT", amount=12)
        return account(api)

    found = told(story, markets=[SWAP])
    assert found["futures"]["balances"]["USDT"]["wallet"] == "1012"


def test_a_debit_leaves_the_margin_of_positions() -> None:
    """An operator takes what is free; a position without its margin would be no lawful state."""

    async def story(api: ControlApi, x: FailingExchange) -> Any:
        await x.create_order(SWAP, "market", "buy", 0.05)
        before = account(api)["futures"]["balances"]["USDT"]
        do(api, "debit", asset="USDT", amount=10_000, wallet="futures")
        return before, account(api)["futures"]["balances"]["USDT"]

    before, after = told(story)
    kept = float(before["position_margin"]) - min(0, float(before["unrealised"]))
    assert float(after["wallet"]) == pytest.approx(kept, abs=1e-7)
    assert float(after["available"]) == max(0, float(before["unrealised"]))  # profit stays
    assert after["maintenance"] == before["maintenance"]


def test_a_freeze_keeps_futures_money_from_orders_and_not_from_margin() -> None:
    """The bot sees less available and is refused; it is not liquidated for it."""

    async def story(api: ControlApi, x: FailingExchange) -> Any:
        do(api, "freeze", asset="USDT", amount=950, wallet="futures", seconds=60)
        frozen = account(api)["futures"]["balances"]["USDT"]
        with pytest.raises(Reject, match=r"in futures wallets \(there are USDT, USDC, BTC"):
            do(api, "freeze", asset="DOGE", amount=1, wallet="futures")
        free = (await x.fetch_balance({"type": "swap"}))["free"]["USDT"]
        with pytest.raises(Exception, match=r"[Ii]nsufficient|[Mm]argin"):
            await x.create_order(SWAP, "market", "buy", 0.05)
        return frozen, free, x

    async def ends(api: ControlApi, x: FailingExchange) -> Any:
        import asyncio

        frozen, free, _ = await story(api, x)
        await asyncio.sleep(61)
        await x.fetch_time()
        return frozen, free, account(api)["futures"]["balances"]["USDT"]

    frozen, free, after = told(ends)
    assert (frozen["wallet"], frozen["locked"], frozen["available"], free) == (
        "1000", "950", "50", 50.0,
    )  # fmt: skip
    assert (frozen["margin_balance"], after["locked"], after["available"]) == ("1000", "0", "1000")


@pytest.mark.parametrize(
    ("markets", "wallet", "match"),
    [
        ([SPOT], "futures", r"wallet must be spot \(no market here is a contract\), not 'futures'"),
        ([SPOT, SWAP], "margin", "wallet must be spot or futures, not 'margin'"),
        ([SPOT, SWAP], ["spot"], "wallet must be spot or futures, not"),
    ],
)
def test_a_wallet_that_there_is_not_is_refused(markets: Any, wallet: Any, match: str) -> None:
    """The error lists the wallets that exist; nothing is paid into another one."""

    async def story(api: ControlApi, x: FailingExchange) -> Any:
        with pytest.raises(ConfigurationError, match=match):
            do(api, "credit", asset="USDT", amount=1, wallet=wallet)

    told(story, markets=markets)


def test_every_trip_about_contracts_can_be_shown() -> None:
    """A bot that had asked for its positions made the journal's tail unreadable."""

    async def story(api: ControlApi, x: FailingExchange) -> Any:
        await x.create_order(SWAP, "market", "buy", 0.05)
        await x.create_order(SWAP, "limit", "buy", 0.05, 20_000)
        await x.create_order(SWAP, "market", "sell", 0.05, None, {"stopLossPrice": 20_000})
        for call in ("positions", "leverages", "funding_rates", "mark_prices", "funding_history",
                     "my_trades", "open_orders", "markets"):  # fmt: skip
            await getattr(x, f"fetch_{call}")()
        for call in ("position", "funding_rate_history", "mark_price", "open_interest"):
            await getattr(x, f"fetch_{call}")(SWAP)
        await x.fetch_balance({"type": "swap"})
        await x.fetch_open_orders(SWAP, params={"trigger": True})
        await x.transfer("USDT", 5, "swap", "spot")
        statistics = ContractStatistics(1_767_225_600, 5_000, 3 * 10**8, 500_000, 7 * 10**8, 1, 2)
        history = ContractHistory(x.venue.markets[SWAP], (statistics,))
        row = api.view.value(history)["rows"][0]
        assert (row["at"], row["amount"], row["last"], row["value"]) == (
            "2026-01-01T00:00:00.000Z", "5", "50000", "3",
        )  # fmt: skip
        assert api.view.value(Insurance({"USDT": 10**8}, (), 0))["funds"] == {"USDT": "1"}
        return api.answer("GET", "/trips", {"limit": 100})

    trips = {trip["operation"]: trip["told"] for trip in told(story)}
    assert trips["fetch_balance"]["assets"]["USDT"]["isolated"] == "0"
    position = trips["fetch_position"]["positions"][0]
    assert (position["amount"], "." in position["mark"]) == ("0.05", True)
    assert trips["transfer"]["amount"] == "5"
    assert float(trips["fetch_funding_rates"][0]["rate"]) < 0.01


# Whole numbers that have no unit, or whose name says it.
UNITLESS = {
    "adl", "asked", "as_of", "edges", "fading", "fills", "from_id", "held", "hours", "lasting",
    "levels", "leverage", "leverage_max", "limit", "memory", "minutes", "nanoseconds", "nth",
    "number", "orders", "ppm", "rest_after", "seconds", "sequence", "sigma", "since", "sold",
    "trades", "trail_bips", "until", "weight", "second", "after",
    "balances", "futures",  # of an account that is opened: by a command that no trip shows
    "deduction", "candles", "assets", "funds", "joint",  # shown by what holds them
    "ordered", "left",  # of records that do not leave core
}  # fmt: skip


def _records() -> Iterator[type[Any]]:
    for module in (candles, collateral, commands, conditional_order, contract_queries, events,
                   mark_price, order, positions, public_trade, queries):  # fmt: skip
        for kind in vars(module).values():
            if (
                isinstance(kind, type)
                and hasattr(kind, "_fields")
                and kind.__module__ == module.__name__
            ):
                yield kind


def test_every_number_that_the_exchange_tells_is_shown_in_units() -> None:
    """A new field of money would be shown in atoms, a hundred million times too large.

    These are the modules of commands, events and answers, and of what they hold.
    """
    known = {*cv.PRICES, *cv.AMOUNTS, *cv.ATOM_FIELDS, *cv.PPM_FIELDS, *cv.LEVELS, *UNITLESS}
    missing = {
        f"{kind.__name__}.{name}"
        for kind in _records()
        for name, annotation in kind.__annotations__.items()
        if re.search(r"\bint\b", str(getattr(annotation, "__forward_arg__", annotation)))
        and name not in known
        and not name.endswith(("at", "id", "ids"))
    }
    assert missing == {"SessionCommand.run"}


def test_an_exchange_without_contracts_tells_the_truth_too() -> None:
    """It has no futures wallet: asking ended in the error of a missing name."""

    async def story() -> dict[str, Any]:
        return await FailingExchange(markets=["BTC/USDT"]).truth()

    told = simulate(story())
    assert told["futures"]["balances"] == {} and told["positions"] == []
    assert told["balances"]["BTC"] == {"free": "100", "used": "0"}
