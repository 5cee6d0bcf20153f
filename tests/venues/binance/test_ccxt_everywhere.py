"""An unmodified ccxt bot on the simulated wire: one seed, one trace; several venues at once."""

from __future__ import annotations

import asyncio
import hashlib
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from failing_exchange import Binance, FailingExchange, simulate
from failing_exchange.faults.triggers import chance, nth
from failing_exchange.server.api_keys import DEFAULT_KEY, DEFAULT_SECRET, Key, Keyring
from failing_exchange.virtual.errors import UnknownHost

ROOT = Path(__file__).parents[3]
S = "BTC/USDT"
SETTINGS = {
    "apiKey": DEFAULT_KEY, "secret": DEFAULT_SECRET, "enableRateLimit": True,
    "options": {"defaultType": "spot", "fetchMarkets": {"types": ["spot"]}},
}  # fmt: skip
RUN = "from tests.venues.binance.test_ccxt_everywhere import trace; print(trace({seed}))"


def trace(seed: int) -> str:
    """The digest of the journal and of all that a ccxt.pro bot has seen in twenty minutes."""
    pro = pytest.importorskip("ccxt.pro")
    exchange, seen = FailingExchange(seed=seed), list[str]()
    exchange.arm("lose_answer", nth(3), operations="create_order")
    exchange.arm("html_page", chance(0.1), status="502")
    exchange.arm("lose_push", chance(0.05), operations="watch_ticker")

    async def listen(client: Any) -> None:
        while True:
            ticker = await client.watch_ticker(S)
            seen.append(f"{ticker['timestamp']} {ticker['last']}")

    async def bot() -> None:
        client = pro.binance(SETTINGS)
        listening = asyncio.ensure_future(listen(client))
        for n in range(20):
            try:
                order = await client.create_order(S, "limit", "buy", 0.01, 40_000 + n)
                seen.append(str(order))
                await client.cancel_order(order["id"], S)
            except Exception as error:  # whatever it is told, it goes on
                seen.append(f"{type(error).__name__} {error}")
            await asyncio.sleep(60)
        listening.cancel()
        await client.close()

    simulate(bot(), venue=Binance(exchange), seed=seed)
    assert len(seen) > 300
    text = exchange.journal.dump() + "\n".join(seen)
    return hashlib.sha256(text.encode()).hexdigest()


@pytest.mark.slow
def test_a_ccxt_bot_is_the_same_in_every_process_and_hash_seed() -> None:
    """Whatever order sets and dicts of strings have in ccxt, aiohttp, or here."""
    found = []
    for hash_seed, seed in (("1", 7), ("4242", 7), ("1", 8)):
        done = subprocess.run(
            [sys.executable, "-c", RUN.format(seed=seed)],
            env={**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"},
            cwd=ROOT, capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        found.append(done.stdout.strip())
    assert found[0] == found[1] != found[2]


def test_several_venues_in_one_simulation_know_nothing_of_each_other() -> None:
    """Hosts, markets, keys and orders of their own, and one clock."""

    def venue(seed: int, *names: str) -> Binance:
        ring = Keyring([Key(name=f"key{seed}", account="main", secret="secret")])
        places = [(name, 443) for name in names]
        return Binance(FailingExchange(seed=seed, latency=None), keys=ring, places=places)

    one, other = venue(1, "api.one.example"), venue(2, "api.other.example", "api2.other.example")

    async def main() -> list[Any]:
        found = []
        async with aiohttp.ClientSession() as session:
            for host in ("api.one.example", "api.other.example", "api2.other.example"):
                url = f"https://{host}/api/v3/ticker/price?symbol=BTCUSDT"
                async with session.get(url) as answer:
                    found.append((await answer.json())["price"])
            await one.exchange.create_order(S, "limit", "buy", 0.01, 30_000)
            with pytest.raises(UnknownHost, match="api.binance.com:443 can't be reached"):
                await session.get("https://api.binance.com/api/v3/ping")
        return [*found, len(await one.exchange.fetch_open_orders(S)),
                len(await other.exchange.fetch_open_orders(S))]  # fmt: skip

    price, *others, of_one, of_other = simulate(main(), venue=[one, other])
    assert others[0] == others[1] != price
    assert (of_one, of_other) == (1, 0)
