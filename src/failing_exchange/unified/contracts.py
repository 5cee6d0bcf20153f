"""ccxt's structures of positions, margin and the futures wallet, complete to the key and type."""

from __future__ import annotations

from typing import Any

from failing_exchange.core.contract import bracket_of
from failing_exchange.core.margin import initial_margin
from failing_exchange.core.order import BOTH, PositionSide
from failing_exchange.core.positions import ISOLATED, MarginMode, MarginStatus
from failing_exchange.core.queries import (
    Leverage,
    MarginAdjusted,
    Margins,
    PositionReport,
    Positions,
    Transferred,
    entry_price,
)
from failing_exchange.core.units import ATOMS, MILLISECOND, PPM, atoms_text
from failing_exchange.unified.instants import iso
from failing_exchange.unified.order_dicts import POSITION_SIDES

UNPRICED_KEPT_MAX = 1_024  # positions; then all are written anew
MODES = {mode: mode.value for mode in MarginMode}  # `.value` is slow on an enum


def position(p: PositionReport) -> dict[str, Any]:
    """ccxt's position structure; `contracts` is 0 and `side` None where there is none.

    `collateral` is what a liquidation is decided by: the margin with unrealised profit of an
    isolated position, the margin balance behind a cross one.
    """
    (
        market, side, lots, cost, margin, mode, leverage, mark, notional, unrealised, _, _,
        maintenance, liquidation, updated_at, _, _, collateral, _,
    ) = p  # fmt: skip
    contract = market.contract
    assert contract is not None
    fields = UNPRICED[
        market.symbol, market.amount_step, market.price_step, market.unit, contract.size,
        side, lots, cost, margin, mode, leverage, updated_at,
    ].copy()  # fmt: skip
    fields["info"] = info = fields["info"].copy()
    info["markPrice"], info["unRealizedProfit"] = atoms_text(mark), atoms_text(unrealised)
    info["liquidationPrice"] = atoms_text(liquidation)
    info["notional"] = atoms_text(notional if lots >= 0 else -notional)
    initial = initial_margin(notional, leverage)
    fields["notional"], fields["markPrice"] = notional / ATOMS, mark / ATOMS or None
    fields["liquidationPrice"] = liquidation / ATOMS or None
    fields["unrealizedPnl"], fields["initialMargin"] = unrealised / ATOMS, initial / ATOMS
    fields["maintenanceMargin"] = maintenance / ATOMS
    fields["maintenanceMarginPercentage"] = bracket_of(contract.brackets, notional).rate / PPM
    fields["collateral"] = collateral / ATOMS
    if initial:
        fields["percentage"] = unrealised / initial * 100
    if collateral > 0 and lots:
        fields["marginRatio"] = maintenance / collateral
    return fields


class Unpriced(dict[tuple[Any, ...], dict[str, Any]]):
    """All fields of positions in their order, with what the mark price does not change.

    To be copied: a bot that looks each second finds all of it as it was.
    """

    def __missing__(self, held: tuple[Any, ...]) -> dict[str, Any]:
        if len(self) >= UNPRICED_KEPT_MAX:
            self.clear()
        symbol, amount_step, price_step, unit, size, side, lots, cost, *settings = held
        entry = entry_price(lots, cost, price_step, unit)
        self[held] = fields = _unpriced(symbol, side, lots * amount_step, size, entry, *settings)
        return fields


UNPRICED = Unpriced()


def _unpriced(
    symbol: str, side: PositionSide, amount: int, size: int, entry: int, margin: int,
    mode: MarginMode, leverage: int, updated_at: int,
) -> dict[str, Any]:  # fmt: skip
    """The fields of a position that the mark price does not change. Amounts are in atoms."""
    ms, mode_text = updated_at // MILLISECOND or None, MODES[mode]
    return {
        "info": {
            "symbol": symbol, "positionSide": POSITION_SIDES[side],
            "positionAmt": atoms_text(amount), "entryPrice": atoms_text(entry),
            "markPrice": None, "unRealizedProfit": None, "liquidationPrice": None,
            "isolatedMargin": atoms_text(margin), "marginType": mode_text,
            "leverage": str(leverage), "notional": None,
        },
        "id": None, "symbol": symbol, "timestamp": ms, "datetime": iso(ms) if ms else None,
        "lastUpdateTimestamp": ms, "contracts": abs(amount) / ATOMS, "contractSize": size / ATOMS,
        "side": _side(side, amount), "hedged": side is not BOTH,
        "marginMode": mode_text, "leverage": float(leverage),
        "notional": None, "markPrice": None, "lastPrice": None, "entryPrice": entry / ATOMS or None,
        "liquidationPrice": None, "unrealizedPnl": None, "realizedPnl": None, "percentage": None,
        "initialMargin": None, "initialMarginPercentage": 1 / leverage,
        "maintenanceMargin": None, "maintenanceMarginPercentage": None,
        "collateral": None, "marginRatio": None,
        "positionMargin": margin / ATOMS if mode is ISOLATED else None,
        "stopLossPrice": None, "takeProfitPrice": None,
    }  # fmt: skip


