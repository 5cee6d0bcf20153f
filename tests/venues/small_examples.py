"""What the small venue says of itself for `check_venue`: a right request for each endpoint."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from urllib.parse import urlencode

from failing_exchange.server.api_keys import DEFAULT_KEY, DEFAULT_SECRET
from failing_exchange.server.messages import Reply, Request
from failing_exchange.venues.example_world import ExampleWorld
from failing_exchange.venues.examples import ExampleRequest, Examples, Pairs, ToldRefusal
from tests.venues.small_venue import ENDPOINTS, HOST, PLACE, instant, signature


class SmallExamples(Examples):
    """Orders of 0.1 BTC, and whatever else is there."""

    @property
    def endpoints(self) -> Mapping[str, Sequence[str]]:
        rows = ENDPOINTS.items()
        return {name: [one.rstrip("!") for one in row.fields.split()] for name, row in rows}

    def needs(self, endpoint: str) -> Sequence[str]:
        return [one[:-1] for one in ENDPOINTS[endpoint].fields.split() if one[-1] == "!"]

    def examples(self, world: ExampleWorld) -> Sequence[ExampleRequest]:
        right = {"market": "BTC-USDT", "depth": "5", "no": str(world.open.order.id)}
        others = [
            ExampleRequest(name, {one: right[one] for one in fields})
            for name, fields in self.endpoints.items()
            if name != PLACE
        ]
        return [self.order("40000", "0.1"), *others]

    def request(self, endpoint: str, sent: Pairs, at: int) -> Request:
        """Fields that are sent twice are there twice, also in JSON."""
        method, path = endpoint.split()
        query, body = urlencode(sent, errors="surrogateescape"), b""
        if method == "POST":
            pairs = (f"{json.dumps(name)}: {json.dumps(value)}" for name, value in sent)
            query, body = "", f"{{{', '.join(pairs)}}}".encode()
        payload = f"{method}{path}{'?' if query else ''}{query}".encode() + body
        headers = {"host": HOST}
        if ENDPOINTS[endpoint].signed:
            sign = signature(DEFAULT_SECRET, instant(at), payload)
            headers |= {"small-key": DEFAULT_KEY, "small-time": instant(at), "small-sign": sign}
        return Request(method, path, query, headers, body, "127.0.0.1")

    def refusal(self, reply: Reply) -> ToldRefusal | None:
        body = json.loads(reply.body)
        return None if body["ok"] else ToldRefusal(body["error"]["code"], body["error"]["text"])

    def order(self, price: str, amount: str) -> ExampleRequest:
        market = {"market": "BTC-USDT", "side": "buy", "type": "limit"}
        return ExampleRequest(PLACE, market | {"price": price, "size": amount})

    def numbers(self, reply: Reply) -> tuple[str, str, str]:
        data = json.loads(reply.body)["data"]
        return str(data["no"]), data["price"], data["size"]
