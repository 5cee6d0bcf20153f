"""Binance USD-M's examples for `check_venue`."""

from __future__ import annotations

from failing_exchange.venues.binance_common.table_examples import TableExamples
from failing_exchange.venues.binance_usdm.contract_endpoints import BY_HTTP
from failing_exchange.venues.example_world import ContractWorld


class UsdmExamples(TableExamples):
    """A right request for each endpoint."""

    world = ContractWorld
    host = "fapi.binance.com"
    table = BY_HTTP
    lenient = True
    placing = "POST /fapi/v1/order"
    # refused while there is a position, as in this world
    refused = ("POST /fapi/v1/positionSide/dual", "POST /fapi/v1/multiAssetsMargin")
