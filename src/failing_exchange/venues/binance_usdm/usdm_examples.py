"""Binance USD-M's examples for `check_venue`: a right request for each endpoint."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from failing_exchange.venues.binance.example_requests import BinanceExamples, example
from failing_exchange.venues.binance_usdm.contract_endpoints import BY_HTTP, ENDPOINTS
from failing_exchange.venues.example_world import ContractWorld
from failing_exchange.venues.examples import ExampleRequest

if TYPE_CHECKING:
    from failing_exchange.venues.example_world import ExampleWorld

ORDER = "POST /fapi/v1/order"
# It is refused while there is a position, as in this world.
REFUSED = ("POST /fapi/v1/positionSide/dual",)


class UsdmExamples(BinanceExamples):
    """All of REST."""

    world = ContractWorld
    host = "fapi.binance.com"
    table = BY_HTTP
    placing = ORDER

    def examples(self, world: ExampleWorld) -> Sequence[ExampleRequest]:
        """One each."""
        return [ExampleRequest(one.http, example(one), one.http in REFUSED) for one in ENDPOINTS]
