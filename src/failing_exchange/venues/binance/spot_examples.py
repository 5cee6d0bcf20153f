"""Binance Spot's examples for `check_venue`."""

from __future__ import annotations

from failing_exchange.venues.binance.endpoints import BY_HTTP
from failing_exchange.venues.binance_common.table_examples import TableExamples


class SpotExamples(TableExamples):
    """A right request for each endpoint."""

    host = "api.binance.com"
    table = BY_HTTP
    placing = "POST /api/v3/order"
    # what no market of this venue has; its world has no futures wallet
    refused = ("/sor/", "/referencePrice", "POST /sapi/v1/asset/transfer")
