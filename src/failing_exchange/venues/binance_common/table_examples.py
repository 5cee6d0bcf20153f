"""Examples for `check_venue`, from a table of endpoints: a right request for each."""

from __future__ import annotations

import hmac
import json
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from failing_exchange.core.units import MILLISECOND
from failing_exchange.server.api_keys import DEFAULT_KEY, DEFAULT_SECRET
from failing_exchange.server.messages import Request
from failing_exchange.venues.binance_common.call import Endpoint
from failing_exchange.venues.example_world import ExampleWorld
from failing_exchange.venues.examples import ExampleRequest, Examples, ToldRefusal

if TYPE_CHECKING:
    from failing_exchange.server.messages import Reply
    from failing_exchange.venues.examples import Pairs

USUAL = {"symbol": "BTCUSDT", "interval": "1m", "fromId": "0"}  # of mandatory parameters


def example(endpoint: Endpoint, usual: Mapping[str, str] = USUAL) -> dict[str, str]:
    """The parameters of a right request: mandatory ones that are usual, and those of its row."""
    needed = {name: usual[name] for name in endpoint.needed if name in usual}
    return needed | dict(pair.split("=", 1) for pair in endpoint.example.split())


class TableExamples(Examples):
    """All of REST, and what to look at when writing those of another venue.

    `placing` is the endpoint that places an order, `refused` has parts of the names of those that
    refuse every request of the world.
    """

    host: str
    table: Mapping[str, Endpoint]
    placing: str
    refused: tuple[str, ...] = ()

    @property
    def endpoints(self) -> Mapping[str, Sequence[str] | None]:
        """All of REST; None for those that the documents do not name, such as /sapi."""
        table = self.table.items()
        return {name: None if one.takes is None else sorted(one.names) for name, one in table}

    def needs(self, endpoint: str) -> Sequence[str]:
        """The mandatory ones."""
        return self.table[endpoint].needed

    def examples(self, world: ExampleWorld) -> Sequence[ExampleRequest]:
        """One each; a mandatory id is that of the open order."""
        usual = USUAL | {"orderId": str(world.open.order.id)}
        return [
            ExampleRequest(name, example(one, usual), any(part in name for part in self.refused))
            for name, one in self.table.items()
        ]

    def request(self, endpoint: str, sent: Pairs, at: int) -> Request:
        """All in the query, signed by HMAC."""
        method, _, path = endpoint.partition(" ")
        query = urlencode(sent, errors="surrogateescape")
        headers = {"host": self.host}
        row = self.table[endpoint]
        if row.signed:
            headers["x-mbx-apikey"] = DEFAULT_KEY
        if row.signed and not row.key_only:
            query += ("&" if query else "") + f"timestamp={at // MILLISECOND}"
            signature = hmac.new(DEFAULT_SECRET.encode(), query.encode(), sha256).hexdigest()
            query += f"&signature={signature}"
        return Request(method, path, query, headers, b"", "127.0.0.1")

    def refusal(self, reply: Reply) -> ToldRefusal | None:
        """Statuses from 400 on, with code and msg."""
        if reply.status < 400:
            return None
        body = json.loads(reply.body)
        return ToldRefusal(body["code"], body["msg"])

    def order(self, price: str, amount: str) -> ExampleRequest:
        """Good till canceled."""
        changes = {"price": price, "quantity": amount, "newOrderRespType": "RESULT"}
        return ExampleRequest(self.placing, example(self.table[self.placing]) | changes)

    def numbers(self, reply: Reply) -> tuple[str, str, str]:
        """Of RESULT."""
        body = json.loads(reply.body)
        return str(body["orderId"]), body["price"], body["origQty"]
