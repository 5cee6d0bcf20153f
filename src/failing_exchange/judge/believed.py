"""What a bot believes, and what its exchange has told it, beside what is true; for those who watch.

It only reads: nobody is asked, and no rule hears of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from failing_exchange.core.units import ATOMS
from failing_exchange.judge.facts import NEVER, Facts, OrderFacts
from failing_exchange.judge.true_amounts import (
    TrueAmount,
    is_near,
    true_balance,
    true_position,
)

if TYPE_CHECKING:
    from failing_exchange.judge.judge import Judge
    from failing_exchange.judge.probe import Sample

SHOWN_MAX = 100  # rows of one list, the newest orders first; the rest is counted in `more`
LOOKED_AT_MAX = 5_000  # orders that are compared: the newest


class Compared(NamedTuple):
    """A position or a balance, in units. `late`: what the belief lacks it may lack still."""

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
    return ComparedBeliefs(
        source="" if sample is None else ("probe" if judge.booked is None else "notebook"),
        at=0 if sample is None else sample.at,
        positions=tuple(_positions(facts, sample)),
        balances=tuple(_balances(facts, sample)),
        open_orders=None if sample is None else _open_orders(facts, sample.open_orders),
        untold=tuple(_untold(facts, one) for one in untold[:SHOWN_MAX]),
        more=max(0, len(untold) - SHOWN_MAX),
    )


def _positions(facts: Facts, sample: Sample | None) -> Iterator[Compared]:
    if sample is not None:
        for symbol, believed in islice((sample.positions or {}).items(), SHOWN_MAX):
            true = true_position(facts, symbol, sample.at)
            yield _compared(symbol, believed, true, sample.at)


def _balances(facts: Facts, sample: Sample | None) -> Iterator[Compared]:
    if sample is not None:
        for asset, believed in islice((sample.balances or {}).items(), SHOWN_MAX):
            wallets = facts.wallets_meant(asset, believed)
            true = true_balance(facts, asset, wallets, sample.at)
            yield _compared(asset, believed, true, sample.at)


def _compared(name: str, believed: float, true: TrueAmount, at: int) -> Compared:
    agrees = is_near(true.atoms, believed)
    late = not agrees and any(is_near(atoms, believed) for atoms in true.allowed(at))
    return Compared(name, believed, true.atoms / ATOMS, agrees, late)


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
