"""The network of one simulation: a host table, listeners, and connections in memory.

Unmodified clients reach servers of the same loop under production names:

    runner = aiohttp.web.AppRunner(app)
    await runner.setup()
    await aiohttp.web.TCPSite(runner, "api.binance.com", 443).start()
    ...
    await session.get("https://api.binance.com/api/v3/ping")

TLS is elided: `ssl=` is accepted and no handshake takes place (virtual.tls does so for clients that
bring their own). A name that is not served raises UnknownHost, so a program under test can't reach
the real exchange by mistake.
"""

from __future__ import annotations

import asyncio
import contextvars
import errno
import itertools
import socket
import ssl as tls
from collections.abc import Callable, Iterable
from enum import StrEnum
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from failing_exchange.virtual.asyncio_private import running
from failing_exchange.virtual.errors import Escape, UnknownHost
from failing_exchange.virtual.thread_registry import current
from failing_exchange.virtual.transport import Address, Delay, MemorySocket, MemoryTransport, join

if TYPE_CHECKING:
    from failing_exchange.virtual.loop_api import LoopApi

OnConnect = Callable[[str, int], "float | BaseException | None"]
OnWrite = Callable[[], None]
Guard = Callable[["Step"], "BaseException | None"]

PORTS_FROM, PORTS_TO = 40_000, 65_536  # ports of clients and of listeners on port 0; then again
CLIENT_ADDRESS = "10.255.0.1"
LOCAL_NAMES = frozenset({"", "localhost", "127.0.0.1", "::1", "0.0.0.0", "::"})

ON_LOOP = (  # how to add a host, in a coroutine ...
    "To add a host, serve it on this loop (create_server(..., {0!r}, port)) or lead it to a server "
    "that runs: loop.network.alias({0!r}, to=(host, port))"
)
IN_THREAD = (  # ... and in blocking code
    "To add a host, let a thread of the program answer there, with a socket that is bound to "
    "({0!r}, port) as that of http.server.HTTPServer; or run the program in real time: "
    "failing-exchange serve binance -- python bot.py"
)


class Step(StrEnum):
    """What a client does on its way to a server, before anything is heard there."""

    RESOLVE = "resolve"
    CONNECT = "connect"
    HANDSHAKE = "handshake"


