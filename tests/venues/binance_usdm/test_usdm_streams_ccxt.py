"""ccxt.pro, unmodified, follows contracts: book, prices, orders, positions and balance."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from failing_exchange import simulate
from tests.venues.binance_usdm.contracts import BTC, usdm

ccxtpro = pytest.importorskip("ccxt.pro")
Story = Callable[[Any, Any], Awaitable[None]]


def with_pro(story: Story, **options: Any) -> None:
    """Run a story of a ccxt.pro client and of bob, who offers 1 BTC at 50,000, bids at 49,000."""

    async def main() -> None:
        venue = usdm(**options)
        venue.accept_any_key()
        await venue.listen_in_simulation()
        bob = venue.exchange.client("bob")
        await bob.create_order(BTC, "limit", "sell", 1, 50_000)
        await bob.create_order(BTC, "limit", "buy", 1, 49_000)
        client = ccxtpro.binanceusdm({"apiKey": "any", "secret": "any"})
        try:
            await story(client, bob)
        finally:
            await client.close()
            await venue.close()

    simulate(main(), seed=1)


def following(watch: Callable[[], Awaitable[Any]]) -> tuple[asyncio.Task[None], list[Any]]:
    """Watch until the task is cancelled; what came is in the list."""
    into: list[Any] = []

    async def collect() -> None:
        while True:
            into.append(await watch())

    return asyncio.ensure_future(collect()), into


def test_an_account_follows_its_order_position_and_balance() -> None:
    """One listen key for all; a market order, then the order that closes the position."""

    async def story(client: Any, bob: Any) -> None:
        watches = (client.watch_orders, client.watch_positions, client.watch_balance)
        followed = [following(watch) for watch in watches]
        await asyncio.sleep(5)
        placed = await client.create_order(BTC, "market", "buy", 0.1)
        await asyncio.sleep(2)
        orders, positions, balances = (found for _, found in followed)
        assert (orders[-1][-1]["id"], orders[-1][-1]["status"]) == (placed["id"], "closed")
        position = positions[-1][-1]
        assert (position["symbol"], position["side"], position["contracts"]) == (BTC, "long", 0.1)
        assert position["entryPrice"] == 50_000
        assert balances[-1]["USDT"]["total"] == 9_999_997.5
        await client.create_order(BTC, "market", "sell", 0.1, None, {"reduceOnly": True})
        await asyncio.sleep(2)
        assert positions[-1][-1]["contracts"] == 0
        for task, _ in followed:
            task.cancel()

    with_pro(story)


def test_the_mark_price_and_the_trades_of_a_contract_are_followed() -> None:
    """ccxt takes its paths by the kind of stream: /market for the first, /public for the other."""

    async def story(client: Any, bob: Any) -> None:
        marks, mark = following(lambda: client.watch_mark_price(BTC))
        trades, trade = following(lambda: client.watch_trades(BTC))
        await asyncio.sleep(5)
        await client.create_order(BTC, "market", "buy", 0.1)
        await asyncio.sleep(5)
        assert mark[-1]["markPrice"] == 50_000
        assert (trade[-1][-1]["price"], trade[-1][-1]["side"]) == (50_000, "buy")
        for task in (marks, trades):
            task.cancel()

    with_pro(story)


def test_the_book_is_followed_from_a_snapshot() -> None:
    """ccxt joins REST's snapshot and the updates by `U`, `u` and `pu`, and checks that they do."""

    async def story(client: Any, bob: Any) -> None:
        books, book = following(lambda: client.watch_order_book(BTC))
        await asyncio.sleep(5)
        for price in (49_500, 49_600, 49_700):
            await bob.create_order(BTC, "limit", "buy", 0.5, price)
            await asyncio.sleep(2)
        books.cancel()
        assert book[-1]["bids"][:2] == [[49_700, 0.5], [49_600, 0.5]]
        assert book[-1]["asks"] == [[50_000, 1]]

    with_pro(story)
