"""ccxt's own integration tests, as they stand in its package, against the venue."""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, cast

import pytest

from failing_exchange import redirect
from tests.clients.venue import KEYS, SPOT, Served, serving

ccxt = pytest.importorskip("ccxt")
pytest.importorskip("psutil")  # its tests ask for it

SECONDS_MAX = 120  # the WebSocket part waits for all that it watches
TRADE_EACH = 0.5  # seconds between the trades that the private watchers are waiting for
DERIVATIVES = ("swap", "future", "option", "margin")
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


class Product(NamedTuple):
    """One product of the venue, and what of the suite is run, and left out, for it."""

    venue: str
    ccxt_id: str
    symbol: str
    balance: str
    settings: dict[str, Any]
    rest: set[str]
    watched: set[str]
    skipped: dict[str, Any]  # a method, or a field of a structure, and the reason


SPOT_ALONE = Product(
    "binance", "binance", "BTC/USDT", "USDT=2000",
    settings={**KEYS, **SPOT, "has": dict.fromkeys(DERIVATIVES, False)},
    rest=EVERYWHERE,
    watched=WATCHED,
    skipped={
        "orderBook": {"timestamp": "the venue's order book says no time"},
        "fetchLeverageTiers": "no derivatives",
        "watchPositions": "no derivatives: a spot market never has one",
        "fetchDeposits": "no wallet",
        "fetchWithdrawals": "no wallet",
        "fetchBorrowInterest": "no margin",
        "fetchMarginModes": "no margin",
    },
)  # fmt: skip
AT_NO_VENUE = "the suite's own mistake, at every venue: "
PERPETUALS = Product(
    "binance-usdm", "binanceusdm", "BTC/USDT:USDT", "USDT=300",  # 3x of it is held
    settings={**KEYS, "has": {"future": False}},  # contracts with a delivery day are not simulated
    rest=EVERYWHERE | {
        "fetchFundingRateHistory", "fetchLedger", "fetchOpenInterestHistory", "fetchPositions",
        "fetchTransfers",
    },
    watched=WATCHED - {"watchBalance"} | {"watchPositions"},
    skipped={
        "fetchLeverageTiers": AT_NO_VENUE + "gives ccxt a list of a list, a TypeError there",
        "fetchMarginModes": AT_NO_VENUE + "expects a list of what ccxt defines as a dictionary",
        "fetchPositions": {
            "leverage": "GET /fapi/v3/positionRisk does not say it",
        },
        "fetchDeposits": "no deposits from outside",
        "fetchWithdrawals": "no withdrawals",
        "fetchBorrowInterest": "no margin loans",
        "watchBalance": "ACCOUNT_UPDATE tells the total alone; the suite demands what is free",
        "watchPositions": dict.fromkeys(
            ("notional", "leverage", "contractSize", "markPrice", "collateral", "percentage"),
            "ACCOUNT_UPDATE does not say it",
        ),
    },
)  # fmt: skip
PRODUCTS = [SPOT_ALONE, PERPETUALS]


@pytest.fixture(params=PRODUCTS, ids=[product.ccxt_id for product in PRODUCTS])
def product(request: pytest.FixtureRequest) -> Product:
    """Each product in turn."""
    return cast("Product", request.param)


@pytest.fixture
def venue(product: Product) -> Iterator[Served]:
    """A new venue of both products, where something of this one is there to be fetched."""
    with serving("--balance", product.balance) as served:
        furnish(client(served.url, product), product)
        yield served


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as the suite wants it: the package outside of site-packages, keys and skips."""
    folder = tmp_path_factory.mktemp("suite")
    spec = importlib.util.find_spec("ccxt")
    assert spec is not None and spec.origin is not None
    shutil.copytree(Path(spec.origin).parent, folder / "python" / "ccxt")
    keys = {one.ccxt_id: one.settings for one in PRODUCTS}
    skips = {one.ccxt_id: {"skipMethods": one.skipped} for one in PRODUCTS}
    (folder / "keys.local.json").write_text(json.dumps(keys))
    (folder / "skip-tests.json").write_text(json.dumps(skips))
    return folder


def run(root: Path, url: str, product: Product, *options: str) -> str:
    """What the suite says; its exit code says nothing."""
    arguments = [product.ccxt_id, product.symbol, "--private", "--info", *options]
    program = Path(__file__).with_name("elsewhere.py")
    done = subprocess.run(
        [sys.executable, str(program), str(root), url, *arguments],
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
    done = set(re.findall(r"TESTING DONE +binance\w* (\w+)", said))
    assert done >= expected, f"missing: {expected - done}\n{said[-3_000:]}"


@pytest.mark.parametrize("options", [(), ("--sync",)], ids=["async", "sync"])
def test_rest(venue: Served, root: Path, product: Product, options: tuple[str, ...]) -> None:
    """Public and private methods, each answer checked field by field."""
    check(run(root, venue.url, product, *options), product.rest)


def test_websocket(venue: Served, root: Path, product: Product) -> None:
    """Every watch method hears something well-formed, the private ones of a client that trades."""
    over = threading.Event()
    trading = threading.Thread(target=trade, args=(client(venue.url, product), product, over))
    trading.start()
    try:
        check(run(root, venue.url, product, "--ws"), {"loadMarkets", *product.watched})
    finally:
        over.set()
        trading.join()


def client(url: str, product: Product) -> Any:
    """ccxt for that product."""
    return redirect(getattr(ccxt, product.ccxt_id)(product.settings), url, venue=product.venue)


def furnish(exchange: Any, product: Product) -> None:
    """Trade, and leave an order open; of contracts hold one long, one short; move money."""
    if product is PERPETUALS:
        exchange.transfer("USDT", 5, "swap", "spot")
        exchange.create_order("ETH/USDT:USDT", "market", "sell", 0.1)
    exchange.create_order(product.symbol, "market", "buy", 0.01)
    exchange.create_order(product.symbol, "limit", "buy", 0.002, 40_000)


def trade(exchange: Any, product: Product, over: threading.Event) -> None:
    """Sell and buy in turn, until it is over."""
    side = "sell"
    while not over.wait(TRADE_EACH):
        exchange.create_order(product.symbol, "market", side, 0.002)
        side = "sell" if side == "buy" else "buy"
