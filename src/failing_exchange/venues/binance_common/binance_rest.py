"""Binance's REST API: requests to calls, answers and refusals to replies. It does no I/O."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import orjson

from failing_exchange.core.order import record
from failing_exchange.core.reject import Reject
from failing_exchange.core.units import SECOND
from failing_exchange.server.api_keys import Signatures
from failing_exchange.server.damage import repeated
from failing_exchange.server.messages import Reply, Request
from failing_exchange.server.rest_api import Rest, RoutedCall
from failing_exchange.venues.binance_common.call import (
    Answered,
    Call,
    Endpoint,
    Reading,
    Security,
    Writing,
)
from failing_exchange.venues.binance_common.edits import edit
from failing_exchange.venues.binance_common.parameter_checks import check, check_count
from failing_exchange.venues.binance_common.params import Params, form
from failing_exchange.venues.binance_common.refusals import Refusals, refuse, retry_after
from failing_exchange.venues.binance_common.signing import (
    check_permission,
    check_signature,
    check_time,
    refused_key,
    verifier,
)
from failing_exchange.venues.binance_common.values import venue_symbol
from failing_exchange.venues.edits import Edits

if TYPE_CHECKING:
    from failing_exchange.journal.trip import Trip
    from failing_exchange.server.api_keys import Key, Keyring
    from failing_exchange.venue.gateway import Decode
    from failing_exchange.venue.venue import RunningVenue
    from failing_exchange.venues.binance_common.connection_query import Given
    from failing_exchange.venues.binance_common.early_replies import EarlyReplies
    from failing_exchange.venues.binance_common.metering import Metering
    from failing_exchange.venues.binance_common.ws_session import SessionMethod

PUBLIC = Security.NONE
KEYS_NAMED_MAX = 5  # known keys that the log names when an unknown one comes; others are left out
logger = logging.getLogger("failing_exchange.keys")
STEP = 10  # candles that are made in one step: months, some 20 ms
NOBODY = ""  # the account of a request whose key is unknown, or which needs none


SECRETS = ("apiKey", "signature")  # parameters that never reach a trip
# not in the documents; what production says was not seen
NO_HTTP = b'{"code":-1000,"msg":"Bad request."}'


class BinanceRest(Rest):
    """Reads and answers requests of the REST API of one product (see `server.rest_api.Rest`).

    `table` has its endpoints by method and path, and `calls` is the class of its messages.
    `sockets` and `sessions` are the methods of the WebSocket API, by name. `formats` tells by the
    headers whether instants are told in microseconds.
    `encoded`: payloads must be percent-encoded before they are signed; `micro`: timestamps may be
    in microseconds. Both are as of the day of the API, and may change while it runs. `lenient`: the
    venue ignores parameters that an endpoint does not take.
    """

    engine_time_max = 10 * SECOND  # rest-api.md, "General API Information"; errors.md, -1007
    refusals: Refusals
    table: Mapping[str, Endpoint]
    calls: type[Call]
    sockets: Mapping[str, Endpoint]
    sessions: Mapping[str, SessionMethod]
    formats: Callable[[Mapping[str, str]], bool] | None = None
    encoded: bool = True
    micro: bool = True
    lenient: bool = False

    def __init__(
        self, venue: RunningVenue, keys: Keyring, metering: Metering, early: EarlyReplies
    ) -> None:
        self.venue = venue
        self.keys = keys
        self.signatures = Signatures(verifier)
        self._told_of_keys = False
        self.metering = metering
        self._early = early
        self.endpoints = self.table
        self.symbols = {venue_symbol(symbol): symbol for symbol in venue.markets}

    def is_micro_in(self, found: Given) -> bool:
        """Whether the URL of a connection asks for instants in microseconds."""
        return False

    # ---- requests

    def route(self, request: Request) -> RoutedCall | None:
        """The call that a request is; None for one that the venue has no endpoint for."""
        method, path, query, headers, body, peer = request
        endpoint = self.endpoints.get(f"{method} {path}")
        if endpoint is None:
            return None
        account, expires_at, params, micro = NOBODY, 0, Params(), False
        refused: Reject | None = None
        try:
            if self.formats is not None:
                micro = self.formats(headers)
            params = form(body.decode("utf-8", "surrogateescape") if body else query)
            if body and query:
                params = Params(params | form(query))
            sent = len(params)
            if endpoint.security is not PUBLIC:
                account, expires_at = self._whose(endpoint, request, params)
            if not self.lenient:
                check_count(endpoint, sent)
            check(endpoint, params, sent, self.lenient)
        except Reject as no:
            no.__traceback__ = None
            refused = no
        weight = endpoint.weighs(params)
        call = record(self.calls, (endpoint, params, weight, peer, micro, refused))
        return self.routed(call, account, expires_at)

    def routed(
        self, call: Call, account: str, expires_at: int, read: Decode | None = None
    ) -> RoutedCall:
        """A call as the pass carries it; `read` where its endpoint does not do it.

        What it was signed with stays here, also where nobody had to sign: journals are shown.
        """
        params = call.params
        for name in SECRETS:
            params.pop(name, None)
        asked, symbol = params.get("symbol"), ""
        operation = call.endpoint.operation
        if asked is not None:
            symbol, operation = self.symbols.get(asked, ""), call.endpoint.named
        return record(RoutedCall, (account, operation, symbol, call, expires_at, read))

    def steps(self, request: Request) -> Iterator[None]:
        """Make in steps what a costly request will ask for; it is found made then.

        Candles between odd edges are made anew, and remembered (`Tape`): 1,000 take 0.2 s.
        """
        endpoint = self.endpoints.get(f"{request.method} {request.path}")
        if endpoint is None:
            return
        try:
            params = form(request.query)
        except Reject:  # the client is told so when the request is read
            return
        yield from self.make(endpoint, params)

    def make(self, endpoint: Endpoint, params: Params) -> Iterator[None]:
        """The same for an endpoint and its parameters; nothing where they are refused."""
        if endpoint.operation != "fetch_ohlcv" or self.venue.engine is None:
            return
        try:
            reading = Reading(params, NOBODY, self.listed, self.symbols, self.venue.clock.now())
            query = endpoint.read(reading)
            for first in range(0, max(0, len(query.edges) - STEP), STEP):
                edges = query.edges[first : first + STEP + 1]
                self.venue.gateway.look(query._replace(edges=edges))
                yield
        except Reject:  # the client is told so when the request is read
            return

    def read(self, trip: Trip) -> Any:
        """The command of a call; raises the `Reject` that reading it has met."""
        call: Call = trip.message
        if call.refused is not None:
            raise call.refused
        given = call.params, trip.account, self.listed, self.symbols, trip.born_at
        return self.venue.restricted(call.endpoint.read(record(Reading, given)))

    @property
    def listed(self) -> Any:
        """The markets in force."""
        return self.venue.listed

    # ---- who asks

    def _whose(self, endpoint: Endpoint, request: Request, params: Params) -> tuple[str, int]:
        """Whose request it is, and until when it is fresh; raises `Reject`."""
        name = request.headers.get("x-mbx-apikey", "")
        key = self.keys.find(name) or self.known(name)
        if endpoint.key_only:
            check_permission(key, endpoint.security, request.peer)
            return key.account, 0
        signed = unsigned(request.body)
        if request.query:
            signed = unsigned(request.query.encode("utf-8", "surrogateescape")) + signed
        check_signature(self.signatures, key, signed, params, or_plain=not self.encoded)
        return self.admit(key, endpoint.security, params, request.peer)

    def admit(
        self, key: Key, security: Security | None, params: Params, address: str
    ) -> tuple[str, int]:
        """Whose request it is, and until when it is fresh; raises `Reject`."""
        expires_at = check_time(params, self.venue.clock.now(), micro=self.micro)
        if not key.may(security, address):
            refused_key()
        return key.account, expires_at

    def known(self, name: str) -> Key:
        """The key of a name; raises `Reject` for an unknown one, malformed or not."""
        key = self.keys.find(name)
        if key is None:
            if not name.isascii() or not name.isalnum():
                refuse("BAD_API_KEY_FMT", "API-key format invalid.")
            key = self.keys.guest(name)
        if key is None:
            self._tell_of_keys(name)
            refused_key()
        return key

    def _tell_of_keys(self, name: str) -> None:
        """Log once that a key is unknown, and which ones are known; never a whole key."""
        if not self._told_of_keys:
            self._told_of_keys = True
            known = ", ".join(f"{one[:8]}…" for one in self.keys.names[:KEYS_NAMED_MAX])
            logger.warning(
                "an unknown API key (%s…) is refused; this venue knows %s",
                name[:4],
                known or "none",
            )

    # ---- answers

    def write(self, trip: Trip, answer: Any, edits: Edits) -> Reply:
        """An answer as JSON, with what is used of the limits in its headers."""
        written, at = self.written(trip, answer, edits), trip.told_at
        status, until = 200, None
        if written.__class__ is Answered:
            status, written, until = written
        headers = self.metering.headers(trip.message, trip.account, at, status == 200)
        if until is not None:
            headers.append(retry_after(until, at))
        return Reply(status, orjson.dumps(written), headers)

    def written(self, trip: Trip, answer: Any, edits: Edits) -> Any:
        """Convert an answer to what JSON can hold; `Answered` if it is not a plain success."""
        call: Call = trip.message
        at, meter = trip.told_at, self.metering
        given = call.params, trip.command, self.listed, at, call.micro, meter
        found = call.endpoint.write(record(Writing, given), answer)
        if not edits:
            return found
        if found.__class__ is not Answered:
            return edit(found, edits)
        if any(field == "*" for field, _ in edits):  # what stands for all of it says success
            return edit(found.body, edits)
        return found._replace(body=edit(found.body, edits))

    def refuse(self, trip: Trip, refused: Reject) -> Reply:
        """Code and words, with the status that they have."""
        return self.refusal(trip, refused, trip.operation)

    def refusal(self, trip: Trip, refused: Reject, operation: str) -> Reply:
        """The same for an operation that may be another one than the trip's."""
        no = self.refusals.said(refused, operation)
        headers = self.metering.headers(trip.message, trip.account, trip.told_at, False)
        if no.until is not None and no.status in (418, 429):
            headers.append(retry_after(no.until, trip.told_at))
        return Reply(no.status, orjson.dumps({"code": no.code, "msg": no.text}), headers)

    def has_sent(self, trip: Trip) -> bool:
        """Whether the message is one of this product's; a call of the WebSocket API is, too."""
        return type(trip.message) is self.calls

    def stand_in(self, trip: Trip) -> bytes:
        """What repeats the parameters of its request."""
        return orjson.dumps(repeated(trip.message.params))

    def absent(self, request: Request, at: int) -> Reply:
        """A ban, 410 for what was removed, or 404."""
        return self._early.absent(request, at)

    def malformed(self, status: int) -> Reply:
        """Answer bytes that are not HTTP."""
        return Reply(status, NO_HTTP)


def costly_paths(endpoints: Iterable[Endpoint]) -> frozenset[str]:
    """Paths of endpoints whose answers may take long to make."""
    return frozenset(one.http.partition(" ")[2] for one in endpoints if one.costly)


def unsigned(form: bytes) -> bytes:
    """Form-encoded text without its signature: what the signature was made of."""
    head, found, tail = form.rpartition(b"&signature=")
    if found and b"&" not in tail and b"signature=" not in head:  # it is the last, almost always
        return head
    if b"signature=" not in form:
        return form
    return b"&".join(pair for pair in form.split(b"&") if not pair.startswith(b"signature="))
