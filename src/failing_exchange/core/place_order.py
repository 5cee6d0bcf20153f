"""Placing an order: check it, hold what it needs, let it match, rest, wait or expire."""

from __future__ import annotations

from failing_exchange.core.commands import NO_OPTIONS, OPTIONS, CrossOrder, PlaceOrder, ReleaseOrder
from failing_exchange.core.events import OrderAccepted
from failing_exchange.core.generated_ids import made_id, unused_id
from failing_exchange.core.market import Prevention
from failing_exchange.core.matching import (
    crosses,
    finish,
    match,
    offers,
    trade,
    walk,
)
from failing_exchange.core.order import (
    BOTH,
    BUY,
    EXPIRED,
    FOK,
    GTC,
    LIMIT,
    LIMIT_TYPES,
    MARKET,
    OPEN,
    TRIGGERED_TYPES,
    WAITING,
    Order,
    OrderSnapshot,
    OrderType,
    Why,
    record,
)
from failing_exchange.core.order_rules import check, has_least_worth
from failing_exchange.core.pegged_orders import pegged
from failing_exchange.core.reference_price import allows
from failing_exchange.core.reject import OrderRule, Reason, Reject
from failing_exchange.core.settlement import SETTLEMENTS
from failing_exchange.core.state import Account, Cap, MarketState, State, bounds_of
from failing_exchange.core.units import PPM, SECOND


def place(state: State, command: PlaceOrder, at: int) -> OrderSnapshot:
    """Place one order and match it; raise `Reject` where it breaks a rule."""
    name, symbol, side, kind, lots, ticks = command[:OPTIONS]
    account = state.account(name)
    cap = account.cap
    if cap is not None:
        account.cap = None
    ms = state.market(symbol, at)
    market, usual = ms.market, command[OPTIONS:] == NO_OPTIONS  # at once: 0.4 us faster
    if usual and kind is LIMIT and market.is_plain:
        market.check_limits(lots, ticks, None)  # all that it could break
    else:
        if command.peg is not None:
            command = pegged(ms, command)
        check(state, ms, account, command, at)
    if usual:
        number, names = state.next_order_id, account.names(symbol)
        state.next_order_id = number + 1
        client_id = made_id(number)
        if client_id in names:
            client_id = unused_id(names, number)
        order = Order(number, name, symbol, side, kind, lots, at, ticks, client_id)
    else:
        order = make(state, ms, command, at, account)
    settlement = SETTLEMENTS[market.kind]
    cost = market_cost(ms, order, command) if kind is MARKET else None
    settlement.hold_need(state, ms, order, at, cost)
    if not usual and command.test:
        settlement.release(state, ms, order, at)
        state.next_order_id = order.id
        return order.snapshot()
    accept(state, account, order, at)
    if cap is not None:
        enter_capped(state, ms, order, cap, at)
    else:
        enter(state, ms, order, at)
    return order.snapshot()


def make(
    state: State,
    ms: MarketState,
    c: PlaceOrder,
    at: int,
    account: Account,
    taken: tuple[str, ...] = (),
) -> Order:
    """The order that a command describes, not yet accepted.

    One that has no client id gets an id that no order of its account has, and that is not `taken`
    by those of its list.
    """
    _, symbol, side, kind, lots, ticks = c[:OPTIONS]
    number = state.next_order_id
    state.next_order_id = number + 1
    order = Order(number, account.name, symbol, side, kind, lots, at, ticks)
    order.client_id = c.client_id or unused_id(account.names(symbol), number, taken=taken)
    _take_options(order, c)
    if c.expires_at:
        state.plan_end(c.expires_at)
    if c.time_in_force is FOK and ms.market.contract is not None:
        order.prevention = Prevention.NONE  # Binance USDⓈ-M, STP FAQ: not for fill-or-kill orders
    if kind in TRIGGERED_TYPES:
        order.status = WAITING
        order.stop_ticks, order.trail_ticks = c.stop_ticks, c.trail_ticks
        if c.trail_bips or kind is OrderType.TRAILING_STOP:
            order.trail_bips = c.trail_bips
            start_trailing(ms, order, at)
    return order


def _take_options(order: Order, c: PlaceOrder) -> None:
    """Copy the options that few commands set."""
    order.time_in_force, order.post_only = c.time_in_force, c.post_only
    order.iceberg_lots = c.iceberg_lots
    if c.prevention is not None:
        order.prevention = c.prevention
    if c.extra:
        order.extra = c.extra
    if c.peg is not None:
        order.peg = c.peg
    if c.reduce_only:
        order.reduce_only = True
    if c.position_side is not BOTH:
        order.position_side = c.position_side
    if c.expires_at:
        order.expires_at = c.expires_at


