"""What a market refuses an order for: steps, limits, counts, ranges of prices, values."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from failing_exchange.core.commands import PlaceOrder
from failing_exchange.core.contract_prices import mark_of
from failing_exchange.core.market import TRADING, Bounds, Market, Prevention, Rules
from failing_exchange.core.matching import crosses, walk
from failing_exchange.core.order import (
    FOK,
    GTC,
    LIMIT,
    LIMIT_TYPES,
    TRIGGERED_TYPES,
    Order,
    OrderType,
    Side,
)
from failing_exchange.core.reference_price import allows, reach, reference
from failing_exchange.core.reject import OrderRule, Reason, Reject
from failing_exchange.core.settlement import settlement_of
from failing_exchange.core.state import Account, MarketState, State
from failing_exchange.core.stop_triggers import STOPS, is_met
from failing_exchange.core.units import PPM, SECOND, atoms_text

Placed = PlaceOrder | Order


BIPS_TYPES = TRIGGERED_TYPES - {OrderType.TRAILING_STOP}


def check(
    state: State,
    ms: MarketState,
    account: Account,
    c: PlaceOrder,
    at: int,
    *,
    pending: bool = False,
) -> None:
    """Raise `Reject` where an order breaks a rule; nothing has changed then.

    For a `pending` order, checks that depend on the present market are left out.
    """
    market, kind = ms.market, c.kind
    if market.status is not TRADING:
        market.check_trading()
    if c.client_id:
        check_unused(account, c.client_id, c.symbol)
    if not market.is_plain:
        _check_market(market, account, c)
    if c.peg is not None or (pending and not c.lots):
        _check_what_is_known(state, ms, account, c, at)
    elif kind in LIMIT_TYPES:
        bounds = price_bounds(ms, c.side, at) if market.price_band is not None else None
        least = market.contract is None or has_least_worth(ms, c)
        market.check_limits(c.lots, c.ticks, bounds, least)
    elif not c.cost:
        most = market.market_amount_max
        rule = OrderRule.AMOUNT if most is None else OrderRule.MARKET_AMOUNT
        market.check_amount(c.lots, most or market.amount_max, rule=rule)
    if c.iceberg_lots or c.trail_bips:
        _check_iceberg_and_trail(market, c)
    if market.rules is not None:
        check_rules(state, ms, account, c, market.rules, at)
    if pending:
        return
    if market.contract is not None:
        _check_time(ms, c, at)
    if kind is LIMIT:
        if c.post_only and crosses(ms, c.side, c.ticks):
            raise would_match(ms, c)
    elif kind in TRIGGERED_TYPES:
        check_trigger(ms, c, at)


def has_least_worth(ms: MarketState, c: Placed) -> bool:
    """Whether the market's minimum worth holds for an order: not where it reduces a position."""
    return not settlement_of(ms).reduces(c)


def _check_time(ms: MarketState, c: PlaceOrder, at: int) -> None:
    """Raise `Reject` for an order whose time is up, or that is killed at once (Binance: -5021)."""
    if c.expires_at and c.expires_at <= at:
        raise Reject(Reason.INVALID_ORDER, rule=OrderRule.EXPIRY, late=at - c.expires_at)
    if c.time_in_force is FOK and walk(ms, c.side, lots=c.lots, limit=c.ticks)[0] < c.lots:
        raise Reject(Reason.NOT_FILLABLE, amount=ms.market.amount_and_asset(c.lots))


def check_unused(account: Account, client_id: str, symbol: str) -> None:
    """Raise `Reject` where an open order of the account and of this kind has a client id."""
    known = account.named(client_id, symbol)
    if known is not None and known.is_open:
        raise Reject(Reason.DUPLICATE_CLIENT_ID, client_id=client_id)


