"""freqtrade as a process of its own, in live mode, and what its database says."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from failing_exchange.server.api_keys import DEFAULT_KEY, DEFAULT_SECRET
from tests.clients.venue import GOODBYE, ROOT, SPOT

PYTHON = Path(os.environ.get("FREQTRADE_PYTHON", ROOT / ".venv-freqtrade" / "bin" / "python"))
PATIENCE = 120.0  # real seconds that one trade may take
TRADE = "select is_open, amount, open_rate, close_rate, close_profit_abs, exit_reason from trades"
ORDERS = "select ft_order_side, status, amount, filled, order_id from orders order by id"


def installed() -> bool:
    """Whether freqtrade is there to be run."""
    return any(PYTHON.parent.parent.glob("lib/python3*/site-packages/freqtrade/__init__.py"))


class Order(NamedTuple):
    """An order, as freqtrade's database has it."""

    side: str
    status: str
    amount: float
    filled: float
    id: str


class Bot(NamedTuple):
    """A running freqtrade."""

    process: subprocess.Popen[str]
    folder: Path

    def closed_trade(self) -> dict[str, Any]:
        """Its first trade, once it is closed. Fails with the bot's log when that takes too long."""
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until and self.process.poll() is None:
            found = self._rows(TRADE)
            if found and not found[0]["is_open"]:
                return dict(found[0])
            time.sleep(0.2)
        raise AssertionError(f"no trade was closed; freqtrade says:\n{self.log()}")

    def trade(self) -> dict[str, Any]:
        """Its first trade, as it is now."""
        return dict(self._rows(TRADE)[0])

    def orders(self) -> list[Order]:
        """The orders that it knows of, oldest first."""
        return [Order(*row) for row in self._rows(ORDERS)]

    def log(self) -> str:
        """What it has said."""
        return (self.folder / "log.txt").read_text()

    def _rows(self, query: str) -> list[Any]:
        try:
            place = f"file:{self.folder}/trades.sqlite?mode=ro"
            with closing(sqlite3.connect(place, uri=True)) as db:
                db.row_factory = sqlite3.Row
                return db.execute(query).fetchall()
        except sqlite3.OperationalError:
            return []  # not made yet, or being written


@contextmanager
def trading(url: str, folder: Path, strategy: str = "Once", **settings: Any) -> Iterator[Bot]:
    """freqtrade trades BTC/USDT at a served venue until the block ends."""
    (folder / "config.json").write_text(json.dumps({**_settings(folder), **settings}))
    plan = ["--strategy", strategy, "--strategy-path", str(Path(__file__).parent)]
    options = ["--config", str(folder / "config.json"), "--userdir", str(folder / "user")]
    command = [str(PYTHON), "-m", "tests.clients.led", url, "freqtrade", "trade"]
    (folder / "user").mkdir()
    with (folder / "log.txt").open("w") as log:
        process = subprocess.Popen(
            [*command, *options, *plan], cwd=ROOT, stdout=log, stderr=log, text=True
        )
        try:
            yield Bot(process, folder)
        finally:
            process.terminate()
            process.communicate(timeout=GOODBYE)


def _settings(folder: Path) -> dict[str, Any]:
    """Live, with real money as far as it knows, and in a hurry."""
    ccxt = {**SPOT, "timeout": 3_000}
    price = {"use_order_book": True, "order_book_top": 1}
    return {
        "dry_run": False,
        "trading_mode": "spot",
        "stake_currency": "USDT",
        "stake_amount": 1_000,
        "max_open_trades": 1,
        "db_url": f"sqlite:///{folder}/trades.sqlite",
        "bot_name": "once",
        "internals": {"process_throttle_secs": 1},
        # a sale that the market runs away from is tried again before patience ends
        "unfilledtimeout": {"entry": 300, "exit": 15, "unit": "seconds"},
        "entry_pricing": {**price, "price_side": "other"},
        "exit_pricing": {**price, "price_side": "other"},
        "order_types": {"entry": "limit", "exit": "limit", "stoploss": "market",
                        "stoploss_on_exchange": False},
        "exchange": {"name": "binance", "key": DEFAULT_KEY, "secret": DEFAULT_SECRET,
                     "ccxt_config": ccxt, "pair_whitelist": ["BTC/USDT"]},
        "pairlists": [{"method": "StaticPairList"}],
        "telegram": {"enabled": False, "token": "", "chat_id": ""},
        "initial_state": "running",
    }  # fmt: skip
