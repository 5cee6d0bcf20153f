"""Order lists (OCO, OTO, OPO): place, cancel, and activate pending orders."""

from __future__ import annotations

from failing_exchange.core.commands import CancelOrderList, PlaceOrder, PlaceOrderList
from failing_exchange.core.events import OrderActivated
from failing_exchange.core.generated_ids import Named, unused_id
from failing_exchange.core.market import Market
from failing_exchange.core.matching import crosses, finish, tell_of_list, walk
from failing_exchange.core.order import (
    LIMIT_TYPES,
    TRIGGERED_TYPES,
    Contingency,
    ListUpdate,
    Order,
    OrderList,
    OrderListSnapshot,
    OrderSnapshot,
    OrderType,
    Side,
    Status,
    Why,
)
from failing_exchange.core.order_rules import (
    check,
    check_count,
    check_list_rules,
    check_prices,
    check_trigger,
    price_bounds,
    would_match,
)
from failing_exchange.core.pegged_orders import pegged, take_price
from failing_exchange.core.place_order import (
    accept,
    enter,
    make,
    start_trailing,
)
from failing_exchange.core.reject import OrderRule, Reason, Reject
from failing_exchange.core.settlement import settlement_of
from failing_exchange.core.settlement_base import Settlement
from failing_exchange.core.state import Account, MarketState, State, check_client_id
from failing_exchange.core.units import SECOND

STOP_KINDS = (OrderType.STOP_LOSS, OrderType.STOP_LOSS_LIMIT)
PROFIT_KINDS = (OrderType.TAKE_PROFIT, OrderType.TAKE_PROFIT_LIMIT)
LEGS = {Contingency.OCO: (2, 2), Contingency.OTO: (2, 3)}  # the least and the most


def place_list(state: State, command: PlaceOrderList, at: int) -> tuple[OrderSnapshot, ...]:
    """Place an order list; raise `Reject` for the whole list where one order breaks a rule.

    Pending orders are still pending in the answer, even where the working one is filled at once.
    """
    account, ms = state.account(command.account), state.market(command.legs[0].symbol, at)
    if command.contingency is None:
        first, second = _plain_pair(state, ms, account, command, at)
        orders: tuple[Order, ...] = (first, second)
    else:
        orders = _checked(state, ms, account, command, command.contingency, at)
        _link(orders, command.contingency)
        orders[0].proceeds_pay = command.proceeds_pay
        _reserve(state, ms, orders, at)
    _accept_list(state, account, command, orders, at)
    for order in orders:
        if order.is_open and order.status is not Status.PENDING:
            enter(state, ms, order, at)
    return tuple(order.snapshot() for order in orders)


def _plain_pair(
    state: State, ms: MarketState, account: Account, command: PlaceOrderList, at: int
) -> tuple[Order, Order]:
    """Make an OCO of a limit order and a triggered order on both sides of the last price."""
    _check_names(command.legs)
    for leg in command.legs:
        check(state, ms, account, leg, at)
    limit, stop = _make(state, ms, account, command.legs, at)
    _check_plain_pair(ms, limit, stop, at)
    _hold_as_one(state, ms, limit, stop, at)
    limit.partner, stop.partner = stop, limit
    return limit, stop