def price_bounds(ms: MarketState, side: Side, at: int) -> Bounds:
    """The least and the highest price, in ticks, that `price_band` allows; None: any.

    It lies around the last price. Of a contract it lies around the mark price, a buy is bounded
    above only, and a sell below only. Nothing is refused while that price is not known.
    """
    market, band = ms.market, ms.market.price_band
    contract = market.contract is not None
    around = mark_of(ms, at) // market.price_step if contract else ms.tape.last(at // SECOND)
    if band is None or not around:
        return None, None
    low, high = around * (PPM - band[0]) // PPM, around * (PPM + band[1]) // PPM
    if not contract:
        return low, high
    return (None, high) if side is Side.BUY else (low, None)


def would_match(ms: MarketState, order: PlaceOrder | Order) -> Reject:
    """The refusal of a post-only order that would match at once."""
    return Reject(Reason.WOULD_MATCH, price=ms.market.price_text(order.ticks))


def _check_market(market: Market, account: Account, c: PlaceOrder) -> None:
    """Check the number of open orders, and the steps of price and amount."""
    if market.orders_max is not None:
        check_count(market, account, market.orders_max)
    if market.price_every > 1 or market.amount_every > 1:
        market.check_steps(c.lots, c.ticks)


def _check_what_is_known(
    state: State, ms: MarketState, account: Account, c: PlaceOrder, at: int
) -> None:
    """Check an order that has no price or no amount until it enters the book."""
    market = ms.market
    bounds = price_bounds(ms, c.side, at) if market.price_band is not None else None
    if c.lots and c.ticks:
        market.check_limits(c.lots, c.ticks, bounds)
    elif c.lots:
        market.check_amount(c.lots, market.amount_max)
    elif c.ticks:
        market.check_price(c.ticks)
    asked = as_asked(c)
    if asked is not None:
        check(state, ms, account, asked, at, pending=True)


def _check_iceberg_and_trail(market: Market, c: PlaceOrder) -> None:
    """Check the shown part of an iceberg order, and who may trail by basis points."""
    if c.trail_bips and c.kind not in BIPS_TYPES:
        raise Reject(Reason.INVALID_ORDER, trails=c.kind)
    if not c.iceberg_lots:
        return
    if c.kind not in LIMIT_TYPES or c.time_in_force is not GTC:
        raise Reject(Reason.INVALID_ORDER, parted=f"{c.time_in_force} {c.kind}")
    if c.iceberg_lots > c.lots > 0:
        raise Reject(
            Reason.INVALID_ORDER,
            rule=OrderRule.ICEBERG_SIZE,
            shown=market.amount_text(c.iceberg_lots),
            amount=market.amount_text(c.lots),
        )
    market.check_steps(c.iceberg_lots, 0)
    market.check_amount(c.iceberg_lots, market.amount_max)


def check_count(market: Market, account: Account, most: int, *, new: int = 1) -> None:
    """Raise `Reject` where an account would have more than `most` orders open in a market."""
    if len(account.open) + new <= most:
        return
    count = sum(order.symbol == market.symbol for order in account.open.values())
    if count + new > most:
        raise Reject(
            Reason.TOO_MANY_ORDERS,
            rule=OrderRule.ORDERS, count=count, maximum=most, symbol=market.symbol,
        )  # fmt: skip


