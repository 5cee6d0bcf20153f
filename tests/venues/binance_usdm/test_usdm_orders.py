"""Orders over REST: changed, in batches, timed, priced by the book."""

from __future__ import annotations

import asyncio
import json

from failing_exchange.core.commands import MoveMark
from failing_exchange.core.units import ATOMS
from tests.venues.binance_usdm.contracts import BTC
from tests.venues.binance_usdm.usdm_client import UsdmClient, on_usdm


def test_an_acknowledgement_does_not_tell_what_was_filled() -> None:
    """Bots that read the fill off an ACK book nothing; RESULT tells it."""

    async def story(client: UsdmClient) -> None:
        plain = await client.market(newOrderRespType=None)
        assert (plain.body["status"], plain.body["executedQty"]) == ("NEW", "0.000")
        told = await client.market()
        assert (told.body["status"], told.body["executedQty"]) == ("FILLED", "0.100")
        found = await client.signed("GET", "v1/order", symbol="BTCUSDT",
                                    orderId=plain.body["orderId"])  # fmt: skip
        assert (found.body["status"], found.body["avgPrice"]) == ("FILLED", "50000.00000")

    on_usdm(story)


def test_a_changed_order_keeps_its_id_and_remembers_its_changes() -> None:
    """PUT instead of cancel and replace: one request, one id."""

    async def story(client: UsdmClient) -> None:
        placed = (await client.order()).body
        named = {"symbol": "BTCUSDT", "orderId": placed["orderId"]}
        changed = await client.signed(
            "PUT", "v1/order", **named, side="BUY", quantity="0.2", price="41000", modifyId=7
        )
        assert changed.status == 200
        assert changed.body["orderId"] == placed["orderId"]
        assert (changed.body["origQty"], changed.body["price"]) == ("0.200", "41000.00")
        assert (changed.body["modifyId"], changed.body["pair"]) == (7, "BTCUSDT")
        (row,) = (await client.signed("GET", "v1/orderAmendment", **named)).body
        assert row["amendment"] == {
            "price": {"before": "40000.00", "after": "41000.00"},
            "origQty": {"before": "0.100", "after": "0.200"},
            "count": 1,
            "modifyId": 7,
        }
        again = await client.signed(
            "PUT", "v1/order", **named, side="BUY", quantity="0.2", price="41000"
        )
        assert (again.status, again.body["code"]) == (400, -5027)

    on_usdm(story)


def test_each_order_of_a_batch_is_answered_on_its_own() -> None:
    """One that is refused does not hold up the others, and stands at its place."""

    async def story(client: UsdmClient) -> None:
        order = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC",
                 "quantity": "0.1", "price": "40000"}  # fmt: skip
        batch = [
            order | {"newClientOrderId": "one"},
            order | {"price": "40000.05"},
            order | {"type": "STOP_MARKET"},
            order | {"quantity": 0.1, "newClientOrderId": "two"},
            {**order, "quantity": None, "quantitty": "0.1"},
        ]
        got = await client.signed("POST", "v1/batchOrders", batchOrders=json.dumps(batch))
        assert [one.get("code") for one in got.body] == [None, -4014, -4120, None, -1102]
        assert got.headers["x-mbx-order-count-10s"] == "5"
        assert got.headers["x-mbx-order-count-1m"] == "1"
        change = {"symbol": "BTCUSDT", "side": "BUY", "quantity": "0.2", "price": "40001"}
        changes = [change | {"origClientOrderId": name} for name in ("one", "nobody")]
        got = await client.signed("PUT", "v1/batchOrders", batchOrders=json.dumps(changes))
        assert [one.get("code") for one in got.body] == [None, -2013]
        got = await client.signed(
            "DELETE", "v1/batchOrders", symbol="BTCUSDT",
            origClientOrderIdList='["one","nobody","two"]',
        )  # fmt: skip
        assert [one.get("code") for one in got.body] == [None, -2011, None]
        assert [one.get("status") for one in got.body] == ["CANCELED", None, "CANCELED"]

    on_usdm(story)


def test_a_countdown_cancels_what_is_open_unless_it_is_set_again() -> None:
    """A bot that dies leaves no order behind."""

    async def story(client: UsdmClient) -> None:
        await client.order()
        for _ in range(3):
            set_again = await client.signed(
                "POST", "v1/countdownCancelAll", symbol="BTCUSDT", countdownTime=2_000
            )
            assert set_again.body == {"symbol": "BTCUSDT", "countdownTime": "2000"}
            await asyncio.sleep(1)
        assert len((await client.signed("GET", "v1/openOrders")).body) == 1
        await asyncio.sleep(1.5)
        assert (await client.signed("GET", "v1/openOrders")).body == []

    on_usdm(story)


def test_a_gtd_order_ends_at_its_date() -> None:
    """It is shown as GTD until then, and expired afterwards."""

    async def story(client: UsdmClient) -> None:
        until = client.now + 700_999
        placed = (await client.order(timeInForce="GTD", goodTillDate=until)).body
        assert placed["timeInForce"] == "GTD"
        assert placed["goodTillDate"] == until // 1_000 * 1_000  # whole seconds count
        await asyncio.sleep(702)
        found = await client.signed("GET", "v1/order", symbol="BTCUSDT", orderId=placed["orderId"])
        assert found.body["status"] == "EXPIRED"
        soon = await client.order(timeInForce="GTD", goodTillDate=client.now + 500_000)
        assert soon.body["code"] == -5040

    on_usdm(story)