def _check_plain_pair(ms: MarketState, limit: Order, stop: Order, at: int) -> None:
    last = ms.tape.last(at // SECOND)
    ordered = limit.ticks > last if limit.side is Side.SELL else 0 < limit.ticks < last
    if (limit.side, limit.lots) != (stop.side, stop.lots) or limit.kind is not OrderType.LIMIT:
        shape = "the orders must share side and amount, and the first be a limit"
        raise Reject(Reason.INVALID_ORDER, shape=shape)
    if crosses(ms, limit.side, limit.ticks):
        raise would_match(ms, limit)
    if stop.kind not in TRIGGERED_TYPES or not ordered:
        last_text = ms.market.price_text(last)
        shape = f"the prices are not on both sides of the last price {last_text}"
        raise Reject(Reason.INVALID_ORDER, shape=shape)


def _hold_as_one(state: State, ms: MarketState, one: Order, other: Order, at: int) -> None:
    """Hold the larger need of an OCO pair; the first order holds it for both."""
    settlement, market = settlement_of(ms), ms.market
    both = max(settlement.need(market, one), settlement.need(market, other))
    settlement.hold(state, ms, one, both, at)


def _checked(
    state: State,
    ms: MarketState,
    account: Account,
    command: PlaceOrderList,
    contingency: Contingency,
    at: int,
) -> tuple[Order, ...]:
    """Check a list by the rules of its contingency, and make its orders; raise `Reject`."""
    _check_shape(account, command, contingency)
    legs = tuple(
        pegged(ms, leg, enters=contingency is Contingency.OCO or not n)
        for n, leg in enumerate(command.legs)
    )
    if ms.market.orders_max is not None:
        check_count(ms.market, account, ms.market.orders_max, new=len(legs))
    if ms.market.rules is not None:
        check_list_rules(ms.market, ms.market.rules, account, legs)
    pair = legs if contingency is Contingency.OCO else legs[1:]
    if len(pair) == 2:
        _check_pair(pair[0], pair[1])
    if contingency is Contingency.OCO:
        _check_around(ms, pair[0], pair[1], at)
    for n, leg in enumerate(legs):
        check(state, ms, account, leg, at, pending=contingency is Contingency.OTO and n > 0)
    return _make(state, ms, account, legs, at)


def _make(
    state: State, ms: MarketState, account: Account, legs: tuple[PlaceOrder, ...], at: int
) -> tuple[Order, ...]:
    names = tuple(leg.client_id for leg in legs)
    return tuple(make(state, ms, leg, at, account, names) for leg in legs)


def _check_shape(account: Account, command: PlaceOrderList, contingency: Contingency) -> None:
    """Raise `Reject` for a wrong number of legs, mixed markets, or names used twice."""
    legs = command.legs
    least, most = LEGS[contingency]
    if not least <= len(legs) <= most or any(
        (leg.symbol, leg.account) != (legs[0].symbol, command.account) for leg in legs
    ):
        raise _refusal(f"an {contingency.name} has {least} to {most} orders in one market")
    if contingency is Contingency.OTO and (
        legs[0].kind is not OrderType.LIMIT or any(leg.cost for leg in legs)
    ):
        raise _refusal("its working order is a limit order, and none is placed by cost")
    if command.proceeds_pay or not all(leg.lots for leg in legs):
        _check_payment(command, contingency)
    known = account.lists_by_client_id.get(command.client_id) if command.client_id else None
    _check_names(legs)
    if known is not None and not known.ended_at:
        raise Reject(Reason.DUPLICATE_CLIENT_ID, list_client_id=command.client_id)


def _check_names(legs: tuple[PlaceOrder, ...]) -> None:
    """Raise `Reject` where two orders of a list have one client id."""
    names = [leg.client_id for leg in legs if leg.client_id]
    if len(names) != len(dict.fromkeys(names)):
        raise Reject(Reason.DUPLICATE_CLIENT_ID, client_ids=", ".join(map(repr, names)))


def _check_payment(command: PlaceOrderList, contingency: Contingency) -> None:
    """Raise `Reject` unless a buy pays for sells that have no amount yet (an OPO)."""
    working, *pending = command.legs
    if not command.proceeds_pay or contingency is not Contingency.OTO:
        raise Reject(Reason.INVALID_AMOUNT, rule=OrderRule.AMOUNT, kind=working.kind)
    sells = all(leg.side is Side.SELL and not leg.lots for leg in pending)
    if working.side is not Side.BUY or not sells:
        raise _refusal("what a working order buys is sold by those behind it")


def _check_pair(one: PlaceOrder, other: PlaceOrder) -> None:
    """Raise `Reject` unless one leg takes profit (or makes) and the other stops a loss."""
    if (one.side, one.lots) != (other.side, other.lots):
        raise _refusal("the orders of a pair share side and amount")
    stop, profit = (one, other) if one.kind in STOP_KINDS else (other, one)
    makes = profit.kind is OrderType.LIMIT and profit.post_only
    if stop.kind not in STOP_KINDS or not (makes or profit.kind in PROFIT_KINDS):
        above, below = "a limit maker or take profit", "a stop loss"
        if one.side is Side.BUY:
            above, below = below, above
        raise _refusal(f"a {one.side} pair has {above} above and {below} below")


def _check_around(
    ms: MarketState, one: PlaceOrder | Order, other: PlaceOrder | Order, at: int
) -> None:
    """Raise `Reject` unless the last price is between the two orders of a pair."""
    last = ms.tape.last(at // SECOND)
    stops_above = one.side is Side.BUY
    above, below = (one, other) if (one.kind in STOP_KINDS) is stops_above else (other, one)
    over, under = _decisive(above), _decisive(below)
    if last and ((over and over <= last) or (under and under >= last)):
        text = ms.market.price_text
        raise Reject(
            Reason.INVALID_ORDER,
            rule=OrderRule.LIST_PRICES,
            last=text(last),
            below=text(under or None),
            above=text(over or None),
        )


def _decisive(leg: PlaceOrder | Order) -> int:
    """The price of a leg that is compared with the last price; 0 = none."""
    priced = leg.kind in (OrderType.LIMIT, OrderType.TAKE_PROFIT_LIMIT)
    return leg.ticks if priced and leg.ticks else leg.stop_ticks


def _refusal(text: str) -> Reject:
    return Reject(Reason.INVALID_ORDER, rule=OrderRule.LIST_SHAPE, shape=text)


def _link(orders: tuple[Order, ...], contingency: Contingency) -> None:
    """Link the legs of a pair, and mark the pending orders of an OTO."""
    pair = orders if contingency is Contingency.OCO else orders[1:]
    if len(pair) == 2:
        pair[0].partner, pair[1].partner = pair[1], pair[0]
    if contingency is Contingency.OTO:
        for order in pair:
            order.status, order.follows, order.trailing_at = Status.PENDING, True, 0


def _reserve(state: State, ms: MarketState, orders: tuple[Order, ...], at: int) -> None:
    """Hold what the orders may cost, pending ones included; all of it or, with a `Reject`, none.

    What a pending market order costs is not known before it is activated.
    """
    singles = [order for order in orders if order.partner is None]
    pairs = [order for order in orders if order.partner is not None]
    settlement = settlement_of(ms)
    try:
        for order in singles:
            if not _costs_later(settlement, order):
                settlement.hold(state, ms, order, settlement.need(ms.market, order), at)
        if pairs:
            _hold_as_one(state, ms, pairs[0], pairs[1], at)
    except Reject:
        for order in singles:
            settlement.release(state, ms, order, at)
        raise


def _costs_later(settlement: Settlement, order: Order) -> bool:
    return order.kind is OrderType.MARKET and settlement.holds_cost(order.side)


def _accept_list(
    state: State, account: Account, command: PlaceOrderList, orders: tuple[Order, ...], at: int
) -> None:
    """Add a list to the executing lists, and its orders to the open orders."""
    first = orders[0]
    contingency = command.contingency or Contingency.OCO
    made = OrderList(state.next_list_id, account.name, first.symbol, contingency, at)
    state.next_list_id += 1
    used = account.lists_by_client_id
    made.client_id = command.client_id or unused_id(used, made.id, Named.LIST)
    made.announced = command.contingency is not None
    if command.fee_from_proceeds:
        made.fee_from_proceeds = True
    made.orders = orders
    for order in orders:
        order.list_id, order.order_list = made.id, made
    account.lists[made.id] = account.lists_by_client_id[made.client_id] = made
    tell_of_list(state, made, ListUpdate.STARTED, at)
    for order in orders:
        accept(state, account, order, at)


def activate(state: State, order_list: OrderList, at: int) -> None:
    """Activate the pending orders of a filled working order; refused ones expire."""
    order_list.started = True
    state.begin_transaction(at)
    ms = state.market(order_list.symbol, at)
    pending = [order for order in order_list.orders[1:] if order.is_open]
    try:
        if pending and order_list.orders[0].proceeds_pay:
            _size(ms.market, pending, at)
        _check_activation(state, ms, pending, at)
    except Reject:
        for order in pending:
            if order.is_open:
                finish(state, ms, order, Status.EXPIRED, at, why=Why.REFUSED)
        return
    for order in pending:
        waits = order.kind in TRIGGERED_TYPES
        order.move_to(Status.WAITING if waits else Status.OPEN, at)
        order.activated_at = at
        if order.trail_bips or order.trail_ticks:
            start_trailing(ms, order, at)
        state.events.append(OrderActivated(order.id, order.account, at))
    for order in pending:
        if order.is_open:
            enter(state, ms, order, at)


def _size(market: Market, pending: list[Order], at: int) -> None:
    """Set the amount of pending OPO orders from what is held for them."""
    atoms = max(order.reserved for order in pending)
    lots = min(_fitting(market, order, atoms // market.amount_step) for order in pending)
    for order in pending:
        order.amended = (*order.amended, (at, order.ticks, order.lots))
        order.lots, order.updated_at = lots, at


def _fitting(market: Market, order: Order, lots: int) -> int:
    """Round lots down to the market's maximum amount and step."""
    most, every = market.amount_max, market.amount_every
    if order.kind not in LIMIT_TYPES:
        most = market.market_amount_max or most
        if market.rules is not None and market.rules.market_amount_every:
            every = max(every, market.rules.market_amount_every)
    lots = lots if most is None else min(lots, most)
    return lots - lots % every


def _check_activation(state: State, ms: MarketState, pending: list[Order], at: int) -> None:
    """Check what depends on the present market, and hold funds for a market order."""
    settlement = settlement_of(ms)
    for order in pending:
        if order.kind is OrderType.LIMIT:
            take_price(state, ms, order, at)
        if order.order_list is not None and order.order_list.orders[0].proceeds_pay:
            _check_size(ms, order, at)
            settlement.release(state, ms, order, at, keep=settlement.need(ms.market, order))
    if len(pending) == 2:
        _check_around(ms, pending[0], pending[1], at)
    for order in pending:
        if order.post_only and crosses(ms, order.side, order.ticks):
            raise would_match(ms, order)
        if ms.market.rules is not None:
            check_prices(ms, ms.market.rules, order, at)
        if order.kind in TRIGGERED_TYPES:
            check_trigger(ms, order, at)
        if _costs_later(settlement, order):
            spent = walk(ms, order.side, lots=order.lots)[1]
            settlement.hold(state, ms, order, settlement.need(ms.market, order, spent), at)


def _check_size(ms: MarketState, order: Order, at: int) -> None:
    """Check an amount that was not known when the order was placed."""
    market = ms.market
    if order.kind in LIMIT_TYPES and order.ticks:
        bounds = price_bounds(ms, order.side, at) if market.price_band is not None else None
        market.check_limits(order.lots, order.ticks, bounds)
    else:
        least = market.rules.market_amount_min if market.rules is not None else None
        market.check_amount(order.lots, None)
        if least is not None and order.lots < least:
            market.check_amount(0, None, rule=OrderRule.MARKET_AMOUNT)


def cancel_list(state: State, command: CancelOrderList, at: int) -> OrderListSnapshot:
    """Cancel all open orders of an executing list."""
    account = state.account(command.account)
    if command.list_id:
        found = account.lists.get(command.list_id)
    else:
        found = account.lists_by_client_id.get(command.client_id)
    if found is None or found.ended_at or (command.symbol and found.symbol != command.symbol):
        raise Reject(Reason.ORDER_NOT_FOUND, open_order_list=command.list_id or command.client_id)
    if command.client_id:
        check_client_id(found.client_id, command.client_id)
    ms = state.market(found.symbol, at)
    for order in found.orders:
        if order.is_open:
            order.canceled_as = command.cancel_id
            finish(state, ms, order, Status.CANCELED, at)
    snapshot = found.as_of(at)
    assert snapshot is not None
    return snapshot
