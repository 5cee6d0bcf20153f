"""What docs/found/bt_ccxt_store.md says, where an environment with that store is named."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.clients.found import PROGRAMS, scenario, sentences, told

PYTHON = os.environ.get("BT_CCXT_STORE_PYTHON", "")
pytestmark = pytest.mark.skipif(
    not PYTHON, reason="BT_CCXT_STORE_PYTHON names no Python with bt-ccxt-store (docs/found)"
)


@pytest.mark.parametrize(
    ("name", "lasts"), [("answer_lost_once", "40m"), ("calm", "30m"), ("candles_late", "20m")]
)
def test_what_was_found_is_found_again(tmp_path: Path, name: str, lasts: str) -> None:
    """An order sent twice, a fee that is not booked, an answer without candles."""
    options = ["--scenario", scenario(name), "--duration", lasts]
    bot = ["--bot", str(PROGRAMS / "bt_ccxt_store.py")]
    first, *others = sentences(Path(PYTHON), tmp_path, options, bot)
    assert first in told("bt_ccxt_store.md")
    if name == "answer_lost_once":
        assert (
            "sent another order (trip 575) without asking what became of the one before: the "
            "answer to its sixth order (trip 574) was lost" in others
        )