def _side(side: PositionSide, amount: int) -> str | None:
    if side is not BOTH:
        return side.value.lower()
    return None if not amount else "long" if amount > 0 else "short"


def positions(told: Positions) -> list[dict[str, Any]]:
    """The positions that hold something."""
    return [position(p) for p in told.positions if p.lots]


def one_position(told: Positions) -> dict[str, Any]:
    """The first position that holds something, else the first one."""
    held = [p for p in told.positions if p.lots]
    return position((held or told.positions)[0])


def futures_balance(m: Margins) -> dict[str, Any]:
    """ccxt's balance structure of a futures wallet.

    `free` is what new orders can use, `used` the initial margin of positions and open orders,
    `total` the margin balance: the wallet with the unrealised profit of its positions.
    """
    ms = m.at // MILLISECOND
    answer: dict[str, Any] = {
        "info": {asset: _wallet_info(status) for asset, status in m.assets.items()},
        "timestamp": ms, "datetime": iso(ms), "free": {}, "used": {}, "total": {},
    }  # fmt: skip
    for asset, s in m.assets.items():
        free, used, total = s.available, s.initial, s.margin_balance
        answer[asset] = {"free": free / ATOMS, "used": used / ATOMS, "total": total / ATOMS}
        for name, value in answer[asset].items():
            answer[name][asset] = value
    return answer


def _wallet_info(s: MarginStatus) -> dict[str, str]:
    fields = {
        "walletBalance": s.wallet + s.isolated,
        "unrealizedProfit": s.unrealised + s.isolated_unrealised,
        "marginBalance": s.margin_balance, "initialMargin": s.initial,
        "openOrderInitialMargin": s.order_margin,
        "crossWalletBalance": s.wallet, "crossUnPnl": s.unrealised,
        "availableBalance": s.available,
    }  # fmt: skip
    return {name: atoms_text(atoms) for name, atoms in fields.items()}


def margin_modification(told: MarginAdjusted) -> dict[str, Any]:
    """ccxt's structure of added or removed margin; `total` is the margin after it."""
    ms, contract = told.at // MILLISECOND, told.market.contract
    assert contract is not None
    return {
        "info": {"amount": atoms_text(told.atoms), "margin": atoms_text(told.margin)},
        "symbol": told.market.symbol, "type": "add" if told.atoms > 0 else "reduce",
        "marginMode": "isolated", "amount": abs(told.atoms) / ATOMS,
        "total": told.margin / ATOMS, "code": contract.settle, "status": "ok",
        "timestamp": ms, "datetime": iso(ms),
    }  # fmt: skip


def transfer(told: Transferred) -> dict[str, Any]:
    """ccxt's transfer structure."""
    ms, wallets = told.at // MILLISECOND, ("spot", "swap")
    source, target = wallets if told.to_futures else wallets[::-1]
    return {
        "info": {"tranId": told.id, "amount": atoms_text(told.atoms)}, "id": str(told.id),
        "timestamp": ms, "datetime": iso(ms), "currency": told.asset,
        "amount": told.atoms / ATOMS, "fromAccount": source, "toAccount": target, "status": "ok",
    }  # fmt: skip


def leverage_set(told: Leverage) -> dict[str, Any]:
    """The answer to a change of leverage, as Binance gives it."""
    return {
        "symbol": told.symbol, "leverage": told.leverage,
        "maxNotionalValue": atoms_text(told.notional_max),
    }  # fmt: skip
