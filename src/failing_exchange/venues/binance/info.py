"""exchangeInfo: every market and its rules.

rest-api.md, "Exchange information"; enums.md; 2026-07-21.
"""

from __future__ import annotations

import re
from typing import Any

from failing_exchange.core.market import Market, MarketStatus, Prevention
from failing_exchange.core.queries import FetchMarkets, Markets
from failing_exchange.venues.binance.filters import filters
from failing_exchange.venues.binance.tickers import STATUSES, many
from failing_exchange.venues.binance_common.call import Reading, Writing
from failing_exchange.venues.binance_common.params import Params
from failing_exchange.venues.binance_common.refusals import refuse
from failing_exchange.venues.binance_common.values import instant, venue_symbol

STATUS_NAMES = {
    MarketStatus.TRADING: "TRADING",
    MarketStatus.HALTED: "HALT",
    MarketStatus.CANCEL_ONLY: "CANCEL_ONLY",
    MarketStatus.DELISTED: "BREAK",  # spot_glossary.md: not available for trading
}
ORDER_TYPES = [
    "LIMIT", "LIMIT_MAKER", "MARKET", "STOP_LOSS", "STOP_LOSS_LIMIT", "TAKE_PROFIT",
    "TAKE_PROFIT_LIMIT",
]  # fmt: skip


OURS = "SPOT"  # the one permission that is needed here
# enums.md, "Account and Symbol Permissions"; of groups there are more than it lists
PERMISSION = re.compile(r"(SPOT|LEVERAGED|MARGIN(_[0-9]{3})?|TRD_GRP_[0-9]{3})\Z")
LIST = re.compile(r'\["\w+"(,"\w+")*\]\Z')
NAMES = re.compile(r"\w+")


def read_info(r: Reading) -> FetchMarkets:
    """GET /api/v3/exchangeInfo; what it names must exist."""
    p = r.params
    named = [name for name in ("symbol", "symbols", "permissions", "symbolStatus") if name in p]
    if len(named) > 1 and named != ["permissions", "symbolStatus"]:
        refuse("OPTIONAL_PARAMS_BAD_COMBO", "Combination of optional parameters invalid.")
    if "symbol" in p:
        r.market()
    if "symbols" in p:
        many(r, p["symbols"])
    if p.get("symbolStatus", "TRADING") not in STATUSES:
        refuse("INVALID_SYMBOLSTATUS", "Invalid symbolStatus.")
    _permissions(p)
    p.flag("showPermissionSets", True)
    return FetchMarkets(r.account)


def write_info(w: Writing, answer: Markets) -> dict[str, Any]:
    """Limits, filters and markets."""
    return {
        "timezone": "UTC",
        "serverTime": instant(w.at, micro=w.micro),
        "rateLimits": w.meter.rows() if w.meter is not None else [],
        "exchangeFilters": [],
        "symbols": [_symbol(w, market) for market in answer.markets if _wanted(w, market)],
    }


def _wanted(w: Writing, market: Market) -> bool:
    p, name = w.params, venue_symbol(market.symbol)
    if "symbol" in p:
        return name == p["symbol"]
    if "symbols" in p:
        return f'"{name}"' in p["symbols"]
    if OURS not in _permissions(p):
        return False
    return "symbolStatus" not in p or market.status in STATUSES[p["symbolStatus"]]


def _permissions(p: Params) -> list[str]:
    """Whose symbols are asked for: one name, or a list of them in JSON."""
    text = p.get("permissions", OURS)
    names = NAMES.findall(text) if LIST.match(text) else [text]
    if not names or not all(PERMISSION.match(name) for name in names):
        refuse("INVALID_PARAMETER", "Data sent for parameter 'permissions' is not valid.")
    return names


def _symbol(w: Writing, market: Market) -> dict[str, Any]:
    shown = w.params.flag("showPermissionSets", True)
    return {
        "symbol": venue_symbol(market.symbol),
        "status": STATUS_NAMES[market.status],
        "baseAsset": market.base,
        "baseAssetPrecision": 8,
        "quoteAsset": market.quote,
        "quotePrecision": 8,
        "quoteAssetPrecision": 8,
        "baseCommissionPrecision": 8,
        "quoteCommissionPrecision": 8,
        "orderTypes": ORDER_TYPES,
        "icebergAllowed": True,
        "ocoAllowed": True,
        "otoAllowed": True,
        "opoAllowed": True,
        "quoteOrderQtyMarketAllowed": True,
        "allowTrailingStop": True,
        "cancelReplaceAllowed": True,
        "amendAllowed": True,
        "pegInstructionsAllowed": True,
        "isSpotTradingAllowed": True,
        "isMarginTradingAllowed": False,
        "filters": filters(market),
        "permissions": [],
        "permissionSets": [["SPOT"]] if shown else [],
        "defaultSelfTradePreventionMode": market.prevention.name,
        "allowedSelfTradePreventionModes": _preventions(market),
    }


def _preventions(market: Market) -> list[str]:
    allowed = market.rules.preventions if market.rules is not None else None
    return [mode.name for mode in (Prevention if allowed is None else allowed)]
