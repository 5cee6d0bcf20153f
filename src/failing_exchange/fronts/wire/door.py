"""Binance's door: a request in, its trip through the pass, a reply out. It does no I/O."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from failing_exchange.core.market import SECOND
from failing_exchange.core.reject import Reject
from failing_exchange.dialects.binance.call import Call, Endpoint, Reading, Security, Writing
from failing_exchange.dialects.binance.codes import Said, refuse, said
from failing_exchange.dialects.binance.endpoints import BY_HTTP
from failing_exchange.dialects.binance.params import Params, form
from failing_exchange.dialects.binance.signing import check_signature, check_time, refused_key
from failing_exchange.dialects.binance.values import venue_symbol
from failing_exchange.trip import Trip

if TYPE_CHECKING:
    from failing_exchange.fronts.wire.keys import Keyring
    from failing_exchange.fronts.wire.metering import Metering
    from failing_exchange.gateway import Gateway
    from failing_exchange.venue import Venue

NOBODY = ""  # the account of a request whose key is unknown, or which needs none


class Request(NamedTuple):
    """An HTTP request as it arrived; header names in lower case."""

    method: str
    path: str
    query: str
    body: bytes
    headers: Mapping[str, str]
    address: str


class Reply(NamedTuple):
    """What goes back over the wire."""

    status: int
    body: bytes
    headers: Sequence[tuple[str, str]] = ()


Hear = Callable[[Trip], None]


class Door:
    """One venue's REST entrance. Keys and markets are looked up, nothing is kept here."""

    def __init__(self, venue: Venue, keys: Keyring, metering: Metering) -> None:
        self.venue = venue
        self.keys = keys
        self.metering = metering
        self._limits = metering.limits.rows()
        self.symbols = {venue_symbol(symbol): symbol for symbol in venue.markets}

    def receive(self, gateway: Gateway, request: Request, hear: Hear | None = None) -> Trip | None:
        """Send a request on its way; None for one that the venue has no endpoint for."""
        endpoint = BY_HTTP.get(f"{request.method} {request.path}")
        if endpoint is None:
            return None
        account, expires_at, params = NOBODY, 0, Params()
        refused: Reject | None = None
        try:
            text = request.body.decode("utf-8", "surrogateescape")
            params = Params(form(text) | form(request.query) if text else form(request.query))
            if endpoint.signed:
                account, expires_at = self._admit(endpoint, request, params, text)
        except Reject as no:
            no.__traceback__ = None
            refused = no
        micro = request.headers.get("x-mbx-time-unit", "").upper() == "MICROSECOND"
        weight = endpoint.weight
        call = Call(
            endpoint,
            params,
            weight if isinstance(weight, int) else weight(params),
            request.address,
            micro,
            refused,
        )
        symbol = self.symbols.get(params.get("symbol", ""), "")
        return gateway.receive(
            account, endpoint.operation, call, symbol, hear, self._read, expires_at
        )

    def _admit(
        self, endpoint: Endpoint, request: Request, params: Params, body: str
    ) -> tuple[str, int]:
        """Whose request it is, and until when it is fresh; raises `Reject`."""
        name = request.headers.get("x-mbx-apikey", "")
        if not name.isascii() or not name.isalnum():
            refuse("BAD_API_KEY_FMT", "API-key format invalid.")
        key = self.keys.find(name)
        if key is None:
            refused_key()
        check_signature(key, unsigned(request.query) + unsigned(body), params)
        expires_at = check_time(params, self.venue.clock.now())
        key.check(endpoint.security, request.address)
        return key.account, expires_at

    def _read(self, trip: Trip) -> Any:
        """The command of a call; raises the `Reject` that reading it has met."""
        call: Call = trip.message
        if call.refused is not None:
            raise call.refused
        now = self.venue.clock.now()
        reading = Reading(call.params, trip.account, self._listed, self.symbols, now)
        return call.endpoint.read(reading)

    @property
    def _listed(self) -> Any:
        assert self.venue.engine is not None
        return self.venue.engine.state.markets

    def reply(self, trip: Trip) -> Reply:
        """What the client is told, as bytes."""
        call: Call = trip.message
        told = trip.told
        if isinstance(told, Reject):
            return self._refusal(said(told, trip.operation), trip)
        writing = Writing(
            call.params, trip.command, self._listed, trip.ended_at, call.micro, self._limits
        )
        body = orjson.dumps(call.endpoint.write(writing, told))
        return Reply(200, body, self.metering.headers(call, trip.account, trip.ended_at, ok=True))

    def _refusal(self, no: Said, trip: Trip) -> Reply:
        headers = self.metering.headers(trip.message, trip.account, trip.ended_at, ok=False)
        if no.until is not None and no.status in (418, 429):
            wait = max(0, (no.until - trip.ended_at + SECOND - 1) // SECOND)
            headers.append(("Retry-After", str(wait)))
        return Reply(no.status, orjson.dumps({"code": no.code, "msg": no.text}), headers)


def unsigned(text: str) -> str:
    """Form-encoded text without its signature: what the signature was made of."""
    if "signature=" not in text:
        return text
    return "&".join(pair for pair in text.split("&") if not pair.startswith("signature="))


__all__ = ["Door", "Reply", "Request", "Security", "unsigned"]
