"""Faults of orders meet an order in a batch, a list or a replacement as one that comes alone."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from failing_exchange import FailingExchange, simulate
from failing_exchange.core import commands as c
from failing_exchange.core.order import BUY, LIMIT, MARKET, SELL, Contingency, OrderType
from failing_exchange.core.reject import Reason, Reject
from failing_exchange.errors import AuthenticationError, InsufficientBalanceError
from failing_exchange.faults import operations as ops
from failing_exchange.faults.catalogue import CATALOGUE
from tests.judge.position_stories import P, send

SPOT = "BTC/USDT"
OF_ORDERS = [name for name, entry in CATALOGUE.items() if entry.operations == ops.PLACE]
REST = c.PlaceOrder("main", P, BUY, LIMIT, 100, 450_000)
TAKE = c.PlaceOrder("main", P, BUY, MARKET, 100)
EXIT = c.PlaceOrder("main", P, SELL, LIMIT, 100, 600_000, reduce_only=True)
STOP = c.PlaceConditional("main", P, SELL, OrderType.STOP_LOSS, 100, 300_000, reduce_only=True)


def played(main: Callable[[Any], Awaitable[Any]]) -> Any:
    async def run() -> Any:
        exchange = FailingExchange(seed=3, markets=[SPOT, P])
        await exchange.ready()
        await send(exchange, "create_order", TAKE)  # a position, for what reduces one
        return await main(exchange)

    return simulate(run(), seed=3)


async def batch(exchange: Any, *orders: Any) -> Any:
    return await send(exchange, "create_orders", c.BatchOrders("main", orders))


def last(exchange: Any) -> Any:
    return next(t for t in reversed(list(exchange.journal.trips)) if t.operation in ops.PLACE)


@pytest.mark.parametrize("kind", OF_ORDERS)
def test_a_fault_of_orders_strikes_a_batch(kind: str) -> None:
    """Armed on `create_order`, as on the wire, where a batch has that name."""

    async def main(exchange: Any) -> Any:
        armed = exchange.arm(kind, operations=["create_order"])
        try:
            await batch(exchange, REST, TAKE, EXIT, STOP)
        except Exception:
            assert kind == "overload"  # the only one that refuses the whole
        return armed.struck

    assert played(main) == 1


@pytest.mark.parametrize(
    ("kind", "refused"), [("refuse_stop", [False, False, False, True]),
                          ("refuse_reduce_only", [False, False, True, False])],
)  # fmt: skip
def test_only_the_orders_that_it_is_about_are_refused(kind: str, refused: list[bool]) -> None:
    """A batch is several orders, and each stands or falls alone."""

    async def main(exchange: Any) -> Any:
        exchange.arm(kind)
        return (await batch(exchange, REST, TAKE, EXIT, STOP)).results

    assert [isinstance(one, Reject) for one in played(main)] == refused


def test_a_refusal_that_lies_in_an_order_leaves_the_rest_of_a_replacement_and_a_batch() -> None:
    """The old order is gone all the same; of a batch each order has its own answer."""

    async def main(exchange: Any) -> Any:
        exchange.arm("reject_request", operations=list(ops.PLACE), why="insufficient_funds")
        done = await batch(exchange, REST, TAKE)
        exchange.reset()
        spot = c.PlaceOrder("main", SPOT, BUY, LIMIT, 10_000, 4_000_000)
        old = await send(exchange, "create_order", spot)
        exchange.arm("reject_request", operations=list(ops.PLACE), why="insufficient_funds")
        replace = c.ReplaceOrder(c.CancelOrder("main", SPOT, old.order.id), spot)
        replaced = await send(exchange, "edit_order", replace)
        return [one.reason for one in done.results], replaced.canceled, replaced.placed

    reasons, canceled, placed = played(main)
    assert reasons == [Reason.INSUFFICIENT_FUNDS] * 2
    assert canceled.status == "canceled"
    assert placed.reason is Reason.INSUFFICIENT_FUNDS


def test_a_refusal_of_the_request_refuses_the_whole_batch() -> None:
    """A key is not refused order by order."""

    async def main(exchange: Any) -> Any:
        exchange.arm("reject_request", operations=["create_order"], why="key_refused")
        return await batch(exchange, REST, TAKE)

    with pytest.raises(AuthenticationError):
        played(main)


def test_phantoms_of_a_batch_look_like_its_orders_and_are_none() -> None:
    """In process, as a bot sees them: two open orders, of which the exchange knows nothing."""

    async def main(exchange: Any) -> Any:
        exchange.arm("phantom_success")
        order = {"symbol": P, "type": "limit", "side": "buy", "amount": 0.1, "price": 45_000}
        told = await exchange.create_orders([order, order])
        return [(one["status"], one["amount"]) for one in told], last(exchange).happened

    assert played(main) == ([("open", 0.1)] * 2, ())


def test_an_error_in_a_success_is_in_each_order_of_a_batch() -> None:
    """It has no id, and nothing says so but the text."""

    async def main(exchange: Any) -> Any:
        exchange.arm("error_in_success")
        order = {"symbol": P, "type": "limit", "side": "buy", "amount": 0.1, "price": 45_000}
        return await exchange.create_orders([order, order])

    told = played(main)
    assert [(one["id"], one["info"]["msg"]) for one in told] == [(None, "insufficient balance")] * 2


def test_a_stop_in_a_list_is_refused_with_the_list() -> None:
    """A list is one thing to the venue."""

    async def main(exchange: Any) -> Any:
        exchange.arm("refuse_stop", why="insufficient_funds")
        legs = (
            c.PlaceOrder("main", SPOT, SELL, OrderType.LIMIT, 10_000, 6_000_000, post_only=True),
            c.PlaceOrder("main", SPOT, SELL, OrderType.STOP_LOSS, 10_000, stop_ticks=4_000_000),
        )
        await send(exchange, "create_oco_order", c.PlaceOrderList("main", legs, Contingency.OCO))

    with pytest.raises(InsufficientBalanceError):
        played(main)


def test_a_scope_looks_at_the_orders_of_a_batch() -> None:
    """By side, by market, by client order id."""

    async def main(exchange: Any) -> Any:
        sells = exchange.arm("slip_price", sides=["sell"], name="sells")
        named = exchange.arm("slip_price", client_order_ids=["mine"], name="named")
        spot = exchange.arm("slip_price", symbols=[SPOT], name="spot")
        await send(exchange, "create_orders", c.BatchOrders("main", (
            REST._replace(client_id="mine"), TAKE)))  # fmt: skip
        return sells.struck, named.struck, spot.struck

    assert played(main) == (0, 1, 0)
