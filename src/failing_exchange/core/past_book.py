"""The clients' side of a book as it was: from the histories of their orders."""

from __future__ import annotations

from collections.abc import Iterator
from heapq import merge

from failing_exchange.core.liquidity import Liquidity
from failing_exchange.core.order import BUY, SELL, Order, OrderSnapshot, Side, Status
from failing_exchange.core.state import WHOLE_BOOK, MarketState, State

Levels = tuple[tuple[int, int], ...]


def past_book(
    state: State, ms: MarketState, liquidity: Liquidity, limit: int, as_of: int
) -> tuple[Levels, Levels, int]:
    """Bids, asks, and how many of their levels had been changed; never more than had.

    Orders that an account has forgotten are missing, and icebergs show as much as they may.
    """
    known = [order for order in _touched(state, as_of) if order.symbol == ms.market.symbol]
    then = [snapshot for order in known if (snapshot := order.as_of(as_of)) is not None]
    resting = [one for one in then if _rests(one, as_of)]
    liquidity = _before(liquidity, resting, ms)
    since = sum(_changes(order, as_of) for order in known)
    since += WHOLE_BOOK * sum(1 for at in ms.redrawn_at if at > as_of)
    bids, asks = (_levels(resting, liquidity, side, limit) for side in (BUY, SELL))
    return bids, asks, max(0, ms.sequence - since)


def _before(liquidity: Liquidity, resting: list[OrderSnapshot], ms: MarketState) -> Liquidity:
    """The background as it stood then, never beyond the clients' orders."""
    if liquidity is ms.liquidity or not resting:
        return liquidity
    bids = [one.ticks for one in resting if one.order.side is BUY]
    asks = [one.ticks for one in resting if one.order.side is not BUY]
    then = ms.liquidity.view(liquidity.now)
    then.jump(0, max(bids, default=0), min(asks, default=0))
    return then


def _touched(state: State, as_of: int) -> Iterator[Order]:
    """Orders that were open then, or have been since."""
    for account in state.accounts.values():
        yield from account.open.values()
        for order in reversed(account.ended.values()):
            if order.ended_at <= as_of:
                break
            yield order


def _rests(one: OrderSnapshot, as_of: int) -> bool:
    return one.status is Status.OPEN and one.ticks > 0 and 0 < one.order.working_at <= as_of


def _changes(order: Order, as_of: int) -> int:
    """An upper bound of how often it has changed the book since."""
    later = [order.created_at, order.ended_at, *(fill.at for fill in order.fills)]
    if order.working_at > order.created_at:  # it entered the book later, when it was triggered
        later.append(order.working_at)
    later += [until for until, *_ in order.amended]
    return sum(1 for at in later if at > as_of)


def _levels(resting: list[OrderSnapshot], liquidity: Liquidity, side: Side, limit: int) -> Levels:
    sign = -1 if side is BUY else 1
    own = sorted(
        ((one.ticks, _shown(one)) for one in resting if one.order.side is side),
        key=lambda level: sign * level[0],
    )
    levels: dict[int, int] = {}
    for ticks, lots in merge(own, liquidity.levels(side), key=lambda level: sign * level[0]):
        if ticks not in levels and len(levels) == limit:
            break
        levels[ticks] = levels.get(ticks, 0) + lots
    return tuple(levels.items())


def _shown(one: OrderSnapshot) -> int:
    left = one.lots - one.filled
    return min(left, one.order.iceberg_lots or left)
