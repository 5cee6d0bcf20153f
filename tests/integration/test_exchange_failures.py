"""A served, failing venue and unmodified ccxt: what the compose file's test runner checks.

EXCHANGE_URL names the venue; without it one is started here, with the compose file's environment.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import ccxt
import pytest

from failing_exchange import redirect
from failing_exchange.server.api_keys import DEFAULT_KEY, DEFAULT_SECRET

ATTEMPTS = 12  # of a call at a failure rate of a tenth: all fail once in a million million runs
ENVIRONMENT = {"FAILURE_MODE": "MIXED", "FAILURE_RATE": "0.1"}


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """Where the venue is."""
    given = os.environ.get("EXCHANGE_URL")
    if given:
        yield given
        return
    command = [sys.executable, "-m", "failing_exchange", "serve", "--port", "0"]
    environment = os.environ | ENVIRONMENT
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as served:
        assert served.stdout is not None
        yield served.stdout.readline().split(" at ")[1].split(",")[0]
        served.terminate()


@pytest.fixture
def exchange(url: str) -> Any:
    """Unmodified, synchronous ccxt."""
    made = ccxt.binance(
        {"apiKey": DEFAULT_KEY, "secret": DEFAULT_SECRET, "timeout": 2_000,
         "enableRateLimit": False}
    )  # fmt: skip
    redirect(made, url)
    again(made.load_markets)
    return made


def again(call: Any, *arguments: Any) -> Any:
    """A call that only reads, until it works."""
    for attempt in range(ATTEMPTS):
        try:
            return call(*arguments)
        except ccxt.BaseError:
            if attempt == ATTEMPTS - 1:
                raise
    raise AssertionError("unreachable")


def test_reads_work_in_the_end(exchange: Any) -> None:
    """A tenth of all requests fails; who asks again is answered."""
    ticker = again(exchange.fetch_ticker, "BTC/USDT")
    assert 0 < ticker["bid"] < ticker["ask"]


def test_an_order_is_live_once_whatever_its_sender_heard(exchange: Any) -> None:
    """Sent once under a name of its own, and looked up by it: never twice."""
    names = [f"integration-{os.getpid()}-{n}" for n in range(5)]
    for name in names:
        try:
            exchange.create_order("BTC/USDT", "limit", "buy", 0.01, 30_000, {"clientOrderId": name})
        except ccxt.BaseError as error:
            print(f"{name}: {type(error).__name__}")
    live = [order["clientOrderId"] for order in again(exchange.fetch_open_orders, "BTC/USDT")]
    assert all(live.count(name) <= 1 for name in names)
    for order in again(exchange.fetch_open_orders, "BTC/USDT"):
        if order["clientOrderId"] in names:
            cancel(exchange, order["id"])


def cancel(exchange: Any, order_id: str) -> None:
    """Until it is gone: a lost answer to a cancel may have canceled."""
    for _ in range(ATTEMPTS):
        try:
            exchange.cancel_order(order_id, "BTC/USDT")
        except ccxt.OrderNotFound:
            return
        except ccxt.BaseError as error:
            print(f"cancel {order_id}: {type(error).__name__}")
    raise AssertionError(f"order {order_id} can't be canceled")
