"""ccxt's calls for contracts beyond positions: the ledger, transfers, candles, batches."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import ccxt
import ccxt.pro as ccxtpro
import pytest

from failing_exchange import (
    BadRequestError,
    FailingExchange,
    InvalidOrderError,
    MalformedResponseError,
    NotSupportedError,
    OrderNotFoundError,
    SymbolNotFoundError,
    simulate,
)
from failing_exchange.core.commands import (
    Credit,
    LiquidatePosition,
    MovePrice,
    PayFunding,
    SetInsuranceFund,
)
from failing_exchange.core.ledger import Wallet
from failing_exchange.unified.contract_data import LEDGER_TYPES
from tests.client.test_structures import Judge, validator

SWAP, SPOT = "BTC/USDT:USDT", "BTC/USDT"
START = 1_767_225_600_000  # of a simulation, in milliseconds


def told(story: Callable[[Any], Awaitable[Any]], **options: Any) -> Any:
    async def main() -> Any:
        given: dict[str, Any] = {
            "seed": 7,
            "markets": [SPOT, SWAP],
            "balances": {"USDT": 1_000},
            "latency": None,
        }
        return await story(FailingExchange(**given | options))

    return simulate(main())


async def liquidated(x: Any) -> Any:
    """Funded, traded, paid funding, liquidated."""
    await x.transfer("USDT", 50, "spot", "swap")
    await x.set_leverage(20, SWAP)
    await x.create_order(SWAP, "market", "buy", 0.1)
    await asyncio.sleep(60)
    await x.operate(PayFunding(SWAP, 10_000))
    await x.operate(Credit("main", "USDT", 10**8, Wallet.FUTURES))
    await x.operate(LiquidatePosition("main", SWAP))
    return await x.fetch_ledger(params={"type": "swap"})


def test_a_liquidation_can_be_read_from_the_ledger() -> None:
    """Its fee stands nowhere else; a bot that never reads it is wrong about its money."""

    async def story(x: Any) -> Any:
        return await liquidated(x), await x.fetch_balance({"type": "swap"}), x

    found, balance, _ = told(story)
    kinds = [(one["info"]["incomeType"], one["type"], one["direction"]) for one in found]
    assert kinds == [
        ("TRANSFER", "transfer", "in"),  # the account is opened
        ("TRANSFER", "transfer", "in"),
        ("COMMISSION", "commission", "out"),
        ("FUNDING_FEE", "fee", "out"),
        ("TRANSFER", "transfer", "in"),  # by the operator
        ("REALIZED_PNL", "trade", kinds[5][2]),
        ("INSURANCE_CLEAR", "settlement", "out"),
    ]
    total = sum(one["amount"] * (1 if one["direction"] == "in" else -1) for one in found)
    assert balance["total"]["USDT"] == pytest.approx(total, abs=1e-8)
    assert [one["timestamp"] for one in found] == sorted(one["timestamp"] for one in found)


# What ccxt leaves empty of an entry of binanceusdm; its validator knows neither "commission" nor
# "settlement".
UNTOLD: dict[str, Any] = dict.fromkeys(("account", "before", "after", "status", "fee", "type"))


def test_ccxt_accepts_the_ledger_and_its_types() -> None:
    """Keys and types are ccxt's, and `type` is what it makes of Binance's word."""

    async def story(x: Any) -> Any:
        judge = Judge(x)
        entries = await liquidated(x)
        for entry in entries:
            validator("ledger_entry")(
                judge, UNTOLD, "fetchLedger", entry, "USDT", judge.milliseconds()
            )
        await judge.close()
        return entries

    entries = told(story)
    real = ccxt.binanceusdm()
    for entry in entries:
        made = real.parse_ledger_entry(entry["info"])
        assert set(made) == set(entry)
        for name in ("type", "direction", "id", "timestamp", "datetime"):
            assert made[name] == entry[name]
        assert {name: made[name] for name in UNTOLD} == {name: entry[name] for name in UNTOLD}
        assert made["amount"] == pytest.approx(entry["amount"])
    for name, kind in LEDGER_TYPES.values():
        assert real.parse_ledger_entry_type(name) == kind


def test_the_ledger_is_cut_as_ccxt_cuts_it() -> None:
    """By asset, by time and by number; the spot wallet has none."""

    async def story(x: Any) -> Any:
        await liquidated(x)
        x.options["defaultType"] = "swap"
        later = await x.fetch_ledger(None, START + 1_000)
        until = await x.fetch_ledger("USDT", None, None, {"until": START + 1_000})
        with pytest.raises(NotSupportedError, match="swap"):
            await x.fetch_ledger(params={"type": "spot"})
        with pytest.raises(BadRequestError, match="paginate"):
            await x.fetch_ledger(params={"paginate": True})
        x.options["defaultType"] = "spot"
        with pytest.raises(NotSupportedError):
            await x.fetch_ledger()
        swap = {"type": "swap"}
        return later, until, await x.fetch_ledger("BTC", params=swap), (
            await x.fetch_ledger(None, None, 1, swap)
        )  # fmt: skip

    later, until, none, last = told(story)
    assert (later[0]["type"], until[-1]["type"], none) == ("fee", "commission", [])
    assert [one["info"]["incomeType"] for one in last] == ["INSURANCE_CLEAR"]


def test_a_transfer_is_found_again_by_its_id() -> None:
    """The same id in the answer, in the list of transfers and in the ledger."""

    async def story(x: Any) -> Any:
        sent = [await x.transfer("USDT", 5, "spot", "swap"),
                await x.transfer("USDT", 3, "swap", "spot")]  # fmt: skip
        return sent, await x.fetch_transfers("USDT"), await x.fetch_ledger(params={"type": "swap"})

    sent, listed, ledger = told(story)
    for one, other in zip(sent, listed, strict=True):
        assert {**one, "info": None} == {**other, "info": None}
    assert [one["id"] for one in ledger[-2:]] == [one["id"] for one in sent]


@pytest.mark.parametrize("price", ["mark", "index", "premiumIndex"])
def test_candles_of_other_prices(price: str) -> None:
    """A bot that follows the mark price needs its past; the last candle is forming."""

    async def story(x: Any) -> Any:
        await asyncio.sleep(90)
        candles = await x.fetch_ohlcv(SWAP, "1m", None, 5, {"price": price})
        name = "premium_index" if price == "premiumIndex" else price
        same = await getattr(x, f"fetch_{name}_ohlcv")(SWAP, "1m", None, 5)
        since = await x.fetch_ohlcv(SWAP, "5m", START - 3_600_000, 3, {"price": price})
        until = await x.fetch_ohlcv(SWAP, "1m", None, 2, {"price": price, "until": START})
        mark = await x.fetch_mark_price(SWAP)
        return candles, same, since, until, mark

    candles, same, since, until, mark = told(story)
    assert candles == same
    minutes = [START + minute * 60_000 for minute in (-3, -2, -1, 0, 1)]
    assert [one[0] for one in candles] == minutes
    assert [one[0] for one in since] == [START - 3_600_000 + n * 300_000 for n in range(3)]
    assert [one[0] for one in until] == [START - 60_000, START]
    for _, first, high, low, close, volume in candles:
        assert (low <= first <= high, low <= close <= high, volume) == (True, True, 0)
    now = {"mark": mark["markPrice"], "index": mark["indexPrice"], "premiumIndex": 0}[price]
    assert candles[-1][4] == pytest.approx(now, abs=0.01)


def test_candles_of_other_prices_are_of_contracts() -> None:
    """A spot market has no mark price, and there is no other price."""

    async def story(x: Any) -> None:
        with pytest.raises(SymbolNotFoundError):
            await x.fetch_mark_ohlcv(SPOT)
        with pytest.raises(BadRequestError, match="none of mark, index, premiumIndex"):
            await x.fetch_ohlcv(SWAP, params={"price": "last"})

    told(story)


def test_several_orders_are_changed_in_one_request() -> None:
    """As `PUT /fapi/v1/batchOrders`: each is changed or refused on its own."""

    async def story(x: Any) -> Any:
        placed = [await x.create_order(SWAP, "limit", "buy", 0.01, 30_000 + n) for n in (0, 1)]
        edits = [
            {"id": one["id"], "symbol": SWAP, "type": "limit", "side": "buy", "amount": 0.02,
             "price": 31_000} for one in placed
        ]  # fmt: skip
        found = await x.edit_orders([*edits, {**edits[0], "id": "77"}])
        with pytest.raises(NotSupportedError, match="contracts"):
            await x.edit_orders([{**edits[0], "symbol": SPOT}])
        with pytest.raises(BadRequestError, match="up to 5"):
            await x.edit_orders(edits * 3)
        return placed, found, await x.fetch_open_orders(SWAP), len(x.journal.trips)

    placed, found, resting, _ = told(story)
    assert [one["id"] for one in found[:2]] == [one["id"] for one in placed]
    assert [(one["price"], one["amount"]) for one in resting] == [(31_000, 0.02)] * 2
    assert (found[2]["status"], found[2]["symbol"]) == ("rejected", SWAP)


def test_orders_that_are_open_and_orders_that_are_over() -> None:
    """Two more ways to ask for orders."""

    async def story(x: Any) -> Any:
        resting = await x.create_order(SWAP, "limit", "buy", 0.01, 30_000)
        await x.create_order(SWAP, "market", "buy", 0.01)
        gone = await x.create_order(SWAP, "limit", "buy", 0.01, 30_000)
        await x.cancel_order(gone["id"], SWAP)
        with pytest.raises(OrderNotFoundError, match="canceled, not open"):
            await x.fetch_open_order(gone["id"], SWAP)
        over = await x.fetch_canceled_and_closed_orders(SWAP)
        last = await x.fetch_canceled_and_closed_orders(SWAP, None, 1)
        return resting, await x.fetch_open_order(resting["id"], SWAP), over, last

    resting, found, over, last = told(story)
    assert found["id"] == resting["id"]
    assert [one["status"] for one in over] == ["closed", "canceled"]
    assert last == over[-1:]


def test_a_position_has_a_rank_for_auto_deleveraging() -> None:
    """The structure is what ccxt makes of Binance's answer."""

    async def story(x: Any) -> Any:
        with pytest.raises(MalformedResponseError, match="no position"):
            await x.fetch_position_adl_rank(SWAP)
        await x.create_order(SWAP, "market", "buy", 0.01)
        one = await x.fetch_position_adl_rank(SWAP)
        return one, await x.fetch_positions_adl_rank(), await x.fetchPositionsADLRank([SWAP])

    one, every, named = told(story)
    assert [one] == every == named
    made = ccxt.binanceusdm().parse_adl_rank({**one["info"], "symbol": "BTCUSDT"})
    assert (set(made), one["symbol"], 0 <= one["rank"] <= 4) == (set(one), SWAP, True)