def test_an_order_can_take_its_price_from_the_book() -> None:
    """priceMatch: the best of the other side, or of the own one."""

    async def story(client: UsdmClient) -> None:
        queued = (await client.order(price=None, priceMatch="QUEUE")).body
        assert (queued["price"], queued["priceMatch"]) == ("49000.00", "QUEUE")
        taken = await client.order(price=None, priceMatch="OPPONENT", newOrderRespType="RESULT")
        assert (taken.body["price"], taken.body["status"]) == ("50000.00", "FILLED")
        deep = await client.order(price=None, priceMatch="QUEUE_20")
        assert deep.body == {"code": -5041, "msg": "No depth matches this BBO order"}

    on_usdm(story)


def test_an_order_that_may_only_rest_or_must_be_filled_is_refused_otherwise() -> None:
    """GTX and FOK leave no order behind."""

    async def story(client: UsdmClient) -> None:
        assert (await client.order(timeInForce="GTX", price="50000")).body["code"] == -5022
        assert (await client.order(timeInForce="FOK", price="50000", quantity="2")).body[
            "code"
        ] == -5021
        assert (await client.signed("GET", "v1/openOrders")).body == []
        resting = (await client.order(timeInForce="GTX")).body
        assert (resting["timeInForce"], resting["status"]) == ("GTX", "NEW")

    on_usdm(story)


def test_orders_that_ended_without_a_fill_are_forgotten_after_three_days() -> None:
    """Others are found for ninety days; of a time, the newest orders and the oldest trades."""

    async def story(client: UsdmClient) -> None:
        placed = (await client.order()).body
        named = {"symbol": "BTCUSDT", "orderId": placed["orderId"]}
        await client.signed("DELETE", "v1/order", **named)
        await client.market()
        await client.market()
        assert (await client.signed("GET", "v1/order", **named)).body["status"] == "CANCELED"
        await asyncio.sleep(3 * 86_400 + 60)
        gone = await client.signed("GET", "v1/order", **named)
        assert (gone.status, gone.body["code"]) == (400, -2013)
        orders = (await client.signed("GET", "v1/allOrders", symbol="BTCUSDT")).body
        assert [one["status"] for one in orders] == ["FILLED", "FILLED"]
        newest = (await client.signed("GET", "v1/allOrders", symbol="BTCUSDT", limit=1)).body
        assert newest == orders[-1:]
        trades = (await client.signed("GET", "v1/userTrades", symbol="BTCUSDT")).body
        oldest = (await client.signed("GET", "v1/userTrades", symbol="BTCUSDT", limit=1)).body
        assert oldest == trades[:1]

    on_usdm(story)


def test_percent_price_bounds_a_buy_above_and_a_sell_below() -> None:
    """Around the mark price; a buy far below it and a sell far above it rest, as ladders do."""

    async def story(client: UsdmClient) -> None:
        await client.market()  # at 50,000
        for side, price in (("BUY", "20000"), ("SELL", "90000"), ("BUY", "52500")):
            assert (await client.order(side=side, price=price)).status == 200, (side, price)
        assert (await client.order(price="52500.1")).body["code"] == -4016
        assert (await client.order(side="SELL", price="47499.9")).body["code"] == -4024
        await client.exchange.operate(MoveMark(BTC, 1_000 * ATOMS))
        assert (await client.order(price="53550")).status == 200
        assert (await client.order(side="SELL", price="48449.9")).body == {
            "code": -4024, "msg": "Limit price can't be lower than 48450.",
        }  # fmt: skip

    on_usdm(story)


def test_a_change_with_the_wrong_side_is_refused() -> None:
    """The side is mandatory: a bot that has mixed up two orders must not move the wrong one."""

    async def story(client: UsdmClient) -> None:
        await client.order(newClientOrderId="mine", price="40000")
        change = {"symbol": "BTCUSDT", "quantity": "0.2", "price": "41000",
                  "origClientOrderId": "mine"}  # fmt: skip
        none = await client.signed("PUT", "v1/order", **change)
        assert (none.status, none.body["code"]) == (400, -1102)
        wrong = await client.signed("PUT", "v1/order", **change, side="SELL")
        assert (wrong.status, wrong.body) == (400, {"code": -1117, "msg": "Invalid side."})
        batch = json.dumps([change | {"side": "SELL"}, change | {"side": "BUY"}])
        both = await client.signed("PUT", "v1/batchOrders", batchOrders=batch)
        assert [one.get("code") for one in both.body] == [-1117, None]
        [resting] = (await client.signed("GET", "v1/openOrders")).body
        assert (resting["side"], resting["price"], resting["origQty"]) == (
            "BUY", "41000.00", "0.200",
        )  # fmt: skip

    on_usdm(story)


def test_unknown_parameters_are_ignored_and_journaled() -> None:
    """Clients send some (python-binance a timeInForce with a change); Spot would refuse them."""

    async def story(client: UsdmClient) -> None:
        await client.order(newClientOrderId="mine", price="40000")
        got = await client.signed(
            "PUT", "v1/order", symbol="BTCUSDT", origClientOrderId="mine", side="BUY",
            quantity="0.2", price="41000", timeInForce="DAY", x="1" * 1_000, y="2" * 1_000,
        )  # fmt: skip
        assert (got.status, got.body["price"], got.body["timeInForce"]) == (200, "41000.00", "GTC")
        sent = client.exchange.journal.trips[-1].message.params
        assert (sent["(ignored)"], "timeInForce" in sent) == ("timeInForce, x, y", False)
        batch = json.dumps([{"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET",
                             "quantity": "0.01", "created": 5}])  # fmt: skip
        [bought] = (await client.signed("POST", "v1/batchOrders", batchOrders=batch)).body
        assert bought["origQty"] == "0.010"
        late = await client.public("GET", "v1/time", _="123", signature="00")
        assert (late.status, list(late.body)) == (200, ["serverTime"])

    on_usdm(story)
