"""The REST API of USD-M: what differs from that of Spot."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from failing_exchange.core.commands import AdjustMargin
from failing_exchange.server.messages import Reply
from failing_exchange.venues.binance_common.binance_rest import BinanceRest, costly_paths
from failing_exchange.venues.binance_common.early_replies import EarlyReplies
from failing_exchange.venues.binance_usdm.codes import CODES, REFUSALS
from failing_exchange.venues.binance_usdm.contract_endpoints import BY_HTTP, ENDPOINTS
from failing_exchange.venues.binance_usdm.usdm_call import UsdmCall

if TYPE_CHECKING:
    from failing_exchange.core.reject import Reject
    from failing_exchange.journal.trip import Trip
    from failing_exchange.server.messages import Request

# Endpoints that were retired on 2023-07-15 -> the version that has taken their place.
RETIRED = {
    "/fapi/v1/account": "/fapi/v2/account",
    "/fapi/v1/balance": "/fapi/v2/balance",
    "/fapi/v1/positionRisk": "/fapi/v2/positionRisk",
}


class UsdmRest(BinanceRest):
    """Reads and answers requests of the REST API (see `server.rest_api.Rest`)."""

    refusals = REFUSALS
    table = BY_HTTP
    lenient = True
    calls = UsdmCall
    costly = costly_paths(ENDPOINTS)

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
