"""exchangeInfo: the rules of every market, as filters.

rest-api.md, "Exchange information"; filters.md; enums.md; 2026-07-21.
"""

from __future__ import annotations

from typing import Any

from failing_exchange.core import commands as c
from failing_exchange.core.market import PPM, Market, MarketStatus, Prevention
from failing_exchange.core.queries import Markets
from failing_exchange.dialects.binance.call import Reading, Writing
from failing_exchange.dialects.binance.codes import refuse
from failing_exchange.dialects.binance.tickers import STATUSES, many
from failing_exchange.dialects.binance.values import amount, decimal, instant, price, venue_symbol

UNLIMITED = 92_141_578 * 10**8  # what filters of markets without a limit show, in atoms
STATUS_NAMES = {
    MarketStatus.TRADING: "TRADING",
    MarketStatus.HALTED: "HALT",
    MarketStatus.CANCEL_ONLY: "CANCEL_ONLY",
}
ORDER_TYPES = [
    "LIMIT", "LIMIT_MAKER", "MARKET", "STOP_LOSS", "STOP_LOSS_LIMIT", "TAKE_PROFIT",
    "TAKE_PROFIT_LIMIT",
]  # fmt: skip
MODES = [mode.name for mode in Prevention]


def read_info(r: Reading) -> c.FetchMarkets:
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
    p.flag("showPermissionSets", True)
    return c.FetchMarkets(r.account)


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
    if "permissions" in p and "SPOT" not in p["permissions"]:
        return False
    return "symbolStatus" not in p or market.status in STATUSES[p["symbolStatus"]]


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
        "icebergAllowed": False,
        "ocoAllowed": True,
        "otoAllowed": False,
        "opoAllowed": False,
        "quoteOrderQtyMarketAllowed": True,
        "allowTrailingStop": False,
        "cancelReplaceAllowed": True,
        "amendAllowed": True,
        "pegInstructionsAllowed": False,
        "isSpotTradingAllowed": True,
        "isMarginTradingAllowed": False,
        "filters": filters(market),
        "permissions": [],
        "permissionSets": [["SPOT"]] if shown else [],
        "defaultSelfTradePreventionMode": market.prevention.name,
        "allowedSelfTradePreventionModes": MODES,
    }


def filters(market: Market) -> list[dict[str, Any]]:
    """A market's rules as filters."""
    found = [_price_filter(market), _lot_size("LOT_SIZE", market, market.amount_max)]
    found.append(_lot_size("MARKET_LOT_SIZE", market, market.market_amount_max))
    if market.price_band is not None:
        found.append(_band(market.price_band))
    found.append(
        {
            "filterType": "NOTIONAL",
            "minNotional": decimal(market.cost_min),
            "applyMinToMarket": True,
            "maxNotional": decimal(UNLIMITED),
            "applyMaxToMarket": False,
            "avgPriceMins": 5,
        }
    )
    if market.orders_max is not None:
        found.append({"filterType": "MAX_NUM_ORDERS", "maxNumOrders": market.orders_max})
    return found


def _price_filter(market: Market) -> dict[str, Any]:
    most = market.price_max
    return {
        "filterType": "PRICE_FILTER",
        "minPrice": price(market.price_min, market),
        "maxPrice": price(most, market) if most is not None else decimal(1_000_000 * 10**8),
        "tickSize": price(market.price_every, market),
    }


def _lot_size(name: str, market: Market, most: int | None) -> dict[str, Any]:
    most = most if most is not None else market.amount_max
    return {
        "filterType": name,
        "minQty": amount(market.amount_min, market),
        "maxQty": amount(most, market) if most is not None else decimal(UNLIMITED),
        "stepSize": amount(market.amount_every, market),
    }


def _band(band: tuple[int, int]) -> dict[str, Any]:
    down, up = (f"{(PPM + part) / PPM:.6f}".rstrip("0") for part in (-band[0], band[1]))
    return {
        "filterType": "PERCENT_PRICE_BY_SIDE",
        "bidMultiplierUp": up,
        "bidMultiplierDown": down,
        "askMultiplierUp": up,
        "askMultiplierDown": down,
        "avgPriceMins": 0,
    }
