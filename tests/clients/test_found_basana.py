"""What docs/found/basana.md says of basana is so, with the version that is installed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.clients.found_runs import python_of, told

PYTHON = python_of("basana")

pytestmark = pytest.mark.skipif(
    PYTHON is None, reason="needs basana in an environment of its own: BASANA_PYTHON names it"
)


@pytest.mark.parametrize(
    ("driver", "scenario", "sentence"),
    [
        (
            "basana_maker.py",
            "basana_refused_subscription.toml",
            "believes to hold 0 BTC and holds 0.00999",
        ),
        (
            "basana_maker.py",
            "basana_lost_acknowledgement.toml",
            "believes to hold 0 BTC and holds 0.00999",
        ),
        (
            "basana_maker.py",
            "basana_fill_in_a_gap.toml",
            "believes to hold 0.00999 BTC and holds 0",
        ),
        (
            "basana_two_markets.py",
            "basana_late_event.toml",
            "believes to hold 0.03996 BTC and holds 0.04995",
        ),
        (
            "basana_own_trade.py",
            "",
            "died: AssertionError: No mapping for EXPIRED_IN_MATCH order status",
        ),
    ],
)
def test_basana(driver: str, scenario: str, sentence: str, tmp_path: Path) -> None:
    """One fault, or none, and the judge's sentence."""
    assert sentence in told(PYTHON, driver, scenario, tmp_path)
