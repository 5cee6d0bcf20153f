"""The account: balances, positions, configuration.

"Account Information" V2 and V3, "Futures Account Balance", "Position Information" V2 and V3,
"Symbol Configuration" and "Futures Account Configuration", 2026-08-19; rows of positions as
production answered them on 2026-09-19.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256
from typing import Any, NamedTuple

from failing_exchange.core.contract import Contract
from failing_exchange.core.margin import initial_margin
from failing_exchange.core.market import Market
from failing_exchange.core.order import PositionSide
from failing_exchange.core.positions import JointMargin, MarginMode, MarginStatus
from failing_exchange.core.queries import (
    FetchFuturesAccount,
    FetchMargin,
    FetchMarkets,
    FetchPositions,
    FuturesAccount,
    Margins,
    Markets,
    PositionReport,
    Positions,
)
from failing_exchange.core.units import ATOMS, MILLISECOND, PPM, atoms_text
from failing_exchange.venues.binance_common.call import Reading, Writing
from failing_exchange.venues.binance_common.values import decimal, venue_symbol
from failing_exchange.venues.binance_usdm.number_formats import amount, money

TOTALED = "USDT"  # in single-asset mode, totals are those of this asset alone
TOTALS = (
    ("totalInitialMargin", "initialMargin"),
    ("totalMaintMargin", "maintMargin"),
    ("totalWalletBalance", "walletBalance"),
    ("totalUnrealizedProfit", "unrealizedProfit"),
    ("totalMarginBalance", "marginBalance"),
    ("totalPositionInitialMargin", "positionInitialMargin"),
    ("totalOpenOrderInitialMargin", "openOrderInitialMargin"),
    ("totalCrossWalletBalance", "crossWalletBalance"),
    ("totalCrossUnPnl", "crossUnPnl"),
    ("availableBalance", "availableBalance"),
    ("maxWithdrawAmount", "maxWithdrawAmount"),
)
NOTHING = MarginStatus(0)
CAN = {"canTrade": True, "canDeposit": True, "canWithdraw": True}


# ---- requests


def read_account(r: Reading) -> FetchFuturesAccount:
    """GET /fapi/v3/account, with what is held or ordered."""
    return FetchFuturesAccount(r.account)


def read_whole_account(r: Reading) -> FetchFuturesAccount:
    """GET /fapi/v2/account, with all contracts."""
    return FetchFuturesAccount(r.account, idle=True)


def read_balance(r: Reading) -> FetchMargin:
    """GET /fapi/v2/balance, /fapi/v3/balance, and what the modes of an account answer."""
    return FetchMargin(r.account)


def read_positions(r: Reading) -> FetchPositions:
    """GET /fapi/v3/positionRisk, and what is told of contracts in which something is held."""
    market = r.maybe_market()
    return FetchPositions(r.account, market.symbol if market else "")


def read_all_positions(r: Reading) -> FetchPositions:
    """GET /fapi/v2/positionRisk and /fapi/v1/symbolConfig."""
    return read_positions(r)._replace(idle=True)


def read_contracts(r: Reading) -> FetchMarkets:
    """What is answered from the terms of contracts; one that is named must exist."""
    r.maybe_market()
    return FetchMarkets(r.account)


# ---- balances


class _Row(NamedTuple):
    """The figures of one asset, in atoms."""

    walletBalance: int
    unrealizedProfit: int
    marginBalance: int
    maintMargin: int
    initialMargin: int
    positionInitialMargin: int
    openOrderInitialMargin: int
    crossWalletBalance: int
    crossUnPnl: int
    availableBalance: int
    maxWithdrawAmount: int


def _row(status: MarginStatus, positions: Iterable[PositionReport]) -> _Row:
    """What an account has of an asset; `positions` are those that settle in it."""
    wallet = status.wallet + status.isolated
    profit = status.unrealised + status.isolated_unrealised
    found = list(positions)
    held, ordered = sum(map(_initial, found)), sum(map(_of_orders, found))
    return _Row(
        walletBalance=wallet,
        unrealizedProfit=profit,
        marginBalance=wallet + profit,
        maintMargin=sum(one.maintenance for one in found),
        initialMargin=held + ordered,
        positionInitialMargin=held,
        openOrderInitialMargin=ordered,
        crossWalletBalance=status.wallet,
        crossUnPnl=status.unrealised,
        availableBalance=status.available,
        maxWithdrawAmount=status.withdrawable,
    )


def _joint_row(joint: JointMargin) -> _Row:
    """What an account has in all assets together, in dollars; its positions are cross ones."""
    available = max(0, joint.spare)
    return _Row(
        walletBalance=joint.wallet,
        unrealizedProfit=joint.unrealised,
        marginBalance=joint.equity,
        maintMargin=joint.maintenance,
        initialMargin=joint.position_margin + joint.order_margin,
        positionInitialMargin=joint.position_margin,
        openOrderInitialMargin=joint.order_margin,
        crossWalletBalance=joint.wallet,
        crossUnPnl=joint.unrealised,
        availableBalance=available,
        maxWithdrawAmount=max(0, available - max(0, joint.unrealised)),
    )


def _initial(one: PositionReport) -> int:
    return initial_margin(one.notional, one.leverage)


def _of_orders(one: PositionReport) -> int:
    """Margin of the open orders of a position, beside its own (see `core.margin`)."""
    signed = _signed_notional(one)
    most = max(abs(signed + one.bids), abs(signed - one.asks), one.notional)
    return initial_margin(most, one.leverage) - _initial(one)


def _signed_notional(one: PositionReport) -> int:
    return one.notional if one.lots > 0 else -one.notional


def _rows(account: FuturesAccount) -> dict[str, _Row]:
    """The figures of all assets."""
    return {
        asset: _row(status, (one for one in account.positions if one.market.settle == asset))
        for asset, status in account.margins.assets.items()
    }


def _totals(margins: Margins, rows: dict[str, _Row]) -> dict[str, str]:
    """Of all assets in dollars in multi-assets mode, of one asset alone else."""
    if margins.joint is not None:
        row = _joint_row(margins.joint)
    else:
        row = rows.get(TOTALED) or _row(NOTHING, ())
    return {total: decimal(getattr(row, name)) for total, name in TOTALS}


def _assets(account: FuturesAccount, rows: dict[str, _Row]) -> list[dict[str, Any]]:
    return [
        {
            "asset": asset,
            **{name: decimal(value) for name, value in row._asdict().items()},
            "updateTime": account.margins.assets[asset].updated_at // MILLISECOND,
        }
        for asset, row in rows.items()
    ]


def write_account(w: Writing, account: FuturesAccount) -> dict[str, Any]:
    """GET /fapi/v3/account."""
    rows = _rows(account)
    return {
        **_totals(account.margins, rows),
        "assets": _assets(account, rows),
        "positions": [_in_account(one) for one in account.positions],
    }


def _in_account(one: PositionReport) -> dict[str, Any]:
    margins = _margins(one)
    return {
        **_names(one),
        "unrealizedProfit": decimal(one.unrealised),
        **_isolated(one),
        "notional": money(_signed_notional(one)),
        "initialMargin": margins["initialMargin"],
        "maintMargin": margins["maintMargin"],
        "updateTime": one.updated_at // MILLISECOND,
    }


def write_whole_account(w: Writing, account: FuturesAccount) -> dict[str, Any]:
    """GET /fapi/v2/account."""
    rows = _rows(account)
    return {
        "feeTier": 0,
        "feeBurn": account.margins.fee_burn,
        **CAN,
        "updateTime": 0,
        "multiAssetsMargin": account.margins.multi_assets,
        "tradeGroupId": -1,
        **_totals(account.margins, rows),
        "assets": [
            {
                **row,
                "marginAvailable": row["asset"] in account.margins.collateral,
                "updateTime": row["updateTime"],
            }
            for row in _assets(account, rows)
        ],
        "positions": [_in_whole_account(w, one) for one in account.positions],
    }


def _in_whole_account(w: Writing, one: PositionReport) -> dict[str, Any]:
    margins = _margins(one)
    return {
        "symbol": venue_symbol(one.market.symbol),
        "initialMargin": margins["initialMargin"],
        "maintMargin": margins["maintMargin"],
        "unrealizedProfit": decimal(one.unrealised),
        "positionInitialMargin": margins["positionInitialMargin"],
        "openOrderInitialMargin": margins["openOrderInitialMargin"],
        "leverage": str(one.leverage),
        "isolated": one.mode is MarginMode.ISOLATED,
        **_entry(one),
        "maxNotional": most_notional(one),
        "positionSide": one.side.name,
        "positionAmt": amount(one.lots, one.market),
        "notional": money(_signed_notional(one)),
        "isolatedWallet": money(one.margin),
        "updateTime": one.updated_at // MILLISECOND,
        "bidNotional": money(one.bids),
        "askNotional": money(one.asks),
    }


def write_balance(w: Writing, margins: Margins) -> list[dict[str, Any]]:
    """GET /fapi/v2/balance and /fapi/v3/balance."""
    return [
        {
            "accountAlias": alias_of(w.command.account),
            "asset": asset,
            "balance": decimal(status.wallet + status.isolated),
            "crossWalletBalance": decimal(status.wallet),
            "crossUnPnl": decimal(status.unrealised),
            "availableBalance": decimal(status.available),
            "maxWithdrawAmount": decimal(status.withdrawable),
            "marginAvailable": asset in margins.collateral,
            "updateTime": status.updated_at // MILLISECOND,
        }
        for asset, status in margins.assets.items()
    ]


def alias_of(account: str) -> str:
    """The venue's unique code of an account: always the same one.

    >>> alias_of("alice") == alias_of("alice") != alias_of("bob")
    True
    """
    return sha256(account.encode()).hexdigest()[:8]


# ---- positions


def _names(one: PositionReport) -> dict[str, Any]:
    return {
        "symbol": venue_symbol(one.market.symbol),
        "positionSide": one.side.name,
        "positionAmt": amount(one.lots, one.market),
    }


def _margins(one: PositionReport) -> dict[str, str]:
    held, ordered = _initial(one), _of_orders(one)
    return {
        "initialMargin": money(held + ordered),
        "maintMargin": money(one.maintenance),
        "positionInitialMargin": money(held),
        "openOrderInitialMargin": money(ordered),
    }


def _isolated(one: PositionReport) -> dict[str, str]:
    """The margin of an isolated position with its profit and without; zeros of a cross one."""
    isolated = one.mode is MarginMode.ISOLATED and one.lots
    return {
        "isolatedMargin": money(one.margin + one.unrealised if isolated else 0),
        "isolatedWallet": money(one.margin),
    }


def _entry(one: PositionReport) -> dict[str, str]:
    """The entry price, and the price at which the position pays for its trading fees.

    The fees are taken to be those of a taker, which in production holds for market orders.
    """
    if not one.lots:
        return {"entryPrice": "0.0", "breakEvenPrice": "0.0"}
    fee = one.market.taker_fee if one.lots > 0 else -one.market.taker_fee
    return {
        "entryPrice": atoms_text(one.entry),
        "breakEvenPrice": atoms_text(one.entry * (PPM + fee) // PPM),
    }


def write_positions(w: Writing, answer: Positions) -> list[dict[str, Any]]:
    """GET /fapi/v3/positionRisk."""
    return [_position(one) for one in answer.positions]


def _position(one: PositionReport) -> dict[str, Any]:
    isolated = _isolated(one)
    return {
        **_names(one),
        **_entry(one),
        "markPrice": decimal(one.mark),
        "unRealizedProfit": decimal(one.unrealised),
        "liquidationPrice": money(one.liquidation),
        "isolatedMargin": isolated["isolatedMargin"],
        "notional": money(_signed_notional(one)),
        "marginAsset": one.market.settle,
        "isolatedWallet": isolated["isolatedWallet"],
        **_margins(one),
        "adl": one.adl,
        "bidNotional": money(one.bids),
        "askNotional": money(one.asks),
        "updateTime": one.updated_at // MILLISECOND,
    }


def write_all_positions(w: Writing, answer: Positions) -> list[dict[str, Any]]:
    """GET /fapi/v2/positionRisk: of all contracts, with leverage and mode."""
    return [_whole_position(one) for one in answer.positions]


def _whole_position(one: PositionReport) -> dict[str, Any]:
    isolated = _isolated(one)
    return {
        "symbol": venue_symbol(one.market.symbol),
        "positionAmt": amount(one.lots, one.market),
        **_entry(one),
        "markPrice": decimal(one.mark),
        "unRealizedProfit": decimal(one.unrealised),
        "liquidationPrice": money(one.liquidation),
        "leverage": str(one.leverage),
        "maxNotionalValue": most_notional(one),
        "marginType": "isolated" if one.mode is MarginMode.ISOLATED else "cross",
        "isolatedMargin": _padded(isolated["isolatedMargin"]),
        "isAutoAddMargin": "false",
        "positionSide": one.side.name,
        "notional": money(_signed_notional(one)),
        "isolatedWallet": isolated["isolatedWallet"],
        "updateTime": one.updated_at // MILLISECOND,
    }


def _padded(text: str) -> str:
    return decimal(0) if text == "0" else text


def most_notional(one: PositionReport) -> str:
    """The largest position that the leverage of a contract allows."""
    assert one.market.contract is not None
    return atoms_text(notional_max(one.market.contract, one.leverage))


def notional_max(contract: Contract, leverage: int) -> int:
    """The same in atoms, for any leverage."""
    fitting = [one.notional_max for one in contract.brackets if one.leverage_max >= leverage]
    return max(fitting, default=0)


def write_ranks(w: Writing, answer: Positions) -> list[dict[str, Any]]:
    """GET /fapi/v1/adlQuantile: by contract, the place of each side in the queue.

    Cross positions of the hedge mode have a "HEDGE" in place of "BOTH".
    """
    rows: dict[str, dict[str, int]] = {}
    for one in answer.positions:
        hedged = one.side is not PositionSide.BOTH and one.mode is MarginMode.CROSS
        both = "HEDGE" if hedged else "BOTH"
        row = rows.setdefault(one.market.symbol, {"LONG": 0, "SHORT": 0, both: 0})
        row[one.side.name] = one.adl
    return [{"symbol": venue_symbol(symbol), "adlQuantile": row} for symbol, row in rows.items()]


# ---- configuration


def write_symbol_config(w: Writing, answer: Positions) -> list[dict[str, Any]]:
    """GET /fapi/v1/symbolConfig."""
    rows = {
        one.market.symbol: {
            "symbol": venue_symbol(one.market.symbol),
            "marginType": "ISOLATED" if one.mode is MarginMode.ISOLATED else "CROSSED",
            "isAutoAddMargin": False,
            "leverage": one.leverage,
            "maxNotionalValue": most_notional(one),
        }
        for one in answer.positions
    }
    return list(rows.values())


def write_account_config(w: Writing, margins: Margins) -> dict[str, Any]:
    """GET /fapi/v1/accountConfig."""
    return {
        "feeTier": 0,
        **CAN,
        "dualSidePosition": margins.hedge,
        "updateTime": 0,
        "multiAssetsMargin": margins.multi_assets,
        "tradeGroupId": -1,
    }


def write_position_mode(w: Writing, margins: Margins) -> dict[str, Any]:
    """GET /fapi/v1/positionSide/dual."""
    return {"dualSidePosition": margins.hedge}


def write_multi_assets(w: Writing, margins: Margins) -> dict[str, Any]:
    """GET /fapi/v1/multiAssetsMargin."""
    return {"multiAssetsMargin": margins.multi_assets}


def write_fee_burn(w: Writing, margins: Margins) -> dict[str, Any]:
    """GET /fapi/v1/feeBurn."""
    return {"feeBurn": margins.fee_burn}


def write_brackets(w: Writing, answer: Markets) -> Any:
    """GET /fapi/v1/leverageBracket: an object for one symbol, a list for all."""
    rows = [_brackets(market) for market in _wanted(w, answer)]
    return rows[0] if "symbol" in w.params else rows


def _wanted(w: Writing, answer: Markets) -> list[Market]:
    """The contracts that a request names; all where it names none."""
    name = w.params.get("symbol")
    return [
        market
        for market in answer.markets
        if market.contract is not None and name in (None, venue_symbol(market.symbol))
    ]


def _brackets(market: Market) -> dict[str, Any]:
    assert market.contract is not None
    rows, floor = [], 0
    for number, one in enumerate(market.contract.brackets, 1):
        rows.append({
            "bracket": number,
            "initialLeverage": one.leverage_max,
            "notionalCap": _plain(one.notional_max),
            "notionalFloor": _plain(floor),
            "maintMarginRatio": one.rate / PPM,
            "cum": _plain(one.deduction),
        })  # fmt: skip
        floor = one.notional_max
    return {"symbol": venue_symbol(market.symbol), "brackets": rows}


def _plain(atoms: int) -> int | float:
    """Atoms as a JSON number, whole where it can be."""
    return atoms / ATOMS if atoms % ATOMS else atoms // ATOMS


def write_fees(w: Writing, answer: Markets) -> dict[str, Any]:
    """GET /fapi/v1/commissionRate."""
    market = _wanted(w, answer)[0]
    maker, taker = (atoms_text(fee * ATOMS // PPM) for fee in (market.maker_fee, market.taker_fee))
    return {
        "symbol": venue_symbol(market.symbol),
        "makerCommissionRate": maker,
        "takerCommissionRate": taker,
        "rpiCommissionRate": maker,  # no RPI order is taken here: one would rest as a maker
    }
