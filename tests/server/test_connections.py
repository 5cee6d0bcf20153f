"""Faults before a word is read, as a raw socket meets them on a real port and in a simulation."""

from __future__ import annotations

import asyncio
import socket
import ssl
from contextlib import suppress
from typing import Any

import aiohttp
import anyio
import pytest

from failing_exchange import FailingExchange, simulate
from failing_exchange.faults.catalogue import CATALOGUE
from failing_exchange.faults.triggers import nth
from failing_exchange.venues.binance.venue import Binance
from tests.venues.binance.raw import API, DOORS, STREAM, Place, Seen, at


async def until_open(place: Place) -> None:
    """Wait until the venue lets connections in again, and answers."""
    async with asyncio.timeout(30):
        while True:
            try:
                assert b"serverTime" in (await place.asked()).got
                return
            except ConnectionRefusedError:
                await asyncio.sleep(0.05)


@pytest.mark.parametrize("door", DOORS)
def test_a_refused_connection_is_refused_and_the_next_one_is_not(door: str) -> None:
    """On a port the kernel has let it in before anybody was asked: it is reset there."""

    async def story(place: Place) -> None:
        place.exchange.arm("refuse_connection", nth(1))
        if door == "simulation":
            with pytest.raises(ConnectionRefusedError):
                await place.connect()
        else:
            assert await place.asked() == Seen(b"", "reset")
        assert b"serverTime" in (await place.asked()).got
        assert place.exchange.get_failure_statistics()["by_type"] == {"refuse_connection": 1}

    at(door, story)


@pytest.mark.parametrize("door", DOORS)
def test_while_a_refusal_lasts_nobody_listens(door: str) -> None:
    """ECONNREFUSED on a real port, too: it is closed, and opens again."""

    async def story(place: Place) -> None:
        kept = await place.connect()
        place.exchange.arm("refuse_connection", nth(1), lasts=0.4)
        for _ in range(2):
            with suppress(ConnectionRefusedError):
                assert (await place.asked()).end == "reset"
        with pytest.raises(ConnectionRefusedError):
            await place.connect()
        assert b"serverTime" in (await place.asked(kept)).got  # who is in, is in
        await until_open(place)

    at(door, story)


@pytest.mark.parametrize("door", DOORS)
def test_a_refusal_without_an_end_ends_when_it_is_disarmed(door: str) -> None:
    """An outage that the test itself ends."""

    async def story(place: Place) -> None:
        armed = place.exchange.arm("refuse_connection", lasts=None)
        for _ in range(3):
            with suppress(ConnectionRefusedError):
                assert (await place.asked()).got == b""
        armed.disarm()
        await until_open(place)

    at(door, story)


@pytest.mark.parametrize("tls", [False, True])
@pytest.mark.parametrize("door", DOORS)
def test_an_accepted_connection_is_reset_before_it_says_a_word(door: str, tls: bool) -> None:
    """A client that only handles refusals dies of it."""

    async def story(place: Place) -> None:
        place.exchange.arm("reset_on_accept", nth(1))
        if tls and door == "port":
            with pytest.raises(ConnectionResetError):
                await place.connect()
        else:
            line = await place.connect()
            assert await line.rest() == Seen(b"", "reset")
        assert b"serverTime" in (await place.asked()).got

    at(door, story, tls=tls)


@pytest.mark.parametrize(
    ("how", "error"),
    [
        ("alert", "TLSV1_ALERT_INTERNAL_ERROR"),
        ("eof", "ConnectionResetError"),
    ],
)
@pytest.mark.parametrize("door", DOORS)
def test_a_handshake_fails(door: str, how: str, error: str) -> None:
    """Transient in the field, and fatal to many a client."""

    async def story(place: Place) -> None:
        kept = await place.connect()
        place.exchange.arm("fail_handshake", nth(1), how=how)
        with pytest.raises(OSError) as caught:
            await place.connect()
        assert error in repr(caught.value) or error in caught.typename
        assert b"serverTime" in (await place.asked()).got
        assert b"serverTime" in (await place.asked(kept)).got

    at(door, story, tls=True)


@pytest.mark.parametrize("door", DOORS)
def test_a_certificate_has_expired(door: str) -> None:
    """Who verifies is warned, who does not goes on."""

    async def story(place: Place) -> None:
        place.exchange.arm("fail_handshake", how="certificate")
        trusting = ssl.create_default_context()
        if door == "port":
            der = await shown(place)
            trusting.check_hostname = False
            trusting.load_verify_locations(cadata=ssl.DER_cert_to_PEM_cert(der))
        with pytest.raises(ssl.SSLCertVerificationError, match="certificate has expired"):
            await asyncio.open_connection(place.host, place.port, ssl=trusting)
        careless = ssl.create_default_context()
        careless.check_hostname, careless.verify_mode = False, ssl.CERT_NONE
        await asyncio.open_connection(place.host, place.port, ssl=careless)

    at(door, story, tls=True)


async def shown(place: Place) -> bytes:
    """The certificate that a port shows now."""
    careless = ssl.create_default_context()
    careless.check_hostname, careless.verify_mode = False, ssl.CERT_NONE
    _, writer = await asyncio.open_connection(place.host, place.port, ssl=careless)
    der: bytes = writer.get_extra_info("ssl_object").getpeercert(True)
    writer.close()
    return der


