"""The durable journal: what a client was told is still true after the process was killed."""

from __future__ import annotations

import asyncio
import gc
import hmac
import json
import logging
import os
import signal
import sqlite3
import subprocess
import sys
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
