"""What has changed the wallet: profits, fees, funding, transfers.

"Get Income History", 2026-08-19.
"""

from __future__ import annotations

from typing import Any

from failing_exchange.core.contract_queries import FetchIncome, Income, Incomes
from failing_exchange.core.units import MILLISECOND
from failing_exchange.venues.binance_common.call import Reading, Writing
from failing_exchange.venues.binance_common.refusals import refuse
from failing_exchange.venues.binance_common.values import decimal, venue_symbol
from failing_exchange.venues.binance_usdm.trade_history import limit_of, read_span

INCOME_MAX = 1_000  # rows of one answer; a larger limit is refused
KINDS = {
    "TRANSFER": "transfer",
    "REALIZED_PNL": "realized_profit",
    "FUNDING_FEE": "funding",
    "COMMISSION": "trading_fee",
    "INSURANCE_CLEAR": "insurance_clear",
    "AUTO_EXCHANGE": "auto_exchange",
}
# Kinds that this venue never has: asked for, there are none.
OTHERS = frozenset({
    "WELCOME_BONUS", "REFERRAL_KICKBACK", "COMMISSION_REBATE", "API_REBATE", "CONTEST_REWARD",
    "CROSS_COLLATERAL_TRANSFER", "OPTIONS_PREMIUM_FEE", "OPTIONS_SETTLE_PROFIT",
    "INTERNAL_TRANSFER", "DELIVERED_SETTELMENT", "COIN_SWAP_DEPOSIT",
    "COIN_SWAP_WITHDRAW", "POSITION_LIMIT_INCREASE_FEE", "STRATEGY_UMFUTURES_TRANSFER",
    "FEE_RETURN", "BFUSD_REWARD",
})  # fmt: skip
NAMES = {why: name for name, why in KINDS.items()} | dict.fromkeys(
    ("deposit", "credit", "debit"), "TRANSFER"
)


def read_income(r: Reading) -> FetchIncome:
    """GET /fapi/v1/income."""
    p, market = r.params, r.maybe_market()
    kind = p.text("incomeType")
    if kind and kind not in KINDS and kind not in OTHERS:
        refuse("INVALID_PARAMETER", "Data sent for parameter 'incomeType' is not valid.")
    limit_of(p, 100, INCOME_MAX)
    p.integer("page", 1, least=1)
    since, until = read_span(r)
    symbol = market.symbol if market else ""
    return FetchIncome(r.account, symbol, since=since, until=until, trades=True)


def write_income(w: Writing, answer: Incomes) -> list[dict[str, Any]]:
    """A page of them, oldest first."""
    p, kind = w.params, w.params.get("incomeType")
    rows = [_row(one) for one in answer.incomes]
    if kind:
        rows = [row for row in rows if row["incomeType"] == kind]
    limit = p.integer("limit", 100)
    first = (p.integer("page", 1) - 1) * limit
    return rows[first : first + limit]


def _row(one: Income) -> dict[str, Any]:
    name = NAMES.get(one.why, one.why.upper())
    trade = str(one.trade_id) if one.trade_id else ""
    return {
        "symbol": venue_symbol(one.symbol),
        "incomeType": name,
        "income": decimal(one.atoms),
        "asset": one.asset,
        "time": one.at // MILLISECOND,
        "info": trade or name,
        "tranId": one.id,
        "tradeId": trade,
    }
