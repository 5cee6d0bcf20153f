"""The REST API of USD-M: what differs from that of Spot."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from failing_exchange.core.commands import AdjustMargin
from failing_exchange.core.market import is_contract
from failing_exchange.server.messages import Reply
from failing_exchange.venues.binance.early_replies import EarlyReplies
from failing_exchange.venues.binance.rest import SpotRest
from failing_exchange.venues.binance.values import venue_symbol
from failing_exchange.venues.binance_usdm.codes import CODES, REFUSALS
from failing_exchange.venues.binance_usdm.contract_endpoints import BY_HTTP, ENDPOINTS
from failing_exchange.venues.binance_usdm.usdm_call import UsdmCall

if TYPE_CHECKING:
    from failing_exchange.core.reject import Reject
    from failing_exchange.journal.trip import Trip
    from failing_exchange.server.api_keys import Keyring
    from failing_exchange.server.messages import Request
    from failing_exchange.server.rest_api import RoutedCall
    from failing_exchange.venue.gateway import Decode
    from failing_exchange.venue.venue import RunningVenue
    from failing_exchange.venues.binance.call import Call
    from failing_exchange.venues.binance.limits_policy import Metering

# Endpoints that were retired on 2023-07-15 -> the version that has taken their place.
RETIRED = {
    "/fapi/v1/account": "/fapi/v2/account",
    "/fapi/v1/balance": "/fapi/v2/balance",
    "/fapi/v1/positionRisk": "/fapi/v2/positionRisk",
}


class UsdmRest(SpotRest):
    """Reads and answers requests of the REST API (see `server.rest_api.Rest`)."""

    refusals = REFUSALS
    costly = frozenset(one.http.partition(" ")[2] for one in ENDPOINTS if one.costly)

    def __init__(
        self, venue: RunningVenue, keys: Keyring, metering: Metering, early: EarlyReplies
    ) -> None:
        super().__init__(venue, keys, metering, early)
        self.endpoints = BY_HTTP
        self.symbols = {venue_symbol(one): one for one in venue.markets if is_contract(one)}

    def routed(
        self, call: Call, account: str, expires_at: int, read: Decode | None = None
    ) -> RoutedCall:
        """A call as the pass carries it."""
        return super().routed(UsdmCall(*call), account, expires_at, read)

    def refuse(self, trip: Trip, refused: Reject) -> Reply:
        """Code and words; for margin that can't be removed, those of the isolated position."""
        command = trip.command
        if command.__class__ is AdjustMargin and command.atoms < 0:
            return self.refusal(trip, refused, "reduce_margin")
        return self.refusal(trip, refused, trip.operation)


class UsdmEarlyReplies(EarlyReplies):
    """Answers requests that are refused before they are read."""

    refusals = REFUSALS

    def nothing_at(self, request: Request) -> Reply:
        """An endpoint that was retired, or a path that there is not."""
        method, path = request.method, request.path
        if method == "GET" and path in RETIRED:
            text = f"GET {path} is retired, please use GET {RETIRED[path]}"
        else:
            self.name(method, path)
            text = f"Path {path[:200]}, Method {method} is invalid"
        body = orjson.dumps({"code": CODES["PATH_INVALID"], "msg": text})
        return Reply(self.refusals.statuses["PATH_INVALID"], body)
