"""A market's rules as filters and exchangeInfo, as clients read them before anything else."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from failing_exchange.core.market import Market, MarketStatus, Prevention, Rules
from failing_exchange.core.units import ATOMS
from failing_exchange.venue.default_world import MARKETS
from failing_exchange.venues.binance.filters import filters
from tests.venues.binance.square import BTC, Square

MARKET = MARKETS[BTC]
ALL = Rules(
    algo_orders_max=5,
    iceberg_orders_max=6,
    order_lists_max=20,
    amends_max=10,
    iceberg_parts_max=100,
    position_max=10 * ATOMS,
    market_amount_min=10,
    market_amount_every=5,
    cost_max=9_000_000 * ATOMS,
    cost_max_of_market=False,
    average_minutes=5,
    buy_prices=(200_000, 5_000_000),
    sell_prices=(200_000, 5_500_000),
    trail_above=(10, 2_000),
    trail_below=(20, 1_000),
)
RULED = replace(MARKET, rules=ALL, orders_max=200, market_amount_max=10_000_000)
# filters.md, "/exchangeInfo format" of each filter
FIELDS = {
    "PRICE_FILTER": "minPrice maxPrice tickSize",
    "LOT_SIZE": "minQty maxQty stepSize",
    "ICEBERG_PARTS": "limit",
    "MARKET_LOT_SIZE": "minQty maxQty stepSize",
    "TRAILING_DELTA": "minTrailingAboveDelta maxTrailingAboveDelta minTrailingBelowDelta "
                      "maxTrailingBelowDelta",
    "PERCENT_PRICE_BY_SIDE": "bidMultiplierUp bidMultiplierDown askMultiplierUp "
                             "askMultiplierDown avgPriceMins",
    "NOTIONAL": "minNotional applyMinToMarket maxNotional applyMaxToMarket avgPriceMins",
    "MAX_NUM_ORDERS": "maxNumOrders",
    "MAX_NUM_ORDER_LISTS": "maxNumOrderLists",
    "MAX_NUM_ALGO_ORDERS": "maxNumAlgoOrders",
    "MAX_NUM_ICEBERG_ORDERS": "maxNumIcebergOrders",
    "MAX_NUM_ORDER_AMENDS": "maxNumOrderAmends",
    "MAX_POSITION": "maxPosition",
}  # fmt: skip
SYMBOL = (
    "symbol status baseAsset baseAssetPrecision quoteAsset quotePrecision quoteAssetPrecision "
    "baseCommissionPrecision quoteCommissionPrecision orderTypes icebergAllowed ocoAllowed "
    "otoAllowed opoAllowed quoteOrderQtyMarketAllowed allowTrailingStop cancelReplaceAllowed "
    "amendAllowed pegInstructionsAllowed isSpotTradingAllowed isMarginTradingAllowed filters "
    "permissions permissionSets defaultSelfTradePreventionMode allowedSelfTradePreventionModes"
)


def by_name(market: Market) -> dict[str, dict[str, Any]]:
    """Filters by their type."""
    return {one["filterType"]: one for one in filters(market)}


def test_each_filter_has_the_documents_fields() -> None:
    """In production's order, with the type first."""
    found = filters(RULED)
    assert [one["filterType"] for one in found] == list(FIELDS)
    for one in found:
        assert list(one) == ["filterType", *FIELDS[one["filterType"]].split()]


def test_filters_say_what_the_rules_mean() -> None:
    """Steps and limits as texts of eight places, factors as short ones, counts as numbers."""
    found = by_name(RULED)
    assert found["PRICE_FILTER"]["tickSize"] == "0.01000000"
    assert found["LOT_SIZE"] == {
        "filterType": "LOT_SIZE", "minQty": "0.00001000", "maxQty": "9000.00000000",
        "stepSize": "0.00001000",
    }  # fmt: skip
    assert found["MARKET_LOT_SIZE"] == {
        "filterType": "MARKET_LOT_SIZE", "minQty": "0.00010000", "maxQty": "100.00000000",
        "stepSize": "0.00005000",
    }  # fmt: skip
    assert found["PERCENT_PRICE_BY_SIDE"] == {
        "filterType": "PERCENT_PRICE_BY_SIDE", "bidMultiplierUp": "5", "bidMultiplierDown": "0.2",
        "askMultiplierUp": "5.5", "askMultiplierDown": "0.2", "avgPriceMins": 5,
    }  # fmt: skip
    assert found["NOTIONAL"] == {
        "filterType": "NOTIONAL", "minNotional": "5.00000000", "applyMinToMarket": True,
        "maxNotional": "9000000.00000000", "applyMaxToMarket": False, "avgPriceMins": 5,
    }  # fmt: skip
    assert found["TRAILING_DELTA"]["minTrailingBelowDelta"] == 20
    assert found["MAX_POSITION"]["maxPosition"] == "10.00000000"
    assert found["MAX_NUM_ORDERS"]["maxNumOrders"] == 200


