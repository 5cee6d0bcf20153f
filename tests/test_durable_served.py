"""`serve --journal run.db`, killed without warning by its own test."""

from __future__ import annotations

import hmac
import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from failing_exchange.server.api_keys import DEFAULT_KEY, DEFAULT_SECRET
from tests.sources import ROOT


class Served:
    """`serve --journal` as a process, and a client of it; its files may have so many bytes."""

    def __init__(self, path: Path, *options: str, bytes_max: int | None = None) -> None:
        command = ["-m", "failing_exchange", "serve", "--port", "0", "--journal", str(path)]
        self.process = subprocess.Popen(
            [sys.executable, *command, *options],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )  # fmt: skip
        if bytes_max is not None:
            import resource  # not on every platform

            resource.prlimit(self.process.pid, resource.RLIMIT_FSIZE, (bytes_max, bytes_max))
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
        self.process.communicate(timeout=20)

    def stop(self) -> list[str]:
        """SIGTERM: what it has said on stderr."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.communicate(timeout=20)[1].splitlines()


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


@pytest.mark.skipif(sys.platform != "linux", reason="no prlimit elsewhere")
@pytest.mark.parametrize(
    ("full", "words"),
    [("halt", "every request is refused until there is room"),
     ("go-on", "what happens from now on is lost when this process ends")],
)  # fmt: skip
def test_a_full_disk_is_told_on_stderr(tmp_path: Path, full: str, words: str) -> None:
    """Once, in a line, without anybody having set up a log."""
    served = Served(tmp_path / "run.db", "--journal-full", full, bytes_max=300_000)
    refused = 0
    try:
        for n in range(60):
            try:
                served.order(f"mine-{n}", "30000.00")
            except urllib.error.HTTPError as error:
                assert error.code == 503
                refused += 1
    finally:
        said = served.stop()
    assert (refused > 0) == (full == "halt")
    (line,) = said
    assert line.startswith(f"failing-exchange: the journal {tmp_path / 'run.db'} can't be written")
    assert words in line


def test_secrets_never_reach_the_file(tmp_path: Path) -> None:
    """A journal is handed around."""
    path = tmp_path / "run.db"
    served = Served(path)
    served.order("mine", "30000.00")
    served.kill()
    written = b"".join(one.read_bytes() for one in tmp_path.iterdir())
    assert b"mine" in written
    assert DEFAULT_SECRET.encode() not in written
    assert DEFAULT_KEY.encode() not in written
    assert b"signature" not in written
