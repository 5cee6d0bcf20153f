"""What gives access reaches no journal: it is written, shown and attached to bug reports."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import aiohttp

from failing_exchange import FailingExchange, simulate
from failing_exchange.journal.serialize import LEFT_OUT, plain
from failing_exchange.server.api_keys import DEFAULT_KEY, DEFAULT_SECRET
from failing_exchange.server.control_api import ControlApi
from failing_exchange.venues.binance.venue import Binance
from failing_exchange.venues.binance_common.listen_keys import ListenKeyExpired
from tests.venues.binance.client import HOST, Client
from tests.venues.binance.socket_client import URL, hmac_sign

SIGNATURE = "5160" * 16  # one that is sent where none is needed
STREAM = "wss://stream.binance.com:9443"
PUBLIC = ("time", "ticker/price", "depth", "klines", "exchangeInfo", "userDataStream", "nothing")


def signed(**params: Any) -> dict[str, Any]:
    """Parameters of the WebSocket API with a right signature."""
    params = {"apiKey": DEFAULT_KEY, "timestamp": 1_767_225_600_000, **params}
    text = "&".join(f"{name}={params[name]}" for name in sorted(params))
    return {**params, "signature": hmac_sign(text.encode())}


def requests() -> Iterator[tuple[str, str, str | None]]:
    """Method, path with query, and body of requests that say more than they have to."""
    loud = urlencode({"apiKey": DEFAULT_KEY, "Signature": SIGNATURE, "signature": SIGNATURE})
    for path in PUBLIC:
        yield "GET", f"/api/v3/{path}?symbol=BTCUSDT&{loud}", None
        yield "GET", f"/api/v3/{path}?{loud}&secret={DEFAULT_SECRET}", None
        yield "POST", f"/api/v3/{path}", f"symbol=BTCUSDT&{loud}"
    for path in ("account", "openOrders", "order"):
        yield "GET", f"/api/v3/{path}?timestamp=1&{loud}", None
        yield "POST", f"/api/v3/{path}?timestamp=1", loud


async def rest(client: Client) -> str:
    """All of them, with the right key, a wrong one, and none; a listen key."""
    for key in (DEFAULT_KEY, "unknown", None):
        headers = {} if key is None else {"X-MBX-APIKEY": key}
        for method, path, body in requests():
            async with client.session.request(
                method, HOST + path, data=body, headers=headers
            ) as response:
                await response.read()
    headers, url = {"X-MBX-APIKEY": DEFAULT_KEY}, f"{HOST}/api/v3/userDataStream"
    async with client.session.post(url, headers=headers) as response:
        listen_key: str = (await response.json())["listenKey"]
    async with client.session.put(url, params={"listenKey": listen_key}, headers=headers):
        pass
    for path in (f"/ws/{listen_key}", f"/stream?streams={listen_key}"):
        async with client.session.ws_connect(STREAM + path) as ws:
            await client.order()
            await ws.receive()
    async with client.session.delete(url, params={"listenKey": listen_key}, headers=headers):
        pass
    return listen_key


async def socket(client: Client) -> None:
    """The WebSocket API: public methods with a signature, a session, a subscription."""
    methods = ("time", "depth", "session.status", "userDataStream.subscribe", "no.such")
    loud = {"apiKey": DEFAULT_KEY, "signature": SIGNATURE, "symbol": "BTCUSDT"}
    asked: list[tuple[str, Any]] = [(method, loud) for method in methods]
    asked += [("account.status", signed()), ("account.status", {**signed(), "signature": "00"}),
              ("userDataStream.subscribe.signature", signed())]  # fmt: skip
    async with client.session.ws_connect(URL) as ws:
        for number, (method, params) in enumerate(asked):
            await ws.send_str(json.dumps({"id": number, "method": method, "params": params}))
            await ws.receive()


def test_no_secret_reaches_a_trip() -> None:
    """Whether it was needed or not; neither in what was asked nor in the answer."""

    async def main() -> tuple[str, str]:
        venue = Binance(FailingExchange(latency=None), legacy_listen_keys=True)
        await venue.listen_in_simulation()
        async with aiohttp.ClientSession() as session:
            client = Client(session, venue)
            listen_key = await rest(client)
            await socket(client)
        shown = json.dumps(ControlApi(venue).answer("GET", "/trips", {"limit": "1000"}))
        await venue.close()
        return listen_key, venue.exchange.journal.dump() + shown

    listen_key, written = simulate(main())
    assert "create_order" in written
    for secret in (SIGNATURE, DEFAULT_KEY, DEFAULT_SECRET, listen_key):
        assert len(secret) > 40
        assert secret not in written, written[max(0, written.index(secret) - 300) :][:400]


def test_what_is_no_secret_stays() -> None:
    """An empty value says that it was missing."""
    assert plain({"signature": "", "apiKey": "k", "symbol": "BTC/USDT"}) == {
        "signature": "", "apiKey": "(left out)", "symbol": "BTC/USDT"
    }  # fmt: skip


def test_a_record_of_a_venue_hides_its_key_too() -> None:
    """Its fields are named with underscores."""
    written = plain(ListenKeyExpired("a" * 64, at=7))
    assert written == {"is": "ListenKeyExpired", "listen_key": LEFT_OUT, "at": 7}
