"""Requests that never become a trip: paths with nothing there, and addresses that are banned."""

from __future__ import annotations

import aiohttp
import pytest
from yarl import URL

from failing_exchange.core.units import MINUTE
from failing_exchange.server.messages import Request
from failing_exchange.venues.binance_common.metering import Interval, VenueLimits
from tests.venues.binance.client import HOST, Client, on_the_wire

SOCKETS = "wss://stream.binance.com:9443"


def test_an_unknown_path_is_named_once_and_never_its_query(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Whoever calls what the simulation lacks finds it in the log; secrets he does not find."""

    async def story(client: Client) -> None:
        for path in (
            "/sapi/v1/some/call?signature=abc", "/sapi/v1/some/call?signature=def",
            "/api/v3/order&signature=abc", "/sapi/v1/forged%0d%0aok",
        ):  # fmt: skip
            async with client.session.get(URL(HOST + path, encoded=True)) as got:
                assert got.status == 404
                below = path.startswith("/api/")
                said = await got.text()
                assert (
                    said == "" if below else "Binance Spot and USD-M futures are simulated" in said
                )
        await client.venue.ask(Request("GET", "/sapi/v1/\x1b[2J", "", {}, b"", "1.2.3.4"))
        assert (await client.send("POST", "/sapi/v1/some/call")).status == 404
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await client.session.ws_connect(f"{SOCKETS}/stream/of/none")
        assert (await client.public("GET", "/api/v3/ping")).status == 200

    on_the_wire(story)
    assert [record.getMessage().partition(":")[0] for record in caplog.records] == [
        "GET /sapi/v1/some/call", "GET /api/v3/order…", "GET /sapi/v1/forged…", "GET /sapi/v1/…",
        "POST /sapi/v1/some/call", "WebSocket /stream/of/none",
    ]  # fmt: skip


def test_only_so_many_paths_are_named(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A scanner must fill neither the log nor the memory; that others came is said."""
    monkeypatch.setattr("failing_exchange.venues.binance_common.early_replies.PATHS_NAMED_MAX", 3)

    async def story(client: Client) -> None:
        for number in range(9):
            await client.public("GET", f"/sapi/v1/{number}")

    on_the_wire(story)
    said = [record.getMessage() for record in caplog.records]
    assert len(said) == 3
    assert said[-1].endswith("; further unknown paths are not named")


def test_a_ban_comes_before_all_else() -> None:
    """A banned address is told so wherever it asks (rest-api.md, "IP Limits")."""

    async def story(client: Client) -> None:
        while (await client.signed("GET", "/api/v3/account")).status != 418:
            pass
        for path in ("/api/v3/ping", "/sapi/v1/unknown", "/api/v3/unknown"):
            got = await client.public("GET", path)
            assert (got.status, got.body["code"]) == (418, -1003)
            assert "IP banned until" in got.body["msg"]
            assert int(got.headers["Retry-After"]) == 120
        for path in ("/ws", "/unknown"):
            with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
                await client.session.ws_connect(SOCKETS + path)
            assert caught.value.status == 418

    on_the_wire(story, limits=VenueLimits(weight=Interval(50, 1, MINUTE)))
