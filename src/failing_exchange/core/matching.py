"""Matching: who trades with whom, at which price; and how orders end."""

from __future__ import annotations

from collections.abc import Iterator
from heapq import merge

from failing_exchange.core.book import OrderBook
from failing_exchange.core.conditional_steps import conclude
from failing_exchange.core.contract_prices import mark_of
from failing_exchange.core.events import (
    OrderAmended,
    OrderCanceled,
    OrderDecremented,
    OrderExpired,
    OrderFilled,
    OrderListChanged,
)
from failing_exchange.core.liquidity import Liquidity
from failing_exchange.core.market import Prevention
from failing_exchange.core.order import (
    BUY,
    CANCELED,
    EXPIRED,
    FILLED,
    LIMIT_TYPES,
    PREVENTED_MATCHES_MAX,
    SELL,
    Fill,
    ListUpdate,
    Order,
    OrderList,
    PreventedMatch,
    Side,
    Status,
    Why,
)
from failing_exchange.core.reference_price import allows
from failing_exchange.core.settlement import settlement_of
from failing_exchange.core.state import MarketState, State, search_prints
from failing_exchange.core.units import PPM


def offers(
    book: OrderBook, liquidity: Liquidity, side: Side, *, shown: bool = False
) -> Iterator[tuple[int, int]]:
    """(ticks, lots) offered on a side by clients and background together, best first.

    All that can be traded, or what is `shown` of it.
    """
    sign = -1 if side is BUY else 1
    own = book.shown(side) if shown else book.levels(side)
    if not own:
        return liquidity.levels(side)
    return merge(own, liquidity.levels(side), key=lambda level: sign * level[0])


def walk(
    ms: MarketState, side: Side, *, lots: int = 0, cost: int = 0, limit: int = 0
) -> tuple[int, int]:
    """Return (lots, cost) that an order of `side` would fill now, without filling it.

    Stops at `lots`, at `cost` (quote atoms) or at the `limit` price, whichever is given.
    """
    market, done, spent = ms.market, 0, 0
    for ticks, offered in offers(ms.book, ms.liquidity, side.other):
        if limit and (ticks > limit if side is BUY else ticks < limit):
            break
        take = min(offered, lots - done) if lots else offered
        if cost:
            take = min(take, market.lots_for(cost - spent, ticks))
        done += take
        spent += market.cost_up(ticks, take)
        if (lots and done >= lots) or take < offered:
            break
    return done, spent


def match(state: State, ms: MarketState, order: Order, lots: int, at: int) -> None:
    """Match an incoming order against the book for up to `lots`, at its limit or better."""
    side, opposite = order.side, order.side.other
    limit = order.ticks if order.kind in LIMIT_TYPES else _furthest(ms, side, at)
    goal, taken, begun = order.filled + lots, 0, len(order.fills)
    allowed = ms.market.rules.price_range if ms.market.rules is not None else None
    while order.filled < goal and order.is_open:
        level, ticks = ms.book.best(opposite), ms.liquidity.best(opposite)
        if level is not None and (not ticks or better(opposite, level.ticks, ticks)):
            maker, ticks = level.head, level.ticks
        elif ticks:
            maker = None
        else:
            break
        if limit and (ticks > limit if side is BUY else ticks < limit):
            break
        if not (allowed is None or allows(ms.tape, ticks, allowed, at, order.fills[begun:])):
            finish(state, ms, order, EXPIRED, at, why=Why.OUT_OF_RANGE)
            break
        if maker is not None and maker.account == order.account:
            if not _prevent(state, ms, order, maker, at):
                break
            goal = min(goal, order.lots)
            continue
        goal = min(goal, order.lots)  # a reduce-only order may have been shrunk
        before = order.filled
        if not _take(state, ms, order, maker, ticks, goal - before, at):
            break
        if maker is None:
            taken += order.filled - before
    if taken:
        ms.liquidity.remember(taken if side is BUY else -taken)
        ms.has_moved()
        ms.mark_stale = True
        search_prints(state, ms, at)


