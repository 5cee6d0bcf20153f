"""python-binance's futures, unmodified: its production URLs, and its synchronous client."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from failing_exchange import FailingExchange, simulate
from failing_exchange.core.commands import ChangeApi, MovePrice
from failing_exchange.faults.triggers import nth
from failing_exchange.server.api_keys import DEFAULT_KEY, DEFAULT_SECRET
from failing_exchange.venues.base import like_production
from tests.clients.venue import serving

binance = pytest.importorskip("binance")

BTC = "BTC/USDT:USDT"
ONE = {"symbol": "BTCUSDT"}
INDICATORS = (
    "open_interest_hist", "top_longshort_account_ratio", "top_longshort_position_ratio",
    "global_longshort_ratio", "taker_longshort_ratio",
)  # fmt: skip
PUBLIC: list[tuple[str, dict[str, Any]]] = [
    ("ping", {}), ("time", {}), ("exchange_info", {}), ("order_book", ONE),
    ("rpi_depth", ONE),
    ("recent_trades", ONE), ("historical_trades", ONE), ("aggregate_trades", ONE),
    ("klines", {**ONE, "interval": "1m"}), ("mark_price_klines", {**ONE, "interval": "1m"}),
    ("premium_index_klines", {**ONE, "interval": "1m"}),
    ("index_price_klines", {"pair": "BTCUSDT", "interval": "1m"}),
    ("continuous_klines", {"pair": "BTCUSDT", "contractType": "PERPETUAL", "interval": "1m"}),
    ("mark_price", {}), ("mark_price", ONE), ("funding_rate", {}), ("funding_rate", ONE),
    ("ticker", {}), ("ticker", ONE), ("symbol_ticker", {}), ("symbol_ticker", ONE),
    ("orderbook_ticker", {}), ("orderbook_ticker", ONE), ("open_interest", ONE),
    ("index_price_constituents", ONE), ("symbol_adl_risk", ONE),
    *((name, {**ONE, "period": "5m"}) for name in INDICATORS),
]  # fmt: skip
PRIVATE: list[tuple[str, dict[str, Any]]] = [
    ("account", {}), ("account_balance", {}), ("account_config", {}), ("symbol_config", ONE),
    ("position_information", {}), ("position_information", ONE), ("account_trades", ONE),
    ("income_history", {}), ("income_history", ONE), ("get_open_orders", {}),
    ("get_open_orders", {**ONE, "conditional": True}), ("get_all_orders", ONE),
    ("get_all_orders", {**ONE, "conditional": True}), ("get_position_mode", {}),
    ("get_multi_assets_mode", {}), ("leverage_bracket", {}), ("leverage_bracket", ONE),
    ("commission_rate", ONE), ("adl_quantile_estimate", {}), ("liquidation_orders", {}),
    ("get_open_algo_orders", {}), ("get_all_algo_orders", ONE), ("api_trading_status", ONE),
    ("position_margin_history", ONE),
]  # fmt: skip
SOCKETS: list[tuple[str, tuple[Any, ...], str]] = [
    ("kline_futures_socket", ("btcusdt",), "continuous_kline"),
    ("aggtrade_futures_socket", ("BTCUSDT",), "aggTrade"),
    ("futures_ticker_socket", (), "24hrTicker"),
    ("symbol_mark_price_socket", ("BTCUSDT",), "markPriceUpdate"),
    ("all_mark_price_socket", (), "markPriceUpdate"),
    ("symbol_ticker_futures_socket", ("BTCUSDT",), "bookTicker"),
    ("individual_symbol_ticker_futures_socket", ("BTCUSDT",), "24hrTicker"),
    ("all_ticker_futures_socket", (), "bookTicker"),
    ("futures_multiplex_socket", (["btcusdt@markPrice"],), "markPriceUpdate"),
    ("futures_depth_socket", ("BTCUSDT",), "depthUpdate"),
    ("futures_rpi_depth_socket", ("BTCUSDT",), "depthUpdate"),
]


def simulated(story: Any, **options: Any) -> None:
    """Run a story of its client and of the exchange behind it."""

    async def main() -> None:
        venue = like_production("binance-usdm", **options)
        venue.accept_any_key()
        await venue.listen_in_simulation()
        client = await binance.AsyncClient.create(DEFAULT_KEY, DEFAULT_SECRET)
        try:
            await story(client, venue.exchange)
        finally:
            await client.close_connection()
            await venue.close()

    simulate(main(), seed=1)


def test_the_calls_that_read_are_answered() -> None:
    """Those of the market, and those of an account that holds a position with its stop."""

    async def story(client: Any, _: FailingExchange) -> None:
        for name, given in PUBLIC:
            assert await getattr(client, f"futures_{name}")(**given) is not None
        assert len(await client.futures_historical_klines("BTCUSDT", "1m", "1 hour ago UTC")) == 60
        await client.futures_create_order(**ONE, side="BUY", type="MARKET", quantity=0.02)
        await stop(client)
        for name, given in PRIVATE:
            assert await getattr(client, f"futures_{name}")(**given) is not None

    simulated(story)


def test_a_position_is_opened_with_its_modes_protected_and_closed() -> None:
    """Settings, orders single and in a batch, a changed one, a stop, and what became of them."""

    async def story(client: Any, _: FailingExchange) -> None:
        await client.futures_change_position_mode(dualSidePosition="true")
        await client.futures_change_position_mode(dualSidePosition="false")
        await client.futures_change_multi_assets_mode(True)
        await client.futures_change_multi_assets_mode(False)
        await client.futures_change_leverage(**ONE, leverage=10)
        await client.futures_change_margin_type(**ONE, marginType="ISOLATED")
        low = {**ONE, "quantity": 0.01, "price": 40_000, "timeInForce": "GTC"}
        await client.futures_create_test_order(**low, side="BUY", type="LIMIT")
        order = await client.futures_limit_buy_order(**low)
        which = {**ONE, "orderId": order["orderId"]}
        await client.futures_modify_order(**which, side="BUY", quantity=0.02, price=40_000)
        assert (await client.futures_get_order(**which))["origQty"] == "0.020"
        assert (await client.futures_cancel_order(**which))["status"] == "CANCELED"
        each = {**ONE, "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.01"}
        batch = await client.futures_place_batch_order(
            batchOrders=[{**each, "price": "40000"}, {**each, "price": "1000"}]
        )
        assert (batch[0]["status"], batch[1]["code"]) == ("NEW", -4164)
        await client.futures_cancel_orders(**ONE, orderidlist=[batch[0]["orderId"]])
        await client.futures_countdown_cancel_all(**ONE, countdownTime=1_000)
        await client.futures_cancel_all_open_orders(**ONE)

        await client.futures_create_order(**ONE, side="BUY", type="MARKET", quantity=0.02)
        await client.futures_change_position_margin(**ONE, amount=20, type=1)
        placed = await stop(client)
        (waiting,) = await client.futures_get_open_orders(**ONE, conditional=True)
        assert (waiting["algoId"], waiting["algoStatus"]) == (placed["algoId"], "NEW")
        (position,) = await client.futures_position_information(**ONE)
        assert position["positionAmt"] == "0.020"
        await client.futures_cancel_order(**ONE, algoId=placed["algoId"])
        await client.futures_create_order(
            **ONE, side="SELL", type="MARKET", quantity=0.02, reduceOnly="true"
        )
        assert await client.futures_position_information(**ONE) == []

    simulated(story)


def test_the_websocket_api_places_and_reads() -> None:
    """Orders of both kinds by socket, and the account."""

    async def story(client: Any, _: FailingExchange) -> None:
        for name in ("order_book", "all_tickers", "order_book_ticker"):
            assert await getattr(client, f"ws_futures_get_{name}")(**ONE)
        low = {"side": "BUY", "quantity": 0.01, "price": 40_000}
        order = await client.ws_futures_create_order(**ONE, **low, type="LIMIT", timeInForce="GTC")
        which = {**ONE, "orderId": order["orderId"]}
        await client.ws_futures_edit_order(**which, **{**low, "quantity": 0.02})
        assert (await client.ws_futures_get_order(**which))["origQty"] == "0.020"
        assert (await client.ws_futures_cancel_order(**which))["status"] == "CANCELED"
        stop = await client.ws_futures_create_algo_order(
            **ONE, side="SELL", type="STOP_MARKET", triggerPrice=40_000, quantity=0.01,
            algoType="CONDITIONAL",
        )  # fmt: skip
        await client.ws_futures_cancel_algo_order(algoId=stop["algoId"])
        for name in ("position", "balance", "status"):
            for version in ("", "v2_"):
                await getattr(client, f"ws_futures_{version}account_{name}")()

    simulated(story)


def test_each_futures_socket_hears_its_stream() -> None:
    """Under the paths of 2026, which the library takes by the kind of stream."""

    async def story(client: Any, _: FailingExchange) -> None:
        sockets = binance.BinanceSocketManager(client)
        for name, given, event in SOCKETS:
            async with getattr(sockets, name)(*given) as socket, asyncio.timeout(60):
                heard = await socket.recv()
            heard = heard.get("data", heard)
            assert (heard[0] if isinstance(heard, list) else heard)["e"] == event, name

    simulated(story)


def test_the_user_socket_tells_of_a_stop_that_fires() -> None:
    """From the trigger to the position that is gone, in the venue's order."""

    async def story(client: Any, exchange: FailingExchange) -> None:
        await client.futures_create_order(**ONE, side="BUY", type="MARKET", quantity=0.02)
        async with binance.BinanceSocketManager(client).futures_user_socket() as socket:
            placed = await stop(client)
            await exchange.operate(MovePrice(BTC, ppm=-45_000))
            heard: list[dict[str, Any]] = []
            async with asyncio.timeout(60):
                while not heard or heard[-1].get("o", {}).get("X") != "FINISHED":
                    heard.append(await socket.recv())
        states = [one["o"]["X"] for one in heard if one["e"] == "ALGO_UPDATE"]
        assert states == ["NEW", "TRIGGERING", "TRIGGERED", "FINISHED"]
        assert {one["o"]["aid"] for one in heard if one["e"] == "ALGO_UPDATE"} == {placed["algoId"]}
        (account,) = [one for one in heard if one["e"] == "ACCOUNT_UPDATE"]
        assert account["a"]["P"][0]["pa"] == "0"

    simulated(story)


