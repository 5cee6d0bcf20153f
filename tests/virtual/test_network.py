"""The network in memory: unmodified clients and servers, and TCP's manners."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from failing_exchange.virtual.errors import Escape, UnknownHost
from failing_exchange.virtual.loop import VirtualLoop
from failing_exchange.virtual.transport import MemoryTransport

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@pytest.fixture
def loop() -> Iterator[VirtualLoop]:
    made = VirtualLoop()
    yield made
    made.cancel_leftovers()
    made.close()


async def serve_http(host: str, port: int) -> web.AppRunner:
    async def ping(request: web.Request) -> web.Response:
        return web.json_response({"scheme": request.scheme, "host": request.host})

    async def echo(request: web.Request) -> web.Response:
        return web.Response(body=await request.read())

    async def push(request: web.Request) -> web.WebSocketResponse:
        socket_ = web.WebSocketResponse(heartbeat=20)
        await socket_.prepare(request)
        for n in range(60):
            await asyncio.sleep(1)
            await socket_.send_json({"n": n})
        await socket_.close()
        return socket_

    app = web.Application(client_max_size=10_000_000)
    app.add_routes([web.get("/ping", ping), web.post("/echo", echo), web.get("/ws", push)])
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, host, port).start()
    return runner


def test_an_aiohttp_client_reaches_an_aiohttp_server_by_its_production_name(
    loop: VirtualLoop,
) -> None:
    """The bot keeps its URLs, https included, and no real socket is connected."""

    async def main() -> Any:
        runner = await serve_http("api.binance.com", 443)
        async with aiohttp.ClientSession() as session:
            async with session.get("https://api.binance.com/ping") as response:
                told = await response.json()
            body = b"x" * 1_000_000
            async with session.post("https://api.binance.com/echo", data=body) as response:
                assert await response.read() == body
        await runner.cleanup()
        return told

    assert loop.run_until_complete(main()) == {"scheme": "https", "host": "api.binance.com"}
    assert loop.network.connections == 1
    assert loop.time() < 1


def test_a_websocket_runs_for_a_minute_in_no_time(loop: VirtualLoop) -> None:
    """Pushes come at their virtual seconds, heartbeats included."""

    async def main() -> Any:
        runner = await serve_http("localhost", 8080)
        loop.network.alias("stream.binance.com", 9443, to=("127.0.0.1", 8080))
        seen = []
        url = "wss://stream.binance.com:9443/ws"
        async with aiohttp.ClientSession() as session, session.ws_connect(url) as stream:
            async for message in stream:
                seen.append((loop.time(), json.loads(message.data)["n"]))
        await runner.cleanup()
        return seen

    seen = loop.run_until_complete(main())
    assert [n for _, n in seen] == list(range(60))
    assert seen[-1][0] == pytest.approx(60, abs=0.1)


def test_an_idle_connection_is_opened_again(loop: VirtualLoop) -> None:
    """Keep-alive timers on both sides run on virtual time."""

    async def main() -> int:
        runner = await serve_http("api.binance.com", 80)
        async with aiohttp.ClientSession() as session:
            for _ in range(2):
                async with session.get("http://api.binance.com/ping") as response:
                    assert response.status == 200
                await asyncio.sleep(7_200)
        await runner.cleanup()
        return loop.network.connections

    assert loop.run_until_complete(main()) == 2


def test_an_unknown_host_is_named_and_refused(loop: VirtualLoop) -> None:
    """A test must never reach a real exchange by mistake."""

    async def main() -> None:
        runner = await serve_http("api.binance.com", 443)
        async with aiohttp.ClientSession() as session:
            with pytest.raises(UnknownHost, match="api.kraken.com:443 .* api.binance.com"):
                await session.get("https://api.kraken.com/0/public/Time")
        await runner.cleanup()

    loop.run_until_complete(main())


def test_a_known_host_without_a_listener_refuses_the_connection(loop: VirtualLoop) -> None:
    """As a real host does: the client's own error."""

    async def main() -> None:
        runner = await serve_http("api.binance.com", 443)
        async with aiohttp.ClientSession() as session:
            with pytest.raises(aiohttp.ClientConnectorError, match="nothing listens"):
                await session.get("https://api.binance.com:8443/ping")
            await runner.cleanup()
            with pytest.raises(aiohttp.ClientConnectorError, match="nothing listens"):
                await session.get("https://api.binance.com/ping")

    loop.run_until_complete(main())


