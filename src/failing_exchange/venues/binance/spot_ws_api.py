"""The WebSocket API of Spot: web-socket-api.md, 2026-07-21."""

from __future__ import annotations

from typing import TYPE_CHECKING

from failing_exchange.venues.binance.user_events import event_writer
from failing_exchange.venues.binance_common.ws_api import ApiConversation

if TYPE_CHECKING:
    from failing_exchange.feeds.account_feeds import Write
    from failing_exchange.venues.binance.spot_rest import SpotRest


class SpotApi(ApiConversation):
    """What is said on one connection."""

    rest: SpotRest
    version = "v3/"
    connect_weight = 2  # "IP limits"

    def writer(self) -> Write:
        """As the API has it now."""
        return event_writer(self.rest.features, micro=self.micro)

    def tells_shutdown(self) -> bool:
        """As the API has it."""
        return self.rest.features.has("server_shutdown")
