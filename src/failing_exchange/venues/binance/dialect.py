"""Binance Spot's protocol, bound to one running venue: REST, streams, and the WebSocket API."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from failing_exchange.feeds.account_feeds import UserStreams
from failing_exchange.feeds.market_feeds import Feeds
from failing_exchange.server.conversation import converse
from failing_exchange.server.websocket_connection import WebSocketRoute
from failing_exchange.venue.api_changes import Features
from failing_exchange.venues.binance.connecting import (
    STREAMS,
    WS_API_CONNECTIONS,
    check_format,
)
from failing_exchange.venues.binance.spot_changes import CHANGES
from failing_exchange.venues.binance.spot_early_replies import REMOVED, SpotEarlyReplies
from failing_exchange.venues.binance.spot_limits import SpotMetering
from failing_exchange.venues.binance.spot_rest import SpotRest
from failing_exchange.venues.binance.spot_streams import SpotStreams
from failing_exchange.venues.binance.spot_ws_api import SpotApi
from failing_exchange.venues.binance.user_events import event_writer
from failing_exchange.venues.binance_common.connection_query import Given

if TYPE_CHECKING:
    from failing_exchange.server.api_keys import Keyring
    from failing_exchange.server.messages import Reply, Request
    from failing_exchange.venue.venue import RunningVenue
    from failing_exchange.venues.binance_common.listen_keys import ListenKeys
    from failing_exchange.venues.binance_common.metering import VenueLimits

WS_API = "/ws-api/v3"


class SpotDialect:
    """See `server.dialect.Dialect`."""

    def __init__(
        self,
        venue: RunningVenue,
        keys: Keyring,
        limits: VenueLimits | None = None,
        *,
        legacy_listen_keys: bool = False,
    ) -> None:
        self.limits = SpotMetering(limits)
        self._early = SpotEarlyReplies(self.limits)
        self.rest = SpotRest(venue, keys, self.limits, self._early)
        self.feeds = Feeds(venue)
        self.user_streams = UserStreams(venue)
        self.listen_keys: ListenKeys | None = None
        kept = ("listen_keys",) if legacy_listen_keys else ()
        self.features = Features(CHANGES, venue.as_of, kept=kept)
        venue.add_api(self.features)
        if self.features.has("listen_keys"):
            from failing_exchange.venues.binance_common.listen_keys import ListenKeys

            self.listen_keys = ListenKeys(
                self.user_streams, partial(event_writer, self.features), seed=venue.seed
            )
        self.features.watch(self._follow)
        make = partial(SpotStreams, self.feeds, self.listen_keys, self.features)
        streams = WebSocketRoute(converse(make, self.feeds), STREAMS)
        self.routes = {
            "/ws": streams,
            "/ws/": streams,
            "/stream": streams,
            WS_API: WebSocketRoute(
                converse(partial(SpotApi, self.rest, self.user_streams)),
                WS_API_CONNECTIONS,
                "open_api",
            ),
        }

    def _follow(self) -> None:
        """Behave as the features say from now on."""
        keys = self.listen_keys
        self.rest.follow(self.features, () if keys is None else keys.endpoints.values())
        self._early.removed = () if self.features.has("listen_keys") else REMOVED

    def refuse_connection(
        self, request: Request, route: WebSocketRoute | None, at: int
    ) -> Reply | None:
        """A ban, nothing there, too many connections, or parameters that are not understood."""
        check: Callable[[Given], Any] | None = None
        if route is not None:
            check = self._check_api if request.path == WS_API else self.rest.is_micro_in
        return self._early.refuse_connection(request, check, at)

    def _check_api(self, found: Given) -> None:
        """Raise `Reject` for parameters of a connection's URL that are not understood."""
        self.rest.is_micro_in(found)
        check_format(found)
