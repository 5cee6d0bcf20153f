"""ccxt's structures of funding, reference prices, leverage and liquidations."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from failing_exchange.core.contract_queries import (
    ContractHistory,
    Funding,
    FundingRates,
    Income,
    Incomes,
    Insurance,
    InsuredContract,
    OpenInterest,
    PriceCandles,
)
from failing_exchange.core.market import Market
from failing_exchange.core.order import OrderSnapshot
from failing_exchange.core.positions import MarginMode, MarginMove
from failing_exchange.core.queries import Margins, MarkPrice, Positions, Transferred
from failing_exchange.core.units import ATOMS, MILLISECOND, PPM, SECOND, atoms_text
from failing_exchange.unified.contracts import transfer
from failing_exchange.unified.instants import iso
from failing_exchange.unified.structures import BLANK

NEVER: dict[str, Any] = dict.fromkeys((
    "nextFundingRate", "nextFundingTimestamp", "nextFundingDatetime", "previousFundingRate",
    "previousFundingTimestamp", "previousFundingDatetime",
))  # fmt: skip


def funding_rate(f: Funding) -> dict[str, Any]:
    """ccxt's funding rate structure: `fundingRate` is what would be paid at `fundingTimestamp`."""
    contract, ms, due = f.market.contract, f.at // MILLISECOND, f.next_at // MILLISECOND
    assert contract is not None
    return {
        "info": {"symbol": f.market.symbol, "lastFundingRate": atoms_text(f.rate)},
        "symbol": f.market.symbol, "markPrice": f.mark / ATOMS, "indexPrice": f.index_price / ATOMS,
        "interestRate": contract.interest / ATOMS, "estimatedSettlePrice": f.index_price / ATOMS,
        "timestamp": ms, "datetime": iso(ms), "fundingRate": f.rate / ATOMS,
        "fundingTimestamp": due, "fundingDatetime": iso(due), **NEVER, "interval": f"{f.hours}h",
    }  # fmt: skip


def funding_rates(told: Iterable[Funding]) -> dict[str, Any]:
    """Funding rate structures by symbol."""
    return {f.market.symbol: funding_rate(f) for f in told}


def funding_intervals(told: Iterable[Funding]) -> dict[str, Any]:
    """The same with nothing but the interval, as ccxt gives it for Binance."""
    blank = dict.fromkeys(funding_rate_keys())
    return {
        f.market.symbol: blank
        | {
            "info": {"symbol": f.market.symbol, "fundingIntervalHours": f.hours},
            "symbol": f.market.symbol,
            "interval": f"{f.hours}h",
        }
        for f in told
    }


def funding_rate_keys() -> tuple[str, ...]:
    """The keys of a funding rate structure."""
    return (
        "info", "symbol", "markPrice", "indexPrice", "interestRate", "estimatedSettlePrice",
        "timestamp", "datetime", "fundingRate", "fundingTimestamp", "fundingDatetime", *NEVER,
        "interval",
    )  # fmt: skip


def funding_history(told: FundingRates) -> list[dict[str, Any]]:
    """ccxt's funding rate history: the rates that were paid."""
    return [
        {
            "info": {"symbol": one.symbol, "fundingRate": atoms_text(one.rate),
                     "markPrice": atoms_text(one.mark)},
            "symbol": one.symbol, "fundingRate": one.rate / ATOMS,
            "timestamp": one.at // MILLISECOND, "datetime": iso(one.at // MILLISECOND),
        }
        for one in told.rates
    ]  # fmt: skip


