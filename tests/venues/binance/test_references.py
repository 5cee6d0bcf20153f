"""Reference prices and execution rules, where markets have them and where not."""

from __future__ import annotations

from decimal import Decimal

from failing_exchange.core.market import Rules
from tests.venues.binance.square import Square

RANGED = Rules(price_range=(850_000, 1_150_000))
RULE = {
    "ruleType": "PRICE_RANGE", "bidLimitMultUp": "1.1500", "bidLimitMultDown": "0.8500",
    "askLimitMultUp": "1.1500", "askLimitMultDown": "0.8500",
}  # fmt: skip


def test_a_market_without_a_range_has_no_reference_price() -> None:
    """As the documents have it for a symbol that never had one."""
    square = Square()
    no = {"code": -2043, "msg": "This symbol doesn't have a reference price."}
    assert square.get("referencePrice", symbol="BTCUSDT") == no
    assert square.get("referencePrice/calculation", symbol="BTCUSDT") == no
    assert square.get("executionRules") == {"symbolRules": []}


def test_a_market_with_one_has_what_production_has() -> None:
    """The average of 80 buckets of 3,750 ms: five minutes."""
    square = Square(rules=RANGED)
    square.wait(400)
    found = square.get("referencePrice", symbol="BTCUSDT")
    average = square.get("avgPrice", symbol="BTCUSDT")["price"]
    assert abs(Decimal(found["referencePrice"]) / Decimal(average) - 1) < Decimal("0.001")
    assert len(found["referencePrice"].partition(".")[2]) == 8
    assert square.get("referencePrice/calculation", symbol="BTCUSDT") == {
        "symbol": "BTCUSDT", "calculationType": "ARITHMETIC_MEAN", "bucketCount": 80,
        "bucketWidthMs": 3_750,
    }  # fmt: skip
    rules = {"symbol": "ETHBTC", "rules": [RULE]}
    assert square.get("executionRules", symbol="ETHBTC") == {"symbolRules": [rules]}
    assert len(square.get("executionRules", symbolStatus="TRADING")["symbolRules"]) == 2
    assert square.get("executionRules", symbolStatus="HALT") == {"symbolRules": []}


def test_where_nothing_was_traded_for_long_it_is_null() -> None:
    """It had one once."""
    square = Square(alone=True, rules=RANGED)
    square.sell(1_000, 5_000_000)
    square.buy(1_000, 5_000_000)
    assert square.get("referencePrice", symbol="BTCUSDT")["referencePrice"] == "50000.00000000"
    square.wait(400)
    assert square.get("referencePrice", symbol="BTCUSDT")["referencePrice"] is None
