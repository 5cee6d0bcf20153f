"""The REST API of Spot."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from failing_exchange.core.reject import Reason, Reject
from failing_exchange.venues.binance.codes import REFUSALS
from failing_exchange.venues.binance.connecting import (
    form_before_microseconds,
    form_of,
    is_micro_in,
)
from failing_exchange.venues.binance.endpoints import BY_HTTP, ENDPOINTS
from failing_exchange.venues.binance.endpoints_as_of import SESSION_NEEDS, endpoints_as_of
from failing_exchange.venues.binance.spot_call import SpotCall
from failing_exchange.venues.binance_common.binance_rest import BinanceRest, costly_paths
from failing_exchange.venues.binance_common.ws_session import SESSION

if TYPE_CHECKING:
    from failing_exchange.journal.trip import Trip
    from failing_exchange.server.messages import Reply
    from failing_exchange.venue.api_changes import Features
    from failing_exchange.venues.binance_common.call import Endpoint
    from failing_exchange.venues.binance_common.connection_query import Given


NO_MONEY = "Asset transfer failed: insufficient balance"


class SpotRest(BinanceRest):
    """Reads and answers requests of the REST API (see `server.rest_api.Rest`)."""

    refusals = REFUSALS
    table = BY_HTTP
    calls = SpotCall
    formats = staticmethod(form_of)
    costly = costly_paths(ENDPOINTS)
    features: Features

    def follow(self, features: Features, more: Iterable[Endpoint]) -> None:
        """Behave as these features say from now on; `more` are the endpoints of listen keys."""
        self.features = features
        self.endpoints = endpoints_as_of(features, more)
        self.sockets = {one.socket: one for one in self.endpoints.values() if one.socket}
        self.sessions = {
            name: method
            for name, method in SESSION.items()
            if name not in SESSION_NEEDS or features.has(SESSION_NEEDS[name])
        }
        self.encoded = features.has("percent_encoding")
        self.micro = features.has("microseconds")
        self.formats = form_of if self.micro else form_before_microseconds

    def refuse(self, trip: Trip, refused: Reject) -> Reply:
        """Code and words; for money that is not there, those of the wallet."""
        if trip.operation == "transfer" and refused.reason is Reason.INSUFFICIENT_FUNDS:
            refused = Reject(refused.reason, NO_MONEY, code="TRANSFER_FAILED")
        return super().refuse(trip, refused)

    def is_micro_in(self, found: Given) -> bool:
        """Whether the URL of a connection asks for microseconds, where there are any."""
        return self.micro and is_micro_in(found)