def test_open_interest_of_the_past() -> None:
    """As Binance tells it for each period; ccxt's structure is that of the present one."""

    async def story(x: Any) -> Any:
        since = START - 3_600_000
        past = await x.fetch_open_interest_history(SWAP, "15m", since, 3)
        with pytest.raises(BadRequestError, match="none of 5m, 15m"):
            await x.fetch_open_interest_history(SWAP, "1m")
        now = await x.fetch_open_interest(SWAP)
        last = await x.fetch_open_interest_history(SWAP, limit=2)
        return past, now, last

    past, now, last = told(story)
    assert [one["timestamp"] for one in past] == [START - 3_600_000 + n * 900_000 for n in range(3)]
    assert [one["timestamp"] for one in last] == [START - 300_000, START]
    assert all(set(one) == set(now) for one in past)
    assert last[-1]["openInterestAmount"] == pytest.approx(now["openInterestAmount"], rel=0.01)


def test_margin_that_was_moved_is_on_record() -> None:
    """What was added and removed, and when."""

    async def story(x: Any) -> Any:
        await x.set_margin_mode("isolated", SWAP)
        await x.create_order(SWAP, "market", "buy", 0.01)
        sent = [await x.add_margin(SWAP, 5), await x.reduce_margin(SWAP, 2)]
        history = await x.fetch_margin_adjustment_history(SWAP)
        added = await x.fetch_margin_adjustment_history(SWAP, "add")
        with pytest.raises(BadRequestError, match="neither add nor reduce"):
            await x.fetch_margin_adjustment_history(SWAP, "trade")
        return sent, history, added

    sent, history, added = told(story)
    for one, other in zip(sent, history, strict=True):
        names = set(one) - {"info", "total"}
        assert {name: one[name] for name in names} == {name: other[name] for name in names}
    assert added == history[:1]


