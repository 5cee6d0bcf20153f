"""Execution rules and reference prices; block trades, of which there are none.

rest-api.md and web-socket-api.md, "Query Execution Rules", "Historical Block Trades", "Query
Reference Price" and "Query Reference Price Calculation"; faqs/price_range_execution_rules.md;
2026-07-21. A market has them as production has where it has a price range.
"""

from __future__ import annotations

from typing import Any

from failing_exchange.core.market import Market
from failing_exchange.core.queries import FetchMarkets, FetchReferencePrice, FetchStatus, Markets
from failing_exchange.core.reference_price import BUCKET, BUCKETS, ReferencePrice
from failing_exchange.core.reject import Reason
from failing_exchange.core.units import ATOMS, MILLISECOND, PPM
from failing_exchange.venues.binance.tickers import STATUSES, check_status, symbols_of
from failing_exchange.venues.binance_common.call import Reading, Writing
from failing_exchange.venues.binance_common.params import Params
from failing_exchange.venues.binance_common.refusals import refuse
from failing_exchange.venues.binance_common.values import decimal, instant, venue_symbol

RULES_WEIGHT_MAX = 40  # the weight of many symbols, and of all of them
SIDES = ("bid", "ask")


def read_rules(r: Reading) -> FetchMarkets:
    """GET /api/v3/executionRules."""
    named = [name for name in ("symbol", "symbols", "symbolStatus") if name in r.params]
    if len(named) > 1:
        refuse("OPTIONAL_PARAMS_BAD_COMBO", "Combination of optional parameters invalid.")
    symbols_of(r)
    check_status(r)
    return FetchMarkets(r.account)


def rules_weight(p: Params) -> int:
    """2 for each symbol, up to 40."""
    if "symbol" in p:
        return 2
    if "symbols" not in p:
        return RULES_WEIGHT_MAX
    return min(RULES_WEIGHT_MAX, 2 * (p["symbols"].count(",") + 1))


def write_rules(w: Writing, answer: Markets) -> dict[str, Any]:
    """The markets that have some."""
    found = [_rules(market) for market in answer.markets if _wanted(w.params, market)]
    return {"symbolRules": [one for one in found if one is not None]}


def _wanted(p: Params, market: Market) -> bool:
    name = venue_symbol(market.symbol)
    if "symbol" in p or "symbols" in p:
        return name == p.get("symbol") or f'"{name}"' in p.get("symbols", "")
    return "symbolStatus" not in p or market.status in STATUSES[p["symbolStatus"]]


def _rules(market: Market) -> dict[str, Any] | None:
    allowed = market.rules.price_range if market.rules is not None else None
    if allowed is None:
        return None
    least, most = (decimal(ppm * (ATOMS // PPM))[:-4] for ppm in allowed)
    rule = {"ruleType": "PRICE_RANGE"}
    for side in SIDES:
        rule |= {f"{side}LimitMultUp": most, f"{side}LimitMultDown": least}
    return {"symbol": venue_symbol(market.symbol), "rules": [rule]}


def read_blocks(r: Reading) -> FetchStatus:
    """GET /api/v3/historicalBlockTrades."""
    r.market()
    r.params.integer("fromId")
    r.params.integer("limit", 500, least=1)
    return FetchStatus(r.account)


def write_blocks(w: Writing, answer: Any) -> list[Any]:
    """None."""
    return []


def read_reference(r: Reading) -> FetchReferencePrice:
    """GET /api/v3/referencePrice, and /calculation of it."""
    market = r.market()
    check_status(r)
    if market.rules is None or market.rules.price_range is None:
        refuse(
            "NO_REFERENCE_PRICE",
            "This symbol doesn't have a reference price.",
            Reason.NOT_SUPPORTED,
        )
    return FetchReferencePrice(r.account, market.symbol)


def write_reference(w: Writing, found: ReferencePrice) -> dict[str, Any]:
    """The reference price; null where nothing was traded in its window."""
    return {
        "symbol": venue_symbol(found.market.symbol),
        "referencePrice": reference_text(found),
        "timestamp": instant(found.at, micro=w.micro),
    }


def reference_text(found: ReferencePrice) -> str | None:
    """Write a reference price, which may lie between two ticks; truncated."""
    if not found.ticks:
        return None
    return decimal(found.ticks * found.market.price_step // found.weight)


def write_calculation(w: Writing, found: ReferencePrice) -> dict[str, Any]:
    """How it is calculated: as production does it for most markets."""
    return {
        "symbol": venue_symbol(found.market.symbol),
        "calculationType": "ARITHMETIC_MEAN",
        "bucketCount": BUCKETS,
        "bucketWidthMs": BUCKET // MILLISECOND,
    }
