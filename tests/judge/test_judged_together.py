"""Two clients of one venue are judged side by side: a public request names neither of them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import pytest

from failing_exchange import FailingExchange, simulate
from failing_exchange.faults.triggers import nth
from failing_exchange.judge.rule import Outcome, Result
from failing_exchange.server.api_keys import Key, Keyring
from failing_exchange.venues.binance.venue import Binance
from tests.venues.binance.client import Client

TICKER = "/api/v3/ticker/bookTicker?symbol=BTCUSDT"
DEPTH = "/api/v3/depth?symbol=BTCUSDT"
ACCOUNT = "/api/v3/account"
ORDER = "/api/v3/order?symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.001"


class Two:
    """Requests of two clients, as far as they name anybody."""

    def __init__(self, client: Client) -> None:
        self.exchange = client.venue.exchange
        self._client = client

    async def ask(self, path: str) -> None:
        """Somebody asks for something public."""
        await self._client.send("GET", path)

    async def sign(self, name: str, method: str, path: str) -> None:
        """One of them asks for what is its own."""
        mark = "&" if "?" in path else "?"
        path += f"{mark}timestamp={int(time.time() * 1_000)}&signature=any"
        await self._client.send(method, path, headers={"X-MBX-APIKEY": name})


def judged(story: Callable[[Two], Awaitable[None]], rule: str, *names: str) -> dict[str, Result]:
    """What a rule says of each of some clients, after a story and ten minutes."""

    async def main() -> dict[str, Result]:
        keys = [Key(name=one, account=one) for one in names]
        venue = Binance(FailingExchange(seed=3, latency=None), keys=Keyring(keys))
        await venue.listen_in_simulation()
        venue.judge()
        async with aiohttp.ClientSession() as session:
            await story(Two(Client(session, venue)))
        await asyncio.sleep(600)
        await venue.close()
        return {name: judge.verdict().result(rule) for name, judge in venue.judges.items()}

    return simulate(main(), seed=3)


async def a_public_wait_is_named(two: Two) -> None:
    two.exchange.arm("rate_limited", nth(1), operations="fetch_ticker", retry_after=60)
    await two.ask(TICKER)
    await two.sign("bob", "GET", ACCOUNT)


async def bob_does_not_wait_himself(two: Two) -> None:
    two.exchange.arm("rate_limited", nth(1), operations="fetch_balance", retry_after=60)
    await two.sign("bob", "GET", ACCOUNT)
    await two.sign("bob", "GET", ACCOUNT)


async def somebody_asks_for_what_is_not_there(two: Two) -> None:
    await two.sign("bob", "GET", ACCOUNT)
    for _ in range(10):
        await two.ask("/api/v3/depth?symbol=NOSUCH")


async def somebody_looked_long_ago(two: Two) -> None:
    await two.ask(TICKER)
    await asyncio.sleep(120)
    await two.sign("bob", "POST", f"{ORDER}&price=40000")


async def only_public_answers_come_now(two: Two) -> None:
    two.exchange.arm("reject_request", nth(1), operations="fetch_balance", why="unavailable")
    await two.sign("bob", "GET", ACCOUNT)
    await asyncio.sleep(10)
    await two.ask(DEPTH)


@pytest.mark.parametrize(
    ("story", "rule"),
    [
        (a_public_wait_is_named, "backs_off"),
        (somebody_asks_for_what_is_not_there, "no_hot_loop"),
        (somebody_looked_long_ago, "fresh"),
    ],
)
def test_what_one_was_told_in_public_is_held_against_no_other(story: Any, rule: str) -> None:
    """Nobody knows to whom it was said, so that both are not judged; one alone is."""
    found = judged(story, rule, "alice", "bob")
    assert {result.outcome for result in found.values()} == {Outcome.NOT_JUDGED}
    assert all("which of them sent" in result.why for result in found.values())
    assert judged(story, rule, "bob")["bob"].outcome is Outcome.FAIL


def test_what_a_client_was_told_itself_is_held_against_it_alone() -> None:
    """Its key names it."""
    found = judged(bob_does_not_wait_himself, "backs_off", "alice", "bob")
    assert found["bob"].outcome is Outcome.FAIL
    assert found["alice"].outcome is Outcome.NOT_JUDGED
    assert found["alice"].why == "the bot has sent nothing"


def test_what_was_told_in_public_may_excuse() -> None:
    """It may well have been this client that works again."""
    found = judged(only_public_answers_come_now, "alive", "alice", "bob")
    assert found["bob"].outcome is Outcome.PASS
