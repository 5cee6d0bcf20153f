"""The protocol of Binance USD-M, bound to one running venue: REST, streams, WebSocket API."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from failing_exchange.feeds.contract_feeds import ContractStreams
from failing_exchange.feeds.market_feeds import Feeds
from failing_exchange.server.conversation import converse
from failing_exchange.server.websocket_connection import WebSocketRoute
from failing_exchange.venue.api_changes import Features
from failing_exchange.venues.binance_usdm.contract_endpoints_as_of import endpoints_as_of
from failing_exchange.venues.binance_usdm.contract_streams import StreamRoute
from failing_exchange.venues.binance_usdm.events_before_algo import event_writer
from failing_exchange.venues.binance_usdm.futures_listen_keys import FuturesListenKeys
from failing_exchange.venues.binance_usdm.orders_before_algo import OrdersBeforeAlgo
from failing_exchange.venues.binance_usdm.usdm_changes import CHANGES
from failing_exchange.venues.binance_usdm.usdm_limits import UsdmMetering
from failing_exchange.venues.binance_usdm.usdm_rest import UsdmEarlyReplies, UsdmRest
from failing_exchange.venues.binance_usdm.usdm_streams import STREAMS, UsdmStreams
from failing_exchange.venues.binance_usdm.usdm_ws_api import LOG_ON, UsdmApi, methods_of

if TYPE_CHECKING:
    from failing_exchange.server.api_keys import Keyring
    from failing_exchange.server.messages import Reply, Request
    from failing_exchange.venue.venue import RunningVenue
    from failing_exchange.venues.binance_common.connection_query import Given
    from failing_exchange.venues.binance_common.metering import VenueLimits

WS_API = "/ws-fapi/v1"
ROUTED = tuple(f"{route}/" for route in StreamRoute if route is not StreamRoute.NONE)


class UsdmDialect:
    """See `server.dialect.Dialect`."""

    def __init__(
        self, venue: RunningVenue, keys: Keyring, limits: VenueLimits | None = None
    ) -> None:
        self.limits = UsdmMetering(limits)
        self._early = UsdmEarlyReplies(self.limits)
        self.rest = UsdmRest(venue, keys, self.limits, self._early)
        self.feeds = Feeds(venue)
        self.user_streams = ContractStreams(venue)
        self.features = Features(CHANGES, venue.as_of)
        venue.add_api(self.features)
        self._old_orders = OrdersBeforeAlgo(venue)
        writer = partial(event_writer, self.features, self._old_orders.find)
        self.listen_keys = FuturesListenKeys(self.user_streams, writer, seed=venue.seed)
        self.rest.sessions = LOG_ON
        self.features.watch(self._follow)
        self.routes = {
            f"{route}{path}": self._streams(route)
            for route in StreamRoute
            for path in ("/ws", "/ws/", "/stream")
        }
        self.routes[WS_API] = WebSocketRoute(
            converse(partial(UsdmApi, self.rest, self.user_streams)),
            STREAMS._replace(counts_text=False),
            "open_api",
        )

    def _streams(self, route: StreamRoute) -> WebSocketRoute:
        make = partial(UsdmStreams, route, self.feeds, self.listen_keys, self.features)
        return WebSocketRoute(converse(make, self.feeds), STREAMS)

    def _follow(self) -> None:
        """Behave as the features say from now on."""
        old = self._old_orders.endpoints
        table = {**self.listen_keys.endpoints, **self.rest.table}
        self.rest.endpoints = endpoints_as_of(table, old, self.features)
        self.rest.sockets = methods_of(self.rest.endpoints)

    def refuse_connection(
        self, request: Request, route: WebSocketRoute | None, at: int
    ) -> Reply | None:
        """A ban, nothing there, or too many connections; parameters are not looked at."""
        routed = request.path.startswith(ROUTED) and not self.features.has("routed_streams")
        check = None if route is None or routed else _anything
        return self._early.refuse_connection(request, check, at)


def _anything(found: Given) -> None:
    """The URL of a connection may say what it likes."""
