"""Queries about positions and margin."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

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
    SIDES,
    MarkedPosition,
    exposure_of,
    liquidation_price,
    order_margin,
    positions_in,
    status_of,
)
from failing_exchange.core.order import BOTH, LONG, SHORT
from failing_exchange.core.positions import MarginMode, MarginMove, Position
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


def fetch_positions(state: State, q: FetchPositions, at: int) -> Positions:
    """The positions of an account, in one contract or in all."""
    account = state.account(q.account)
    markets = [state.market(q.symbol, at)] if q.symbol else state.contracts
    found = [
        report_of(state, account, ms, position, at)
        for ms in markets
        if ms.positions or q.idle
        for position in _shown(ms, account, q.idle)
    ]
    return Positions(tuple(found))


def _shown(ms: MarketState, account: Account, idle: bool) -> Iterator[Position]:
    """The positions that a query tells of; with `idle`, one for each side that there can be."""
    name = account.name
    for side in ((LONG, SHORT) if account.margin.hedge else (BOTH,)) if idle else SIDES:
        position = ms.positions.get((name, side))
        if position is None and idle:
            position = Position(name, side, futures_wallet(name))
        if position is not None and (idle or position.lots or position.bids or position.asks):
            yield position


def report_of(
    state: State, account: Account, ms: MarketState, position: Position, at: int
) -> PositionReport:
    """A position with all that the mark price makes of it."""
    market, mark = ms.market, mark_of(ms, at)
    exposure, settings = exposure_of(ms, position, mark), account.margin
    isolated = settings.is_isolated(market.symbol)
    held, ordered = order_margin(ms, account, mark)
    here = positions_in(ms, account.name)
    own = [exposure if p is position else exposure_of(ms, p, mark) for p in here if p.lots]
    free = 0 if isolated else _left(state, account, market.settle, at)
    return PositionReport(
        market=market,
        side=position.side,
        lots=position.lots,
        cost=position.cost,
        margin=position.margin,
        mode=MarginMode.ISOLATED if isolated else MarginMode.CROSS,
        leverage=settings.leverage_of(market.symbol),
        mark=mark,
        notional=exposure.notional,
        unrealised=exposure.unrealised,
        initial=held,
        open_order=ordered,
        maintenance=exposure.maintenance,
        liquidation=_liquidation(ms, position, None if isolated else free, own),
        updated_at=position.updated_at,
        bids=position.bids,
        asks=position.asks,
        adl=adl_quantile(state, exposure, at),
        collateral=position.margin + exposure.unrealised
        if isolated
        else _shared(state, account, market.settle, at),
    )


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


def _liquidation(
    ms: MarketState, position: Position, left: int | None, own: list[MarkedPosition]
) -> int:
    """The liquidation price; `left`: what cross positions can lose until they are liquidated."""
    if not position.lots:
        return 0
    if left is None:
        return liquidation_price(ms, [position], position.margin)
    wallet = left
    for one in own:
        wallet += one.maintenance - one.unrealised
    return liquidation_price(ms, [one.position for one in own], wallet)


def _shared(state: State, account: Account, asset: str, at: int) -> int:
    """The margin balance of the cross positions, in an asset that they settle in."""
    if account.margin.multi_assets:
        return settled_rates(state, asset, at).covered(joint_of(state, account, at).equity)
    return status_of(state, account, asset, at).balance


def _left(state: State, account: Account, asset: str, at: int) -> int:
    """How much of an asset the cross positions can lose until they are liquidated.

    In multi-assets mode at the ask rate: the venue publishes no formula for this mode.
    """
    if account.margin.multi_assets:
        joint = joint_of(state, account, at)
        return settled_rates(state, asset, at).covered(joint.equity - joint.maintenance)
    status = status_of(state, account, asset, at)
    return status.balance - status.maintenance


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
