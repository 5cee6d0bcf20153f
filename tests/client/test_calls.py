"""What the unified calls do, what they refuse, and what the local helpers say."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any

import ccxt.async_support as ccxt
import pytest

from failing_exchange import (
    BadRequestError,
    FailingExchange,
    FailingExchangeError,
    InvalidOrderError,
    OrderNotFoundError,
    SymbolNotFoundError,
    simulate,
)

SYMBOL = "BTC/USDT"
Story = Callable[[FailingExchange], Awaitable[None]]


def run(story: Story, **options: Any) -> None:
    async def main() -> None:
        async with FailingExchange(latency=None, **options) as exchange:
            await story(exchange)

    simulate(main())


def test_each_way_to_place_an_order_places_that_order() -> None:
    """The thin wrappers put their arguments where `create_order` expects them."""

    async def story(x: FailingExchange) -> None:
        low, high = 30_000, 90_000
        placed = [
            (await x.create_limit_order(SYMBOL, "buy", 0.01, low), ("limit", "buy", low, None)),
            (await x.create_limit_buy_order(SYMBOL, 0.01, low), ("limit", "buy", low, None)),
            (await x.create_limit_sell_order(SYMBOL, 0.01, high), ("limit", "sell", high, None)),
            (await x.create_stop_limit_order(SYMBOL, "sell", 0.01, low, 31_000),
             ("limit", "sell", low, 31_000)),
            (await x.create_stop_order(SYMBOL, "limit", "sell", 0.01, low, 31_000),
             ("limit", "sell", low, 31_000)),
            (await x.create_trigger_order(SYMBOL, "limit", "buy", 0.01, high, 80_000),
             ("limit", "buy", high, 80_000)),
            (await x.create_post_only_order(SYMBOL, "limit", "buy", 0.01, low),
             ("limit", "buy", low, None)),
        ]  # fmt: skip
        for order, (kind, side, price, trigger) in placed:
            assert (order["type"], order["side"], order["price"]) == (kind, side, price)
            assert (order["triggerPrice"], order["status"]) == (trigger, "open")
        assert placed[-1][0]["timeInForce"] == "PO"
        assert len(await x.cancel_all_orders()) == len(placed)
        for filled in (
            await x.create_market_order(SYMBOL, "buy", 0.01),
            await x.create_market_buy_order(SYMBOL, 0.01),
            await x.create_market_sell_order(SYMBOL, 0.01),
            await x.create_market_buy_order_with_cost(SYMBOL, 500),
        ):
            assert (filled["type"], filled["status"]) == ("market", "closed")
        assert filled["cost"] == pytest.approx(500, rel=0.01)
        stop = await x.create_stop_market_order(SYMBOL, "sell", 0.01, 31_000)
        assert (stop["type"], stop["price"], stop["triggerPrice"]) == ("market", None, 31_000)

    run(story)


def test_an_order_without_a_type_is_told_by_its_price() -> None:
    """The founding document's queue calls `create_order(**order)` with an id and no type."""

    async def story(x: FailingExchange) -> None:
        order: dict[str, Any] = {
            "id": "order_1",
            "symbol": SYMBOL,
            "side": "buy",
            "amount": 0.1,
            "price": 30_000,
        }
        limit = await x.create_order(**order)
        assert (limit["type"], limit["clientOrderId"]) == ("limit", "order_1")
        market = await x.create_order(SYMBOL, side="buy", amount=0.1)
        assert (market["type"], market["status"]) == ("market", "closed")

    run(story)


def test_an_order_is_found_without_its_symbol_and_by_its_client_id() -> None:
    """The id alone names it; so does the name that the client gave it."""

    async def story(x: FailingExchange) -> None:
        mine = {"clientOrderId": "mine"}
        order = await x.create_order(SYMBOL, "limit", "buy", 0.01, 30_000, mine)
        for found in (
            await x.fetch_order(order["id"]),
            await x.fetch_order(int(order["id"])),
            await x.fetch_order(order["id"], SYMBOL),
            await x.fetch_order(None, SYMBOL, mine),
        ):
            assert found["id"] == order["id"]
        for wrong in ("999", "abc", "", None, "1.0", "-1", "²", 1.5, [order["id"]]):
            with pytest.raises(OrderNotFoundError):
                await x.fetch_order(wrong)
        with pytest.raises(OrderNotFoundError):
            await x.fetch_order(order["id"], "ETH/USDT")
        assert (await x.cancel_order(order["id"]))["status"] == "canceled"
        with pytest.raises(InvalidOrderError):
            await x.cancel_order(order["id"])

    run(story)


def test_several_orders_at_once() -> None:
    """A list of orders, and a list of cancels; a refused one is an entry that says so."""

    async def story(x: FailingExchange) -> None:
        one = {"symbol": SYMBOL, "type": "limit", "side": "buy", "amount": 0.01, "price": 30_000}
        placed = await x.create_orders([one, one | {"amount": -1}, one])
        assert [order["status"] for order in placed] == ["open", "rejected", "open"]
        assert "Invalid amount" in placed[1]["info"]["error"]
        assert placed[1].keys() == placed[0].keys()
        canceled = await x.cancel_orders([placed[0]["id"], placed[2]["id"]], SYMBOL)
        assert [order["status"] for order in canceled] == ["canceled", "canceled"]

    run(story)