def test_a_lost_answer_raises_and_the_position_is_there() -> None:
    """The library cannot tell whether the order was placed; the account can."""

    async def story(client: Any, exchange: FailingExchange) -> None:
        exchange.arm("lose_answer", nth(1), operations="create_order")
        with pytest.raises((asyncio.TimeoutError, binance.exceptions.BinanceRequestException)):
            await client.futures_create_order(**ONE, side="SELL", type="MARKET", quantity=0.02)
        (position,) = await client.futures_position_information(**ONE)
        assert position["positionAmt"] == "-0.020"

    simulated(story)


def test_the_day_on_which_conditional_orders_moved() -> None:
    """A program of before sends its stop where all orders went; after that day it is refused."""

    async def story(client: Any, exchange: FailingExchange) -> None:
        await client.futures_create_order(**ONE, side="BUY", type="MARKET", quantity=0.02)
        old = {**ONE, "side": "SELL", "type": "STOP_MARKET", "stopPrice": 48_500, "quantity": 0.01}
        assert (await client._request_futures_api("post", "order", True, data={**old}))["stopPrice"]
        await exchange.operate(ChangeApi("algo_orders"))
        with pytest.raises(binance.exceptions.BinanceAPIException) as refused:
            await client._request_futures_api("post", "order", True, data={**old})
        assert refused.value.code == -4120
        await stop(client)
        assert len(await client.futures_get_open_orders(**ONE, conditional=True)) == 2

    simulated(story, as_of="2025-12-01")


def test_the_synchronous_client_trades_on_a_socket() -> None:
    """Its URLs are attributes, which a program may set."""
    with serving("--balance", "USDT=1000", venue="binance-usdm") as venue:
        client = binance.Client(DEFAULT_KEY, DEFAULT_SECRET, ping=False)
        client.FUTURES_URL = f"{venue.url}/fapi"
        client.futures_change_leverage(**ONE, leverage=10)
        client.futures_create_order(**ONE, side="BUY", type="MARKET", quantity=0.02)
        placed = client.futures_create_order(
            **ONE, side="SELL", type="STOP_MARKET", stopPrice=48_500, quantity=0.02
        )
        (position,) = client.futures_position_information(**ONE)
        assert position["positionAmt"] == "0.020"
        (waiting,) = client.futures_get_open_orders(**ONE, conditional=True)
        assert waiting["algoId"] == placed["algoId"]


async def stop(client: Any) -> Any:
    """A conditional order some percent below the price."""
    return await client.futures_create_order(
        **ONE, side="SELL", type="STOP_MARKET", stopPrice=48_500, quantity=0.02
    )