def test_the_risk_of_auto_deleveraging_follows_the_insurance_fund() -> None:
    """A bot reduces its positions where the fund is empty."""

    async def story(x: Any) -> Any:
        await x.create_order(SWAP, "market", "buy", 0.1)
        before = await x.fetch_adl_rank(SWAP)
        await x.operate(SetInsuranceFund("USDT", 0))
        return before, await x.fetchADLRank(SWAP)

    before, after = told(story)
    assert (before["rating"], after["rating"], after["symbol"]) == ("low", "high", SWAP)
    made = ccxt.binanceusdm().parse_adl_rank({**after["info"], "symbol": "BTCUSDT"})
    assert {**made, "symbol": SWAP, "info": None} == {**after, "info": None}


def test_liquidations_of_several_contracts_are_watched_together() -> None:
    """A bot of many contracts waits once."""

    async def story(x: Any) -> Any:
        await x.create_order(SWAP, "market", "buy", 0.01)
        names = [SWAP, "ETH/USDT:USDT"]
        waits = [asyncio.create_task(x.watch_liquidations_for_symbols(names)),
                 asyncio.create_task(x.watch_my_liquidations_for_symbols(names))]  # fmt: skip
        await asyncio.sleep(1)
        await x.operate(LiquidatePosition("main", SWAP))
        return [entry["symbol"] for found in await asyncio.gather(*waits) for entry in found]

    assert told(story, markets=[SWAP, "ETH/USDT:USDT"]) == [SWAP, SWAP]


