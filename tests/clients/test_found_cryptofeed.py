"""What docs/found/cryptofeed.md says of cryptofeed is so, with the version that is installed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.clients.found_runs import python_of, told

PYTHON = python_of("cryptofeed")

pytestmark = pytest.mark.skipif(
    PYTHON is None, reason="needs cryptofeed, which is compiled: CRYPTOFEED_PYTHON names its Python"
)


@pytest.mark.parametrize(
    ("scenario", "sentence"),
    [
        (
            "cryptofeed_silent_from_the_start.toml",
            "was without watch_order_book BTC/USDT for 1 h 59 min",
        ),
        (
            "cryptofeed_silent_from_the_start.toml",
            "died: RuntimeError: no update of the book for 3601 s, and no error",
        ),
        ("cryptofeed_long_outage.toml", "was without watch_order_book BTC/USDT for 2 h 59 min"),
        (
            "cryptofeed_refused_snapshot.toml",
            "118 s before the end of the wait that trip 4 had named",
        ),
    ],
)
def test_cryptofeed(scenario: str, sentence: str, tmp_path: Path) -> None:
    """One scenario, and the judge's sentence."""
    assert sentence in told(PYTHON, "cryptofeed_book.py", scenario, tmp_path, whole=True)
