"""Clients place, cancel and query conditional orders."""

from __future__ import annotations

from failing_exchange.core.commands import (
    CancelAllConditionals,
    CancelConditional,
    PlaceConditional,
)
from failing_exchange.core.conditional_order import (
    FIRST_CONDITIONAL_ID,
    ConditionalOrder,
    Conditionals,
    ConditionalSnapshot,
    ConditionalStatus,
    PriceTrigger,
    held_lots,
)
from failing_exchange.core.conditional_steps import take_step
from failing_exchange.core.conditional_triggers import end, watch
from failing_exchange.core.contract_prices import mark_of
from failing_exchange.core.generated_ids import unused_id
from failing_exchange.core.linear_settlement import is_closing
from failing_exchange.core.market import Market
from failing_exchange.core.order import (
    BOTH,
    LIMIT_TYPES,
    TRIGGERED_TYPES,
    OrderType,
    TriggerBy,
)
from failing_exchange.core.queries import FetchConditional, FetchConditionals
from failing_exchange.core.reject import OrderRule, Reason, Reject
from failing_exchange.core.state import Account, MarketState, State, check_client_id
from failing_exchange.core.stop_triggers import BIPS, STOPS, would_trigger
from failing_exchange.core.units import SECOND

# Of an account over all symbols, as on Binance since 2025-12-29 (its -4045); one more is refused.
CONDITIONAL_ORDERS_MAX = 200
NAMES_FROM = (1 << 40) + 1  # made client ids have numbers from here on, which no order reaches


def place(state: State, c: PlaceConditional, at: int) -> ConditionalSnapshot:
    """Place a conditional order; raise `Reject` where it breaks a rule.

    No margin is held: that is looked at when it triggers (Binance change log, 2025-12-09).
    """
    account, ms = state.account(c.account), state.market(c.symbol, at)
    _check_form(ms, c, at)
    _check_account(account, ms, c)
    trigger = _trigger_of(ms, c, at)
    number = state.next_conditional_id
    state.next_conditional_id = number + 1
    known = account.conditionals_by_client_id
    name = c.client_id or unused_id(known, NAMES_FROM + number - FIRST_CONDITIONAL_ID)
    one = ConditionalOrder(number, c, name, trigger, at)
    position = ms.positions.get(one.key)
    one.has_position = position is not None and held_lots(position.lots, c.side) > 0
    account.conditionals[number] = known[name] = one
    take_step(state, one, ConditionalStatus.NEW, at)
    watch(state, ms, one, at)
    if c.expires_at:
        state.plan_end(c.expires_at)
    return one.snapshot()


def _check_stop(market: Market, c: PlaceConditional) -> None:
    """Raise `Reject` for a trigger price off the filter; `stop` tells it from the order's own."""
    try:
        market.check_steps(0, c.stop_ticks)
        market.check_price(c.stop_ticks)
    except Reject as refused:
        refused.values["stop"] = c.kind
        raise


def _check_form(ms: MarketState, c: PlaceConditional, at: int) -> None:
    """Raise `Reject` for what the market does not allow, or parts that do not fit together."""
    market = ms.market
    if market.contract is None:
        raise Reject(Reason.UNKNOWN_SYMBOL, symbol=market.symbol)
    market.check_trading()
    if c.kind not in TRIGGERED_TYPES:
        raise Reject(Reason.INVALID_ORDER, conditional=str(c.kind))
    trails = c.kind is OrderType.TRAILING_STOP
    if trails is not (c.trail_bips > 0):
        raise Reject(Reason.INVALID_ORDER, kind=c.kind)
    if c.trail_bips >= BIPS:
        raise Reject(
            Reason.INVALID_ORDER, rule=OrderRule.TRAILING_DELTA,
            trail=c.trail_bips, minimum=1, maximum=BIPS - 1,
        )  # fmt: skip
    if not trails and c.stop_ticks < 1:
        raise Reject(Reason.INVALID_PRICE, kind=c.kind)
    if c.expires_at and c.expires_at <= at:
        raise Reject(Reason.INVALID_ORDER, rule=OrderRule.EXPIRY, late=at - c.expires_at)
    if c.stop_ticks:
        _check_stop(market, c)
    limited = c.kind in LIMIT_TYPES
    if limited and c.peg is None:
        market.check_steps(0, c.ticks)
        market.check_price(c.ticks)
    if c.peg is not None and not limited:
        raise Reject(Reason.INVALID_ORDER, rule=OrderRule.PEG_TYPE, pegged=c.kind)
    if not c.close_position:
        most = market.amount_max if limited else market.market_amount_max or market.amount_max
        market.check_steps(c.lots, 0)
        market.check_amount(c.lots, most)
    elif c.lots or c.reduce_only or limited or trails:
        raise Reject(Reason.INVALID_ORDER, rule=OrderRule.CLOSE_POSITION)


