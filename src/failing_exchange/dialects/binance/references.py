"""Block trades, execution rules, reference prices: no market of this venue has any.

rest-api.md and web-socket-api.md, "Query Execution Rules", "Historical Block Trades", "Query
Reference Price" and "Query Reference Price Calculation", 2026-07-21.
"""

from __future__ import annotations

from typing import Any, NoReturn

from failing_exchange.core import commands as c
from failing_exchange.core.reject import Reason
from failing_exchange.dialects.binance.call import Reading, Writing
from failing_exchange.dialects.binance.codes import refuse
from failing_exchange.dialects.binance.params import Params
from failing_exchange.dialects.binance.tickers import check_status, symbols_of

RULES_WEIGHT_MAX = 40  # of many symbols; so much weigh all of them, too


def read_rules(r: Reading) -> c.FetchMarkets:
    """GET /api/v3/executionRules."""
    named = [name for name in ("symbol", "symbols", "symbolStatus") if name in r.params]
    if len(named) > 1:
        refuse("OPTIONAL_PARAMS_BAD_COMBO", "Combination of optional parameters invalid.")
    symbols_of(r)
    check_status(r)
    return c.FetchMarkets(r.account)


def rules_weight(p: Params) -> int:
    """2 for each symbol, up to 40."""
    if "symbol" in p:
        return 2
    if "symbols" not in p:
        return RULES_WEIGHT_MAX
    return min(RULES_WEIGHT_MAX, 2 * (p["symbols"].count(",") + 1))


def write_rules(w: Writing, answer: Any) -> dict[str, Any]:
    """None."""
    return {"symbolRules": []}


def read_blocks(r: Reading) -> c.FetchStatus:
    """GET /api/v3/historicalBlockTrades."""
    r.market()
    r.params.integer("fromId")
    r.params.integer("limit", 500, least=1)
    return c.FetchStatus(r.account)


def write_blocks(w: Writing, answer: Any) -> list[Any]:
    """None."""
    return []


def read_reference(r: Reading) -> NoReturn:
    """GET /api/v3/referencePrice, and /calculation of it."""
    r.market()
    check_status(r)
    refuse(
        "NO_REFERENCE_PRICE", "This symbol doesn't have a reference price.", Reason.NOT_SUPPORTED
    )