def check_trigger(ms: MarketState, c: PlaceOrder | Order, at: int) -> None:
    """Raise `Reject` where a triggered order has no trigger, or one that is met already."""
    last = ms.tape.last(at // SECOND)
    if c.kind is OrderType.TRAILING_STOP:
        if c.trail_ticks < 1 or not last:
            raise Reject(Reason.INVALID_ORDER, kind=c.kind)
        return
    if c.stop_ticks < 1:
        if c.trail_bips:
            return
        raise Reject(Reason.INVALID_PRICE, kind=c.kind)
    probe = Order(0, c.account, c.symbol, c.side, c.kind, c.lots, at)
    probe.stop_ticks = c.stop_ticks
    if last and is_met(probe, last, last):
        text = ms.market.price_text
        raise Reject(Reason.WOULD_TRIGGER, trigger=text(c.stop_ticks), last=text(last))


def as_asked(c: PlaceOrder) -> PlaceOrder | None:
    """A pegged order at the price its client gave beside the peg, to be checked as well."""
    if c.peg is None or not c.peg.asked:
        return None
    return c._replace(ticks=c.peg.asked, peg=None)


def check_rules(
    state: State, ms: MarketState, account: Account, c: PlaceOrder, rules: Rules, at: int
) -> None:
    """Check an order by the rules that not every market has (`Market.rules`)."""
    market = ms.market
    check_prices(ms, rules, c, at)
    if c.kind is OrderType.MARKET:
        if c.lots or c.cost:
            _check_market_order(ms, rules, c, at)
    elif rules.cost_max is not None and c.kind in LIMIT_TYPES:
        check_cost_max(market, rules.cost_max, market.cost_up(c.ticks, c.lots))
    if c.prevention is not None and rules.preventions is not None:
        _check_prevention(c.prevention, rules.preventions)
    if c.iceberg_lots and rules.iceberg_parts_max is not None:
        _check_parts(market, c, rules.iceberg_parts_max)
    if c.trail_bips:
        _check_trail(c, rules)
    if c.side is Side.BUY and rules.position_max is not None:
        _check_position(state, ms, account, c, rules.position_max)
    _check_counts(market, account, rules, (c,))


def check_prices(ms: MarketState, rules: Rules, c: Placed, at: int) -> None:
    """Raise `Reject` for an impossible stop price, or a price too far from the average."""
    if c.stop_ticks and c.kind is not OrderType.TRAILING_STOP:
        ms.market.check_steps(0, c.stop_ticks)
        ms.market.check_price(c.stop_ticks)
    prices = rules.buy_prices if c.side is Side.BUY else rules.sell_prices
    if prices is None or not c.ticks or c.kind not in LIMIT_TYPES:
        return
    if rules.price_range is None:
        ticks, weight = ms.tape.average(rules.average_minutes, at // SECOND)
    elif allows(ms.tape, c.ticks, prices, at):
        return
    else:
        ticks, weight = reference(ms.tape, at)
    if ticks and not ticks * prices[0] <= c.ticks * weight * PPM <= ticks * prices[1]:
        low, high = (ticks * share // (weight * PPM) for share in prices)
        raise Reject(
            Reason.PRICE_BAND,
            rule=OrderRule.PRICE_BAND,
            price=ms.market.price_text(c.ticks),
            low=ms.market.price_text(low),
            high=ms.market.price_text(high),
        )


def _check_market_order(ms: MarketState, rules: Rules, c: PlaceOrder, at: int) -> None:
    """Check amount and value of a market order; the average price values it."""
    market = ms.market
    if not c.cost:
        least, every = rules.market_amount_min, rules.market_amount_every
        if (least is not None and c.lots < least) or (every and c.lots % every):
            raise Reject(
                Reason.INVALID_AMOUNT,
                rule=OrderRule.MARKET_AMOUNT,
                amount=market.amount_and_asset(c.lots),
                minimum=market.amount_text(least or 0),
                step=market.amount_text(every or 1),
            )
        if not has_least_worth(ms, c):
            return
        if rules.average_minutes == 5 and _is_worth_it(ms, rules, c.lots, at):
            return
    ticks, weight = (0, 1) if c.cost else ms.tape.average(rules.average_minutes, at // SECOND)
    cost = c.cost or market.cost(ticks * c.lots, 1) // weight
    if cost and rules.cost_min_of_market:
        market.check_cost(cost)
    if rules.cost_max is not None and rules.cost_max_of_market:
        check_cost_max(market, rules.cost_max, cost)


def _is_worth_it(ms: MarketState, rules: Rules, lots: int, at: int) -> bool:
    """Whether the value is within limits at the lowest and highest possible average price."""
    found, market = reach(ms.tape, at), ms.market
    if found is None:
        return False
    enough = not rules.cost_min_of_market or market.cost(found[0], lots) >= market.cost_min
    most = rules.cost_max if rules.cost_max_of_market else None
    return enough and (most is None or market.cost(found[1], lots) <= most)


def check_cost_max(market: Market, most: int, cost: int) -> None:
    """Raise `Reject` where an order is worth more than `most` atoms."""
    if cost > most:
        raise Reject(
            Reason.INVALID_COST,
            rule=OrderRule.NOTIONAL,
            cost=market.cost_and_asset(cost),
            maximum=atoms_text(most),
        )


def _check_prevention(mode: Prevention, allowed: tuple[Prevention, ...]) -> None:
    if mode not in allowed:
        raise Reject(
            Reason.INVALID_ORDER, rule=OrderRule.PREVENTION, mode=mode, allowed=", ".join(allowed)
        )


def _check_parts(market: Market, c: PlaceOrder, most: int) -> None:
    parts = -(-c.lots // c.iceberg_lots)
    if parts > most:
        raise Reject(
            Reason.INVALID_AMOUNT,
            rule=OrderRule.ICEBERG_PARTS,
            shown=market.amount_text(c.iceberg_lots),
            parts=parts,
            maximum=most,
        )


def _check_trail(c: PlaceOrder, rules: Rules) -> None:
    above = (c.kind in STOPS) is (c.side is Side.BUY)
    allowed = rules.trail_above if above else rules.trail_below
    if allowed is not None and not allowed[0] <= c.trail_bips <= allowed[1]:
        raise Reject(
            Reason.INVALID_ORDER,
            rule=OrderRule.TRAILING_DELTA,
            trail=c.trail_bips,
            minimum=allowed[0],
            maximum=allowed[1],
        )


def _check_position(
    state: State, ms: MarketState, account: Account, c: PlaceOrder, most: int
) -> None:
    """Raise `Reject` where holdings, open buys and this order exceed the position limit."""
    market = ms.market
    bought = sum(o.remaining for o in _open(account, market) if o.side is Side.BUY)
    held = settlement_of(ms).position(state, ms, account)
    position = held + market.base_atoms(bought + c.lots)
    if position > most:
        raise Reject(
            Reason.INVALID_AMOUNT,
            rule=OrderRule.POSITION,
            position=market.amount_and_asset(position // market.amount_step),
            maximum=atoms_text(most),
        )


def _open(account: Account, market: Market) -> Iterable[Order]:
    return (order for order in account.open.values() if order.symbol == market.symbol)


def _is_algo(order: Placed) -> bool:
    return order.kind in TRIGGERED_TYPES


def _is_iceberg(order: Placed) -> bool:
    return order.iceberg_lots > 0


def check_list_rules(
    market: Market, rules: Rules, account: Account, legs: tuple[PlaceOrder, ...]
) -> None:
    """Raise `Reject` for too many open lists, or too many orders of a kind."""
    if rules.order_lists_max is not None:
        count = sum(one.symbol == market.symbol for one in account.lists.values())
        if count >= rules.order_lists_max:
            raise Reject(
                Reason.TOO_MANY_ORDERS,
                rule=OrderRule.ORDER_LISTS,
                count_of_lists=count,
                maximum=rules.order_lists_max,
                symbol=market.symbol,
            )
    _check_counts(market, account, rules, legs)


def _check_counts(
    market: Market, account: Account, rules: Rules, legs: tuple[PlaceOrder, ...]
) -> None:
    """Raise `Reject` for too many open orders of a kind, those of this request included."""
    limits: tuple[tuple[int | None, Callable[[Placed], bool], OrderRule], ...] = (
        (rules.algo_orders_max, _is_algo, OrderRule.ALGO_ORDERS),
        (rules.iceberg_orders_max, _is_iceberg, OrderRule.ICEBERG_ORDERS),
    )
    for most, counts, rule in limits:
        new = sum(map(counts, legs))
        if most is None or not new or len(account.open) + new <= most:
            continue
        count = sum(map(counts, _open(account, market)))
        if count + new > most:
            raise Reject(
                Reason.TOO_MANY_ORDERS,
                rule=rule, kind=rule, count=count, maximum=most, symbol=market.symbol,
            )  # fmt: skip


def check_amends(order: Order, most: int | None) -> None:
    """Raise `Reject` where an order was amended `most` times already."""
    count = len(order.amendments)
    if most is not None and count >= most:
        raise Reject(Reason.INVALID_ORDER, rule=OrderRule.AMENDS, count=count)