def test_an_edited_order_is_another_one() -> None:
    """Cancel and replace in one request; an amended one keeps its id and its place."""

    async def story(x: FailingExchange) -> None:
        first = await x.create_order(SYMBOL, "limit", "buy", 0.02, 30_000)
        second = await x.edit_order(first["id"], SYMBOL, "limit", "buy", 0.02, 31_000)
        assert second["id"] != first["id"]
        assert (await x.fetch_order(first["id"]))["status"] == "canceled"
        third = await x.amend_order(second["id"], SYMBOL, 0.01)
        assert (third["id"], third["amount"]) == (second["id"], 0.01)

    run(story)


@pytest.mark.parametrize(
    "amount", [0.01, "0.01", Decimal("0.01"), Fraction(1, 100), 0.0100000001], ids=repr
)
def test_a_number_of_any_kind_is_cut_to_the_step(amount: Any) -> None:
    """As ccxt does before it sends: text, Decimal and float mean the same."""

    async def story(x: FailingExchange) -> None:
        assert (await x.create_order(SYMBOL, "limit", "BUY", amount, "30000"))["amount"] == 0.01

    run(story)


NONSENSE: list[Any] = [None, "", "x", -1, 0, True, [], {}, float("nan"), float("inf"), object()]


@pytest.mark.parametrize("wrong", NONSENSE, ids=lambda value: type(value).__name__ + str(value)[:5])
def test_nonsense_is_refused_and_breaks_nothing(wrong: Any) -> None:
    """Whatever a bot passes: one of our errors, never a bug of the venue."""

    async def story(x: FailingExchange) -> None:
        price = 30_000
        calls = [
            x.create_order(wrong, "limit", "buy", 0.01, price),
            x.create_order(SYMBOL, wrong or "?", "buy", 0.01, price),
            x.create_order(SYMBOL, "limit", wrong, 0.01, price),
            x.create_order(SYMBOL, "limit", "buy", wrong, price),
            x.create_order(SYMBOL, "limit", "buy", 0.01, wrong),
            x.create_order(SYMBOL, "limit", "buy", 0.01, price, {"timeInForce": wrong or "?"}),
            x.create_order(SYMBOL, "limit", "buy", 0.01, price, {"triggerPrice": wrong or "?"}),
            x.create_order(SYMBOL, "market", "buy", None, None, {"cost": wrong}),
            x.fetch_ticker(wrong),
            x.fetch_order_book(SYMBOL, wrong or -1),
            x.fetch_ohlcv(SYMBOL, wrong),
            x.fetch_trades(SYMBOL, wrong or -1, wrong or -1),
            x.fetch_my_trades(wrong or "?", wrong or -1, wrong or -1),
            x.cancel_order(wrong, SYMBOL),
            x.watch_ticker(wrong),
        ]
        for call in calls:
            try:
                answer = await call
            except FailingExchangeError:
                continue
            assert wrong in (True, float("inf")) or answer is not None
        assert await x.fetch_ticker(SYMBOL)

    run(story)


@pytest.mark.parametrize("params", [{"postOnly": True}, {"timeInForce": "PO"}])
def test_a_post_only_order_must_be_able_to_rest(params: dict[str, Any]) -> None:
    """A market order, or one that must fill at once, can't be."""

    async def story(x: FailingExchange) -> None:
        with pytest.raises(InvalidOrderError, match="post-only"):
            await x.create_order(SYMBOL, "market", "buy", 0.01, None, params)
        with pytest.raises(InvalidOrderError, match="match immediately"):
            await x.create_order(SYMBOL, "limit", "buy", 0.01, 90_000, params)

    run(story)


def test_params_that_are_none_or_no_mapping() -> None:
    """None means none; anything else is told what is expected."""

    async def story(x: FailingExchange) -> None:
        nothing: Any = None
        order = await x.create_order(SYMBOL, "limit", "buy", 0.01, 30_000, nothing)
        with pytest.raises(BadRequestError, match="mapping"):
            await x.fetch_order(order["id"], SYMBOL, ["x"])  # type: ignore[arg-type]

    run(story)


# ---- nothing that is handed out or taken in is shared


def test_changing_what_was_answered_changes_nothing() -> None:
    """A bot may do with its dicts what it likes; the journal keeps what was said."""

    async def story(x: FailingExchange) -> None:
        order = await x.create_order(SYMBOL, "market", "buy", 0.01)
        before = x.journal.dump()
        order["trades"][0]["fee"]["cost"] = 99
        for key in ("info", "fee"):
            order[key].clear()
        for key in ("trades", "fees"):
            order[key].clear()
        order["id"] = "x"
        balance = await x.fetch_balance()
        balance["BTC"]["free"] = 0
        balance["info"].clear()
        (await x.fetch_order_book(SYMBOL))["bids"].clear()
        (await x.fetch_ohlcv(SYMBOL))[0][0] = 0
        assert x.journal.dump().startswith(before)
        assert len((await x.fetch_order("1"))["trades"]) == 1
        assert (await x.fetch_balance())["BTC"]["free"] > 0
        assert (await x.fetch_ohlcv(SYMBOL))[0][0] > 0

    run(story)