def _check_account(account: Account, ms: MarketState, c: PlaceConditional) -> None:
    """Raise `Reject` for what the other orders and the mode of the account do not allow."""
    hedge = account.margin.hedge
    if hedge is (c.position_side is BOTH):
        mode = "hedge" if hedge else "one-way"
        raise Reject(Reason.POSITION_SIDE, mode=mode, position_side=str(c.position_side))
    if hedge and c.close_position and not is_closing(c):
        raise Reject(Reason.INVALID_ORDER, rule=OrderRule.CLOSE_POSITION)
    known = account.conditionals_by_client_id.get(c.client_id) if c.client_id else None
    if known is not None and known.is_waiting:
        raise Reject(Reason.DUPLICATE_CLIENT_ID, client_id=c.client_id)
    count = len(account.conditionals)
    if count >= CONDITIONAL_ORDERS_MAX:
        raise Reject(
            Reason.TOO_MANY_ORDERS, rule=OrderRule.CONDITIONAL_ORDERS,
            conditionals=count, maximum=CONDITIONAL_ORDERS_MAX,
        )  # fmt: skip
    waiting = _waiting(account, c.symbol)
    if c.close_position and any(_closes_same(one.command, c) for one in waiting):
        raise Reject(Reason.CLOSE_EXISTS, side=str(c.side))
    if c.ends_with_position:
        open_here = any(order.symbol == c.symbol for order in account.open.values())
        position = ms.positions.get((c.account, c.position_side))
        if not open_here and (position is None or not held_lots(position.lots, c.side)):
            raise Reject(Reason.POSITION_NOT_FOUND, ends_with=ms.market.symbol)


def _closes_same(one: PlaceConditional, other: PlaceConditional) -> bool:
    """Whether two stops, or two take profits, would both close the same position."""
    same = (one.side, one.position_side) == (other.side, other.position_side)
    return one.close_position and same and (one.kind in STOPS) is (other.kind in STOPS)


def _trigger_of(ms: MarketState, c: PlaceConditional, at: int) -> PriceTrigger:
    """The trigger of a new conditional order; raise `Reject` where it is met already."""
    by_mark, step = c.by is TriggerBy.MARK, ms.market.price_step
    price = mark_of(ms, at) if by_mark else ms.tape.last(at // SECOND)
    stop = c.stop_ticks * step if by_mark else c.stop_ticks
    trails = c.trail_bips > 0
    # A trailing one is activated as a take profit is triggered, and then follows the price.
    kind = OrderType.TAKE_PROFIT if trails else c.kind
    trigger = PriceTrigger(kind, c.side, stop, c.trail_bips)
    if price and would_trigger(trigger, price):
        text = ms.market.price_text
        shown = price // step if by_mark else price
        raise Reject(Reason.WOULD_TRIGGER, trigger=text(c.stop_ticks), last=text(shown))
    if trails and not stop and price:
        trigger.extreme, trigger.trailing_at = price, at
    return trigger


def cancel(state: State, command: CancelConditional, at: int) -> ConditionalSnapshot:
    """Cancel a conditional order that has not triggered."""
    account = state.account(command.account)
    one = _find(account, command)
    if not one.is_waiting:
        raise Reject(Reason.ORDER_NOT_FOUND, ended=command.conditional_id or command.client_id)
    ms = state.market(one.command.symbol, at)
    end(state, ms, one, ConditionalStatus.CANCELED, at)
    return one.snapshot()


def cancel_all(
    state: State, command: CancelAllConditionals, at: int
) -> tuple[ConditionalSnapshot, ...]:
    """Cancel every conditional order of an account that waits, in one market or in all."""
    account = state.account(command.account)
    if command.symbol:
        state.market(command.symbol, at)
    ended = _waiting(account, command.symbol)
    for one in ended:
        state.begin_transaction(at)
        end(state, state.market(one.command.symbol, at), one, ConditionalStatus.CANCELED, at)
    return tuple(one.snapshot() for one in ended)


def expire_all(state: State, symbol: str, why: str, at: int) -> None:
    """Expire every conditional order that waits, in one market or in all."""
    for one in list(state.conditionals.values()):
        if not symbol or one.command.symbol == symbol:
            ms = state.market(one.command.symbol, at)
            end(state, ms, one, ConditionalStatus.EXPIRED, at, why)


def _waiting(account: Account, symbol: str) -> list[ConditionalOrder]:
    waiting = account.conditionals.values()
    return [one for one in waiting if not symbol or one.command.symbol == symbol]


def _find(account: Account, named: CancelConditional | FetchConditional) -> ConditionalOrder:
    """A conditional order by id or client id; raise `Reject` for an unknown one."""
    number, name = named.conditional_id, named.client_id
    known = account.conditionals_by_client_id
    one = account.find_conditional(number) if number else known.get(name)
    if one is None or (named.symbol and one.command.symbol != named.symbol):
        raise Reject(Reason.ORDER_NOT_FOUND, conditional=number or name)
    if number and name:
        check_client_id(one.client_id, name)
    return one


def fetch_one(state: State, q: FetchConditional, at: int) -> ConditionalSnapshot:
    """One conditional order of an account."""
    snapshot = _find(state.account(q.account), q).as_of(q.as_of or at)
    if snapshot is None:
        raise Reject(Reason.ORDER_NOT_FOUND, conditional=q.conditional_id or q.client_id)
    return snapshot


def fetch_several(state: State, q: FetchConditionals, at: int) -> Conditionals:
    """Conditional orders of an account: those that wait, or all."""
    account = state.account(q.account)
    if q.symbol:
        state.market(q.symbol, at)
    pools = [account.conditionals]
    if q.which != "open" or q.as_of:
        pools += [account.triggered, account.ended_conditionals]
    found = [
        snapshot
        for pool in pools
        for one in pool.values()
        if q.since <= one.created_at <= (q.until or at)
        and one.id >= q.from_id
        and (not q.symbol or one.command.symbol == q.symbol)
        and (snapshot := one.as_of(q.as_of or at)) is not None
        and (q.which != "open" or snapshot.status is ConditionalStatus.NEW)
    ]
    found.sort(key=lambda snapshot: snapshot.id)
    if q.limit is not None:
        found = found[: q.limit] if q.since or q.from_id else found[-q.limit :]
    return Conditionals(tuple(found))
