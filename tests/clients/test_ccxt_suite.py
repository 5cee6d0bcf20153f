"""ccxt's own integration tests, as they stand in its package, against the venue."""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from failing_exchange import redirect
from tests.clients.venue import KEYS, SPOT, Served

ccxt = pytest.importorskip("ccxt")
pytest.importorskip("psutil")  # its tests ask for it

SECONDS_MAX = 120  # the WebSocket part waits for all that it watches
TRADE_EACH = 0.5  # seconds between the trades that the private watchers are waiting for
DERIVATIVES = ("swap", "future", "option", "margin")
SKIPPED = {
    "orderBook": {"timestamp": "the venue's order book says no time"},
    "fetchLeverageTiers": "no derivatives",
    "fetchDeposits": "no wallet",
    "fetchWithdrawals": "no wallet",
    "fetchTransfers": "no wallet",
    "fetchBorrowInterest": "no margin",
    "fetchMarginModes": "no margin",
}
EVERYWHERE = {
    "loadMarkets", "features", "afterConstruct", "fetchTicker", "fetchTickers", "fetchLastPrices",
    "fetchOHLCV", "fetchTrades", "fetchOrderBook", "fetchStatus", "fetchCurrencies",
    "fetchBalance", "fetchTransactionFees", "fetchTradingFees", "fetchOrders", "fetchOpenOrders",
    "fetchClosedOrders", "fetchMyTrades",
}  # fmt: skip
WATCHED = {
    "watchOHLCV", "watchOHLCVForSymbols", "watchTicker", "watchTickers", "watchBidsAsks",
    "watchOrderBook", "watchOrderBookForSymbols", "watchTrades", "watchTradesForSymbols",
    "watchBalance", "watchMyTrades", "watchOrders",
}  # fmt: skip


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as the suite wants it: the package outside of site-packages, keys and skips."""
    folder = tmp_path_factory.mktemp("suite")
    spec = importlib.util.find_spec("ccxt")
    assert spec is not None and spec.origin is not None
    shutil.copytree(Path(spec.origin).parent, folder / "python" / "ccxt")
    keys = {**KEYS, **SPOT, "has": dict.fromkeys(DERIVATIVES, False)}
    (folder / "keys.local.json").write_text(json.dumps({"binance": keys}))
    (folder / "skip-tests.json").write_text(json.dumps({"binance": {"skipMethods": SKIPPED}}))
    return folder


def run(root: Path, url: str, *options: str) -> str:
    """What the suite says; its exit code says nothing."""
    arguments = [str(root), url, "binance", "BTC/USDT", "--private", "--info", *options]
    program = Path(__file__).with_name("elsewhere.py")
    done = subprocess.run(
        [sys.executable, str(program), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=SECONDS_MAX,
        check=False,
    )
    return done.stdout


def check(said: str, expected: set[str]) -> None:
    """Nothing failed, and nothing that was expected stayed away."""
    assert "TEST_FAILURE" not in said, said[said.index("TEST_FAILURE") :][:3_000]
    done = set(re.findall(r"TESTING DONE +binance (\w+)", said))
    assert done >= expected, f"missing: {expected - done}\n{said[-3_000:]}"


@pytest.mark.parametrize("options", [(), ("--sync",)], ids=["async", "sync"])
def test_rest(venue: Served, root: Path, options: tuple[str, ...]) -> None:
    """Public and private methods, each answer checked field by field."""
    check(run(root, venue.url, *options), EVERYWHERE)


def test_websocket(venue: Served, root: Path) -> None:
    """Every watch method hears something well-formed, the private ones of a client that trades."""
    over = threading.Event()
    trading = threading.Thread(target=trade, args=(venue.url, over))
    trading.start()
    try:
        check(run(root, venue.url, "--ws"), {"loadMarkets", *WATCHED})
    finally:
        over.set()
        trading.join()


def trade(url: str, over: threading.Event) -> None:
    """Buy and sell in turn, until it is over."""
    exchange = redirect(ccxt.binance({**KEYS, **SPOT}), url)
    side = "buy"
    while not over.wait(TRADE_EACH):
        exchange.create_order("BTC/USDT", "market", side, 0.001)
        side = "sell" if side == "buy" else "buy"