def test_changing_what_a_fault_said_changes_nothing() -> None:
    """Also where the answer is the fault's own."""

    async def story(x: FailingExchange) -> None:
        x.arm("error_in_success")
        order = await x.create_order(SYMBOL, "limit", "buy", 0.01, 30_000)
        before = x.journal.dump()
        order["info"].clear()
        assert x.journal.dump() == before

    run(story)


def test_params_are_copied() -> None:
    """A dict that a bot uses again for the next order must not change the last one."""

    async def story(x: FailingExchange) -> None:
        params: dict[str, Any] = {"clientOrderId": "a"}
        await x.create_order(SYMBOL, "limit", "buy", 0.01, 30_000, params)
        wrong: dict[str, Any] = {"clientOrderId": ["b"]}
        with pytest.raises(BadRequestError):
            await x.create_order(SYMBOL, "limit", "buy", 0.01, 30_000, wrong)
        before = x.journal.dump()
        params["clientOrderId"] = "c"
        wrong["clientOrderId"].append("d")
        assert x.journal.dump() == before
        assert (params, wrong) == ({"clientOrderId": "c"}, {"clientOrderId": ["b", "d"]})

    run(story)


# ---- local helpers


def test_precision_is_ccxts() -> None:
    """Amounts are cut, prices rounded, and both are texts."""
    x = FailingExchange()
    assert x.amount_to_precision(SYMBOL, 0.123456789) == "0.12345"
    assert x.price_to_precision(SYMBOL, 50_000.126) == "50000.13"
    assert x.price_to_precision(SYMBOL, "50000.1") == "50000.1"
    assert x.cost_to_precision(SYMBOL, 1.123456789) == "1.12345678"
    assert x.amountToPrecision(SYMBOL, 1) == "1"  # type: ignore[attr-defined]
    with pytest.raises(InvalidOrderError, match="step"):  # ccxt's InvalidOrder
        x.amount_to_precision(SYMBOL, 0.000001)
    for call in (x.amount_to_precision, x.price_to_precision, x.cost_to_precision):
        with pytest.raises(SymbolNotFoundError):
            call("NO/SUCH", 1)
        with pytest.raises(FailingExchangeError):
            call(SYMBOL, [])
    judge = ccxt.Exchange({"id": "judge"})
    judge.set_markets(list(x.markets.values()))
    for amount in (0.1, 0.30000000000000004, 1.99999, 7):
        assert x.amount_to_precision(SYMBOL, amount) == judge.amount_to_precision(SYMBOL, amount)
    for price in (0.015, 49_999.994999, 49_999.995, 1):
        assert x.price_to_precision(SYMBOL, price) == judge.price_to_precision(SYMBOL, price)


def test_times_and_timeframes_are_ccxts() -> None:
    """What can't be read is None, as there."""
    x = FailingExchange()
    assert x.iso8601(1_767_225_600_123) == "2026-01-01T00:00:00.123Z"
    assert x.parse8601("2026-01-01T00:00:00.123Z") == 1_767_225_600_123
    assert x.parse8601("2026-01-01 00:00:00") == 1_767_225_600_000
    assert x.parse8601("never") is None
    assert x.parse8601(None) is None
    assert x.iso8601(None) is None
    for timeframe in ("4h", "7m", "1w", "1M", "1y"):
        assert x.parse_timeframe(timeframe) == ccxt.Exchange.parse_timeframe(timeframe)
    for wrong in ("7x", "m", "", "-1m", 5):
        with pytest.raises(BadRequestError, match="5m"):
            x.parse_timeframe(wrong)  # type: ignore[arg-type]
    for no_time in (-1, float("nan"), "5x", True, 10**30):
        assert x.iso8601(no_time) is None
        assert ccxt.Exchange.iso8601(no_time) is None
    assert x.parse8601(5) is None


def test_a_fee_is_what_the_venue_charges() -> None:
    """In the asset that the order receives."""

    async def story(x: FailingExchange) -> None:
        order = await x.create_order(SYMBOL, "market", "buy", 0.01)
        expected = x.calculate_fee(SYMBOL, "market", "buy", 0.01, order["average"])
        assert order["fee"] == {"currency": expected["currency"], "cost": expected["cost"]}
        sold = await x.create_order(SYMBOL, "market", "sell", 0.005)
        expected = x.calculate_fee(SYMBOL, "market", "sell", 0.005, sold["average"])
        assert sold["fee"]["currency"] == expected["currency"] == "USDT"
        assert sold["fee"]["cost"] == pytest.approx(expected["cost"], rel=1e-6)

    run(story)
