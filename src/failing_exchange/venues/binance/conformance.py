"""Binance Spot's language as `check_dialect` takes it: one example for each endpoint."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from failing_exchange.core.market import Market
from failing_exchange.core.reject import Reject
from failing_exchange.server.websocket_frames import frame
from failing_exchange.simulation import simulate
from failing_exchange.venues.binance import codes, placing, values
from failing_exchange.venues.binance.call import Answered, Reading, Writing
from failing_exchange.venues.binance.endpoints import BY_HTTP, ENDPOINTS
from failing_exchange.venues.binance.parameters import TAKES, check, check_count
from failing_exchange.venues.binance.params import Params, form
from failing_exchange.venues.checks import Example, Refusal, Stream
from failing_exchange.venues.example_world import World

if TYPE_CHECKING:
    from failing_exchange.venues.checks import Pairs

HOST = "api.binance.com"
SETTLING = 5.0  # virtual seconds after which nothing more is on its way
ONE = {"symbol": "BTCUSDT"}
ORDER = ONE | {"side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.1",
               "price": "40000"}  # fmt: skip
CANDLES = ONE | {"interval": "1m"}
OCO = ONE | {"side": "SELL", "quantity": "0.1", "aboveType": "LIMIT_MAKER", "abovePrice": "60000",
             "belowType": "STOP_LOSS", "belowStopPrice": "30000"}  # fmt: skip
WORKING = ONE | {"workingType": "LIMIT", "workingSide": "BUY", "workingPrice": "40000",
                 "workingQuantity": "0.1", "workingTimeInForce": "GTC",
                 "pendingSide": "SELL"}  # fmt: skip
PENDING = {"pendingType": "LIMIT_MAKER", "pendingPrice": "60000"}
PENDING_PAIR = {"pendingAboveType": "LIMIT_MAKER", "pendingAbovePrice": "60000",
                "pendingBelowType": "STOP_LOSS", "pendingBelowStopPrice": "30000"}  # fmt: skip
EXAMPLES: dict[str, dict[str, str]] = {
    "GET /api/v3/depth": ONE,
    "GET /api/v3/trades": ONE,
    "GET /api/v3/historicalTrades": ONE,
    "GET /api/v3/historicalBlockTrades": ONE | {"fromId": "0"},
    "GET /api/v3/referencePrice": ONE,
    "GET /api/v3/referencePrice/calculation": ONE,
    "GET /api/v3/aggTrades": ONE,
    "GET /api/v3/klines": CANDLES,
    "GET /api/v3/uiKlines": CANDLES,
    "GET /api/v3/avgPrice": ONE,
    "GET /api/v3/ticker/tradingDay": ONE,
    "GET /api/v3/ticker": {"symbols": '["BTCUSDT","ETHBTC"]'},
    "POST /api/v3/order": ORDER,
    "POST /api/v3/order/test": ORDER,
    "GET /api/v3/order": ONE | {"origClientOrderId": World.open_name},
    "DELETE /api/v3/order": ONE | {"origClientOrderId": World.open_name},
    "DELETE /api/v3/openOrders": ONE,
    "POST /api/v3/order/cancelReplace": ORDER | {
        "cancelReplaceMode": "STOP_ON_FAILURE", "cancelOrigClientOrderId": World.open_name,
    },
    "PUT /api/v3/order/amend/keepPriority": ONE | {
        "origClientOrderId": World.open_name, "newQty": "0.05",
    },
    "POST /api/v3/order/oco": ONE | {
        "side": "SELL", "quantity": "0.1", "price": "60000", "stopPrice": "30000",
        "stopLimitPrice": "29000", "stopLimitTimeInForce": "GTC",
    },
    "POST /api/v3/orderList/oco": OCO,
    "POST /api/v3/orderList/oto": WORKING | PENDING | {"pendingQuantity": "0.1"},
    "POST /api/v3/orderList/otoco": WORKING | PENDING_PAIR | {"pendingQuantity": "0.1"},
    "POST /api/v3/orderList/opo": WORKING | PENDING,
    "POST /api/v3/orderList/opoco": WORKING | PENDING_PAIR,
    "DELETE /api/v3/orderList": ONE | {"listClientOrderId": World.pair_name},
    "GET /api/v3/orderList": {"origClientOrderId": World.pair_name},
    "POST /api/v3/sor/order": ORDER,
    "POST /api/v3/sor/order/test": ORDER,
    "GET /api/v3/allOrders": ONE,
    "GET /api/v3/myTrades": ONE,
    "GET /api/v3/account/commission": ONE,
    "GET /api/v3/myPreventedMatches": ONE | {"orderId": "1"},
    "GET /api/v3/myAllocations": ONE,
    "GET /api/v3/myFilters": ONE,
}  # fmt: skip
REFUSED = ("/sor/", "/referencePrice")  # what no market of this venue has
BODY = urlencode(ORDER)
HTTP = (
    f"POST /api/v3/order/test HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: {len(BODY)}\r\n\r\n{BODY}"
).encode()
FRAME = frame(b'{"id":"one","method":"ping","params":{"returnRateLimits":false}}', mask=b"mask")
UPGRADE = (
    b"GET /ws-api/v3 HTTP/1.1\r\nHost: ws-api.binance.com\r\nUpgrade: websocket\r\n"
    b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


class BinanceDialect:
    """Binance Spot, for `check_dialect`; and what to look at when writing another dialect."""

    name = "Binance Spot"

    @property
    def endpoints(self) -> Mapping[str, Sequence[str] | None]:
        """All of REST; None for those that rest-api.md does not name, such as /sapi."""
        return {
            endpoint.http: sorted(TAKES[endpoint.http].names) if endpoint.http in TAKES else None
            for endpoint in ENDPOINTS
        }

    @property
    def streams(self) -> Sequence[Stream]:
        """HTTP requests with a body, and the WebSocket API's frames."""
        return (Stream("HTTP", HTTP, _served), Stream("WebSocket", FRAME, _conversed))

    def needs(self, endpoint: str) -> Sequence[str]:
        """The mandatory ones."""
        return TAKES[endpoint].needed if endpoint in TAKES else ()

    def examples(self, world: World) -> Sequence[Example]:
        """One each, and for lists of orders one more that names it by id."""
        found = [
            Example(http, EXAMPLES.get(http, {}), any(part in http for part in REFUSED))
            for http in self.endpoints
        ]
        by_id = {"symbol": "BTCUSDT", "orderId": str(world.open.order.id)}
        found.append(Example("GET /api/v3/order/amendments", by_id))
        return [one for one in found if "amendments" not in one.endpoint or one.parameters]

    def read(self, endpoint: str, sent: Pairs, world: World) -> Any:
        """As the door does: the form, what the endpoint takes, and its own reading."""
        params = form(urlencode(sent, errors="surrogateescape"))
        row, count = BY_HTTP[endpoint], len(params)
        row.weighs(params)
        check_count(row, count)
        check(row, params, count)
        return row.read(Reading(params, world.account, world.markets, _symbols(world), world.at))

    def write(self, endpoint: str, sent: Pairs, command: Any, answer: Any, world: World) -> Any:
        """The body of the reply."""
        row, params = BY_HTTP[endpoint], Params(sent)
        written = row.write(Writing(params, command, world.markets, world.at), answer)
        return written.body if isinstance(written, Answered) else written

    def refusal(self, no: Reject, endpoint: str) -> Refusal:
        """Status, code and `msg`."""
        said = codes.said(no, BY_HTTP[endpoint].operation)
        return Refusal(said.status, said.code, said.text)

    def number_text(self, kind: str, number: int, market: Market) -> str:
        """As in answers: eight places, ids as they are."""
        if kind == "id":
            return str(number)
        return (values.price if kind == "price" else values.amount)(number, market)

    def number_of(self, kind: str, text: str, market: Market) -> int:
        """As in requests."""
        params = Params({kind: text})
        if kind == "id":
            return params.integer(kind)
        return (placing.ticks_of if kind == "price" else placing.lots_of)(params, kind, market)


