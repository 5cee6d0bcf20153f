"""Whose keys trade, and what a bot reads that asks for what is not simulated."""

from __future__ import annotations

import logging
from typing import Any

import aiohttp
import ccxt as synchronous
import ccxt.async_support as ccxt
import pytest

from failing_exchange import (
    Binance,
    ConfigurationError,
    FailingExchange,
    ccxt_session,
    redirect,
    simulate,
)
from failing_exchange.core.reject import Reject
from failing_exchange.server.api_keys import DEFAULT_KEY, Keyring
from failing_exchange.virtual.errors import UnknownHost
from tests.venues.binance.client import Client, on_the_wire

OWN = {"apiKey": "k" * 64, "secret": "s" * 64}
URL = "http://127.0.0.1:8080"


def test_a_bot_keeps_its_own_keys_in_virtual_time() -> None:
    """Under production's names and in a session alike: any well-formed key trades for main."""

    exchange = FailingExchange(seed=7)

    async def by_name() -> int:
        client = ccxt.binance(OWN)
        await client.create_order("BTC/USDT", "limit", "buy", 0.1, 40_000)
        await client.close()
        return len(await exchange.fetch_open_orders())

    async def by_session() -> int:
        client = ccxt.binance({**OWN, "session": ccxt_session(exchange)})
        await client.create_order("BTC/USDT", "limit", "buy", 0.1, 40_000)
        return len(await exchange.fetch_open_orders())

    assert simulate(by_name(), venue=Binance(exchange)) == 1
    exchange = FailingExchange(seed=7)
    assert simulate(by_session()) == 1


def test_keys_that_are_given_are_the_only_ones() -> None:
    """Who tests several accounts wants a wrong key to be refused."""

    async def main() -> None:
        client = ccxt.binance(OWN)
        with pytest.raises(ccxt.AuthenticationError):
            await client.fetch_balance()
        await client.close()

    simulate(main(), venue=Binance(FailingExchange(), keys=Keyring.default()))


def test_a_malformed_or_revoked_key_trades_nowhere() -> None:
    """Not even where any key does."""
    ring = Keyring.default()
    ring.accept_any()
    known = Binance(FailingExchange(), keys=ring).dialect.rest.known
    assert known("k" * 64).account == "main"
    ring.remove("k" * 64)
    ring.remove(DEFAULT_KEY)
    for name in ("no key!", "k" * 64, DEFAULT_KEY):
        with pytest.raises(Reject):
            known(name)


def test_the_log_says_once_which_keys_are_known(caplog: pytest.LogCaptureFixture) -> None:
    """A bot that came with its own keys reads -2015 for ever; its author reads why."""

    async def story(client: Client) -> None:
        for _ in range(2):
            got = await client.send("GET", "/api/v3/account?timestamp=1&signature=0",
                                    headers={"X-MBX-APIKEY": "k" * 64})  # fmt: skip
            assert got.body["code"] == -2015

    with caplog.at_level(logging.WARNING, "failing_exchange.keys"):
        on_the_wire(story)
    (line,) = [one.getMessage() for one in caplog.records]
    assert "an unknown API key (kkkk…) is refused; this venue knows failingE…" in line
    assert "k" * 9 not in line


@pytest.mark.parametrize(
    "host", ["dstream.binance.com", "testnet.binance.vision", "api.kraken.com"]
)
def test_a_host_that_is_not_simulated_is_told_with_what_is(host: str) -> None:
    """The author of a bot for another product learns that it is not her mistake."""

    async def main() -> None:
        async with aiohttp.ClientSession() as session:
            with pytest.raises(
                UnknownHost, match="Binance Spot and USD-M futures are simulated.*are not"
            ):
                await session.get(f"https://{host}/")

    simulate(main(), venue="binance")


def test_a_path_that_is_not_simulated_is_told_with_what_is() -> None:
    """Below /dapi there is but the empty list of contracts that ccxt asks for at its start."""

    async def main() -> str:
        async with (
            aiohttp.ClientSession() as session,
            session.get("https://dapi.binance.com/dapi/v1/balance") as got,
        ):
            assert got.status == 404
            return await got.text()

    assert "COIN-M, margin" in simulate(main(), venue="binance")


@pytest.mark.parametrize(
    ("exchange", "says"),
    [
        (ccxt.kraken(), "redirect(ccxt.kraken()): expected ccxt.binance"),
        (synchronous.binanceus(), "redirect(ccxt.binanceus()): expected ccxt.binance"),
        (ccxt.binance({"options": {"defaultType": "margin"}}), "trades 'margin'"),
        (synchronous.binance({"options": {"defaultType": "delivery"}}), "trades 'delivery'"),
        (ccxt.binancecoinm(), "expected ccxt.binance"),
    ],
)
def test_redirect_refuses_what_no_venue_here_serves(exchange: Any, says: str) -> None:
    """Otherwise it would trade Spot, or fail in a strange way later."""
    with pytest.raises(ConfigurationError) as refused:
        redirect(exchange, URL)
    assert says in str(refused.value)
    assert "Binance Spot and USD-M futures are simulated" in str(refused.value)


def test_a_redirected_client_reaches_no_other_product() -> None:
    """Its requests would arrive at Spot's paths, or at none."""
    client = redirect(synchronous.binance(OWN), URL)
    with pytest.raises(ConfigurationError, match="papi.binance.com can't be reached"):
        client.papi_get_balance()


def test_a_synchronous_class_is_told_that_it_needs_a_socket() -> None:
    """It ended with AttributeError: cookies."""
    client = synchronous.binance({**OWN, "session": ccxt_session()})
    with pytest.raises(ConfigurationError, match="failing-exchange serve binance"):
        client.fetch_time()
