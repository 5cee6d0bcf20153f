"""exchangeInfo: every contract, its filters and what orders it takes.

"Exchange Information", 2026-08-19; a row of BTCUSDT as production answered it in 2026-09. Of a
perpetual, the delivery date is the year 2100.
"""

from __future__ import annotations

from typing import Any

from failing_exchange.core.contract import Contract
from failing_exchange.core.market import Market, MarketStatus
from failing_exchange.core.queries import FetchMarkets, Markets
from failing_exchange.core.units import ATOMS, PPM, atoms_text
from failing_exchange.venue.perpetuals import COLLATERAL
from failing_exchange.venues.binance_common.call import Reading, Writing
from failing_exchange.venues.binance_common.values import venue_symbol
from failing_exchange.venues.binance_usdm.number_formats import (
    amount,
    fixed,
    places_of,
    price,
    price_places,
)

DELIVERY = 4_133_404_800_000  # milliseconds: 2100-12-25, of all perpetuals
LISTED = 1_569_398_400_000  # milliseconds: 2019-09-25, when the first contract was listed
STATUS_NAMES = {
    MarketStatus.TRADING: "TRADING",
    MarketStatus.HALTED: "TRADING_HALT",
    MarketStatus.CANCEL_ONLY: "TRADING_CANCEL_ONLY",
}
ORDER_TYPES = [
    "LIMIT", "MARKET", "STOP", "STOP_MARKET", "TAKE_PROFIT", "TAKE_PROFIT_MARKET",
    "TRAILING_STOP_MARKET",
]  # fmt: skip
FORCES = ["GTC", "IOC", "FOK", "GTX", "GTD"]
HIGHEST = 1_000_000 * ATOMS  # a price without a limit, in atoms
UNLIMITED = 1_000_000 * ATOMS  # an amount without a limit, in atoms
ORDERS_MAX = 200  # told where a market has no limit of its own: nothing is refused there
ANY_BAND = (50_000, 50_000)  # ppm below and above, likewise

Filter = dict[str, Any]


def read_info(r: Reading) -> FetchMarkets:
    """GET /fapi/v1/exchangeInfo."""
    return FetchMarkets(r.account)


def write_info(w: Writing, answer: Markets) -> dict[str, Any]:
    """Limits, assets and contracts."""
    contracts = [one for one in answer.markets if one.contract is not None]
    return {
        "timezone": "UTC",
        "serverTime": w.at // 10**6,
        "futuresType": "U_MARGINED",
        "rateLimits": w.meter.rows() if w.meter is not None else [],
        "exchangeFilters": [],
        "assets": [_asset(name) for name in _margin_assets(contracts)],
        "symbols": [_symbol(market, market.contract) for market in contracts if market.contract],
    }


def _margin_assets(contracts: list[Market]) -> list[str]:
    """What contracts settle in, and the collateral of multi-assets mode whose worth is known."""
    settled, bases = [one.settle for one in contracts], {one.base for one in contracts}
    known = [a for a, terms in COLLATERAL.items() if terms.price is not None or a in bases]
    return list(dict.fromkeys([*settled, *known])) if settled else []


def _asset(name: str) -> dict[str, Any]:
    """An asset of the futures wallet, and below which balance it is bought with others."""
    terms = COLLATERAL.get(name)
    least = atoms_text(-terms.threshold) if terms is not None else "0"
    return {"asset": name, "marginAvailable": terms is not None, "autoAssetExchange": least}


def _symbol(market: Market, contract: Contract) -> dict[str, Any]:
    name = venue_symbol(market.symbol)
    return {
        "symbol": name,
        "pair": name,
        "contractType": "PERPETUAL",
        "deliveryDate": DELIVERY,
        "onboardDate": LISTED,
        "status": STATUS_NAMES[market.status],
        "maintMarginPercent": "2.5000",  # of the first contracts; "ignore" in the documents
        "requiredMarginPercent": "5.0000",
        "baseAsset": market.base,
        "quoteAsset": market.quote,
        "marginAsset": market.settle,
        "pricePrecision": price_places(market),
        "quantityPrecision": places_of(market.amount_step),
        "baseAssetPrecision": 8,
        "quotePrecision": 8,
        "underlyingType": "COIN",
        "underlyingSubType": [],
        "triggerProtect": _ratio(contract.trigger_protect, 4),
        "liquidationFee": _ratio(contract.liquidation_fee, 6),
        "marketTakeBound": _ratio(contract.market_take_bound, 2),
        "maxMoveOrderLimit": 10_000,
        "filters": filters(market),
        "orderTypes": ORDER_TYPES,
        "timeInForce": FORCES,
        "permissionSets": ["GRID", "COPY", "DCA", "PSB"],
    }


def _ratio(ppm: int, places: int) -> str:
    return fixed(ppm * (ATOMS // PPM), places)


def filters(market: Market) -> list[Filter]:
    """The rules of a contract, in the order of production."""
    highest, largest = market.price_max, market.amount_max
    most = atoms_text(largest * market.amount_step if largest is not None else UNLIMITED)
    at_once = market.market_amount_max
    step, least = amount(market.amount_every, market), amount(market.amount_min, market)
    below, above = market.price_band or ANY_BAND
    return [
        {
            "filterType": "PRICE_FILTER",
            "minPrice": price(market.price_min, market),
            "maxPrice": atoms_text(highest * market.price_step if highest else HIGHEST),
            "tickSize": price(market.price_every, market),
        },
        {"filterType": "LOT_SIZE", "minQty": least, "maxQty": most, "stepSize": step},
        {
            "filterType": "MARKET_LOT_SIZE",
            "minQty": least,
            "maxQty": most if at_once is None else atoms_text(at_once * market.amount_step),
            "stepSize": step,
        },
        {"filterType": "MAX_NUM_ORDERS", "limit": market.orders_max or ORDERS_MAX},
        {"filterType": "MIN_NOTIONAL", "notional": atoms_text(market.cost_min)},
        {
            "filterType": "PERCENT_PRICE",
            "multiplierUp": _ratio(PPM + above, 4),
            "multiplierDown": _ratio(PPM - below, 4),
            "multiplierDecimal": "4",
        },
        {"filterType": "POSITION_RISK_CONTROL", "positionControlSide": "NONE"},
    ]
