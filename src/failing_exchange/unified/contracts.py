"""ccxt's structures of positions, margin and the futures wallet, complete to the key and type."""

from __future__ import annotations

from typing import Any

from failing_exchange.core.contract import bracket_of
from failing_exchange.core.margin import initial_margin
from failing_exchange.core.order import PositionSide
from failing_exchange.core.positions import MarginMode, MarginStatus
from failing_exchange.core.queries import (
    Leverage,
    MarginAdjusted,
    Margins,
    PositionReport,
    Positions,
    Transferred,
)
from failing_exchange.core.units import ATOMS, MILLISECOND, PPM, atoms_text
from failing_exchange.unified.instants import iso


def position(p: PositionReport) -> dict[str, Any]:
    """ccxt's position structure; `contracts` is 0 and `side` None where there is none.

    `collateral` is what a liquidation is decided by: the margin with unrealised profit of an
    isolated position, the margin balance behind a cross one.
    """
    contract, market = p.market.contract, p.market
    assert contract is not None
    ms = p.updated_at // MILLISECOND or None
    isolated = p.mode is MarginMode.ISOLATED
    initial = initial_margin(p.notional, p.leverage)
    collateral = p.collateral
    fields: dict[str, Any] = {
        "info": _position_info(p),
        "id": None, "symbol": market.symbol, "timestamp": ms, "datetime": iso(ms) if ms else None,
        "lastUpdateTimestamp": ms,
        "contracts": abs(p.lots) * market.amount_step / ATOMS,
        "contractSize": contract.size / ATOMS,
        "side": _side(p), "hedged": p.side is not PositionSide.BOTH,
        "marginMode": p.mode.value, "leverage": float(p.leverage),
        "notional": p.notional / ATOMS, "markPrice": p.mark / ATOMS or None, "lastPrice": None,
        "entryPrice": p.entry / ATOMS or None,
        "liquidationPrice": p.liquidation / ATOMS or None,
        "unrealizedPnl": p.unrealised / ATOMS, "realizedPnl": None, "percentage": None,
        "initialMargin": initial / ATOMS, "initialMarginPercentage": 1 / p.leverage,
        "maintenanceMargin": p.maintenance / ATOMS,
        "maintenanceMarginPercentage": bracket_of(contract.brackets, p.notional).rate / PPM,
        "collateral": collateral / ATOMS, "marginRatio": None,
        "positionMargin": p.margin / ATOMS if isolated else None,
        "stopLossPrice": None, "takeProfitPrice": None,
    }  # fmt: skip
    if initial:
        fields["percentage"] = p.unrealised / initial * 100
    if collateral > 0 and p.lots:
        fields["marginRatio"] = p.maintenance / collateral
    return fields


def _side(p: PositionReport) -> str | None:
    if p.side is not PositionSide.BOTH:
        return p.side.value.lower()
    return None if not p.lots else "long" if p.lots > 0 else "short"


def _position_info(p: PositionReport) -> dict[str, str]:
    return {
        "symbol": p.market.symbol, "positionSide": p.side.value.upper(),
        "positionAmt": p.market.amount_text(p.lots), "entryPrice": atoms_text(p.entry),
        "markPrice": atoms_text(p.mark), "unRealizedProfit": atoms_text(p.unrealised),
        "liquidationPrice": atoms_text(p.liquidation), "isolatedMargin": atoms_text(p.margin),
        "marginType": p.mode.value, "leverage": str(p.leverage),
        "notional": atoms_text(p.notional if p.lots >= 0 else -p.notional),
    }  # fmt: skip


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