def start_trailing(ms: MarketState, order: Order, at: int) -> None:
    """Start to follow the last price, unless the order first waits for its stop price."""
    if order.kind is OrderType.TRAILING_STOP:
        order.extreme = ms.tape.last(at // SECOND)
        order.stop_ticks = order.extreme + order.trail_ticks  # what a buy must hold at most
    elif not order.stop_ticks:
        order.extreme = ms.tape.last(at // SECOND)
        order.trailing_at = at if order.extreme else 0


def market_cost(ms: MarketState, order: Order, c: PlaceOrder) -> int:
    """The cost of a market order in the present book; an order by cost gets its amount."""
    rules = ms.market.rules
    if c.cost:
        if rules is None or rules.cost_min_of_market:
            ms.market.check_cost(c.cost)
        order.cost_wanted = c.cost
        order.lots, spent = walk(ms, order.side, cost=c.cost)
        order.lots -= order.lots % ms.market.amount_every
        if order.lots < ms.market.amount_min:
            raise Reject(
                Reason.INVALID_COST,
                rule=OrderRule.AMOUNT if spent else OrderRule.LIQUIDITY,
                cost=ms.market.cost_and_asset(c.cost),
                amount=ms.market.amount_text(ms.market.amount_min),
            )
    else:
        _, spent = walk(ms, order.side, lots=order.lots)
        if ms.market.cost_min and spent and rules is None and has_least_worth(ms, order):
            ms.market.check_cost(spent)
    return spent


def accept(state: State, account: Account, order: Order, at: int) -> None:
    """Add an order to the open orders of its account and of the exchange."""
    state.orders[order.id] = account.open[order.id] = order
    account.names(order.symbol)[order.client_id] = order
    state.events.append(record(OrderAccepted, (order.id, order.account, order.client_id, at)))


def enter(state: State, ms: MarketState, order: Order, at: int) -> None:
    """Let an accepted order wait for its trigger, or match and then rest in the book or expire."""
    if order.status is WAITING:
        ms.waiting[order.id] = state.waiting[order.id] = order
        state.search(ms, bounds_of(order), at)
        return
    if order.time_in_force is FOK:
        limit = order.ticks if order.kind in LIMIT_TYPES else 0
        if walk(ms, order.side, lots=order.lots, limit=limit)[0] < order.lots:
            finish(state, ms, order, EXPIRED, at, why=Why.NOT_AT_ONCE)
            return
        if not _all_in_range(ms, order, at):
            finish(state, ms, order, EXPIRED, at, why=Why.OUT_OF_RANGE)
            return
    limited = order.kind in LIMIT_TYPES
    if not limited or crosses(ms, order.side, order.ticks):
        match(state, ms, order, order.lots - order.filled, at)
        if order.status is not OPEN:
            return
    if not (limited and order.time_in_force is GTC):
        finish(state, ms, order, EXPIRED, at, why=Why.NOTHING_OFFERED)
        return
    ms.book.add(order)
    ms.sequence += 1
    if order.side is BUY:
        is_watched = ms.lower is not None and order.ticks <= ms.lower
    else:
        is_watched = ms.upper is not None and order.ticks >= ms.upper
    if not is_watched:
        state.search(ms, bounds_of(order), at)


def _all_in_range(ms: MarketState, order: Order, at: int) -> bool:
    """Whether all that the order would take at once is within the market's price range."""
    rules, left = ms.market.rules, order.lots
    if rules is None or rules.price_range is None:
        return True
    for ticks, lots in offers(ms.book, ms.liquidity, order.side.other):
        if not allows(ms.tape, ticks, rules.price_range, at):
            return False
        left -= lots
        if left <= 0:
            break
    return True


def _can_be_capped(ms: MarketState, order: Order) -> bool:
    """Whether a partial fill can be forced: not for FOK, post-only, triggered, one-step orders."""
    return (
        order.status is OPEN
        and not order.post_only
        and order.time_in_force is not FOK
        and order.lots > ms.market.amount_every
    )


def enter_capped(state: State, ms: MarketState, order: Order, cap: Cap, at: int) -> None:
    """Fill a part at once. What is left stays open for a GTC limit order, else it expires."""
    if not _can_be_capped(ms, order):
        enter(state, ms, order, at)
        return
    every = ms.market.amount_every
    part = max(every, order.lots * cap.ppm // PPM // every * every)
    if order.kind is not LIMIT or order.time_in_force is not GTC:
        match(state, ms, order, part, at)
        if order.is_open:
            finish(state, ms, order, EXPIRED, at, why=Why.CAPPED)
        return
    if crosses(ms, order.side, order.ticks):
        order.held = True
    else:
        enter(state, ms, order, at)
    trade(state, ms, None, order, order.ticks, min(part, order.remaining), at, operator=True)
    if not order.is_open:
        return
    if cap.rest_after is not None:
        state.schedule(at + cap.rest_after, CrossOrder(order.id))
    elif order.held:
        state.schedule((at // SECOND + 1) * SECOND, ReleaseOrder(order.id))
