"""Orders of one account that meet: what answers say of them. faqs/stp_faq.md, 2026-07-21."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from tests.venues.binance.client import Client, on_the_wire


async def placed(client: Client, side: str, quantity: str, mode: str, **more: Any) -> Any:
    """A limit order at 50,000 with a mode of self-trade prevention; its answer."""
    asks = {"price": "50000", "selfTradePreventionMode": mode} | more
    got = await client.order(side=side, quantity=quantity, **asks)
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


def match(number: int, met: Any, price: str, **lots: str) -> dict[str, Any]:
    """An entry of preventedMatches, as scenario H has it."""
    head = {"preventedMatchId": number, "makerSymbol": "BTCUSDT", "makerOrderId": met["orderId"]}
    return head | {"price": price} | {f"{who}PreventedQuantity": n for who, n in lots.items()}


PREVENTED = ("preventedMatchId", "preventedQuantity", "preventedMatches")


def prevented(answer: Any) -> list[Any]:
    """The fields of an answer that are there for prevented matches only."""
    return [answer.get(name) for name in PREVENTED]


def test_a_taker_that_clears_its_way_is_told_whom_it_met() -> None:
    """Scenario B: the makers expire, and nothing of the taker does."""

    async def story(client: Client) -> None:
        first = await placed(client, "BUY", "0.02", "EXPIRE_TAKER")
        second = await placed(client, "BUY", "0.03", "EXPIRE_TAKER", price="49999")
        taker = await placed(client, "SELL", "0.05", "EXPIRE_MAKER", price="49999")
        matches = [
            match(0, first, "50000.00000000", maker="0.02000000"),
            match(1, second, "49999.00000000", maker="0.03000000"),
        ]
        assert (taker["status"], prevented(taker)) == ("NEW", [None, None, matches])
        assert prevented(await asked(client, taker["orderId"])) == [None, None, None]
        for n, (maker, lots) in enumerate(((first, "0.02000000"), (second, "0.03000000"))):
            found = await asked(client, maker["orderId"])
            assert (found["status"], prevented(found)) == ("EXPIRED_IN_MATCH", [n, lots, None])

    on_the_wire(story, background=False)


def test_a_maker_that_stays_is_told_nothing_of_a_taker_that_expires() -> None:
    """Scenario E: the taker's mode holds, and nothing of the maker expires."""

    async def story(client: Client) -> None:
        maker = await placed(client, "BUY", "0.02", "EXPIRE_MAKER")
        taker = await placed(client, "SELL", "0.02", "EXPIRE_TAKER")
        matches = [match(0, maker, "50000.00000000", taker="0.02000000")]
        assert prevented(taker) == [None, "0.02000000", matches]
        found = await asked(client, maker["orderId"])
        assert (found["status"], prevented(found)) == ("NEW", [None, None, None])
        assert prevented(await asked(client, taker["orderId"])) == [0, "0.02000000", None]

    on_the_wire(story, background=False)


def test_both_that_expire_are_told_of_both() -> None:
    """Scenario D, and without the matches where the answer is no FULL one."""

    async def story(client: Client) -> None:
        maker = await placed(client, "BUY", "0.01", "EXPIRE_TAKER")
        taker = await placed(client, "SELL", "0.03", "EXPIRE_BOTH")
        both = match(0, maker, "50000.00000000", taker="0.03000000", maker="0.01000000")
        assert prevented(taker) == [None, "0.03000000", [both]]
        await placed(client, "BUY", "0.01", "EXPIRE_TAKER")
        taker = await placed(client, "SELL", "0.03", "EXPIRE_BOTH", newOrderRespType="RESULT")
        assert prevented(taker) == [None, "0.03000000", None]

    on_the_wire(story, background=False)


def test_what_is_left_of_a_decremented_order_is_canceled_and_amended_with_its_past() -> None:
    """Both answers know what has expired of it; an amendment calls it `preventedQty`."""

    async def story(client: Client) -> None:
        maker = await placed(client, "BUY", "0.06", "DECREMENT")
        await placed(client, "SELL", "0.02", "DECREMENT")
        named = {"symbol": "BTCUSDT", "orderId": maker["orderId"]}
        path = "/api/v3/order/amend/keepPriority"
        amended = (await client.signed("PUT", path, **named, newQty="0.05")).body["amendedOrder"]
        assert (amended["qty"], amended["preventedQty"]) == ("0.05000000", "0.02000000")
        assert prevented(amended) == [None, None, None]
        canceled = (await client.signed("DELETE", "/api/v3/order", **named)).body
        assert (canceled["status"], canceled["origQty"]) == ("CANCELED", "0.05000000")
        assert prevented(canceled) == [None, "0.02000000", None]

    on_the_wire(story, background=False)
