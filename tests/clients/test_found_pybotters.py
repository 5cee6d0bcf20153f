"""What docs/found/pybotters.md says of pybotters is so, with the version that is installed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.clients.found_runs import python_of, told

PYTHON = python_of("pybotters")

pytestmark = pytest.mark.skipif(PYTHON is None, reason="needs pybotters: make clients")


@pytest.mark.parametrize(
    ("driver", "scenario", "sentence"),
    [
        (
            "pybotters_maker.py",
            "pybotters_late_event.toml",
            "believes that order maker-1 is open, and it is not",
        ),
        (
            "pybotters_maker.py",
            "pybotters_fill_in_a_gap.toml",
            "believes to hold 0.01 BTC and holds 0",
        ),
        (
            "pybotters_hourly.py",
            "pybotters_failed_keepalive.toml",
            "believes to hold 0.01 BTC and holds 0.03",
        ),
        ("pybotters_book.py", "pybotters_lost_depth.toml", "the book is crossed"),
        ("pybotters_own_trade.py", "", "believes that order offer is open, and it is not"),
    ],
)
def test_pybotters(driver: str, scenario: str, sentence: str, tmp_path: Path) -> None:
    """One fault, or none, and the judge's sentence."""
    assert sentence in told(PYTHON, driver, scenario, tmp_path)
