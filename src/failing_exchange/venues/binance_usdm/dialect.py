"""The protocol of Binance USD-M, bound to one running venue: REST."""

from __future__ import annotations

from typing import TYPE_CHECKING

from failing_exchange.venues.binance_usdm.usdm_limits import UsdmMetering
from failing_exchange.venues.binance_usdm.usdm_rest import UsdmEarlyReplies, UsdmRest

if TYPE_CHECKING:
    from failing_exchange.server.api_keys import Keyring
    from failing_exchange.server.messages import Reply, Request
    from failing_exchange.server.websocket_connection import WebSocketRoute
    from failing_exchange.venue.venue import RunningVenue
    from failing_exchange.venues.binance_common.metering import VenueLimits


class UsdmDialect:
    """See `server.dialect.Dialect`."""

    def __init__(
        self, venue: RunningVenue, keys: Keyring, limits: VenueLimits | None = None
    ) -> None:
        self.limits = UsdmMetering(limits)
        self._early = UsdmEarlyReplies(self.limits)
        self.rest = UsdmRest(venue, keys, self.limits, self._early)
        self.routes: dict[str, WebSocketRoute] = {}

    def refuse_connection(
        self, request: Request, route: WebSocketRoute | None, at: int
    ) -> Reply | None:
        """Nothing is spoken at any path."""
        return self._early.refuse_connection(request, None, at)
