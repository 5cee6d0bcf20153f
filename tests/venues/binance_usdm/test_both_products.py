"""USD-M under its production names, alone and beside Spot."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import ccxt.async_support as ccxt
import pytest

from failing_exchange import Binance, ConfigurationError, FailingExchange, simulate

FAPI, API = "https://fapi.binance.com", "https://api.binance.com"


async def asked(*urls: str) -> list[tuple[int, Any]]:
    """Status and body of each."""
    async with aiohttp.ClientSession() as session:
        found = []
        for url in urls:
            async with session.get(url) as response:
                found.append((response.status, await response.json(content_type=None)))
        return found


def test_a_simulation_answers_under_the_venues_name() -> None:
    """An unmodified client with production's URL meets the default perpetuals."""
    (info, server, gone) = simulate(
        asked(f"{FAPI}/fapi/v1/exchangeInfo", f"{FAPI}/fapi/v1/time", f"{FAPI}/fapi/v1/account"),
        venue="binance-usdm",
    )
    assert [row["symbol"] for row in info[1]["symbols"]] == ["BTCUSDT", "ETHUSDT", "SOLUSDT"]
    btc = {one["filterType"]: one for one in info[1]["symbols"][0]["filters"]}
    assert btc["MIN_NOTIONAL"]["notional"] == "50"
    assert btc["MAX_NUM_ORDERS"]["limit"] == 200
    assert server[0] == 200
    assert gone == (
        404,
        {"code": -5000, "msg": "GET /fapi/v1/account is retired, please use GET /fapi/v2/account"},
    )


@pytest.mark.parametrize("venues", ["binance", ["binance", "binance-usdm"]])
def test_spot_and_usdm_each_answer_on_their_hosts(venues: Any) -> None:
    """One exchange stands behind both products; neither lists what the other one trades."""
    spot, futures, inverse = simulate(
        asked(
            f"{API}/api/v3/exchangeInfo",
            f"{FAPI}/fapi/v1/exchangeInfo",
            "https://dapi.binance.com/dapi/v1/exchangeInfo",
        ),
        venue=venues,
    )
    assert len(spot[1]["symbols"]) == 5
    assert len(futures[1]["symbols"]) == 3
    assert inverse[1]["symbols"] == []


def with_ccxt(story: Callable[[Any], Awaitable[Any]], **options: Any) -> Any:
    """Run a story of an unmodified ccxt.binance, with the options that it has by default."""

    async def main() -> Any:
        client = ccxt.binance({"apiKey": "k" * 64, "secret": "s" * 64, "options": options})
        try:
            return await story(client)
        finally:
            await client.close()

    return simulate(main(), venue="binance")


def test_ccxts_default_class_trades_both_products() -> None:
    """It loads spot, linear and inverse markets; without a symbol its defaultType says which."""

    async def story(client: Any) -> list[Any]:
        await client.load_markets()
        if client.options["defaultType"] == "spot":  # else ccxt means the contract by BTC/USDT
            await client.create_order("BTC/USDT", "limit", "buy", 0.01, 30_000)
        await client.create_order("BTC/USDT:USDT", "limit", "buy", 0.01, 30_000)
        await client.create_order("BTC/USDT:USDT", "market", "sell", 0.01)
        (position,) = await client.fetch_positions()
        asked = {"type": client.options["defaultType"]}  # ccxt wants it where a warning is off
        orders = [one["symbol"] for one in await client.fetch_open_orders(params=asked)]
        return [len(client.markets), position["side"], orders, sorted(await client.fetch_tickers())]

    quiet = {"fetchOpenOrders": {"warnWithoutSymbol": False}}
    count, side, orders, tickers = with_ccxt(story, **quiet)
    assert (count, side, orders) == (8, "short", ["BTC/USDT"])
    assert tickers == ["BNB/USDT", "BTC/USDT", "ETH/BTC", "ETH/USDT", "SOL/USDT"]
    _, _, orders, tickers = with_ccxt(story, defaultType="swap", **quiet)
    assert orders == ["BTC/USDT:USDT"]
    assert tickers == ["BTC/USDT:USDT", "ETH/USDT:USDT", "SOL/USDT:USDT"]


def test_money_moves_between_the_wallets_by_wire() -> None:
    """There and back, told in the history by its number; what is not there can't be moved."""

    async def story(client: Any) -> None:
        there = await client.transfer("USDT", 100.5, "spot", "swap")
        await client.transfer("USDT", 3, "swap", "spot")
        spot = (await client.fetch_balance())["USDT"]
        futures = (await client.fetch_balance({"type": "swap"}))["USDT"]
        assert (spot["free"], futures["free"]) == (9_999_902.5, 10_000_097.5)
        (told,) = await client.fetch_transfers(
            "USDT", params={"fromAccount": "spot", "toAccount": "swap"}
        )
        assert (told["id"], told["amount"], told["status"]) == (there["id"], 100.5, "ok")
        with pytest.raises(ccxt.InsufficientFunds, match="-5013"):
            await client.transfer("USDT", 1e9, "spot", "swap")
        with pytest.raises(ccxt.BadRequest, match="-1130"):  # margin is not there
            await client.transfer("USDT", 1, "spot", "margin")

    with_ccxt(story)


def test_a_client_order_id_is_one_products_own() -> None:
    """A bot that names both legs of a hedge alike may do so, and finds each."""

    async def story(client: Any) -> None:
        named = {"newClientOrderId": "leg-1"}
        for symbol in ("BTC/USDT", "BTC/USDT:USDT"):
            await client.create_order(symbol, "limit", "buy", 0.01, 30_000, named)
        for symbol in ("BTC/USDT", "BTC/USDT:USDT"):
            found = await client.fetch_order("", symbol, {"clientOrderId": "leg-1"})
            assert (found["symbol"], found["status"]) == (symbol, "open")
            with pytest.raises(ccxt.ExchangeError, match="[Dd]uplicate"):
                await client.create_order(symbol, "limit", "buy", 0.01, 30_000, named)

    with_ccxt(story)


def test_two_servers_at_one_place_are_refused() -> None:
    """The second one would never be asked."""
    venues: Any = [Binance(FailingExchange()), "binance-usdm"]
    with pytest.raises(ConfigurationError, match="two answer at fapi.binance.com:443"):
        simulate(asked(), venue=venues)
