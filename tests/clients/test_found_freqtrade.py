"""What docs/found/freqtrade.md says about freqtrade 2026.9 is so."""

from __future__ import annotations

import json
import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.clients.found import sentences, told
from tests.clients.freqtrade.bot import PYTHON, installed
from tests.clients.test_freqtrade_simulated import block

pytestmark = pytest.mark.skipif(
    not installed(), reason=f"needs freqtrade at {PYTHON}: make clients installs it"
)
OF_FUTURES = ("trading_mode", "margin_mode", "order_types")
TRADE = ["-m", "freqtrade", "--", "trade", "--config", "config.json", "--userdir", "user",
         "--strategy", "Simple", "--strategy-path", "."]  # fmt: skip


def settings(*, spot: bool) -> dict[str, Any]:
    """The configuration of docs/freqtrade.md, for one of the products."""
    found: dict[str, Any] = json.loads(block("json"))
    if spot:
        found = {name: value for name, value in found.items() if name not in OF_FUTURES}
        found["exchange"]["pair_whitelist"] = ["BTC/USDT"]
    return found


def said(tmp_path: Path, scenario: str, *, spot: bool) -> list[str]:
    """Trade for twelve minutes; the first line of the verdict, then what each broken rule says."""
    (tmp_path / "bot" / "user").mkdir(parents=True)
    (tmp_path / "bot" / "config.json").write_text(json.dumps(settings(spot=spot)))
    (tmp_path / "bot" / "strategy.py").write_text(block("python"))
    options = ["--scenario", scenario, "--duration", "12m", "--calm", "2m"]
    return sentences(PYTHON, tmp_path, [*options, "--files", "bot", "--keep-files", "kept"], TRADE)


def rows(tmp_path: Path, query: str) -> list[Any]:
    """What freqtrade's database says at the end."""
    with closing(sqlite3.connect(tmp_path / "kept" / "trades.sqlite")) as db:
        return db.execute(query).fetchall()


def test_a_purchase_whose_answer_was_lost_is_not_in_the_books(tmp_path: Path) -> None:
    """Spot: the third order was filled, and the database has the second and the fourth."""
    assert said(tmp_path, "order_timeout_after_accept", spot=True)[0] in told("freqtrade.md")
    assert [row[0] for row in rows(tmp_path, "select order_id from orders")][:3] == ["1", "2", "4"]


def test_a_sale_whose_answer_was_lost_is_sent_for_ever(tmp_path: Path) -> None:
    """Futures: the position is closed, and the trade is open in the database to the end."""
    first, *others = said(tmp_path, "order_timeout_after_accept", spot=False)
    assert first in told("freqtrade.md")
    assert (
        "sent create_order again more than 5 times (trips 169 to 205) after the same refusal: "
        "ReduceOnly Order is rejected (3x)" in others
    )
    assert rows(tmp_path, "select is_open from trades") == [(1,)]


def test_a_ban_at_the_start_ends_the_bot(tmp_path: Path) -> None:
    """It asks again inside the ban, and gives up before the ban ends."""
    first, *others = said(tmp_path, "weight_429_to_418", spot=True)
    assert first in told("freqtrade.md")
    early = re.compile(
        r"sent fetch_currencies \(trip \d+\) (8\.[5-9]\d?|9(\.[0-4]\d?)?) s before the end of the "
        r"wait that trip \d+ had named \(6x\)"
    )
    assert any(early.fullmatch(one) for one in others), others