# Calls of ccxt's binanceusdm that are not here: spot margin, conversion, deposits, options (its
# fetchLedgerEntry is of options) and, in the second list, what was not built.
NO_PRODUCT = (
    "borrowCrossMargin", "borrowIsolatedMargin", "fetchBorrowInterest", "fetchBorrowRateHistory",
    "fetchCrossBorrowRate", "fetchIsolatedBorrowRate", "fetchIsolatedBorrowRates",
    "repayCrossMargin", "repayIsolatedMargin", "fetchConvertCurrencies", "fetchConvertQuote",
    "fetchConvertTrade", "fetchConvertTradeHistory", "createConvertTrade", "fetchDepositAddress",
    "fetchDeposits", "fetchDepositWithdrawFee", "fetchDepositWithdrawFees", "fetchTransactionFee",
    "fetchTransactionFees", "fetchWithdrawals", "withdraw", "fetchGreeks", "fetchAllGreeks",
    "fetchOption", "fetchMySettlementHistory", "fetchSettlementHistory", "fetchLedgerEntry",
)  # fmt: skip
NOT_BUILT = (
    "fetchLongShortRatioHistory", "fetchTradingLimits", "fetchCurrenciesWs", "fetchPositionWs",
    "fetchPositionForSymbolWs",
)  # fmt: skip
NO_CALLS = ["publicAPI", "privateAPI", "sandbox", "future", "ws"]