def _furthest(ms: MarketState, side: Side, at: int) -> int:
    """The worst price at which a market order may match; 0: any.

    That of a contract stays within `market_take_bound` of the mark price; the rest expires.
    """
    contract = ms.market.contract
    mark = 0 if contract is None else mark_of(ms, at)
    if contract is None or not mark:
        return 0
    step, bound = ms.market.price_step, contract.market_take_bound
    if side is BUY:
        return max(1, mark * (PPM + bound) // (PPM * step))
    return max(1, -(-mark * (PPM - bound) // (PPM * step)))


def crosses(ms: MarketState, side: Side, ticks: int) -> bool:
    """Whether an order at `ticks` would match at once."""
    bid, ask = ms.liquidity.top or ms.liquidity.tops()
    if side is BUY:
        if ask is not None and ask[0] <= ticks:
            return True
        level = ms.book.best(SELL)
        return level is not None and level.ticks <= ticks
    if bid is not None and ticks <= bid[0]:
        return True
    level = ms.book.best(BUY)
    return level is not None and ticks <= level.ticks


def better(side: Side, ticks: int, other: int) -> bool:
    """Whether an offer at `ticks` comes before one at `other` on a side."""
    return ticks > other if side is BUY else ticks < other


def _take(
    state: State, ms: MarketState, order: Order, maker: Order | None, ticks: int, most: int, at: int
) -> bool:
    """Make one match; return False when the order cannot pay for another lot."""
    lots, opposite = most, order.side.other
    if maker is not None:
        lots = min(lots, maker.shown or maker.remaining)
    else:
        offered = next(ms.liquidity.levels(opposite), None)  # none at a price near zero
        lots = 0 if offered is None else min(lots, offered[1])
    if order.kind not in LIMIT_TYPES:
        lots = settlement_of(ms).affordable(ms.market, order, ticks, lots)
    if lots <= 0:
        return False
    if maker is None:
        ms.liquidity.take(opposite, ticks, lots)
    trade(state, ms, order, maker, ticks, lots, at)
    return True


def _prevent(state: State, ms: MarketState, taker: Order, maker: Order, at: int) -> bool:
    """Apply self-trade prevention; return whether the taker still matches."""
    mode = _mode(ms, taker)
    if mode is Prevention.NONE:
        _take(state, ms, taker, maker, maker.ticks, taker.remaining, at)
        return True
    if mode is Prevention.TRANSFER and _mode(ms, maker) is not mode:
        mode = Prevention.DECREMENT
    if mode is Prevention.DECREMENT or mode is Prevention.TRANSFER:
        lots = min(taker.remaining, maker.shown or maker.remaining)
        taken = made = lots
    else:
        taken = 0 if mode is Prevention.EXPIRE_MAKER else taker.remaining
        made = 0 if mode is Prevention.EXPIRE_TAKER else maker.remaining
    taken, made = _last_part(taker, taken), _last_part(maker, made)
    number = ms.prevented[-1].id + 1 if ms.prevented else 0
    match = PreventedMatch(
        number, taker.symbol, taker.account, mode, taker.id, maker.id, maker.ticks, taken, made, at
    )
    ms.prevented.append(match)
    for order, lots in ((maker, made), (taker, taken)):
        order.prevented_matches = (*order.prevented_matches, match)
        _expire_part(state, ms, order, match, lots, at)
    return taker.is_open


def _last_part(order: Order, lots: int) -> int:
    """Lots of an order that expire: all of it at the last match that is kept per order."""
    is_last = len(order.prevented_matches) >= PREVENTED_MATCHES_MAX - 1
    return order.remaining if is_last else lots


def _mode(ms: MarketState, order: Order) -> Prevention:
    return order.prevention if order.prevention is not None else ms.market.prevention


def _expire_part(
    state: State, ms: MarketState, order: Order, match: PreventedMatch, lots: int, at: int
) -> None:
    """Expire a part of an order for self-trade prevention; with the last part, the order."""
    if lots == order.remaining:
        finish(state, ms, order, EXPIRED, at, why=Why.SELF_TRADE)
        return
    if not lots:
        return
    if order.resting:
        ms.book.reduce(order, lots)
        ms.sequence += 1
    order.amended = (*order.amended, (at, order.ticks, order.lots))
    order.lots -= lots
    order.decremented += lots
    order.updated_at = at
    if order.kind in LIMIT_TYPES and order.partner is None:
        settlement = settlement_of(ms)
        settlement.release(state, ms, order, at, keep=settlement.need(ms.market, order))
    if order.iceberg_lots and order.resting and not order.shown:
        ms.book.refill(order)
    state.events.append(OrderDecremented(order.id, order.account, match, lots, at))


def trade(
    state: State,
    ms: MarketState,
    taker: Order | None,
    maker: Order | None,
    ticks: int,
    lots: int,
    at: int,
    *,
    operator: bool = False,
    public: bool = True,
) -> None:
    """Settle one match on ledger, tape and orders. None stands for the background.

    One that is not `public` has a trade id, and is not printed.
    """
    side = taker.side if taker is not None else maker.side.other  # type: ignore[union-attr]
    buyer, seller = (taker, maker) if side is BUY else (maker, taker)
    settlement, cost = settlement_of(ms), ms.market.cost(ticks, lots)
    for order in (buyer, seller):
        if order is not None and order.partner is not None:
            end_other_leg(state, ms, order, at)
    profits = settlement.settle(state, ms, buyer, seller, lots, cost, at)
    if public:
        trade_id = ms.tape.add(ticks, lots, side, at=at, operator=operator)
    else:
        trade_id = ms.tape.skip(at)
    for order, is_maker in ((taker, False), (maker, True)):
        if order is not None:
            fee, asset = settlement.charge(state, ms, order, lots, cost, is_maker, at)
            fill = Fill(
                trade_id, order.id, order.account, order.symbol, order.side,
                ticks, lots, cost, fee, asset, is_maker, at, operator, order.list_id,
                profits[order is seller], order.position_side,
            )  # fmt: skip
            _note(state, ms, order, fill, at)
    if ms.market.contract is not None:
        for order in (taker, maker):
            if order is not None:
                trim_reducing(state, ms, order.account, at)


def trim_reducing(state: State, ms: MarketState, account: str, at: int) -> None:
    """Shrink the orders that may only reduce a position to what is left of it; the last first."""
    for order in list(state.accounts[account].open.values()):
        if order.symbol == ms.market.symbol and order.is_open and settlement_of(ms).reduces(order):
            held = settlement_of(ms).reducible(ms, order)
            if held <= 0:
                finish(state, ms, order, EXPIRED, at, why=Why.NOTHING_TO_REDUCE)
            elif order.remaining > held:
                _shrink(state, ms, order, order.remaining - held, at)


def _shrink(state: State, ms: MarketState, order: Order, lots: int, at: int) -> None:
    """Make an open order smaller where it stands."""
    if order.resting:
        ms.book.shrink(order, lots)
        ms.sequence += 1
    order.amended = (*order.amended, (at, order.ticks, order.lots))
    order.lots -= lots
    order.updated_at = at
    state.events.append(OrderAmended(order.id, order.account, order.lots, at))


def _note(state: State, ms: MarketState, order: Order, fill: Fill, at: int) -> None:
    """Book a fill on its order, and release what the order no longer needs to hold."""
    if order.resting:
        ms.book.reduce(order, fill.lots)
    order.filled += fill.lots
    order.cost += fill.cost
    order.updated_at = at
    if isinstance(order.fills, list):
        order.fills.append(fill)
    else:
        order.fills = [fill]
    state.accounts[order.account].fills.append(fill)
    ms.sequence += 1
    if order.proceeds_pay:
        _reserve_proceeds(state, ms, order, fill, at)
    state.events.append(OrderFilled(order.id, fill, order.remaining))
    if order.remaining == 0:
        finish(state, ms, order, FILLED, at)
    elif order.kind in LIMIT_TYPES:
        settlement = settlement_of(ms)
        settlement.release(state, ms, order, at, keep=settlement.need(ms.market, order))
        if order.iceberg_lots and order.resting and not order.shown:
            ms.book.refill(order)


def _reserve_proceeds(state: State, ms: MarketState, working: Order, fill: Fill, at: int) -> None:
    """OPO lists: hold what the working order bought for the first pending order.

    The fee is taken from the free balance, unless that is too small or the list forbids it.
    """
    assert working.order_list is not None
    settlement = settlement_of(ms)
    asset, got = settlement.proceeds(ms.market, fill.side, fill.lots, fill.cost)
    if fill.fee_asset == asset and (
        working.order_list.fee_from_proceeds or state.ledger.free(working.account, asset) < got
    ):
        got -= fill.fee
    settlement.hold(state, ms, working.order_list.orders[1], got, at)


def finish(
    state: State, ms: MarketState, order: Order, status: Status, at: int, *, why: str = ""
) -> None:
    """End an order: take it off the book, release its funds, record the event."""
    if order.resting:
        ms.book.remove(order)
        ms.sequence += 1
    if order.id in state.waiting:
        del ms.waiting[order.id], state.waiting[order.id]
    order.move_to(status, at)
    order.why = why
    order.held = False
    settlement_of(ms).release(state, ms, order, at)
    state.orders.pop(order.id, None)
    state.accounts[order.account].keep(order)
    if status is CANCELED:
        state.events.append(OrderCanceled(order.id, order.account, at, why))
    elif status is EXPIRED:
        state.events.append(OrderExpired(order.id, order.account, at, why))
    if order.conditional_id:
        conclude(state, order, at)
    if order.order_list is not None:
        _end_others(state, ms, order, order.order_list, at)


def _end_others(
    state: State, ms: MarketState, order: Order, order_list: OrderList, at: int
) -> None:
    """After an order of a list has ended: end the others as its contingency says."""
    others: tuple[Order, ...] = ()
    partner, why = order.partner, order.why or Why.OTHER_ENDED
    if why == Why.SELF_TRADE:  # the others have met nobody
        why = Why.OTHER_ENDED
    if partner is not None:
        order.partner = partner.partner = None
        others = (partner,)
    if order_list.is_pending:
        if order.status is FILLED:  # the working one: no other can be
            state.filled_lists.append(order_list)
            return
        others = order_list.orders
        why = Why.OTHER_ENDED if order.follows else Why.WORKING_ENDED
    status = CANCELED if order.status is CANCELED else EXPIRED
    for other in others:
        if other.is_open:
            other.canceled_as = order.canceled_as
            finish(state, ms, other, status, at, why=why)
    if not order_list.ended_at and not any(one.is_open for one in order_list.orders):
        order_list.ended_at = at
        state.accounts[order.account].keep_list(order_list)
        tell_of_list(state, order_list, ListUpdate.DONE, at)


def tell_of_list(state: State, order_list: OrderList, what: ListUpdate, at: int) -> None:
    """Record a change of a list; lists placed without a contingency make no events."""
    order_list.updated_at = at
    if order_list.announced:
        told = OrderListChanged(
            order_list.id, order_list.client_id, order_list.account, order_list.symbol,
            order_list.contingency, what, order_list.status, order_list.named, at,
        )  # fmt: skip
        state.events.append(told)


def end_other_leg(state: State, ms: MarketState, order: Order, at: int) -> None:
    """One leg of an OCO trades or triggers: it takes over the funds, the other leg expires."""
    partner = order.partner
    if partner is None:
        return
    order.partner = partner.partner = None
    order.reserved += partner.reserved
    partner.reserved = 0
    if partner.is_open:
        finish(state, ms, partner, EXPIRED, at, why=Why.OTHER_WENT_AHEAD)
