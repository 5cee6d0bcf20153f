"""A venue as a process of its own, and what clients are told about it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from failing_exchange.server.api_keys import DEFAULT_KEY, DEFAULT_SECRET
from failing_exchange.testing.control_client import Control

ROOT = Path(__file__).parent.parent.parent
KEYS = {"apiKey": DEFAULT_KEY, "secret": DEFAULT_SECRET}
TOKEN = "told-to-this-test-alone"
GOODBYE = 20.0  # seconds that a venue may take to stop
# Spot alone: futures and margin have other hosts and other markets.
SPOT: dict[str, Any] = {"options": {"fetchMarkets": {"types": ["spot"]}, "fetchMargins": False}}


class Served(NamedTuple):
    """A venue that listens; `control` arms its faults."""

    url: str
    control: Control


@contextmanager
def serving(*options: str, venue: str = "binance") -> Iterator[Served]:
    """`failing-exchange serve binance --port 0`, until the block ends."""
    command = [sys.executable, "-m", "failing_exchange", "serve", venue, "--port", "0"]
    door = ["--control-port", "0", "--control-token", TOKEN]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    process = subprocess.Popen(
        [*command, *door, *options], stdout=subprocess.PIPE, text=True, env=environment
    )
    try:
        assert process.stdout is not None
        url = _first(r"(http://\S+), seed", process.stdout)
        control = _first(r"control API: (http://[^/]+)", process.stdout)
        yield Served(url, Control(control, token=TOKEN))
    finally:
        process.terminate()
        process.communicate(timeout=GOODBYE)


def _first(pattern: str, lines: Any) -> str:
    for line in lines:
        if found := re.search(pattern, line):
            return found[1]
    raise AssertionError(f"the venue did not say {pattern}")
