"""Conditional orders over REST: a service of its own since 2025-12-09."""

from __future__ import annotations

from tests.venues.binance_usdm.usdm_client import UsdmClient, on_usdm

SYMBOL = {"symbol": "BTCUSDT"}


def test_a_stop_waits_beside_the_book_and_places_an_order_of_another_id() -> None:
    """Bots that look for their stop among the orders do not find it there."""

    async def story(client: UsdmClient) -> None:
        await client.market()
        await client.trade_at(49_500)
        placed = (await client.stop(clientAlgoId="mine", triggerPrice="49200")).body
        assert placed["algoId"] > 2**51
        assert (placed["algoStatus"], placed["triggerPrice"]) == ("NEW", "49200.00")
        assert (await client.signed("GET", "v1/openOrders")).body == []
        (waiting,) = (await client.signed("GET", "v1/openAlgoOrders", **SYMBOL)).body
        assert (waiting["triggerPrice"], waiting["actualOrderId"]) == ("49200", "")
        await client.trade_at(49_100)
        assert (await client.signed("GET", "v1/openAlgoOrders")).body == []
        done = (await client.signed("GET", "v1/algoOrder", clientAlgoId="mine")).body
        assert (done["algoStatus"], done["actualType"]) == ("FINISHED", "MARKET")
        assert (done["actualQty"], done["actualPrice"]) == ("0.100", "49000.00000")
        order = await client.signed("GET", "v1/order", **SYMBOL, orderId=done["actualOrderId"])
        assert (order.body["clientOrderId"], order.body["status"]) == ("mine", "FILLED")
        assert order.body["origType"] == "MARKET"

    on_usdm(story)


def test_canceling_orders_leaves_conditional_ones() -> None:
    """Each store has requests of its own."""

    async def story(client: UsdmClient) -> None:
        await client.market()
        stop = (await client.stop()).body
        await client.order()
        await client.signed("DELETE", "v1/allOpenOrders", **SYMBOL)
        assert len((await client.signed("GET", "v1/openAlgoOrders")).body) == 1
        canceled = await client.signed("DELETE", "v1/algoOrder", algoId=stop["algoId"])
        assert canceled.body == {
            "algoId": stop["algoId"], "clientAlgoId": stop["clientAlgoId"], "code": "200",
            "msg": "success",
        }  # fmt: skip
        again = await client.signed("DELETE", "v1/algoOrder", algoId=stop["algoId"])
        assert again.body == {"code": -2011, "msg": "Unknown order sent."}
        never = await client.signed("DELETE", "v1/algoOrder", algoId=77)
        assert never.body == {"code": -2013, "msg": "Order does not exist."}
        await client.stop()
        await client.signed("DELETE", "v1/algoOpenOrders", **SYMBOL)
        rows = (await client.signed("GET", "v1/allAlgoOrders", **SYMBOL)).body
        assert [row["algoStatus"] for row in rows] == ["CANCELED", "CANCELED"]

    on_usdm(story)


def test_a_stop_that_closes_the_position_has_no_amount_and_ends_with_it() -> None:
    """closePosition: one per direction and kind, and none without a position."""

    async def story(client: UsdmClient) -> None:
        close = {"closePosition": "true", "quantity": None}
        flat = await client.stop(**close)
        assert flat.body["code"] == -4509
        await client.market()
        placed = (await client.stop(**close)).body
        assert (placed["timeInForce"], placed["quantity"]) == ("GTE_GTC", "0")
        assert (placed["closePosition"], placed["reduceOnly"]) == (True, True)
        assert (await client.stop(**close)).body["code"] == -4130
        assert (await client.stop(closePosition="true")).body["code"] == -4137
        await client.market("SELL")
        (row,) = (await client.signed("GET", "v1/allAlgoOrders", **SYMBOL)).body
        assert row["algoStatus"] == "EXPIRED"

    on_usdm(story)


def test_a_trailing_stop_follows_the_price() -> None:
    """It fires when the price falls by its rate below the highest one."""

    async def story(client: UsdmClient) -> None:
        await client.market()
        trail = {"type": "TRAILING_STOP_MARKET", "triggerPrice": None, "callbackRate": "0.5"}
        placed = (await client.stop(**trail)).body
        assert (placed["callbackRate"], placed["activatePrice"]) == ("0.5", "0.00")
        await client.trade_at(49_900)
        assert len((await client.signed("GET", "v1/openAlgoOrders")).body) == 1
        await client.trade_at(49_600)
        (row,) = (await client.signed("GET", "v1/allAlgoOrders", **SYMBOL)).body
        assert row["algoStatus"] == "FINISHED"

    on_usdm(story)


def test_a_stop_that_would_fire_at_once_is_refused() -> None:
    """As is a kind of order that does not wait."""

    async def story(client: UsdmClient) -> None:
        await client.market()
        fires = await client.stop(triggerPrice="51000")
        assert fires.body == {"code": -2021, "msg": "Order would immediately trigger."}
        assert (await client.stop(type="LIMIT")).body["code"] == -1116
        assert (await client.stop(workingType="LAST")).body["code"] == -4031
        assert (await client.stop(callbackRate="1")).body["code"] == -1106
        assert (await client.stop(triggerPrice=None)).body["code"] == -1102

    on_usdm(story)