def incomes(told: Incomes) -> list[dict[str, Any]]:
    """ccxt's funding history: what the account got (or paid, below 0)."""
    return [
        {
            "info": {"tranId": one.id, "incomeType": one.why, "income": atoms_text(one.atoms)},
            "symbol": one.symbol, "code": one.asset, "timestamp": one.at // MILLISECOND,
            "datetime": iso(one.at // MILLISECOND), "id": str(one.id),
            "amount": one.atoms / ATOMS,
        }
        for one in told.incomes
    ]  # fmt: skip


# Why a futures wallet changed: Binance's kind of income, and ccxt's type of a ledger entry.
LEDGER_TYPES = {
    "transfer": ("TRANSFER", "transfer"),
    "deposit": ("TRANSFER", "transfer"),
    "credit": ("TRANSFER", "transfer"),
    "debit": ("TRANSFER", "transfer"),
    "funding": ("FUNDING_FEE", "fee"),
    "realized_profit": ("REALIZED_PNL", "trade"),
    "trading_fee": ("COMMISSION", "commission"),
    "insurance_clear": ("INSURANCE_CLEAR", "settlement"),
    "auto_exchange": ("AUTO_EXCHANGE", "trade"),
}


def ledger(told: Incomes) -> list[dict[str, Any]]:
    """ccxt's ledger of a futures wallet, oldest first."""
    return [_ledger_entry(one) for one in told.incomes]


def _ledger_entry(one: Income) -> dict[str, Any]:
    name, kind = LEDGER_TYPES.get(one.why, (one.why.upper(), one.why))
    ms, trade = one.at // MILLISECOND, str(one.trade_id) if one.trade_id else None
    return {
        "info": {"symbol": one.symbol, "incomeType": name, "income": atoms_text(one.atoms),
                 "asset": one.asset, "time": ms, "tranId": one.id, "tradeId": trade or ""},
        "id": str(one.id), "timestamp": ms, "datetime": iso(ms),
        "direction": "in" if one.atoms > 0 else "out", "account": None, "referenceId": trade,
        "referenceAccount": None, "type": kind, "currency": one.asset,
        "amount": abs(one.atoms) / ATOMS, "before": None, "after": None, "status": None,
        "fee": None,
    }  # fmt: skip


def transfers(told: Incomes) -> list[dict[str, Any]]:
    """ccxt's transfers between the wallets of an account, oldest first."""
    return [
        transfer(Transferred(one.id, one.asset, abs(one.atoms), one.atoms > 0, one.at))
        for one in told.incomes
    ]


def margin_moves(told: Iterable[MarginMove]) -> list[dict[str, Any]]:
    """ccxt's structures of margin that was added or removed, oldest first."""
    return [
        {
            "info": {"symbol": one.symbol, "type": "1" if one.atoms > 0 else "2",
                     "amount": atoms_text(abs(one.atoms)), "asset": one.asset,
                     "positionSide": one.side.value.upper()},
            "symbol": one.symbol, "type": "add" if one.atoms > 0 else "reduce",
            "marginMode": "isolated", "amount": abs(one.atoms) / ATOMS, "total": None,
            "code": one.asset, "status": "ok", "timestamp": one.at // MILLISECOND,
            "datetime": iso(one.at // MILLISECOND),
        }
        for one in told
    ]  # fmt: skip


# Percent of what clients hold of a contract that the insurance fund has at least: the risk of
# auto-deleveraging. The venue names three and does not publish the bounds; these are a choice.
ADL_RISKS = ((10, "low"), (1, "medium"), (0, "high"))


def adl_risk(one: InsuredContract, fund: int) -> str:
    """How likely positions in a contract are deleveraged, by what the fund (atoms) has."""
    return next(name for least, name in ADL_RISKS if fund * 100 >= one.notional * least)


def adl_risks(told: Insurance) -> dict[str, Any]:
    """ccxt's ranks of contracts by symbol: only their risk is rated."""
    ms, found = told.at // MILLISECOND, {}
    for one in told.contracts:
        symbol, rating = one.market.symbol, adl_risk(one, told.funds[one.market.settle])
        found[symbol] = {
            "info": {"symbol": symbol, "adlRisk": rating.upper(), "updateTime": ms},
            "symbol": symbol, "rank": None, "rating": rating, "percentage": None,
            "timestamp": ms, "datetime": iso(ms),
        }  # fmt: skip
    return found


def adl_ranks(told: Positions) -> list[dict[str, Any]]:
    """ccxt's ranks for auto-deleveraging of positions, from 0 (last) to 4."""
    blank = dict.fromkeys(("rating", "percentage", "timestamp", "datetime"))
    return [
        {"info": {"symbol": p.market.symbol, "adlQuantile": {p.side.value.upper(): p.adl}},
         "symbol": p.market.symbol, "rank": float(p.adl), **blank}
        for p in told.positions
        if p.lots
    ]  # fmt: skip


def price_candles(told: PriceCandles) -> list[list[Any]]:
    """ccxt's candles of a mark or index price, or of a premium; they have no volume."""
    return [
        [second * 1_000, *(atoms / ATOMS for atoms in candle), 0.0]
        for second, candle in told.candles
    ]


def mark_price(m: MarkPrice) -> dict[str, Any]:
    """ccxt's ticker structure with nothing but mark and index price."""
    ms = m.at // MILLISECOND
    return BLANK | {
        "info": {"symbol": m.market.symbol, "markPrice": atoms_text(m.mark)},
        "symbol": m.market.symbol, "timestamp": ms, "datetime": iso(ms),
        "markPrice": m.mark / ATOMS, "indexPrice": m.index_price / ATOMS,
        "baseVolume": None, "quoteVolume": None,
    }  # fmt: skip


def mark_prices(told: Iterable[MarkPrice]) -> dict[str, Any]:
    """Mark prices by symbol."""
    return {m.market.symbol: mark_price(m) for m in told}


def open_interests(told: ContractHistory) -> list[dict[str, Any]]:
    """ccxt's open interest structures of the past, oldest first."""
    return [
        open_interest(OpenInterest(told.market, one.lots, one.value, one.at * SECOND))
        for one in told.rows
    ]


def open_interest(o: OpenInterest) -> dict[str, Any]:
    """ccxt's open interest structure; the value is in the asset that the contract settles in."""
    ms, amount = o.at // MILLISECOND, o.lots * o.market.amount_step / ATOMS
    return {
        "info": {"symbol": o.market.symbol, "openInterest": o.market.amount_text(o.lots)},
        "symbol": o.market.symbol, "baseVolume": amount, "quoteVolume": o.value / ATOMS,
        "openInterestAmount": amount, "openInterestValue": o.value / ATOMS,
        "timestamp": ms, "datetime": iso(ms),
    }  # fmt: skip


def leverages(told: Positions) -> dict[str, Any]:
    """ccxt's leverage structures by symbol."""
    return {
        p.market.symbol: {
            "info": {"symbol": p.market.symbol, "leverage": p.leverage, "marginType": p.mode.value},
            "symbol": p.market.symbol, "marginMode": p.mode.value,
            "longLeverage": p.leverage, "shortLeverage": p.leverage,
        }
        for p in told.positions
    }  # fmt: skip


def margin_modes(told: Positions) -> dict[str, Any]:
    """ccxt's margin mode structures by symbol."""
    return {
        p.market.symbol: {
            "info": {"symbol": p.market.symbol, "isolated": p.mode is MarginMode.ISOLATED},
            "symbol": p.market.symbol, "marginMode": p.mode.value,
        }
        for p in told.positions
    }  # fmt: skip


def position_mode(told: Margins) -> dict[str, Any]:
    """ccxt's position mode structure."""
    return {"info": {"dualSidePosition": told.hedge}, "hedged": told.hedge}


def multi_assets_mode(told: Margins) -> dict[str, Any]:
    """Whether all assets of the futures wallet carry all positions."""
    return {"info": {"multiAssetsMargin": told.multi_assets}, "multiAssets": told.multi_assets}


def leverage_tiers(markets: Iterable[Market]) -> dict[str, Any]:
    """ccxt's leverage tiers of contracts by symbol, lowest first."""
    return {m.symbol: _tiers(m) for m in markets if m.contract is not None}


def _tiers(market: Market) -> list[dict[str, Any]]:
    assert market.contract is not None
    rows, floor = [], 0
    for number, bracket in enumerate(market.contract.brackets, 1):
        rows.append({
            "tier": float(number), "symbol": market.symbol, "currency": market.contract.settle,
            "minNotional": floor / ATOMS, "maxNotional": bracket.notional_max / ATOMS,
            "maintenanceMarginRate": bracket.rate / PPM, "maxLeverage": float(bracket.leverage_max),
            "info": {"bracket": number, "cum": atoms_text(bracket.deduction)},
        })  # fmt: skip
        floor = bracket.notional_max
    return rows


def liquidation(o: OrderSnapshot, market: Market) -> dict[str, Any]:
    """ccxt's liquidation structure of an order that the venue placed to close a position."""
    contract, ms = market.contract, o.updated_at // MILLISECOND
    assert contract is not None
    size, contracts = contract.size / ATOMS, o.filled * market.amount_step / ATOMS
    average = o.cost / (o.filled * market.amount_step) if o.filled else None
    return {
        "info": {"orderId": str(o.order.id), "clientOrderId": o.order.client_id},
        "symbol": market.symbol, "contracts": contracts, "contractSize": size,
        "price": average / size if average else None, "side": o.order.side.value,
        "baseValue": contracts * size, "quoteValue": o.cost / ATOMS, "timestamp": ms,
        "datetime": iso(ms),
    }  # fmt: skip
