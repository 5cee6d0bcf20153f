"""A Binance venue that can be reached: on a port, or under its production names in a simulation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from failing_exchange.core.events import VenueRestarted
from failing_exchange.feeds.account import UserStreams
from failing_exchange.feeds.market import Feeds
from failing_exchange.server.api_keys import Keyring
from failing_exchange.server.dispatcher import Answering
from failing_exchange.server.http_connection import PlainFront
from failing_exchange.server.listener import Entrance
from failing_exchange.server.messages import Reply, Request
from failing_exchange.server.websocket import Route, WebSocketFront
from failing_exchange.server.websocket_connection import Limits
from failing_exchange.server.websocket_frames import Code
from failing_exchange.venue.default_world import listings_of
from failing_exchange.venues.binance.doorstep import Doorstep
from failing_exchange.venues.binance.market_streams import MarketStreams
from failing_exchange.venues.binance.markets import as_in_production
from failing_exchange.venues.binance.places import PLACES, SIMULATED
from failing_exchange.venues.binance.rate_limits import Metering, VenueLimits
from failing_exchange.venues.binance.rest import Door
from failing_exchange.venues.binance.ws_api import SocketDoor, check_api
from failing_exchange.virtual.loop import BEHIND_THE_SCENES

if TYPE_CHECKING:
    import asyncio

    from failing_exchange.client.exchange import FailingExchange
    from failing_exchange.core.events import Event
    from failing_exchange.judge.judge import Judge
    from failing_exchange.judge.rule import Rule
    from failing_exchange.venue.market_definitions import Listing
    from failing_exchange.venues.binance.listen_keys import ListenKeys


def _production_markets(options: Mapping[str, Any]) -> list[Listing]:
    """The markets that are asked for, by argument or scenario, with production's filters."""
    given, scenario, journal = (options.get(n) for n in ("markets", "scenario", "journal"))
    if given is None:
        known = getattr(journal, "metadata", {})  # of a durable one: it goes on with its scenario
        scenario = scenario or known.get("scenario")
        if scenario is not None:
            from failing_exchange.scenarios.scenario import (
                load,  # with all faults, which few venues need
            )

            given = load(str(scenario)).arguments["markets"]
    listings = listings_of(given, options.get("fees")).values()
    return [one._replace(market=as_in_production(one.market)) for one in listings]


GRACE = 0.1  # seconds for answers under way when it closes; aiohttp takes 0 for "for ever"


