"""Conditional orders as they were before the algo service: orders of /fapi/v1/order like any other.

"New Order" and its like, 2025-03-16. Such an order keeps its id and its type when it triggers; here
its ids are those of the algo service, beyond all others. What is told of a new one has no result.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from failing_exchange.core import commands as c
from failing_exchange.core.conditional_order import (
    FIRST_CONDITIONAL_ID,
    ConditionalOrder,
    ConditionalSnapshot,
)
from failing_exchange.core.queries import FetchConditional, FetchStatus
from failing_exchange.core.units import MILLISECOND, atoms_text
from failing_exchange.core.wanted_orders import parts_of
from failing_exchange.journal.trip import Edited
from failing_exchange.venues.binance_common.call import Endpoint, Reading, Writing
from failing_exchange.venues.binance_common.edits import edit
from failing_exchange.venues.binance_common.params import Params
from failing_exchange.venues.binance_common.values import venue_symbol
from failing_exchange.venues.binance_usdm import algo_orders as algo, contract_placing as placing
from failing_exchange.venues.binance_usdm.contract_endpoints import BY_HTTP
from failing_exchange.venues.binance_usdm.contract_orders import write_batch
from failing_exchange.venues.binance_usdm.number_formats import amount, average, cost, price
from failing_exchange.venues.binance_usdm.order_terms import match_name, named

if TYPE_CHECKING:
    from failing_exchange.core.state import Account
    from failing_exchange.venue.venue import RunningVenue

NAMES = {
    "stopPrice": "triggerPrice", "activationPrice": "activatePrice",
    "newClientOrderId": "clientAlgoId",
}  # fmt: skip
IGNORED = ("workingType", "priceProtect", "closePosition")  # by orders without a condition
V1 = "/fapi/v1"


class OrdersBeforeAlgo:
    """The endpoints of orders, conditional ones among them, of one running venue."""

    def __init__(self, venue: RunningVenue) -> None:
        self._venue = venue

    @property
    def endpoints(self) -> Mapping[str, Endpoint]:
        """By method and path."""
        rows: tuple[tuple[str, Callable[[Reading], Any] | None, Any], ...] = (
            (f"POST {V1}/order", read_place, self._one),
            (f"POST {V1}/order/test", read_test, self._one),
            (f"POST {V1}/batchOrders", read_places, self._batch),
            (f"GET {V1}/order", self._read_query, self._one),
            (f"GET {V1}/openOrder", self._read_query, self._one),
            (f"DELETE {V1}/order", self._read_cancel, self._one),
            (f"GET {V1}/openOrders", None, self._open),
            (f"DELETE {V1}/allOpenOrders", read_cancel_all, self._one),
            (f"GET {V1}/allOrders", None, self._one),
            (f"GET {V1}/userTrades", None, self._one),
        )
        return {http: self._row(http, read, write) for http, read, write in rows}

    def _row(self, http: str, read: Callable[[Reading], Any] | None, write: Any) -> Endpoint:
        one = BY_HTTP[http]

        def wrote(w: Writing, told: Any) -> Any:
            return write(w, told, one)

        return replace(one, read=read or one.read, write=wrote)

    # ---- requests

    def _account(self, name: str) -> Account | None:
        assert self._venue.engine is not None
        return self._venue.engine.state.accounts.get(name)

    def find(self, account: str, number: int) -> ConditionalOrder | None:
        """A conditional order of an account, in any state."""
        found = self._account(account)
        return None if found is None else found.find_conditional(number)

    def _conditional(self, r: Reading) -> ConditionalOrder | None:
        """The conditional order that a request is about, if it is about one."""
        account = self._account(r.account)
        number, name = named(r.params)
        if account is None:
            return None
        if number >= FIRST_CONDITIONAL_ID:
            return account.find_conditional(number)
        found = None if number else account.conditionals_by_client_id.get(name)
        return None if found is None or found.order is not None else found

    def _read_query(self, r: Reading) -> Any:
        found = self._conditional(r)
        if found is None:
            return placing.read_query(r)
        return FetchConditional(r.account, r.market().symbol, found.id)

    def _read_cancel(self, r: Reading) -> Any:
        found = self._conditional(r)
        if found is None:
            return placing.read_cancel(r)
        if found.order is not None:
            return c.CancelOrder(r.account, r.market().symbol, found.order.id)
        return c.CancelConditional(r.account, r.market().symbol, found.id)

    # ---- answers

    def _one(self, w: Writing, told: Any, endpoint: Endpoint) -> Any:
        if isinstance(told, ConditionalSnapshot):
            return self._shown(told, w, queried=isinstance(w.command, FetchConditional))
        if isinstance(w.command, FetchStatus):  # a test of one
            return {}
        return self._as_of_old(endpoint.write(w, told), w)

    def _batch(self, w: Writing, told: c.BatchDone, endpoint: Endpoint) -> Any:
        def row(command: Any, result: Any) -> Any:
            if isinstance(result, Edited):
                return edit(row(command, result.answer), result.edits)
            if isinstance(result, ConditionalSnapshot):
                return self._shown(result, w)
            alone = w._replace(command=c.BatchOrders(w.command.account, (command,)))
            return write_batch(alone, c.BatchDone((result,)))[0]

        pairs = zip(parts_of(w.command), told.results, strict=True)
        return self._as_of_old([row(command, result) for command, result in pairs], w)

    def _open(self, w: Writing, told: Any, endpoint: Endpoint) -> Any:
        """Those that wait for their trigger stand at the end."""
        account, symbol = self._account(w.command.account), w.command.symbol
        waiting = [] if account is None else list(account.conditionals.values())
        shown = [
            self._shown(one.snapshot(), w, queried=True)
            for one in waiting
            if not symbol or one.command.symbol == symbol
        ]
        return [*self._as_of_old(endpoint.write(w, told), w), *shown]

    def _as_of_old(self, found: Any, w: Writing) -> Any:
        """Orders that a conditional one has placed, by its id and its type."""
        account = self._account(getattr(w.command, "account", ""))
        if account is None:
            return found
        for row in found if isinstance(found, list) else [found]:
            order = account.find(row.get("orderId", 0)) if isinstance(row, dict) else None
            if order is None or not order.conditional_id:
                continue
            row["orderId"] = order.conditional_id
            origin = account.find_conditional(order.conditional_id)
            if origin is not None and "origType" in row:
                row["origType"] = algo.TYPE_NAMES[origin.command.kind]
                row["stopPrice"] = price(origin.command.stop_ticks, w.market(order.symbol))
        return found

    def _shown(self, one: ConditionalSnapshot, w: Writing, *, queried: bool = False) -> Any:
        """A conditional order as an order; once it has placed one, that under its own id."""
        market = w.market(one.command.symbol)
        if one.order is not None:
            return self._as_of_old(BY_HTTP[f"GET {V1}/order"].write(w, one.order), w)
        command, name = one.command, algo.TYPE_NAMES[one.command.kind]
        found: dict[str, Any] = {
            "orderId": one.id,
            "symbol": venue_symbol(command.symbol),
            "status": "EXPIRED" if one.status.name == "REJECTED" else one.status.name,
            "clientOrderId": one.client_id,
            "price": price(command.ticks, market),
            "avgPrice": average(0, 0, market),
            "origQty": amount(command.lots, market),
            "executedQty": amount(0, market),
            **({} if queried else {"cumQty": amount(0, market)}),
            "cumQuote": cost(0, market),
            "timeInForce": algo.force_name(command),
            "type": name,
            "reduceOnly": command.reduce_only or command.close_position,
            "closePosition": command.close_position,
            "side": command.side.name,
            "positionSide": command.position_side.name,
            "stopPrice": price(0 if command.trail_bips else command.stop_ticks, market),
            "workingType": algo.WORKING_NAMES[command.by],
            "priceProtect": command.protected,
            "origType": name,
            "priceMatch": match_name(command.peg),
            "selfTradePreventionMode": (command.prevention or market.prevention).upper(),
            "goodTillDate": command.expires_at // MILLISECOND,
        }
        if command.trail_bips:
            found["activatePrice"] = price(command.stop_ticks, market)
            found["priceRate"] = atoms_text(command.trail_bips * algo.BIP)
        times = {"updateTime": one.updated_at // MILLISECOND}
        if queried:
            times = {"time": one.created_at // MILLISECOND, **times}
        return found | times


def is_conditional(p: Params) -> bool:
    """Whether a new order waits for a price."""
    return p.get("type") in placing.CONDITIONAL


def read_place(r: Reading) -> c.PlaceOrder | c.PlaceConditional:
    """POST /fapi/v1/order, whatever the type."""
    if not is_conditional(r.params):
        rest = {name: value for name, value in r.params.items() if name not in IGNORED}
        return placing.read_place(r._replace(params=Params(rest)))
    renamed = {NAMES.get(name, name): value for name, value in r.params.items()}
    return algo.read_place(r._replace(params=Params(renamed, algoType="CONDITIONAL")))


def read_test(r: Reading) -> Any:
    """POST /fapi/v1/order/test: a conditional one is read, and nothing more."""
    found = read_place(r)
    if isinstance(found, c.PlaceConditional):
        return FetchStatus(r.account)
    return found._replace(test=True)


def read_places(r: Reading) -> c.BatchOrders:
    """POST /fapi/v1/batchOrders."""
    return c.BatchOrders(r.account, placing.each(r, read_place, placing.ORDER_NAMES))


def read_cancel_all(r: Reading) -> c.CancelAllOrders:
    """DELETE /fapi/v1/allOpenOrders: conditional ones as well."""
    return placing.read_cancel_all(r)._replace(conditionals=True)
