"""A venue that can be reached: on a port, or under its production names in a simulation."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from failing_exchange.core.events import VenueRestarted
from failing_exchange.core.venue_commands import ConnectionsCut
from failing_exchange.server.api_keys import Keyring
from failing_exchange.server.dispatcher import Dispatcher
from failing_exchange.server.http_connection import HttpServer
from failing_exchange.server.listener import Listener
from failing_exchange.server.observing import Observers
from failing_exchange.server.served_products import ServedProduct, ServedProducts
from failing_exchange.server.websocket_frames import Code
from failing_exchange.server.websocket_server import WebSocketServer
from failing_exchange.venue.market_view import MarketView
from failing_exchange.virtual.loop import BEHIND_THE_SCENES

if TYPE_CHECKING:
    from failing_exchange.core.events import Event
    from failing_exchange.judge.judge import Judge
    from failing_exchange.judge.rule import Rule
    from failing_exchange.server.dialect import Speaker
    from failing_exchange.server.messages import Reply, Request

GRACE = 0.1  # seconds for answers under way when it closes


class VenueServer:
    """An exchange behind a venue's own protocol; `exchange` is the same one in process.

    `venue` says what is spoken, `keys` who may trade, `limits` what they may do, and `places` under
    which hosts and ports it answers in a simulation. Products that the venue has beside it (see
    `Speaker.served`) are served with it; `beside_limits` are theirs, by name.
    """

    def __init__(
        self,
        exchange: Any,  # a FailingExchange
        venue: Speaker,
        *,
        keys: Keyring | None = None,
        limits: Any = None,
        places: Iterable[tuple[str, int]] | None = None,
        beside_limits: Mapping[str, Any] | None = None,
        **switches: bool,
    ) -> None:
        self.exchange = exchange
        self.venue = venue
        self._at_production_places = places is None
        self.places = venue.all_places() if places is None else tuple(places)
        self.fallback_places = venue.fallback_places if places is None else ()
        self._keys_given = keys is not None
        self.keys = keys or Keyring.default()
        for key in self.keys:
            venue.check_key(key)
        for account in self.keys.accounts:
            exchange.client(account)
        beside = {**dict.fromkeys(venue.beside), **(beside_limits or {})}
        self.observers = Observers()
        own, *others = venue.served()
        day = exchange.venue.as_of
        self.products = ServedProducts(
            [
                self._product(own, day, limits, switches),
                *(self._product(one, one.day_of(day), beside[one.name], {}) for one in others),
            ]
        )
        self.dialect = self.products.first.dialect
        self.sockets = WebSocketServer(self.products)
        first = self.products.first.dispatcher
        handler = self.products if others else first
        self._http = HttpServer(handler, exchange.venue.clock, self.sockets.upgrade)
        if exchange.venue.durable is not None:
            exchange.venue.durable.commits.on_halt.append(self._on_halt)
        self.judges: dict[str, Judge] = {}  # by account
        self._listeners: list[Listener] = []

    def _product(
        self, speaker: Speaker, day: str | None, limits: Any, switches: Mapping[str, bool]
    ) -> ServedProduct:
        """Put one product on the wire; it sees what it lists of the exchange."""
        venue = self.exchange.venue
        view = MarketView(venue, speaker.kinds, day)
        dialect = speaker.speak(view, self.keys, limits, **switches)
        venue.add_protocol_gate(dialect.limits.gate)
        self.exchange.journal.readers.append(dialect.limits.ended)
        if venue.durable is not None:
            venue.durable.keep_usage(f"venue limits of {speaker.name}", dialect.limits)
        return ServedProduct(speaker, view, dialect, Dispatcher(view, dialect.rest, self.observers))

    async def listen(self, host: str, port: int, *, ssl: Any = None) -> int:
        """Answer at a place; the port, which for 0 is a free one.

        Raises OSError for a place that is taken or not ours.
        """
        behind = BEHIND_THE_SCENES.set(True)  # its tasks are the venue's, not the client's
        try:
            return await self._listen(host, port, ssl)
        finally:
            BEHIND_THE_SCENES.reset(behind)

    async def _listen(self, host: str, port: int, ssl: Any) -> int:
        await self.exchange.ready()
        gateway = self.exchange.venue.gateway
        if self._heard not in gateway.listeners:
            for product in self.products.all:
                product.begin()
                gateway.listeners.append(product.heard)
            gateway.listeners.append(self._heard)
        listener = Listener(self.exchange.venue, self._http, host, port, ssl)
        await listener.open()
        self._listeners.append(listener)
        return listener.port

    def protocol(self) -> asyncio.BaseProtocol:
        """What speaks with one more connection, as at the first place that is listened at."""
        return self._listeners[0]()

    def _heard(self, events: tuple[Event, ...], at: int) -> None:
        """A venue that died takes its connections with it; the operator may cut them, too."""
        if any(event.__class__ in (VenueRestarted, ConnectionsCut) for event in events):
            self._hang_up()

    def _on_halt(self) -> None:
        """The journal is full: who listens would hear of what is not written."""
        durable = self.exchange.venue.durable
        if durable is not None and durable.commits.halted:
            self._hang_up()

    def _hang_up(self) -> None:
        """Break all connections that stay open."""
        for connection in self.sockets.connections:
            connection.abort()

    def judge(
        self,
        rules: Iterable[str | type[Rule]] | None = None,
        options: Mapping[str, Any] = {},
        *,
        client_ids: str = "",
    ) -> None:
        """Judge each account's client from now on; the venue must have started.

        `rules`: None = all; `options` are their parameters by name. `client_ids`: a pattern whose
        first group names what an order is for.
        """
        from failing_exchange.judge.judge import Judge

        accounts = self.keys.accounts
        for name in accounts:
            alone = len(accounts) == 1
            judge = Judge(
                self.exchange.venue,
                account=name,
                alone=alone,
                rules=rules,
                options=options,
                intent={"client_ids": client_ids} if client_ids else {},
            )
            self.judges[name] = judge
            judge.attach()

    def mark_replies(self) -> None:
        """Name each request and the faults that struck it in headers (`server.reply_headers`)."""
        for product in self.products.all:
            product.dispatcher.marks_replies = True

    @property
    def http_connections(self) -> int:
        """How many HTTP connections are open, upgraded ones included."""
        return len(self._http.open)

    def accept_any_key(self) -> None:
        """Let any well-formed key trade for `main`, unless keys were given."""
        if not self._keys_given:
            self.keys.accept_any()

    async def listen_in_simulation(self) -> None:
        """Answer under all its names in the simulation's network."""
        self.accept_any_key()
        network: Any = getattr(asyncio.get_running_loop(), "network", None)
        if network is not None and self._at_production_places:
            network.about = self.venue.about
        for host, port in (*self.places, *self.fallback_places):
            await self.listen(host, port)

    async def ask(self, request: Request) -> Reply | None:
        """Answer one request without a socket; None when the connection breaks instead."""
        return await self.products.ask(request)

    async def close(self) -> None:
        """Stop answering; open connections are ended."""
        for listener in self._listeners:
            listener.close()
        self._listeners.clear()
        self.sockets.close(Code.GOING_AWAY)
        await self._http.close(GRACE)
