"""An unmodified ccxt client trades perpetuals."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from failing_exchange import check_venue, simulate
from failing_exchange.testing.ccxt_clients import ccxt_session
from failing_exchange.venues.binance_usdm.usdm_examples import UsdmExamples
from tests.venues.binance_usdm.contracts import BTC, ETH, usdm

ccxt = pytest.importorskip("ccxt.async_support")
Story = Callable[[Any, Any], Awaitable[None]]


def with_ccxt(story: Story, **options: Any) -> None:
    """Run a story of a ccxt client and of bob, who offers 1 BTC at 50,000 and bids at 49,000."""

    async def main() -> None:
        venue = usdm(**options)
        venue.accept_any_key()
        bob = venue.exchange.client("bob")
        await bob.create_order(BTC, "limit", "sell", 1, 50_000)
        await bob.create_order(BTC, "limit", "buy", 1, 49_000)
        session = ccxt_session(venue)
        client = ccxt.binanceusdm({"session": session, "apiKey": "any", "secret": "any"})
        try:
            await client.load_markets()
            await story(client, bob)
        finally:
            await client.close()
            await venue.close()

    simulate(main(), seed=1)


def test_ccxt_trades_a_perpetual_from_the_first_order_to_the_position() -> None:
    """What every bot does on its first day."""

    async def story(client: Any, bob: Any) -> None:
        market = client.market(BTC)
        assert (market["linear"], market["settle"]) == (True, "USDT")
        assert market["precision"]["price"] == 0.1
        assert market["limits"]["cost"]["min"] == 50
        placed = await client.create_order(BTC, "limit", "buy", 0.1, 48_000)
        assert placed["status"] == "open"
        assert [o["id"] for o in await client.fetch_open_orders(BTC)] == [placed["id"]]
        assert (await client.cancel_order(placed["id"], BTC))["status"] == "canceled"
        await client.create_order(BTC, "market", "buy", 0.1)
        (position,) = await client.fetch_positions()
        assert (position["side"], position["contracts"]) == ("long", 0.1)
        assert (position["entryPrice"], position["initialMargin"]) == (50_000, 250)
        assert position["marginMode"] == "cross"
        balance = await client.fetch_balance()
        assert balance["USDT"]["used"] == pytest.approx(250)
        assert balance["USDT"]["total"] == 9_999_997.5  # the fee of a taker is paid
        (trade,) = await client.fetch_my_trades(BTC)
        assert (trade["fee"]["cost"], trade["takerOrMaker"]) == (2.5, "taker")

    with_ccxt(story)


def test_ccxt_sees_the_balance_of_an_account_that_has_not_traded() -> None:
    """ccxt leaves out assets whose updateTime is 0; the deposit has a time."""

    async def story(client: Any, bob: Any) -> None:
        assert (await client.fetch_balance())["USDT"]["total"] == 10_000_000
        # ccxt sends its own option to the venue, which ignores it
        older = await client.fetch_balance({"useV2": True})
        assert older["USDT"]["total"] == 10_000_000
        (row,) = await client.fapiPrivateV3GetBalance()
        assert int(row["updateTime"]) > 0
        await client.create_order(BTC, "market", "buy", 0.1)
        (trade,) = await client.fetch_my_trades(BTC)
        (after,) = await client.fapiPrivateV3GetBalance()
        assert int(after["updateTime"]) == trade["timestamp"] > int(row["updateTime"])

    with_ccxt(story)


def test_ccxt_sets_leverage_and_modes() -> None:
    """Bots set them before their first order, and read them back."""

    async def story(client: Any, bob: Any) -> None:
        assert (await client.set_leverage(10, BTC))["maxNotionalValue"] == "10000000"
        await client.set_margin_mode("isolated", BTC)
        assert (await client.fetch_leverage(BTC))["longLeverage"] == 10
        with pytest.raises(ccxt.MarginModeAlreadySet):
            await client.set_margin_mode("isolated", BTC)
        await client.create_order(BTC, "market", "buy", 0.1)
        await client.add_margin(BTC, 100)
        (position,) = await client.fetch_positions([BTC])
        assert (position["marginMode"], position["collateral"]) == ("isolated", 600)
        with pytest.raises(ccxt.ExchangeError, match="-4068"):
            await client.set_position_mode(True)
        tiers = await client.fetch_leverage_tiers([ETH])
        assert [tier["maxLeverage"] for tier in tiers[ETH]] == [125, 100, 50]

    with_ccxt(story)


def test_ccxt_raises_its_own_errors_for_our_refusals() -> None:
    """A bot acts by their classes."""

    async def story(client: Any, bob: Any) -> None:
        for error, order in (
            (ccxt.InsufficientFunds, ("limit", "buy", 3, 49_900)),
            (ccxt.InvalidOrder, ("limit", "buy", 0.001, 40_000)),  # is worth less than 50
            (ccxt.OrderNotFillable, ("limit", "buy", 0.1, 50_000, {"timeInForce": "GTX"})),
            (ccxt.InvalidOrder, ("market", "sell", 0.1, None, {"reduceOnly": True})),
        ):
            with pytest.raises(error):
                await client.create_order(BTC, *order)
        with pytest.raises(ccxt.OrderNotFound):
            await client.fetch_order("77", BTC)

    with_ccxt(story, balances={"USDT": 6_000})


@pytest.mark.slow
def test_the_venue_conforms() -> None:
    """Every endpoint, every documented parameter, every reason, through its server."""
    report = check_venue("binance-usdm")
    assert report.cases["answers"] == len(UsdmExamples().endpoints)
    assert all(report.cases.values())


def test_ccxt_cancels_a_conditional_order_and_names_its_symbol() -> None:
    """The venue's page lists no symbol there, and ccxt sends one: a stop must be cancelable."""

    async def story(client: Any, bob: Any) -> None:
        await client.create_order(BTC, "market", "buy", 0.1)
        stop = await client.create_order(
            BTC, "market", "sell", 0.1, None, {"stopLossPrice": 45_000}
        )
        waiting = {"trigger": True}
        assert (await client.fetch_order(stop["id"], BTC, waiting))["status"] == "open"
        await client.cancel_order(stop["id"], BTC, waiting)
        assert await client.fetch_open_orders(BTC, params=waiting) == []

    with_ccxt(story)
