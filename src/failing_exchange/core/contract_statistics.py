"""The history of a contract: open interest, prices and takers; and what insures it."""

from __future__ import annotations

from failing_exchange.core.contract_prices import index_of, mark_of
from failing_exchange.core.contract_queries import (
    ContractHistory,
    ContractStatistics,
    FetchContractStatistics,
    FetchInsurance,
    Insurance,
    InsuredContract,
)
from failing_exchange.core.contract_reads import background_interest, contract_state
from failing_exchange.core.ledger import BACKGROUND, INSURANCE
from failing_exchange.core.order import BUY, PositionSide
from failing_exchange.core.state import FILLS_KEPT_MAX, MarketState, State
from failing_exchange.core.units import SECOND


def fetch_statistics(state: State, q: FetchContractStatistics, at: int) -> ContractHistory:
    """A contract at the edges that are past.

    Those before its first price, and those of which not all fills are kept, are left out.
    """
    ms, known = contract_state(state, q.symbol, at), _known_since(state)
    edges = [edge for edge in q.edges[:-1] if known <= edge <= at // SECOND and ms.tape.last(edge)]
    bars, rows = {bar.at: bar for bar in ms.tape.between(q.edges, now=at)}, []
    for edge, held in zip(edges, _held_at(state, ms, edges), strict=True):
        bar, last = bars.get(edge), ms.tape.last(edge)
        bought, volume = (bar.bought, bar.volume) if bar else (0, 0)
        lots = held + background_interest(ms, edge, at)
        rows.append(ContractStatistics(
            edge, lots, ms.market.worth(last * ms.market.price_step, lots), last,
            index_of(ms, edge * SECOND), bought, volume - bought,
        ))  # fmt: skip
    return ContractHistory(ms.market, tuple(rows))


def _known_since(state: State) -> int:
    """The second from which on all fills of clients are kept."""
    full = [a.fills[0].at for a in state.accounts.values() if len(a.fills) == FILLS_KEPT_MAX]
    return max(full, default=-1) // SECOND + 1


def _held_at(state: State, ms: MarketState, edges: list[int]) -> list[int]:
    """The lots that clients held long, or the other side for them, at each of some seconds.

    Reckoned back from the present positions, fill by fill.
    """
    moves: list[tuple[int, tuple[str, PositionSide], int]] = []
    for account in state.accounts.values():
        for fill in account.fills:
            if fill.symbol == ms.market.symbol:
                lots = fill.lots if fill.side is BUY else -fill.lots
                moves.append((fill.at, (account.name, fill.position_side), lots))
    moves.sort(key=lambda one: one[0])
    lots_of = {key: one.lots for key, one in ms.positions.items() if key[0] != BACKGROUND}
    found = []
    for edge in reversed(edges):
        while moves and moves[-1][0] > edge * SECOND:
            _, key, lots = moves.pop()
            lots_of[key] = lots_of.get(key, 0) - lots
        longs = sum(lots for lots in lots_of.values() if lots > 0)
        found.append(max(longs, longs - sum(lots_of.values())))
    return found[::-1]


def fetch_insurance(state: State, q: FetchInsurance, at: int) -> Insurance:
    """The insurance fund by asset, and what clients hold of each contract."""
    settled = dict.fromkeys(ms.market.settle for ms in state.contracts)
    funds = {asset: state.ledger.free(INSURANCE, asset) for asset in settled}
    contracts = tuple(InsuredContract(ms.market, _notional(ms, at)) for ms in state.contracts)
    return Insurance(funds, contracts, at)


def _notional(ms: MarketState, at: int) -> int:
    held = [p.lots for (name, _), p in ms.positions.items() if name != BACKGROUND]
    return sum(ms.market.worth(mark_of(ms, at), abs(lots)) for lots in held if lots)
