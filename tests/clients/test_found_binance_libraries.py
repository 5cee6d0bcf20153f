"""What docs/found says of four libraries of Binance is so, with the versions that are installed."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from failing_exchange import Binance, FailingExchange, simulate
from failing_exchange.faults.triggers import nth
from tests.sources import ROOT

FOUND = ROOT / "docs" / "found"
PATIENCE = 200.0  # real seconds of one run
RUNS = [
    (
        "binance.ws", "PYTHON_BINANCE", "python_binance_stream", "account_stream_cut",
        "believes to own 10003499 USDT and owns 10030361",
    ),
    (
        "binance.ws", "PYTHON_BINANCE", "python_binance_depth", "book_stream_silent",
        "priced an order (trip 172) from data (trip 119)",
    ),
    (
        "binance_sdk_spot", "BINANCE_SDK", "binance_sdk_spot", "price_stream_cut",
        "was without watch_bids_asks BTC/USDT for 38 min 22 s after it broke",
    ),
    (
        "binance_sdk_spot", "BINANCE_SDK", "binance_sdk_spot", "price_stream_cut",
        "priced an order (trip 111) from data (trip 107) 69.8 s old (and 40 more like it)",
    ),
    (
        "binance_sdk_spot", "BINANCE_SDK", "binance_sdk_spot", "order_answer_cut",
        "died: JSONDecodeError",
    ),
    (
        "binance.spot", "BINANCE_CONNECTOR", "binance_connector", "order_answer_cut",
        "died: TypeError: string indices must be integers",
    ),
    (
        "binance.spot", "BINANCE_CONNECTOR", "binance_connector", "order_answer_lost",
        "never learned that it sold 0.01 BTC",
    ),
    (
        "binance.spot", "BINANCE_CONNECTOR", "binance_connector", "order_answer_lost",
        "has had no successful request since the last fault",
    ),
    (
        "unicorn_binance_local_depth_cache", "UNICORN", "unicorn_depth", "book_stream_silent",
        "priced an order (trip 173) from data (trip 120)",
    ),
]  # fmt: skip


def has(package: str) -> bool:
    """Whether it is installed here; two of them call themselves `binance`."""
    try:
        return importlib.util.find_spec(package) is not None
    except ModuleNotFoundError:
        return False


@pytest.mark.parametrize(
    ("package", "name", "driver", "scenario", "sentence"),
    RUNS,
    ids=[f"{driver}-{scenario}-{sentence.split()[0]}" for _, _, driver, scenario, sentence in RUNS],
)
def test_one_fault_and_the_sentence(
    package: str, name: str, driver: str, scenario: str, sentence: str, tmp_path: Path
) -> None:
    """Each page names the scenario; NAME_PYTHON is the Python of an environment that has it."""
    python = os.environ.get(f"{name}_PYTHON") or (sys.executable if has(package) else "")
    if not python:
        pytest.skip(f"needs {package}: make clients, or {name}_PYTHON")
    done = subprocess.run(
        [
            python, "-m", "failing_exchange", "run",
            "--scenario", str(FOUND / "scenarios" / f"{scenario}.toml"),
            "--bot", str(FOUND / "programs" / f"{driver}.py"),
        ],
        cwd=tmp_path, capture_output=True, text=True, timeout=PATIENCE, check=False,
        env={**os.environ, "COLUMNS": "400"},
    )  # fmt: skip
    assert sentence in done.stdout, done.stdout + done.stderr


def test_python_binance_keeps_a_crossed_book() -> None:
    """A snapshot that lags behind the stream is taken, and levels that are gone stay."""
    binance = pytest.importorskip("binance")
    if not has("binance.ws"):
        pytest.skip("needs python-binance")
    exchange = FailingExchange(seed=1)
    exchange.arm("stale_read", nth(2), operations="fetch_order_book", seconds=10)
    books: list[Any] = []

    def main() -> tuple[float, float]:
        manager = binance.ThreadedDepthCacheManager()
        manager.start()
        manager.start_depth_cache(books.append, "BTCUSDT")
        time.sleep(60)
        best = books[-1].get_bids()[0][0], books[-1].get_asks()[0][0]
        manager.stop()
        return best

    bid, ask = simulate(main, venue=Binance(exchange))
    assert bid > ask


def test_binance_sdk_reports_a_cancel_that_worked_as_refused() -> None:
    """It repeats DELETE after a 502, and the second one finds no order."""
    spot: Any = pytest.importorskip("binance_sdk_spot.spot")
    configuration: Any = pytest.importorskip("binance_common.configuration")
    errors: Any = pytest.importorskip("binance_common.errors")
    exchange = FailingExchange(seed=1)
    exchange.arm("html_page", nth(1), operations="cancel_order", status="502")

    def main() -> list[Any]:
        keys = configuration.ConfigurationRestAPI(api_key="key", api_secret="secret")
        client = spot.Spot(config_rest_api=keys).rest_api
        client.new_order(
            "BTCUSDT", "BUY", "LIMIT", time_in_force="GTC", quantity=0.01, price=40_000.0,
            new_client_order_id="mine",
        )  # fmt: skip
        with pytest.raises(errors.BadRequestError, match="Unknown order sent"):
            client.delete_order("BTCUSDT", orig_client_order_id="mine")
        return list(client.get_open_orders(symbol="BTCUSDT").data())

    assert simulate(main, venue=Binance(exchange)) == []