@pytest.mark.parametrize(
    ("how", "start", "inside"),
    [
        ("403", b"HTTP/1.1 403 Forbidden", b"CloudFront"),
        ("429", b"HTTP/1.1 429 Too Many", b"nginx"),
        ("451", b"HTTP/1.1 451 Unavailable", b"nginx"),
        ("503", b"HTTP/1.1 503 Service", b"nginx"),
        ("extension", b"HTTP/1.1 101 ", b"Sec-WebSocket-Extensions: x-unasked-for"),
        ("key", b"HTTP/1.1 101 ", b"Sec-WebSocket-Accept: "),
    ],
)
@pytest.mark.parametrize("path", [STREAM, API])
@pytest.mark.parametrize("door", DOORS)
def test_an_upgrade_is_refused(door: str, path: str, how: str, start: bytes, inside: bytes) -> None:
    """While HTTP works, and who is connected stays so."""

    async def story(place: Place) -> None:
        kept = await place.upgraded(path)
        place.exchange.arm("refuse_upgrade", nth(1), how=how)
        seen = await (await place.upgrading(path)).rest()
        assert seen.got.startswith(start)
        assert inside in seen.got and b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n" not in seen.got
        assert seen.end == "eof"
        kept.ping()
        assert b"are you there" in (await kept.rest()).got
        assert b"serverTime" in (await place.asked()).got
        await place.upgraded(path)

    at(door, story)


def test_upgrades_are_told_apart_by_what_is_spoken() -> None:
    """The user's stream is dead while the market's lives."""

    async def story(place: Place) -> None:
        place.exchange.arm("refuse_upgrade", operations="open_api")
        await place.upgraded(STREAM)
        assert (await (await place.upgrading(API)).rest()).got.startswith(b"HTTP/1.1 403")

    at("simulation", story)


# ---- unmodified clients in a simulation


async def in_simulation(name: str, **fields: Any) -> tuple[Exception | None, FailingExchange]:
    """What aiohttp raises at its first request, and the venue; its second one works."""
    exchange = FailingExchange(latency=None)
    venue = Binance(exchange)
    await venue.listen_in_simulation()
    exchange.arm(name, nth(1), **fields)
    async with aiohttp.ClientSession() as session:
        caught: Exception | None = None
        for _ in range(2):
            try:
                async with session.get("https://api.binance.com/api/v3/ping") as got:
                    assert got.status == 200
            except (OSError, aiohttp.ClientError) as error:
                assert caught is None
                caught = error
    await venue.close()
    return caught, exchange


@pytest.mark.parametrize(
    ("name", "fields", "raised"),
    [
        ("fail_lookup", {}, "ClientConnectorDNSError"),
        ("fail_lookup", {"how": "unknown"}, "ClientConnectorDNSError"),
        ("refuse_connection", {}, "ClientConnectorError"),
        ("fail_handshake", {}, "ClientConnectorSSLError"),
        ("fail_handshake", {"how": "eof"}, "ClientConnectorError"),
        ("fail_handshake", {"how": "certificate"}, "ClientConnectorCertificateError"),
    ],
)
def test_a_client_of_a_simulation_is_raised_what_it_would_be(
    name: str, fields: dict[str, Any], raised: str
) -> None:
    """Its own exception, for its own reasons: nothing of ours is seen."""
    caught, exchange = simulate(in_simulation(name, **fields))
    assert type(caught).__name__ == raised
    trip = next(trip for trip in exchange.journal.trips if trip.struck)
    assert (trip.operation, trip.account) == (CATALOGUE[name].operations[0], "")
    why = str(exchange.explain(trip.number))
    assert f"trip {trip.number}: {trip.operation}, such request number {trip.request_number}" in why
    assert f"{name}: bytes damaged: " in why
    assert "told: damaged bytes" in why


def test_a_name_fails_only_where_names_are_looked_up() -> None:
    """Who has the address already needs no resolver."""

    async def main() -> None:
        exchange = FailingExchange(latency=None)
        venue = Binance(exchange)
        await venue.listen_in_simulation()
        loop = asyncio.get_running_loop()
        (*_, address), *_ = await loop.getaddrinfo("api.binance.com", 443)
        exchange.arm("fail_lookup")
        with pytest.raises(socket.gaierror) as caught:
            await loop.getaddrinfo("api.binance.com", 443)
        assert caught.value.errno == socket.EAI_AGAIN
        with pytest.raises(socket.gaierror):
            await asyncio.open_connection("stream.binance.com", 9443)
        await asyncio.open_connection(*address[:2])
        await venue.close()

    simulate(main())


@pytest.mark.parametrize("how", ["alert", "eof", "certificate"])
def test_a_client_that_does_tls_by_itself_fails_too(how: str) -> None:
    """As httpx does, over anyio."""

    async def main() -> None:
        exchange = FailingExchange(latency=None)
        venue = Binance(exchange)
        await venue.listen_in_simulation()
        exchange.arm("fail_handshake", nth(1), how=how)
        with pytest.raises((OSError, anyio.BrokenResourceError)):
            await anyio.connect_tcp("api.binance.com", 443, tls=True)
        await (await anyio.connect_tcp("api.binance.com", 443, tls=True)).aclose()
        await venue.close()

    simulate(main())
