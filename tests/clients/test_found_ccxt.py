"""What docs/found/ccxt.md says about ccxt is so, with the version that is installed."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.clients.found import PROGRAMS, headline, scenario, told

ccxt = pytest.importorskip("ccxt")
pytestmark = pytest.mark.skipif(ccxt.__version__ != "4.5.90", reason="the page is about 4.5.90")

RETRIES, CACHES = "ccxt_retries.py", "ccxt_pro_caches.py"
FOUND = [
    ("order_timeout_after_accept", "40m", (RETRIES, "market")),
    ("order_timeout_after_accept", "40m", (RETRIES, "limit")),
    ("weight_429_to_418", "40m", (RETRIES, "market")),
    ("late_copies", "20m", (CACHES, "orders")),
    ("stream_ends", "20m", (CACHES, "trades")),
    ("one_delta_lost", "20m", (CACHES, "book", "unchecked")),
    ("stream_refused_for_its_time", "20m", (CACHES, "trades")),
]
HELD = [
    ("order_timeout_after_accept", "40m", (RETRIES, "limit", "0")),
    ("late_copies", "20m", (CACHES, "trades")),
    ("stream_ends", "20m", (CACHES, "orders", "swap")),
    ("one_delta_lost", "20m", (CACHES, "book")),
    ("stream_refused_for_its_time", "20m", (CACHES, "orders", "swap")),
]


def sentence(tmp_path: Path, name: str, lasts: str, program: tuple[str, ...]) -> str:
    """The first line of the verdict on a driver."""
    options = ["--scenario", scenario(name), "--duration", lasts]
    driver, *arguments = program
    bot = ["--bot", str(PROGRAMS / driver), "--", *arguments]
    return headline(Path(sys.executable), tmp_path, options, bot)


@pytest.mark.parametrize(("name", "lasts", "program"), FOUND)
def test_what_was_found_is_found_again(
    tmp_path: Path, name: str, lasts: str, program: tuple[str, ...]
) -> None:
    """The same run says the same sentence, word for word as the page quotes it."""
    assert sentence(tmp_path, name, lasts, program) in told("ccxt.md")


@pytest.mark.parametrize(("name", "lasts", "program"), HELD)
def test_what_held_holds(tmp_path: Path, name: str, lasts: str, program: tuple[str, ...]) -> None:
    """Without the option, or on the other product, the same fault does no harm."""
    assert sentence(tmp_path, name, lasts, program).startswith("The bot keeps ")
