"""Incidents by name: their fields are checked before anything happens."""

from __future__ import annotations

from typing import Any

import pytest

from failing_exchange.core.commands import Freeze, SetMarketStatus
from failing_exchange.core.market import Market, MarketStatus
from failing_exchange.errors import ConfigurationError
from failing_exchange.incidents import INCIDENTS, command_of
from failing_exchange.world import MARKETS

S = "BTC/USDT"
FIELDS: dict[str, Any] = {
    "symbol": S, "percent": 1, "asset": "BTC", "amount": 1,
}  # fmt: skip


def made(name: str, **fields: Any) -> Any:
    needed = {field: FIELDS[field] for field in INCIDENTS[name].needs}
    return command_of(name, {**needed, **fields}, MARKETS)


TIMED = [name for name, incident in INCIDENTS.items() if "seconds" in incident.may]


@pytest.mark.parametrize("name", TIMED)
@pytest.mark.parametrize("seconds", [0, 0.0, -1, 1e308, float("nan"), float("inf"), True, "soon"])
def test_a_time_is_above_zero_and_not_longer_than_a_year(name: str, seconds: Any) -> None:
    """Zero seconds once meant for ever; the error says how to say that."""
    with pytest.raises(ConfigurationError, match="seconds") as caught:
        made(name, seconds=seconds)
    assert "\n" not in str(caught.value)


def test_without_a_time_an_incident_is_for_good() -> None:
    """Until the operator takes it back."""
    assert made("halt") == SetMarketStatus(S, MarketStatus.HALTED, None)
    assert made("freeze") == Freeze("main", "BTC", 10**8, None)
    assert made("halt", seconds=0.5).nanoseconds == 500_000_000
    assert made("halt", seconds="10m").nanoseconds == 600_000_000_000


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("move_price", {"percent": -100}),
        ("move_price", {"percent": 1e308}),
        ("change_fees", {"maker": 1e20}),
        ("change_fees", {"taker": -1}),
        ("change_rules", {"cost_min": 1e308}),
        ("change_rules", {"price_step": 0.001}),
        ("change_rules", {"price_step": "0.015"}),
        ("change_rules", {"orders_max": 1.5}),
        ("change_rules", {"orders_max": 1e308}),
        ("change_rules", {"band_percent": 100}),
        ("credit", {"amount": 0}),
        ("credit", {"amount": "1e999999999"}),
        ("credit", {"asset": "B" * 5_000}),
        ("debit", {"account": 5}),
    ],
)
def test_what_would_poison_the_venue_is_refused(name: str, fields: dict[str, Any]) -> None:
    """The error names the field, and is never longer than a few lines."""
    with pytest.raises(ConfigurationError, match=next(iter(fields))) as caught:
        made(name, **fields)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("name", [["halt"], {}, 5, "hlat"])
def test_what_is_no_incident_is_refused_by_its_name(name: Any) -> None:
    """A list is no name either."""
    with pytest.raises(ConfigurationError, match="no incident"):
        command_of(name, {}, MARKETS)


def test_a_coarser_step_is_exact() -> None:
    """0.05 is five of the finest steps of 0.01."""
    market: Market = made("change_rules", price_step="0.05", orders_max=3).market
    assert (market.price_every, market.orders_max) == (5, 3)
