"""The WebSocket front: upgrades on the port of HTTP, and the connections that are open."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from failing_exchange.server.http_head import switching
from failing_exchange.server.messages import Reply, Request
from failing_exchange.server.websocket_connection import Connection, ConnectionPolicy, Outgoing
from failing_exchange.server.websocket_frames import accept_key

if TYPE_CHECKING:
    from failing_exchange.server.dialect import Dialect
    from failing_exchange.server.dispatcher import Dispatcher
    from failing_exchange.server.http_connection import HttpConnection
    from failing_exchange.venue.gateway import Gateway

CONNECTIONS_MAX = 10_000  # open at the same time; one more is refused with 503

Open = Callable[[Connection], None]


class Route(NamedTuple):
    """What is spoken on a path: `open` is given each new connection, and sets its `on_text`.

    `moment` is how faults call the upgrade to it.
    """

    open: Open
    policy: ConnectionPolicy = ConnectionPolicy()
    moment: str = "open_stream"


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


class WebSocketFront:
    """Upgrades requests by path and reads what clients say. Bound to the loop it is started in.

    A route's path is matched whole, or, when it ends with a slash, as a beginning.
    """

    def __init__(self, dispatcher: Dispatcher, dialect: Dialect) -> None:
        self._dispatcher = dispatcher
        self._venue = dispatcher.venue
        self._dialect = dialect
        self.connections = Connections()
        self.routes = dialect.routes
        self._outgoing: tuple[asyncio.AbstractEventLoop, Outgoing] | None = None

    def route(self, path: str) -> Route | None:
        """What is spoken at a path; None for nothing."""
        found = self.routes.get(path)
        if found is not None:
            return found
        for beginning, route in self.routes.items():
            if beginning.endswith("/") and path.startswith(beginning):
                return route
        return None

    def moment(self, path: str) -> str:
        """How faults call an upgrade."""
        route = self.route(path)
        return "" if route is None else route.moment

    def refusal(self, asked: Request, at: int) -> Reply | None:
        """Why a client may not connect now; None when it may."""
        route = self.route(asked.path)
        refused = self._dialect.refuse_connection(asked, route, at)
        if refused is None and len(self.connections) >= CONNECTIONS_MAX:
            return Reply(503, b"")
        return refused

    def connect(self, request: Request, client: HttpConnection, gateway: Gateway) -> None:
        """Grant an upgrade that was not refused, and speak WebSocket from here on."""
        route = self.route(request.path)
        assert route is not None
        accept = accept_key(request.headers["sec-websocket-key"])
        client.transport.write(switching(accept, gateway.clock.now()))
        connection = Connection(
            name=self.connections.next_name(),
            dispatcher=self._dispatcher,
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
            durable = self._venue.durable
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
