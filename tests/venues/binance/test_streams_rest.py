"""What streams say is what REST says."""

from __future__ import annotations

from typing import Any

import pytest

from tests.venues.binance.client import Client, on_the_wire
from tests.venues.binance.streams import streams

PAIRS = [
    ("ticker", {"c": "lastPrice", "v": "volume", "q": "quoteVolume", "P": "priceChangePercent",
                "w": "weightedAvgPrice", "O": "openTime", "n": "count", "b": "bidPrice"}),
    ("miniTicker", {"c": "lastPrice", "o": "openPrice", "h": "highPrice", "q": "quoteVolume"}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "fields"), PAIRS)
def test_a_ticker_says_what_rest_says(name: str, fields: dict[str, str]) -> None:
    """A bot that compares the two must find no difference that is not real."""

    async def story(client: Client) -> None:
        async with streams(client, f"/ws/btcusdt@{name}") as socket:
            event = await socket.next()
            rest = (await client.public("GET", "/api/v3/ticker/24hr", symbol="BTCUSDT")).body
            assert {f: event[f] for f in fields} == {f: rest[n] for f, n in fields.items()}

    on_the_wire(story)


def test_windows_averages_candles_and_aggregates_say_what_rest_says() -> None:
    """The same, for what is summed up."""

    async def story(client: Client) -> None:
        names = ("ticker_4h", "avgPrice", "kline_1s", "aggTrade")
        path = "/stream?streams=" + "/".join(f"btcusdt@{name}" for name in names)
        async with streams(client, path) as socket:
            heard: dict[str, Any] = {}
            while len(heard) < len(names) or len({d["E"] // 1_000 for d in heard.values()}) > 1:
                event = await socket.next()
                heard[event["stream"].split("@")[1]] = event["data"]
            window = await client.public("GET", "/api/v3/ticker", symbol="BTCUSDT", windowSize="4h")
            for field, name in (("o", "openPrice"), ("v", "volume"), ("O", "openTime")):
                assert heard["ticker_4h"][field] == window.body[name]
            average = await client.public("GET", "/api/v3/avgPrice", symbol="BTCUSDT")
            assert heard["avgPrice"]["w"] == average.body["price"]
            k = heard["kline_1s"]["k"]
            candles = await client.public(
                "GET", "/api/v3/klines", symbol="BTCUSDT", interval="1s", startTime=k["t"]
            )
            row = candles.body[0]
            assert [k[name] for name in "tohlcvTqnVQ"] == row[:11]
            found = await client.public("GET", "/api/v3/aggTrades", symbol="BTCUSDT", limit=20)
            told = {name: heard["aggTrade"][name] for name in "apqflTmM"}
            assert told in found.body

    on_the_wire(story)