class Network:
    """Hosts, listeners and hooks of one loop: `loop.network`.

    `on_connect(host, port)`, if set, is asked before each connection: None lets it through, a
    number lets it through after that many seconds, an exception is raised in the client.
    `delay_ns(transport)`, if set, gives the nanoseconds that a burst of bytes takes to the other
    end. Both say nothing about chance: use keyed draws. `on_write()`, if set, is called in the
    context of a client that writes, whose copy then carries the bytes. `connections` counts what
    was opened. A server's own `guard(step)`, if set, is asked at each step towards it; what it
    gives is raised.
    """

    def __init__(self, loop: LoopApi) -> None:
        self.on_connect: OnConnect | None = None
        self.delay_ns: Delay | None = None
        self.on_write: OnWrite | None = None
        self.connections = 0
        self.about = ""  # what is simulated, for who asks for an unknown host
        self._loop = loop
        self._listeners: dict[Address, MemoryServer] = {}
        self._aliases: dict[tuple[str, int | None], Address] = {}
        self._addresses: dict[str, str] = {"localhost": "127.0.0.1"}
        self._names: dict[str, str] = {"127.0.0.1": "localhost"}
        self._targets: WeakKeyDictionary[Any, Address] = WeakKeyDictionary()
        self._clients: WeakKeyDictionary[MemoryTransport, None] = WeakKeyDictionary()
        self._ports = itertools.cycle(range(PORTS_FROM, PORTS_TO))

    # Host table

    def alias(self, host: str, port: int | None = None, *, to: Address) -> None:
        """Let `host:port` (any port if None) lead to the listener at `to`."""
        self._address(self.name_of(host))
        self._aliases[self.name_of(host), port] = (self.name_of(to[0]), to[1])

    def name_of(self, host: Any) -> str:
        """The name of a host given by name or address, in the form the table uses."""
        if isinstance(host, bytes):
            host = host.decode("idna")
        host = str(host or "").rstrip(".").lower()
        return "localhost" if host in LOCAL_NAMES else self._names.get(host, host)

    def hosts(self) -> list[str]:
        """The names that can be reached, in the order in which they became known."""
        return list(self._addresses)

    def resolve(self, host: Any, port: Any) -> list[tuple[Any, Any, int, str, Address]]:
        """What getaddrinfo answers: one address, so that nothing races. Raises UnknownHost."""
        name = self._known(host, port)
        number = int(port or 0)
        self._look_up(host, (name, number))
        return [
            (
                socket.AF_INET,
                socket.SOCK_STREAM,
                socket.IPPROTO_TCP,
                "",
                (self._addresses[name], number),
            )
        ]

    def _look_up(self, host: Any, target: Address) -> None:
        """A name has to be looked up, an address has not."""
        if str(host) not in self._names:
            self._ask(Step.RESOLVE, self._server_at(target))

    def handshake(self, host: str | None, context: Any, server: MemoryServer | None = None) -> None:
        """TLS would begin here; raises what a guard has against it."""
        server = server or self._server_at((self.name_of(host), 0))
        try:
            self._ask(Step.HANDSHAKE, server)
        except tls.SSLCertVerificationError:
            if getattr(context, "verify_mode", None) != tls.CERT_NONE:
                raise

    def _ask(self, step: Step, server: MemoryServer | None) -> None:
        refused = None if server is None or server.guard is None else server.guard(step)
        if refused is not None:
            raise refused

    def _known(self, host: Any, port: Any) -> str:
        name = self.name_of(host)
        if name not in self._addresses:
            where = name if port is None else f"{name}:{port}"
            about = f"{self.about}. " if self.about else ""
            way_out = (ON_LOOP if current() is None else IN_THREAD).format(name)
            raise UnknownHost(
                f"{where} can't be reached: {about}The simulation knows "
                f"{', '.join(self.hosts())}. {way_out}"
            )
        return name

    def _address(self, name: str) -> str:
        if name not in self._addresses:
            number = len(self._addresses)
            address = f"10.0.{number // 256}.{number % 256}"
            self._addresses[name], self._names[address] = address, name
        return self._addresses[name]

    # Clients

    async def create_connection(
        self,
        protocol_factory: Callable[[], asyncio.BaseProtocol],
        host: Any = None,
        port: Any = None,
        *,
        sock: Any = None,
        ssl: Any = None,
        loop: LoopApi | None = None,
        **_: Any,
    ) -> tuple[MemoryTransport, asyncio.BaseProtocol]:
        """Connect to a listener. Raises UnknownHost or ConnectionRefusedError.

        `loop`: the client's, where it is that of another thread.
        """
        if sock is None:
            target = await self._reach(host, port)
        elif sock in self._targets:
            target = self._targets.pop(sock)
            sock.close()  # it was never connected; the bytes go through memory
        else:
            raise Escape(f"{sock!r} is connected to the real world; connect by host and port")
        server = self._listener(target)
        if ssl:
            self.handshake(target[0], ssl, server)
        return self._open(protocol_factory, target, server, ssl, loop or self._loop)

    async def sock_connect(self, sock: Any, address: Any) -> None:
        """Note where a socket would go; `create_connection(sock=...)` then goes there.

        aiohttp connects so. The real socket stays unconnected and is closed there.
        """
        self._targets[sock] = await self._reach(address[0], address[1])

    async def _reach(self, host: Any, port: Any) -> Address:
        target = (self._known(host, port), int(port))
        verdict = None if self.on_connect is None else self.on_connect(*target)
        if isinstance(verdict, BaseException):
            raise verdict
        if verdict:
            await asyncio.sleep(verdict)
        self._look_up(host, target)
        self._ask(Step.CONNECT, self._listener(target))
        return target

    def _server_at(self, target: Address) -> MemoryServer | None:
        """Who listens there; at port 0, at any port of that name."""
        name, port = target
        place = self._aliases.get(target) or self._aliases.get((name, None)) or target
        if port or place in self._listeners:
            return self._listeners.get(place)
        return next((s for (host, _), s in self._listeners.items() if host == place[0]), None)

    def _listener(self, target: Address) -> MemoryServer:
        name, port = target
        server = self._server_at(target)
        if server is None:
            raise ConnectionRefusedError(
                errno.ECONNREFUSED, f"Connect call failed ({name!r}, {port}): nothing listens there"
            )
        return server

    def _open(
        self,
        protocol_factory: Callable[[], asyncio.BaseProtocol],
        target: Address,
        server: MemoryServer,
        ssl: Any,
        loop: LoopApi,
    ) -> tuple[MemoryTransport, asyncio.BaseProtocol]:
        self.connections += 1
        here = (CLIENT_ADDRESS, next(self._ports))
        there = (self._address(target[0]), target[1])
        protocol = protocol_factory()
        with running(server.get_loop()):  # a client on another loop must not lend it to the server
            served = server.context.copy().run(server.factory)
        accepted = MemoryTransport(
            server.get_loop(),
            served,
            sockname=there,
            peername=here,
            tls=ssl,
            delay=self.delay_ns,
        )
        client = MemoryTransport(
            loop, protocol, sockname=here, peername=there, tls=ssl, delay=self.delay_ns
        )
        client.on_write = self.on_write
        server.transports[accepted] = self._clients[client] = None
        server.context.copy().run(join, accepted, client)
        protocol.connection_made(client)
        return client, protocol

    def abort_clients(self) -> None:
        """Break all connections from the client's end, as the death of its process does."""
        for transport in list(self._clients):
            transport.abort()

    # Servers

    async def create_server(
        self,
        protocol_factory: Callable[[], asyncio.BaseProtocol],
        host: Any = None,
        port: int | None = None,
        *,
        sock: Any = None,
        start_serving: bool = True,
        loop: LoopApi | None = None,
        **_: Any,
    ) -> MemoryServer:
        """Listen under one or more names; the names become known to the host table.

        `loop`: the server's, where it is that of another thread.
        """
        if sock is not None:
            raise Escape(f"{sock!r} belongs to the real world; listen by host and port")
        hosts = [host] if host is None or isinstance(host, str | bytes) else list(host)
        number = port or next(self._ports)
        places = list(dict.fromkeys((self.name_of(name), number) for name in hosts))
        server = MemoryServer(self, protocol_factory, places, loop or self._loop)
        if start_serving:
            await server.start_serving()
        return server

    def listen(self, server: MemoryServer, places: Iterable[Address]) -> None:
        """Let a server answer at these places. Raises OSError (EADDRINUSE) if one is taken."""
        for place in places:
            if self._listeners.get(place, server) is not server:
                raise OSError(errno.EADDRINUSE, f"address already in use: {place[0]}:{place[1]}")
            self._address(place[0])
            self._listeners[place] = server

    def unlisten(self, server: MemoryServer) -> None:
        """Let it answer no more. Its names stay known: connections to them are refused."""
        kept = {at: other for at, other in self._listeners.items() if other is not server}
        self._listeners = kept

    def socket_at(self, place: Address) -> MemorySocket:
        """The listening socket, as far as `server.sockets` needs it."""
        return MemorySocket((self._address(place[0]), place[1]))


