"""Queries about positions and margin."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import TypeAlias

from failing_exchange.core.contract_prices import index_of, mark_of
from failing_exchange.core.contract_queries import (
    CollateralRow,
    CollateralRows,
    FetchCollateral,
    FetchMarginMoves,
)
from failing_exchange.core.joint_margin import (
    available_of,
    joint_assets,
    joint_of,
    rates_of,
    settled_rates,
    withdrawable,
)
from failing_exchange.core.ledger import BACKGROUND, futures_wallet
from failing_exchange.core.liquidation import ranked
from failing_exchange.core.margin import (
    NO_MARGIN,
    MarkedPosition,
    MarketMargin,
    exposure_of,
    liquidation_price,
    margins_in,
    positions_in,
    status_of,
)
from failing_exchange.core.order import BOTH, LONG, SHORT, record
from failing_exchange.core.positions import CROSS, ISOLATED, MarginMove, Position
from failing_exchange.core.queries import (
    FetchFuturesAccount,
    FetchMargin,
    FetchMarkPrice,
    FetchPositions,
    FuturesAccount,
    Margins,
    MarkPrice,
    PositionReport,
    Positions,
)
from failing_exchange.core.state import Account, MarketState, State

# What the cross positions of an account have in an asset that they settle in: their balance, and
# how much of it they can lose until they are liquidated.
Shared: TypeAlias = tuple[int, int]


def fetch_positions(state: State, q: FetchPositions, at: int) -> Positions:
    """The positions of an account, in one contract or in all."""
    name, wanted, idle = q
    account = state.account(name)
    found: list[PositionReport] = []
    margins: dict[str, dict[str, MarketMargin]] = {}  # by asset
    shared: dict[str, Shared] = {}
    for ms in [state.market(wanted, at)] if wanted else state.contracts:
        if not (ms.positions or idle):
            continue
        asset, symbol = ms.market.settle, ms.market.symbol
        if asset not in margins:
            margins[asset] = margins_in(state, account, asset, at)
        margin = margins[asset].get(symbol, NO_MARGIN)
        marked = _marked(ms, account, margin, at) if idle else margin.marked
        isolated = account.margin.is_isolated(symbol)
        if marked and not isolated and asset not in shared:
            shared[asset] = _shared(state, account, asset, at, margins[asset])
        behind = None if isolated else shared.get(asset)
        for one in marked:
            position = one.position
            if idle or position.lots or position.bids or position.asks:
                found.append(_report(state, account, one, margin, behind, at))
    return record(Positions, (tuple(found),))


def _marked(
    ms: MarketState, account: Account, margin: MarketMargin, at: int
) -> list[MarkedPosition]:
    """A position for each side that there can be, whether it is there or not."""
    name, mark, known = account.name, mark_of(ms, at), {p.position.side: p for p in margin.marked}
    return [
        known.get(side) or exposure_of(ms, Position(name, side, futures_wallet(name)), mark)
        for side in ((LONG, SHORT) if account.margin.hedge else (BOTH,))
    ]


def _report(
    state: State, account: Account, marked: MarkedPosition, margin: MarketMargin,
    shared: Shared | None, at: int,
) -> PositionReport:  # fmt: skip
    """A position with all that the mark price makes of it; without `shared` it is isolated."""
    ms, position, notional, unrealised, maintenance = marked
    market, (mark, _, held, ordered) = ms.market, margin
    if shared is None:
        mode, balance, left = ISOLATED, position.margin + unrealised, None
    else:
        mode, (balance, left) = CROSS, shared
    return record(PositionReport, (
        market, position.side, position.lots, position.cost, position.margin, mode,
        account.margin.leverage_of(market.symbol), mark or mark_of(ms, at), notional, unrealised,
        held, ordered, maintenance, _liquidation(marked, margin, left), position.updated_at,
        position.bids, position.asks, balance,
        adl_quantile(state, marked, at) if unrealised > 0 else 0,
    ))  # fmt: skip


def adl_quantile(state: State, marked: MarkedPosition, at: int) -> int:
    """The fifth of its side's positions, by rank, that a position is in: 4 goes first, 0 last.

    Without profit it is 0.
    """
    if marked.unrealised <= 0:
        return 0
    long, ms = marked.position.lots > 0, marked.ms
    rivals = [p for p in ms.positions.values() if p.lots and (p.lots > 0) is long]
    if len([p for p in rivals if p.account != BACKGROUND]) == 1:
        return ADL_FIFTHS - 1
    queue = ranked(state, ms, at, long=long)
    place = next(n for n, (_, _, one) in enumerate(queue) if one is marked.position)
    return ADL_FIFTHS - 1 - place * ADL_FIFTHS // len(queue) if queue[place][0] else 0


ADL_FIFTHS = 5  # Binance, "Position ADL Quantile Estimation", 2026-08-19


def _liquidation(one: MarkedPosition, margin: MarketMargin, left: int | None) -> int:
    """The liquidation price; `left`: what cross positions can lose until they are liquidated."""
    if not one.position.lots:
        return 0
    if left is None:
        return liquidation_price(one.ms, [one.position], one.position.margin)
    wallet, own = left, []
    for _, position, _, unrealised, maintenance in margin.marked:
        if position.lots:
            wallet += maintenance - unrealised
            own.append(position)
    return liquidation_price(one.ms, own, wallet)


def _shared(
    state: State, account: Account, asset: str, at: int, margins: Mapping[str, MarketMargin]
) -> Shared:
    """What the cross positions of an account have.

    In multi-assets mode at the ask rate: the venue publishes no formula for this mode.
    """
    if account.margin.multi_assets:
        joint, rates = joint_of(state, account, at), settled_rates(state, asset, at)
        left = rates.covered(joint.equity - joint.maintenance)
        return rates.covered(joint.equity), left
    balance, maintenance = state.ledger.free(futures_wallet(account.name), asset), 0
    for symbol, margin in margins.items():
        if not account.margin.is_isolated(symbol):
            for _, _, _, unrealised, needed in margin.marked:
                balance += unrealised
                maintenance += needed
    return balance, balance - maintenance


def fetch_margin(state: State, q: FetchMargin, at: int) -> Margins:
    """The futures wallet of an account: by asset, what it has and what it needs."""
    account = state.account(q.account)
    settings, multi = account.margin, account.margin.multi_assets
    found = {
        asset: status_of(state, account, asset, at)._replace(
            updated_at=_updated_at(state, account, asset),
            joint=_joint_part(state, account, asset, at) if multi else None,
        )
        for asset in joint_assets(state, account)
    }
    joint = joint_of(state, account, at) if multi else None
    known = tuple(asset for asset in found if rates_of(state, asset, at) is not None)
    return Margins(found, settings.hedge, multi, at, joint, settings.fee_burn, known)


def _joint_part(state: State, account: Account, asset: str, at: int) -> tuple[int, int]:
    """What all assets leave for new orders in one, and for a withdrawal of it."""
    is_known = rates_of(state, asset, at) is not None
    available = available_of(state, account, asset, at) if is_known else 0
    return available, withdrawable(state, account, asset, at)


def fetch_margin_moves(state: State, q: FetchMarginMoves, at: int) -> tuple[MarginMove, ...]:
    """What an account has added to isolated positions, or taken from them, oldest first."""
    until = q.until or at
    return tuple(
        one
        for one in state.account(q.account).margin_moves
        if q.symbol in ("", one.symbol) and q.since <= one.at <= until
    )


def fetch_collateral(state: State, q: FetchCollateral, at: int) -> CollateralRows:
    """The assets whose worth is known, with their rates."""
    rows = [
        CollateralRow(asset, terms, rates)
        for asset, terms in state.collateral.items()
        if (rates := rates_of(state, asset, at)) is not None
    ]
    return CollateralRows(tuple(rows), at)


def _updated_at(state: State, account: Account, asset: str) -> int:
    """When the balance of an asset, or a position that settles in it, changed last; 0: never."""
    settled = [ms for ms in state.contracts if ms.market.settle == asset]
    symbols = {ms.market.symbol for ms in settled}
    times = [one.updated_at for ms in settled for one in positions_in(ms, account.name)]
    # both are kept in the order of time
    times += islice((one.at for one in reversed(account.changes) if one.asset == asset), 1)
    times += islice((one.at for one in reversed(account.fills) if one.symbol in symbols), 1)
    return max(times, default=0)


def fetch_futures_account(state: State, q: FetchFuturesAccount, at: int) -> FuturesAccount:
    """The futures wallet of an account and its positions."""
    positions = fetch_positions(state, FetchPositions(q.account, "", q.idle), at)
    return FuturesAccount(fetch_margin(state, FetchMargin(q.account), at), positions.positions)


def fetch_mark_price(state: State, q: FetchMarkPrice, at: int) -> MarkPrice:
    """The mark price of a contract."""
    ms = state.market(q.symbol, at)
    return MarkPrice(ms.market, mark_of(ms, at), at, index_of(ms, at))
