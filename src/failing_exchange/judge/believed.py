"""What a bot believes, and what its exchange has told it, beside what is true; for those who watch.

It only reads: nobody is asked, and no rule hears of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from failing_exchange.core.units import ATOMS, SECOND
from failing_exchange.judge.facts import NEVER, Facts, OrderFacts
from failing_exchange.judge.holdings import GRACE_S, NOTICED
from failing_exchange.judge.rules.beliefs import gained

if TYPE_CHECKING:
    from failing_exchange.judge.judge import Judge
    from failing_exchange.judge.probe import Sample

SHOWN_MAX = 100  # rows of one list, the newest orders first; the rest is counted in `more`
LOOKED_AT_MAX = 5_000  # orders that are compared: the newest


class Compared(NamedTuple):
    """A position or a balance, in units. `late`: the belief was true within the last minute."""

    name: str
    believed: float
    true: float
    agrees: bool
    late: bool


class OpenOrders(NamedTuple):
    """How many orders are believed to be open and are, and the names in which these differ."""

    believed: int
    true: int
    unknown: tuple[str, ...]  # open, and the bot does not say so
    ended: tuple[str, ...]  # not open, though the bot says so


class Untold(NamedTuple):
    """An order of which the client was told something else than is true, or nothing.

    Amounts are decimal text in units; `told_status` is empty where it was not told of the order.
    """

    id: str
    client_id: str
    symbol: str
    status: str
    told_status: str
    filled: str
    told_filled: str


class ComparedBeliefs(NamedTuple):
    """What a bot believes (`source`: "notebook", "probe" or "" where it can't be asked).

    `at`: when it said so (nanoseconds); `untold` needs no probe.
    """

    source: str
    at: int
    positions: tuple[Compared, ...]
    balances: tuple[Compared, ...]
    open_orders: OpenOrders | None
    untold: tuple[Untold, ...]
    more: int


def beliefs_of(judge: Judge) -> ComparedBeliefs:
    """Compare the newest belief of a judged bot with what is true now."""
    facts, sample = judge.facts, judge.newest_belief()
    newest = islice(reversed(facts.orders.values()), LOOKED_AT_MAX)
    untold = [one for one in newest if _differs(one)]
    since = judge.venue.clock.now() - int(GRACE_S * SECOND)
    return ComparedBeliefs(
        source="" if sample is None else ("probe" if judge.booked is None else "notebook"),
        at=0 if sample is None else sample.at,
        positions=tuple(_positions(facts, sample, since)),
        balances=tuple(_balances(facts, sample, since)),
        open_orders=None if sample is None else _open_orders(facts, sample.open_orders),
        untold=tuple(_untold(facts, one) for one in untold[:SHOWN_MAX]),
        more=max(0, len(untold) - SHOWN_MAX),
    )


def _positions(facts: Facts, sample: Sample | None, since: int) -> Iterator[Compared]:
    found = {} if sample is None else sample.positions or {}
    for symbol, believed in islice(found.items(), SHOWN_MAX):
        states = gained(facts, symbol, since=since)
        yield _compared(symbol, believed, states[-1], states)


def _balances(facts: Facts, sample: Sample | None, since: int) -> Iterator[Compared]:
    found = {} if sample is None else sample.balances or {}
    for asset, believed in islice(found.items(), SHOWN_MAX):
        states = facts.totals(asset, believed, since=since)
        yield _compared(asset, believed, states[0], states)


def _compared(name: str, believed: float, true: int, states: Sequence[int]) -> Compared:
    agrees = abs(true / ATOMS - believed) <= NOTICED
    late = not agrees and any(abs(state / ATOMS - believed) <= NOTICED for state in states)
    return Compared(name, believed, true / ATOMS, agrees, late)


def _open_orders(facts: Facts, believed: Iterable[str] | None) -> OpenOrders | None:
    if believed is None:
        return None
    said = dict.fromkeys(believed)
    are_open = facts.engine.state.accounts[facts.account].open.values()
    names = {name for order in are_open for name in (order.client_id, str(order.id))}
    unknown = (o for o in are_open if o.client_id not in said and str(o.id) not in said)
    return OpenOrders(
        len(said),
        len(are_open),
        tuple(str(order.id) for order in islice(unknown, SHOWN_MAX)),
        tuple(islice((name for name in said if name not in names), SHOWN_MAX)),
    )


def _differs(known: OrderFacts) -> bool:
    order = known.order
    ended = order.ended_at != NEVER and known.ended_told_at == NEVER
    return known.is_orphan or known.unaware > 0 or ended


def _untold(facts: Facts, known: OrderFacts) -> Untold:
    order, market = known.order, facts.market(known.symbol)
    return Untold(
        str(order.id), order.client_id, order.symbol, str(order.status),
        "" if known.is_orphan else str(known.told_status or order.status),
        market.amount_text(order.filled), market.amount_text(known.told_filled),
    )  # fmt: skip