class MemoryServer(asyncio.AbstractServer):
    """A listener in memory; `asyncio.Server` as far as servers look at it."""

    def __init__(
        self,
        network: Network,
        factory: Callable[[], asyncio.BaseProtocol],
        places: list[Address],
        loop: LoopApi,
    ) -> None:
        self.factory = factory
        self.guard: Guard | None = None
        self.transports: WeakKeyDictionary[MemoryTransport, None] = WeakKeyDictionary()
        self.context = contextvars.copy_context()  # what accepts a connection runs in it, as always
        self._network = network
        self._loop = loop
        self._places = places
        self._serving = False
        self._forever: asyncio.Future[None] | None = None

    @property
    def sockets(self) -> tuple[MemorySocket, ...]:
        """One for each name, to ask for its address and port."""
        if not self._serving:
            return ()
        return tuple(self._network.socket_at(place) for place in self._places)

    def is_serving(self) -> bool:
        return self._serving

    def get_loop(self) -> LoopApi:
        return self._loop

    async def start_serving(self) -> None:
        if not self._serving:
            self._network.listen(self, self._places)
            self._serving = True

    async def serve_forever(self) -> None:
        """Serve until cancelled or closed."""
        if self._forever is not None:
            raise RuntimeError(f"server {self!r} is already being awaited on serve_forever()")
        await self.start_serving()
        self._forever = self.get_loop().create_future()
        try:
            await self._forever
        finally:
            self._forever = None
            self.close()

    def close(self) -> None:
        """Accept no more connections; open ones stay."""
        self._network.unlisten(self)
        self._serving = False
        if self._forever is not None and not self._forever.done():
            self._forever.cancel()

    def close_clients(self) -> None:
        """Close the connections that are open."""
        for transport in list(self.transports):
            transport.close()

    def abort_clients(self) -> None:
        """Close them without sending what is left."""
        for transport in list(self.transports):
            transport.abort()

    async def wait_closed(self) -> None:
        """Returns at once, as in Python 3.11: an idle keep-alive client holds nobody up."""
