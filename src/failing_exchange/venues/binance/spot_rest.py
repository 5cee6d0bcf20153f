"""The REST API of Spot."""

from __future__ import annotations

from failing_exchange.venues.binance.codes import REFUSALS
from failing_exchange.venues.binance.connecting import form_of
from failing_exchange.venues.binance.endpoints import BY_HTTP, ENDPOINTS
from failing_exchange.venues.binance.spot_call import SpotCall
from failing_exchange.venues.binance_common.binance_rest import BinanceRest, costly_paths


class SpotRest(BinanceRest):
    """Reads and answers requests of the REST API (see `server.rest_api.Rest`)."""

    refusals = REFUSALS
    table = BY_HTTP
    kind = "spot"
    calls = SpotCall
    formats = staticmethod(form_of)
    costly = costly_paths(ENDPOINTS)