def test_a_market_without_rarer_rules_has_no_such_filters() -> None:
    """A filter that nobody enforces would be a lie."""
    assert list(by_name(MARKET)) == ["PRICE_FILTER", "LOT_SIZE", "MARKET_LOT_SIZE", "NOTIONAL"]
    market_lots = by_name(MARKET)["MARKET_LOT_SIZE"]
    assert market_lots["minQty"] == market_lots["stepSize"] == "0.00000000"


def test_a_band_around_the_last_price_is_told_by_side() -> None:
    """Parts per million below and above become factors, of the last price."""
    band = by_name(replace(MARKET, price_band=(100_000, 250_000)))["PERCENT_PRICE_BY_SIDE"]
    assert (band["bidMultiplierDown"], band["bidMultiplierUp"]) == ("0.9", "1.25")
    assert (band["askMultiplierDown"], band["askMultiplierUp"]) == ("0.9", "1.25")
    assert band["avgPriceMins"] == 0


def test_exchange_info_has_the_documents_fields() -> None:
    """Of the answer, and of each symbol."""
    square = Square()
    info = square.get("exchangeInfo")
    assert list(info) == ["timezone", "serverTime", "rateLimits", "exchangeFilters", "symbols"]
    assert [symbol["symbol"] for symbol in info["symbols"]] == ["BTCUSDT", "ETHBTC"]
    for symbol in info["symbols"]:
        assert list(symbol) == SYMBOL.split()
        assert symbol["permissionSets"] == [["SPOT"]]
    assert info["serverTime"] == square.at // 10**6


def test_exchange_info_shows_the_rules_in_force() -> None:
    """Modes of prevention, status and filters are the market's."""
    rules = Rules(preventions=(Prevention.NONE, Prevention.DECREMENT))
    square = Square(
        rules=rules, prevention=Prevention.EXPIRE_TAKER, status=MarketStatus.CANCEL_ONLY
    )
    symbol = square.get("exchangeInfo", symbol="BTCUSDT")["symbols"][0]
    assert symbol["status"] == "CANCEL_ONLY"
    assert symbol["defaultSelfTradePreventionMode"] == "EXPIRE_TAKER"
    assert symbol["allowedSelfTradePreventionModes"] == ["NONE", "DECREMENT"]


NAMED: list[tuple[dict[str, Any], list[str]]] = [
    ({"symbol": "ETHBTC"}, ["ETHBTC"]),
    ({"symbols": '["ETHBTC","BTCUSDT"]'}, ["BTCUSDT", "ETHBTC"]),
    ({"permissions": "SPOT"}, ["BTCUSDT", "ETHBTC"]),
    ({"permissions": '["MARGIN","LEVERAGED"]'}, []),
    ({"symbolStatus": "TRADING"}, ["BTCUSDT", "ETHBTC"]),
    ({"symbolStatus": "HALT"}, []),
]


@pytest.mark.parametrize(("params", "names"), NAMED)
def test_exchange_info_can_be_asked_in_every_form(params: dict[str, Any], names: list[str]) -> None:
    """By one symbol, several, permissions or status."""
    info = Square().get("exchangeInfo", **params)
    assert [symbol["symbol"] for symbol in info["symbols"]] == names


def test_permission_sets_can_be_left_out() -> None:
    """The field stays, and is empty."""
    info = Square().get("exchangeInfo", symbol="BTCUSDT", showPermissionSets="false")
    assert info["symbols"][0]["permissionSets"] == []
