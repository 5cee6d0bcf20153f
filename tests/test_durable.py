"""The durable journal: what a client was told is still true after the process was killed."""

from __future__ import annotations

import asyncio
import gc
import http.client
import hmac
import json
import logging
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Coroutine
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from failing_exchange import FailingExchange
from failing_exchange.core.codec import Graph
from failing_exchange.core.commands import Credit, SetMarketStatus
from failing_exchange.core.market import MarketStatus
from failing_exchange.durable.durable import Durable
from failing_exchange.durable.outbox import WhenFull
from failing_exchange.errors import ConfigurationError
from failing_exchange.faults.triggers import burst, by_hour, chance, nth
from failing_exchange.fronts.wire.keys import DEFAULT_KEY, DEFAULT_SECRET
from tests.sources import ROOT

S = "BTC/USDT"


def run(story: Coroutine[Any, Any, Any]) -> Any:
    """Run a story in real time: the wall clock goes on from one process to the next."""
    return asyncio.run(story)


def crash(exchange: FailingExchange) -> None:
    """The process dies: what was committed stays, all else is gone, nothing is closed properly."""
    durable = exchange.venue.durable
    assert durable is not None and durable.outbox.store is not None
    durable.outbox.store.close()  # writes nothing: it lets go of the file, as the system would
    durable.outbox.store = None


def state_of(exchange: FailingExchange) -> str:
    """The whole state of the engine as text."""
    engine = exchange.venue.engine
    assert engine is not None
    flows = {m.street.flow: name for name, m in engine.state.markets.items() if m.street.flow}
    return Graph(flows).to_text(engine.state)


def commit(exchange: FailingExchange) -> None:
    """Write what was gathered now, rather than 2 ms later."""
    assert exchange.venue.durable is not None
    exchange.venue.durable.outbox.commit()


async def trade(exchange: FailingExchange, count: int = 12) -> None:
    """Some orders that fill, some that rest, some that are canceled."""
    price = (await exchange.fetch_ticker(S))["last"]
    for n in range(count):
        away = 0.9 + 0.02 * n
        order = await exchange.create_order(S, "limit", "buy", 0.01, round(price * away, 2))
        if n % 3 == 2 and order["status"] == "open":
            await exchange.cancel_order(order["id"], S)
    await exchange.create_order(S, "market", "sell", 0.05)
    await exchange.create_order(S, "limit", "sell", 0.02, round(price * 1.2, 2))


async def both(path: Path, **options: Any) -> tuple[FailingExchange, str]:
    """A venue that has traded, then died; its exchange and its state as it was."""
    exchange = FailingExchange(seed=7, journal=Durable(path, **options))
    await trade(exchange)
    commit(exchange)
    state = state_of(exchange)
    crash(exchange)
    return exchange, state


def again(path: Path, **options: Any) -> FailingExchange:
    """The venue of a journal, in a new process as it were."""
    return FailingExchange(journal=Durable(path, **options))


def test_a_venue_comes_back_as_it_was(tmp_path: Path) -> None:
    """Orders, balances, ids, clocks: the state is the same in every part."""

    async def story() -> None:
        before, state = await both(tmp_path / "run.db")
        after = again(tmp_path / "run.db")
        await after.ready()
        assert await after.fetch_open_orders() == await before.fetch_open_orders()
        assert after.seed == 7
        engine = after.venue.engine
        assert engine is not None
        assert before.venue.engine is not None
        assert engine.state.next_order_id == before.venue.engine.state.next_order_id
        assert len(json.loads(state_of(after))) == len(json.loads(state))
        order = await after.create_order(S, "limit", "buy", 0.01, 30_000)
        assert int(order["id"]) == before.venue.engine.state.next_order_id
        assert after.journal.trips[0].number > before.journal.trips[-1].number - 2
        await after.close()

    run(story())


# ---- killed


class Served:
    """`serve --journal` as a process, and a client of it."""

    def __init__(self, path: Path, *options: str) -> None:
        command = ["-m", "failing_exchange", "serve", "--port", "0", "--journal", str(path)]
        self.process = subprocess.Popen(
            [sys.executable, *command, *options],
            stdout=subprocess.PIPE, text=True, cwd=ROOT,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )  # fmt: skip
        assert self.process.stdout is not None
        greeting = self.process.stdout.readline()
        self.url = next(word for word in greeting.split() if word.startswith("http")).rstrip(",")

    def ask(self, method: str, path: str, **params: Any) -> Any:
        """A signed request; its answer."""
        query = urlencode({**params, "timestamp": int(time.time() * 1_000), "recvWindow": 60_000})
        signature = hmac.new(DEFAULT_SECRET.encode(), query.encode(), sha256).hexdigest()
        request = urllib.request.Request(
            f"{self.url}{path}?{query}&signature={signature}",
            method=method,
            headers={"X-MBX-APIKEY": DEFAULT_KEY},
        )
        with urllib.request.urlopen(request, timeout=20) as response:
            return json.load(response)

    def order(self, name: str, price: str) -> Any:
        """A small limit order."""
        return self.ask(
            "POST", "/api/v3/order", symbol="BTCUSDT", side="BUY", type="LIMIT",
            timeInForce="GTC", quantity="0.001", price=price, newClientOrderId=name,
        )  # fmt: skip

    def kill(self) -> None:
        """SIGKILL: no last word."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(20)
        assert self.process.stdout is not None
        self.process.stdout.close()


def load(served: Served, count: int) -> dict[str, Any]:
    """Send orders until the server dies, which happens in their midst; those it acknowledged."""
    heard: dict[str, Any] = {}
    for n in range(10_000):
        if n == count:
            threading.Timer(0.05, served.process.kill).start()
        try:
            heard[f"mine-{n}"] = served.order(f"mine-{n}", "30000.00")
        except (OSError, http.client.HTTPException):
            break
    return heard


def test_what_was_acknowledged_survives_kill_9(tmp_path: Path) -> None:
    """Killed in the midst of orders, a served venue knows every one that it has answered."""
    path = tmp_path / "run.db"
    served = Served(path, "--seed", "5", "--mode", "TIMEOUT", "--rate", "0")
    try:
        heard = load(served, 60)
    finally:
        served.kill()
    assert len(heard) >= 60
    served = Served(path)
    try:
        known = {order["clientOrderId"]: order for order in open_orders(served)}
        for name, order in heard.items():
            assert known[name]["orderId"] == order["orderId"]
        locked = next(
            asset["locked"]
            for asset in served.ask("GET", "/api/v3/account")["balances"]
            if asset["asset"] == "USDT"
        )
        assert float(locked) == pytest.approx(30 * len(known))
        new = served.order("another", "29000.00")
        assert new["orderId"] > max(order["orderId"] for order in known.values())
    finally:
        served.kill()


def open_orders(served: Served) -> Any:
    """All open orders."""
    return served.ask("GET", "/api/v3/openOrders")