class Binance:
    """A venue that speaks Binance Spot; `exchange` is the same venue's in-process door.

    `keys`: who may trade. Without it one documented pair trades for the account `main`; in a
        simulation so does any other well-formed key.
    `limits`: what an address and an account may do; without it production's.
    `legacy_listen_keys`: user streams by listen key, as before 2026-02-20; without it 410.
    `places`: the hosts and ports it answers under in a simulation, by default production's.

    >>> from failing_exchange import FailingExchange
    >>> venue = Binance(FailingExchange(seed=7))
    """

    def __init__(
        self,
        exchange: FailingExchange,
        *,
        keys: Keyring | None = None,
        limits: VenueLimits | None = None,
        places: Iterable[tuple[str, int]] = PLACES,
        legacy_listen_keys: bool = False,
    ) -> None:
        self.exchange = exchange
        self.places = tuple(places)
        self.keys = keys or Keyring.default()
        self._keys_given = keys is not None
        for account in self.keys.accounts:
            exchange.client(account)
        self.metering = Metering(limits)
        exchange.venue.add_wire_gate(self.metering)
        exchange.journal.readers.append(self.metering.ended)
        doorstep = Doorstep(self.metering)
        self.sockets = WebSocketFront(self.metering, exchange.venue, doorstep)
        door = Door(exchange.venue, self.keys, self.metering)
        self._answering = Answering(door, doorstep)
        self._front = PlainFront(self._answering, self._aiohttp)
        self.feeds = Feeds(exchange.venue)
        self.streams = MarketStreams(self.feeds)
        self.user_streams = UserStreams(exchange.venue)
        self.socket_door = SocketDoor(door, self.user_streams)
        self.sockets.routes |= {
            "/ws": Route(self.streams.open_raw),
            "/ws/": Route(self.streams.open_raw),
            "/stream": Route(self.streams.open_combined),
            "/ws-api/v3": Route(
                self.socket_door.open, Limits(counts_text=False), "open_api", check_api
            ),
        }
        self.listen_keys: ListenKeys | None = None
        if legacy_listen_keys:
            from failing_exchange.venues.binance.listen_keys import ListenKeys

            self.listen_keys = ListenKeys(self.user_streams, seed=exchange.venue.seed)
            door.more = self.listen_keys.endpoints
            self.listen_keys.join_routes(self.sockets.routes)
        if exchange.venue.durable is not None:
            exchange.venue.durable.commits.on_halt.append(self._on_halt)
            exchange.venue.durable.keep_usage("venue limits", self.metering)
        self.judges: dict[str, Judge] = {}  # by account
        self._entrances: list[Entrance] = []

    @classmethod
    def like_production(
        cls,
        *,
        keys: Keyring | None = None,
        limits: VenueLimits | None = None,
        places: Iterable[tuple[str, int]] = PLACES,
        legacy_listen_keys: bool = False,
        **options: Any,
    ) -> Binance:
        """A venue of its own, whose markets have production's filters (`serve`, `simulate`).

        `options` are those of `FailingExchange`; `markets` that have rules of their own keep them.
        The others are as for `Binance(...)`.

        >>> venue = Binance.like_production(seed=7)
        >>> venue.exchange.venue.markets["BTC/USDT"].orders_max
        200
        """
        from failing_exchange.client.exchange import FailingExchange

        options["markets"] = _production_markets(options)
        return cls(
            FailingExchange(**options),
            keys=keys,
            limits=limits,
            places=places,
            legacy_listen_keys=legacy_listen_keys,
        )

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
        listeners = self.exchange.venue.gateway.listeners
        if self.metering.heard not in listeners:
            orders = self.exchange.venue.gateway.engine.state.orders.values()
            self.metering.remember(order.id for order in orders if not order.filled)
            listeners += [self.metering.heard, self._heard]
        entrance = Entrance(self.exchange.venue, self._front, host, port, ssl)
        await entrance.open()
        self._entrances.append(entrance)
        return entrance.port

    def protocol(self) -> asyncio.BaseProtocol:
        """What speaks with one more connection, as at the first place that is listened at."""
        return self._entrances[0]()

    def _aiohttp(self) -> Any:
        """What speaks on connections with more than plain HTTP."""
        from failing_exchange.server.http_upgrades import HttpFront

        return HttpFront(self._answering, self.sockets).server()

    def _heard(self, events: tuple[Event, ...], at: int) -> None:
        """A venue that died takes its connections with it."""
        if any(event.__class__ is VenueRestarted for event in events):
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

    def judge(self, rules: Iterable[str | type[Rule]] | None = None) -> None:
        """Judge each account's client from now on; the venue must have started. None = all."""
        from failing_exchange.judge.judge import Judge

        accounts = self.keys.accounts
        for name in accounts:
            alone = len(accounts) == 1
            judge = Judge(self.exchange.venue, account=name, alone=alone, rules=rules)
            self.judges[name] = judge
            judge.attach()

    def accept_any_key(self) -> None:
        """Let any well-formed key trade for `main`, unless keys were given."""
        if not self._keys_given:
            self.keys.accept_any()

    async def listen_in_simulation(self) -> None:
        """Answer under all its names in the simulation's network."""
        import asyncio

        import failing_exchange.server.http_upgrades  # noqa: F401  # it would draw later

        self.accept_any_key()
        network: Any = getattr(asyncio.get_running_loop(), "network", None)
        if network is not None and self.places == PLACES:
            network.about = SIMULATED
        for host, port in self.places:
            await self.listen(host, port)

    async def ask(self, request: Request) -> Reply | None:
        """Answer one request without a socket; None when the connection breaks instead."""
        return await self._answering.ask(request)

    async def close(self) -> None:
        """Stop answering; open connections are ended."""
        for entrance in self._entrances:
            entrance.close()
        self._entrances.clear()
        self.socket_door.announce_shutdown()
        self.streams.announce_shutdown()
        self.sockets.close(Code.GOING_AWAY)
        await self._front.close(GRACE)
