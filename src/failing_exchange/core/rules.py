"""The rarer rules of a market: counts, ranges around the average price, values, parts."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from failing_exchange.core.commands import PlaceOrder
from failing_exchange.core.market import Market, Prevention, Rules
from failing_exchange.core.order import (
    LIMIT_TYPES,
    TRIGGERED_TYPES,
    Order,
    OrderType,
    Side,
)
from failing_exchange.core.reference import allows, reach, reference
from failing_exchange.core.reject import Reason, Reject, Rule
from failing_exchange.core.settlement import settlement_of
from failing_exchange.core.state import Account, MarketState, State
from failing_exchange.core.triggers import STOPS
from failing_exchange.core.units import PPM, SECOND, atoms_text

Placed = PlaceOrder | Order


def check_rules(
    state: State, ms: MarketState, account: Account, c: PlaceOrder, rules: Rules, at: int
) -> None:
    """Raise `Reject` where an order breaks a rule."""
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
    """Raise `Reject` where a stop price is impossible, or a price too far from the average."""
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
            rule=Rule.PRICE_BAND,
            price=ms.market.price_text(c.ticks),
            low=ms.market.price_text(low),
            high=ms.market.price_text(high),
        )


def _check_market_order(ms: MarketState, rules: Rules, c: PlaceOrder, at: int) -> None:
    """Amounts and values of an order without a price; the average price values it."""
    market = ms.market
    if not c.cost:
        least, every = rules.market_amount_min, rules.market_amount_every
        if (least is not None and c.lots < least) or (every and c.lots % every):
            raise Reject(
                Reason.INVALID_AMOUNT,
                rule=Rule.MARKET_AMOUNT,
                amount=market.amount_and_asset(c.lots),
                minimum=market.amount_text(least or 0),
                step=market.amount_text(every or 1),
            )
        if rules.average_minutes == 5 and _is_worth_it(ms, rules, c.lots, at):
            return
    ticks, weight = (0, 1) if c.cost else ms.tape.average(rules.average_minutes, at // SECOND)
    cost = c.cost or market.cost(ticks * c.lots, 1) // weight
    if cost and rules.cost_min_of_market:
        market.check_cost(cost)
    if rules.cost_max is not None and rules.cost_max_of_market:
        check_cost_max(market, rules.cost_max, cost)


def _is_worth_it(ms: MarketState, rules: Rules, lots: int, at: int) -> bool:
    """Whether any average of late will do, the lowest and the highest that it can be."""
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
            rule=Rule.NOTIONAL,
            cost=market.cost_and_asset(cost),
            maximum=atoms_text(most),
        )


def _check_prevention(mode: Prevention, allowed: tuple[Prevention, ...]) -> None:
    if mode not in allowed:
        raise Reject(
            Reason.INVALID_ORDER, rule=Rule.PREVENTION, mode=mode, allowed=", ".join(allowed)
        )


def _check_parts(market: Market, c: PlaceOrder, most: int) -> None:
    parts = -(-c.lots // c.iceberg_lots)
    if parts > most:
        raise Reject(
            Reason.INVALID_AMOUNT,
            rule=Rule.ICEBERG_PARTS,
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
            rule=Rule.TRAILING_DELTA,
            trail=c.trail_bips,
            minimum=allowed[0],
            maximum=allowed[1],
        )


def _check_position(
    state: State, ms: MarketState, account: Account, c: PlaceOrder, most: int
) -> None:
    """What the account has and is about to buy; all of it."""
    market = ms.market
    bought = sum(o.remaining for o in _open(account, market) if o.side is Side.BUY)
    held = settlement_of(ms).position(state, ms, account)
    position = held + market.base_atoms(bought + c.lots)
    if position > most:
        raise Reject(
            Reason.INVALID_AMOUNT,
            rule=Rule.POSITION,
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
    """Raise `Reject` where a list is one too many, or has orders that are."""
    if rules.order_lists_max is not None:
        count = sum(one.symbol == market.symbol for one in account.lists.values())
        if count >= rules.order_lists_max:
            raise Reject(
                Reason.TOO_MANY_ORDERS,
                rule=Rule.ORDER_LISTS,
                count_of_lists=count,
                maximum=rules.order_lists_max,
                symbol=market.symbol,
            )
    _check_counts(market, account, rules, legs)


def _check_counts(
    market: Market, account: Account, rules: Rules, legs: tuple[PlaceOrder, ...]
) -> None:
    """How many orders of a kind there would be, all those to be placed together included."""
    limits: tuple[tuple[int | None, Callable[[Placed], bool], Rule], ...] = (
        (rules.algo_orders_max, _is_algo, Rule.ALGO_ORDERS),
        (rules.iceberg_orders_max, _is_iceberg, Rule.ICEBERG_ORDERS),
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
        raise Reject(Reason.INVALID_ORDER, rule=Rule.AMENDS, count=count)
