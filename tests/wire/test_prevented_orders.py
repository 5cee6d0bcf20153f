"""Orders of one account that meet: what answers say of them. faqs/stp_faq.md, 2026-07-21."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from tests.wire.client import Client, on_the_wire


async def placed(client: Client, side: str, quantity: str, mode: str, **more: Any) -> Any:
    """A limit order at 50,000 with a mode of self-trade prevention; its answer."""
    got = await client.order(
        side=side, quantity=quantity, price="50000", selfTradePreventionMode=mode, **more
    )
    assert got.status == 200, got.body
    return got.body


async def asked(client: Client, order_id: int) -> Any:
    """The order as a query shows it."""
    path = "/api/v3/order"
    return (await client.signed("GET", path, symbol="BTCUSDT", orderId=order_id)).body


def test_the_original_quantity_of_a_decremented_order_stays() -> None:
    """Scenario G: original - executed - prevented is what can still be executed."""

    async def story(client: Client) -> None:
        maker = await placed(client, "BUY", "0.06", "DECREMENT")
        taker = await placed(client, "SELL", "0.02", "DECREMENT")
        first = await asked(client, maker["orderId"])
        assert (first["status"], first["origQty"]) == ("NEW", "0.06000000")
        assert first["preventedQuantity"] == "0.02000000"
        second = await asked(client, taker["orderId"])
        for one in (taker, second):
            assert (one["status"], one["origQty"]) == ("EXPIRED_IN_MATCH", "0.02000000")
        bob = client.venue.exchange.client("bob")
        await bob.create_order("BTC/USDT", "limit", "sell", "0.01", 50_000)
        first = await asked(client, maker["orderId"])
        names = ("origQty", "executedQty", "preventedQuantity")
        original, executed, prevented = (Decimal(first[name]) for name in names)
        book = (await client.public("GET", "/api/v3/depth", symbol="BTCUSDT")).body
        assert Decimal(book["bids"][0][1]) == original - executed - prevented == Decimal("0.03")

    on_the_wire(story, background=False)