def test_the_connect_hook_delays_or_refuses(loop: VirtualLoop) -> None:
    """Connection latency and failing handshakes are decided here."""
    verdicts: list[Any] = [
        2.5,
        ConnectionRefusedError(111, "busy"),
        ssl.SSLError("bad handshake"),
        None,
    ]
    asked: list[tuple[str, int]] = []

    def on_connect(host: str, port: int) -> Any:
        asked.append((host, port))
        return verdicts.pop(0)

    async def main() -> None:
        runner = await serve_http("api.binance.com", 443)
        loop.network.on_connect = on_connect
        url = "https://api.binance.com/ping"
        async with aiohttp.ClientSession(headers={"Connection": "close"}) as session:
            await (await session.get(url)).read()
            assert loop.time() == 2.5
            with pytest.raises(aiohttp.ClientConnectorError, match="busy"):
                await session.get(url)
            with pytest.raises(aiohttp.ClientConnectorSSLError, match="Cannot connect"):
                await session.get(url)
            await (await session.get(url)).read()
        await runner.cleanup()

    loop.run_until_complete(main())
    assert asked == [("api.binance.com", 443)] * 4


def test_bytes_take_their_time_and_never_overtake(loop: VirtualLoop) -> None:
    """A burst with a shorter delay waits behind the one before it."""
    delays = iter([300, 100, 200, 50])
    loop.network.delay_ns = lambda transport: next(delays, 0) * 1_000_000
    seen: list[tuple[int, bytes]] = []

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(100):
            seen.append((loop.time_ns() // 1_000_000, data))
        writer.close()

    async def main() -> None:
        await asyncio.start_server(listen, "venue", 1)
        _, writer = await asyncio.open_connection("venue", 1)
        for text in (b"a", b"b", b"c"):
            writer.write(text)
            await asyncio.sleep(0.05)
        writer.close()
        await asyncio.sleep(1)

    loop.run_until_complete(main())
    assert seen == [(300, b"a" + b"b" + b"c")] or seen == [(300, b"a"), (300, b"b"), (300, b"c")]


def test_two_servers_cannot_share_a_place(loop: VirtualLoop) -> None:
    """Port 0 finds a free one."""

    async def main() -> None:
        first = await loop.create_server(asyncio.Protocol, ["venue", "127.0.0.1"], 7)
        with pytest.raises(OSError, match="already in use: venue:7"):
            await loop.create_server(asyncio.Protocol, "venue", 7)
        free = await loop.create_server(asyncio.Protocol, "localhost", 0)
        assert free.sockets[0].getsockname()[1] > 1_024
        assert [sock.getsockname()[1] for sock in first.sockets] == [7, 7]
        first.close()
        assert not first.is_serving()
        await loop.create_server(asyncio.Protocol, "venue", 7)

    loop.run_until_complete(main())


def test_sockets_of_the_real_world_are_refused(loop: VirtualLoop) -> None:
    """A socket that somebody connected for real would carry real bytes."""

    async def main() -> None:
        with socket.socket() as real:
            with pytest.raises(Escape):
                await loop.create_connection(asyncio.Protocol, sock=real)
            with pytest.raises(Escape):
                await loop.create_server(asyncio.Protocol, sock=real)

    loop.run_until_complete(main())


def test_closed_connections_leave_nothing_behind(loop: VirtualLoop) -> None:
    """Two ends that point at each other would wait for the garbage collector."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async def main() -> MemoryTransport:
        await asyncio.start_server(serve, "venue", 7)
        _, writer = await asyncio.open_connection("venue", 7)
        writer.close()
        await asyncio.sleep(1)
        transport = writer.transport
        assert isinstance(transport, MemoryTransport)
        return transport

    transport = loop.run_until_complete(main())
    assert transport._peer is None
    assert "closed" in repr(transport)