def _symbols(world: World) -> dict[str, str]:
    return {values.venue_symbol(symbol): symbol for symbol in world.markets}


# ---- bytes: a venue of its own, in virtual time, on the simulation's network


def _served(pieces: Sequence[bytes]) -> list[object]:
    """The answers of a venue to what arrives in these pieces, a virtual millisecond apart."""
    received: bytes = simulate(_told(pieces), venue="binance")
    return [part.split(b"\r\n\r\n")[1] for part in received.split(b"HTTP/1.1 ")[1:]]


def _conversed(pieces: Sequence[bytes]) -> list[object]:
    """The same for frames; the answers are short, so that each begins with two bytes of its own."""
    received: bytes = simulate(_told((UPGRADE, *pieces)), venue="binance")
    left, found = received.partition(b"\r\n\r\n")[2], list[object]()
    while len(left) > 2:
        found.append(left[2 : 2 + left[1]])
        left = left[2 + left[1] :]
    return found


async def _told(pieces: Sequence[bytes]) -> bytes:
    reader, writer = await asyncio.open_connection(HOST, 443)
    for piece in pieces:
        writer.write(piece)
        await asyncio.sleep(0.001)
    received = b""
    try:
        async with asyncio.timeout(SETTLING):
            while piece := await reader.read(1 << 16):
                received += piece
    except TimeoutError:
        writer.close()
    return received
