"""Liquidation: the venue closes positions whose margin does not suffice any more.

Source: Binance FAQ, "USDⓈ-M Futures Liquidation Protocols" (2025).
"""

from __future__ import annotations

from failing_exchange.core.commands import PlaceOrder
from failing_exchange.core.contract_prices import mark_of
from failing_exchange.core.events import FuturesBalanceChanged, PositionLiquidated
from failing_exchange.core.ledger import BACKGROUND, INSURANCE
from failing_exchange.core.linear_settlement import change_position
from failing_exchange.core.margin import MarkedPosition, bankruptcy_price, exposure_of, status_of
from failing_exchange.core.matching import finish
from failing_exchange.core.order import BOTH, BUY, CANCELED, LIMIT, SELL, TimeInForce, Why
from failing_exchange.core.place_order import accept, enter, make
from failing_exchange.core.positions import Position
from failing_exchange.core.state import Account, MarketState, State
from failing_exchange.core.units import MILLISECOND, PPM

CLIENT_ID = "autoclose-"  # begins the client order id of a liquidation order (Binance)


def liquidate(
    state: State, account: Account, asset: str, exposures: list[MarkedPosition], at: int
) -> None:
    """Cancel the orders that stand in these contracts, then close the positions.

    Stops as soon as the margin suffices.
    """
    for ms in {e.ms.market.symbol: e.ms for e in exposures}.values():
        for order in [o for o in account.open.values() if o.symbol == ms.market.symbol]:
            if order.is_open:
                finish(state, ms, order, CANCELED, at, why=Why.LIQUIDATION)
    for exposure in sorted(exposures, key=lambda e: e.unrealised):
        if exposure.position.lots and not _suffices(state, account, asset, exposure, at):
            _close(state, account, exposure, at)


def _suffices(
    state: State, account: Account, asset: str, exposure: MarkedPosition, at: int
) -> bool:
    """Whether the margin suffices now: of an isolated position, or of the whole wallet."""
    ms = exposure.ms
    now = exposure_of(ms, exposure.position, mark_of(ms, at))
    if account.margin.is_isolated(ms.market.symbol):
        return now.position.margin + now.unrealised > now.maintenance
    status = status_of(state, account, asset, at)
    return status.balance > status.maintenance


def _margin(state: State, account: Account, ms: MarketState, position: Position, at: int) -> int:
    """What the position may lose before the account is bankrupt."""
    if account.margin.is_isolated(ms.market.symbol):
        return position.margin
    status = status_of(state, account, ms.market.settle, at)
    own = exposure_of(ms, position, mark_of(ms, at)).unrealised
    return max(0, status.balance - own)


def _close(state: State, account: Account, exposure: MarkedPosition, at: int) -> None:
    """Close a position in the book down to its bankruptcy price; the background takes the rest."""
    ms, position = exposure.ms, exposure.position
    market = ms.market
    margin = _margin(state, account, ms, position, at)
    price, step = bankruptcy_price(ms, position, margin), market.price_step
    long = position.lots > 0
    ticks = max(1, -(-price // step) if long else price // step)
    lots = abs(position.lots)
    command = PlaceOrder(
        account.name, market.symbol, SELL if long else BUY, LIMIT, lots, ticks,
        time_in_force=TimeInForce.IOC, client_id=f"{CLIENT_ID}{at // MILLISECOND}",
        reduce_only=True, position_side=position.side,
    )  # fmt: skip
    order = make(state, ms, command, at, account)
    order.forced = True
    accept(state, account, order, at)
    state.events.append(PositionLiquidated(account.name, market.symbol, order.id, lots, ticks, at))
    enter(state, ms, order, at)
    rest, profit = lots - order.filled, 0
    if rest and position.lots:
        cost = market.cost(ticks, rest)
        sign = -1 if long else 1
        side = position.side
        profit = change_position(
            state, ms, account.name, side, sign * rest, sign * cost, at, "liquidation"
        )
        change_position(state, ms, BACKGROUND, BOTH, -sign * rest, -sign * cost, at, "liquidation")
    left = margin + sum(fill.profit for fill in order.fills) + profit
    _charge(state, account, ms, position.wallet, market.cost(ticks, lots), left, at)


def _charge(
    state: State,
    account: Account,
    ms: MarketState,
    wallet: str,
    notional: int,
    left: int,
    at: int,
) -> None:
    """Take the liquidation fee for the insurance fund, at most what is `left` of the margin.

    The fund covers what the wallet owes when no position is left.
    """
    assert ms.market.contract is not None
    asset, ledger = ms.market.settle, state.ledger
    free = ledger.free(wallet, asset)
    fee = min(max(0, left), max(0, free), notional * ms.market.contract.liquidation_fee // PPM)
    change = -fee
    ledger.transfer(wallet, INSURANCE, asset, fee, at=at)
    if free < 0 and not any(p.lots for m in state.contracts for p in _held(m, account.name)):
        ledger.transfer(INSURANCE, wallet, asset, -free, at=at)
        change = -free
    if change:
        balance = ledger.free(wallet, asset) + ledger.used(wallet, asset)
        why, symbol = "liquidation", ms.market.symbol
        state.events.append(
            FuturesBalanceChanged(account.name, asset, change, balance, at, why, symbol)
        )


def _held(ms: MarketState, account: str) -> list[Position]:
    return [p for (name, _), p in ms.positions.items() if name == account]
