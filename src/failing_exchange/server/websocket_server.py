"""WebSocket server: upgrades on the port of HTTP, and the connections that are open."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from failing_exchange.faults.connection import ConnectionDamage
from failing_exchange.server.closing import close
from failing_exchange.server.damage import false_handshake, steps_of
from failing_exchange.server.http_response import switching
from failing_exchange.server.messages import Reply, Request
from failing_exchange.server.websocket_connection import Connection, Outgoing
from failing_exchange.server.websocket_frames import accept_key
from failing_exchange.venue.connection_events import connection_fault

if TYPE_CHECKING:
    from failing_exchange.server.dispatcher import Dispatcher
    from failing_exchange.server.http_connection import HttpConnection
    from failing_exchange.server.served_products import ServedProduct, ServedProducts
    from failing_exchange.server.websocket_connection import WebSocketRoute

SOCKET_KEY = re.compile(r"[A-Za-z0-9+/]{22}==")  # RFC 6455, section 4.1: 16 bytes in base64
EMPTY = Reply(200, b"")  # in whose place a damaged upgrade is answered
CONNECTIONS_MAX = 10_000  # open at the same time; one more is refused with 503


class Connections:
    """The open connections by name, in the order in which they were opened."""

    def __init__(self) -> None:
        self.opened = 0
        self._open: dict[str, Connection] = {}

    def __len__(self) -> int:
        return len(self._open)

    def __iter__(self) -> Iterator[Connection]:
        return iter(list(self._open.values()))

    def get(self, name: str) -> Connection | None:
        """An open connection; None for one that is gone."""
        return self._open.get(name)

    def next_name(self) -> str:
        """The name of the next one."""
        self.opened += 1
        return f"ws-{self.opened}"

    def add(self, connection: Connection) -> None:
        """One more is open."""
        self._open[connection.name] = connection

    def remove(self, connection: Connection) -> None:
        """It is gone."""
        self._open.pop(connection.name, None)


class WebSocketServer:
    """Upgrades connections by path, and knows those that are open.

    A route's path is matched whole, or, when it ends with a slash, as a beginning.
    """

    def __init__(self, products: ServedProducts) -> None:
        self._products = products
        self.connections = Connections()
        self._outgoing: tuple[asyncio.AbstractEventLoop, Outgoing] | None = None

    def upgrade(self, request: Request, client: HttpConnection) -> None:
        """Grant an upgrade to WebSocket, or refuse or damage it."""
        product = self._products.of(request)
        gateway = product.dispatcher.gateway
        at = gateway.clock.now()
        route = route_of(product.dialect.routes, request.path)
        refused = self._refusal(request, product, route, at)
        if refused is not None or route is None:
            refused = refused or product.dispatcher.rest.absent(request, at)
            client.respond(refused, at, close=True)
            return
        damage = connection_fault(gateway, route.upgrade)
        if damage is None:
            self._connect(request, client, route, product.dispatcher)
            return
        if damage.kind is ConnectionDamage.UPGRADE:
            steps = [false_handshake(request.headers["sec-websocket-key"], damage, at), close]
        else:
            steps = steps_of(EMPTY, damage)
        client.respond(EMPTY._replace(damage=damage, steps=steps), at)

    def _refusal(
        self, request: Request, product: ServedProduct, route: WebSocketRoute | None, at: int
    ) -> Reply | None:
        """Why a client may not connect now; None when it may."""
        if not is_handshake(request):
            return product.dispatcher.rest.malformed(400)
        refused = product.dialect.refuse_connection(request, route, at)
        if refused is None and len(self.connections) >= CONNECTIONS_MAX:
            return Reply(503, b"")
        return refused

    def _connect(
        self,
        request: Request,
        client: HttpConnection,
        route: WebSocketRoute,
        dispatcher: Dispatcher,
    ) -> None:
        gateway = dispatcher.gateway
        accept = accept_key(request.headers["sec-websocket-key"])
        client.transport.write(switching(accept, gateway.clock.now()))
        connection = Connection(
            name=self.connections.next_name(),
            dispatcher=dispatcher,
            request=request,
            transport=client.transport,
            gateway=gateway,
            outgoing=self._outgoing_of(asyncio.get_running_loop()),
            policy=route.policy,
            ended=self.connections.remove,
        )
        self.connections.add(connection)
        connection.guarded(route.open, connection)
        client.switch(connection)

    def _outgoing_of(self, loop: asyncio.AbstractEventLoop) -> Outgoing:
        if self._outgoing is None or self._outgoing[0] is not loop:
            durable = self._products.first.view.durable
            self._outgoing = (
                loop,
                Outgoing(loop, None if durable is None else durable.commits),
            )
        return self._outgoing[1]

    def close(self, code: int, reason: str = "") -> None:
        """Tell all that the venue shuts down, and say goodbye."""
        for connection in self.connections:
            if connection.on_shutdown is not None and not connection.closing:
                connection.on_shutdown()
            connection.close(code, reason)
            connection.flush()


def route_of(routes: Mapping[str, WebSocketRoute], path: str) -> WebSocketRoute | None:
    """What is spoken at a path; None for nothing."""
    found = routes.get(path)
    if found is not None:
        return found
    for beginning, route in routes.items():
        if beginning.endswith("/") and path.startswith(beginning):
            return route
    return None


def is_handshake(request: Request) -> bool:
    """Whether an upgrade is one that RFC 6455, section 4.2.1 allows."""
    headers = request.headers
    options = [option.strip().lower() for option in headers.get("connection", "").split(",")]
    return (
        request.method == "GET"
        and "upgrade" in options
        and headers.get("sec-websocket-version") == "13"
        and SOCKET_KEY.fullmatch(headers.get("sec-websocket-key", "")) is not None
    )