def test_what_ccxt_has_and_is_missing_is_listed() -> None:
    """A call that a new ccxt brings is either built or named here."""
    here = FailingExchange().has
    there = {**ccxt.binanceusdm().has, **ccxtpro.binanceusdm().has}
    missing = {name for name, is_there in there.items() if is_there and not here[name]}
    assert missing == {*NO_PRODUCT, *NOT_BUILT, *NO_CALLS}


def test_calls_over_a_websocket_are_the_same_requests() -> None:
    """ccxt.pro's names of them; the transport makes no difference in process."""

    async def story(x: Any) -> Any:
        order = await x.createOrderWs(SPOT, "limit", "buy", 0.01, 40_000)
        return order["status"], (await x.cancel_order_ws(order["id"], SPOT))["status"]

    assert told(story) == ("open", "canceled")


@pytest.mark.parametrize(("match", "best"), [("QUEUE", 0), ("QUEUE_5", 4), ("OPPONENT", 0)])
def test_an_order_takes_its_price_from_the_book(match: str, best: int) -> None:
    """ccxt hands priceMatch to Binance, and no price; a price that is given is ignored."""

    async def story(x: Any) -> Any:
        book = await x.fetch_order_book(SWAP)
        params = {"priceMatch": match}
        placed = await x.create_order(SWAP, "limit", "buy", 0.002, None, params)
        other = await x.create_order(SWAP, "limit", "buy", 0.002, 30_000, params)
        return book, placed, other

    book, placed, other = told(story)
    side = book["asks"] if match == "OPPONENT" else book["bids"]
    assert placed["price"] == other["price"] == side[best][0]


def test_a_price_is_matched_when_an_order_is_changed_or_triggered() -> None:
    """The book counts then, and not as it was when the order was placed."""

    async def story(x: Any) -> Any:
        book = await x.fetch_order_book(SWAP)
        resting = await x.create_order(SWAP, "limit", "buy", 0.002, 30_000)
        queue = {"priceMatch": "QUEUE"}
        moved = await x.edit_order(resting["id"], SWAP, "limit", "buy", 0.002, None, queue)
        stop = {"stopLossPrice": book["bids"][0][0] - 500, **queue}
        waiting = await x.create_order(SWAP, "limit", "sell", 0.002, None, stop)
        await x.operate(MovePrice(SWAP, ppm=-30_000))
        await asyncio.sleep(3)
        return book, moved, await x.fetch_order(waiting["id"], SWAP, {"trigger": True})

    book, moved, fired = told(story)
    assert moved["price"] == book["bids"][0][0]
    assert fired["price"] < book["bids"][0][0] * 0.98


@pytest.mark.parametrize(
    ("symbol", "kind", "params", "match"),
    [
        (SWAP, "limit", {"priceMatch": "BEST"}, "none of NONE, OPPONENT, OPPONENT_5"),
        (SWAP, "limit", {"priceMatch": "NONE"}, "needs one, not None"),
        (SWAP, "market", {"priceMatch": "QUEUE"}, "is for limit orders, not market"),
        (SPOT, "limit", {"priceMatch": "QUEUE"}, "is for contracts"),
        (SWAP, "market", {"stopLoss": {"triggerPrice": 1}}, "no attached orders"),
        (SWAP, "market", {"takeProfit": {"triggerPrice": 1}}, "takeProfitPrice"),
    ],
)
def test_what_is_matched_or_attached_wrongly_is_refused(
    symbol: str, kind: str, params: dict[str, Any], match: str
) -> None:
    """A stop that is silently left out costs money; the error says how to place it."""

    async def story(x: Any) -> Any:
        with pytest.raises((InvalidOrderError, BadRequestError), match=match):
            await x.create_order(symbol, kind, "buy", 0.01, None, params)
        return await x.fetch_open_orders(symbol)

    assert told(story) == []
