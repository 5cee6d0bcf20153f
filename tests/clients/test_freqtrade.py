"""freqtrade, unmodified and in live mode: the most used open bot, in its own environment."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.clients.freqtrade.bot import PYTHON, trading
from tests.clients.venue import Served

pytestmark = pytest.mark.skipif(
    not PYTHON.exists(), reason=f"needs freqtrade at {PYTHON}: make clients installs it"
)


def test_freqtrade_opens_and_closes_a_trade(venue: Served, tmp_path: Path) -> None:
    """Without a fault: what it believes to own and to have earned is what the venue knows."""
    with trading(venue.url, tmp_path) as bot:
        trade = bot.closed_trade()
        print(trade, bot.orders(), bot.log(), venue.control.account())
    assert 0
