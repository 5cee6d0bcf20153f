"""Binance's door: a request in, its trip through the pass, a reply out. It does no I/O."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import orjson

from failing_exchange.core.reject import Reason, Reject
from failing_exchange.core.units import SECOND
from failing_exchange.journal.trip import Damaged, Edited, Trip
from failing_exchange.server.damage import repeated, steps_of
from failing_exchange.server.messages import Reply, Request
from failing_exchange.server.turn_taking import Turns
from failing_exchange.venues.binance.call import (
    Answered,
    Call,
    Endpoint,
    Reading,
    Security,
    Writing,
)
from failing_exchange.venues.binance.codes import Said, refuse, said
from failing_exchange.venues.binance.connecting import check_accept, is_micro
from failing_exchange.venues.binance.edits import edit
from failing_exchange.venues.binance.endpoints import BY_HTTP
from failing_exchange.venues.binance.engine_timeout import limit
from failing_exchange.venues.binance.parameters import check, check_count
from failing_exchange.venues.binance.params import Params, form
from failing_exchange.venues.binance.signing import (
    Key,
    check_signature,
    check_time,
    refused_key,
)
from failing_exchange.venues.binance.values import venue_symbol

if TYPE_CHECKING:
    from failing_exchange.server.api_keys import Keyring
    from failing_exchange.venue.gateway import Decode, Gateway
    from failing_exchange.venue.venue import Venue
    from failing_exchange.venues.binance.rate_limits import Metering

PUBLIC = Security.NONE
KEYS_NAMED_MAX = 5  # known keys that the log names when an unknown one comes; others are left out
logger = logging.getLogger("failing_exchange.keys")
STEP = 10  # candles that are made in one step: months, some 20 ms
NOBODY = ""  # the account of a request whose key is unknown, or which needs none


Hear = Callable[[Trip], None]
SECRETS = ("apiKey", "signature")  # parameters that never reach a trip


class Door:
    """One venue's REST entrance. Keys and markets are looked up, nothing is kept here."""

    def __init__(self, venue: Venue, keys: Keyring, metering: Metering) -> None:
        self.venue = venue
        self.keys = keys
        self._told_of_keys = False
        self.metering = metering
        self.turns = Turns(venue.clock)
        self.more: Mapping[str, Endpoint] = {}  # endpoints that only this venue has
        self.symbols = {venue_symbol(symbol): symbol for symbol in venue.markets}

    def receive(self, gateway: Gateway, request: Request, hear: Hear | None = None) -> Trip | None:
        """Send a request on its way; None for one that the venue has no endpoint for."""
        called = f"{request.method} {request.path}"
        endpoint = BY_HTTP.get(called) or self.more.get(called)
        if endpoint is None:
            return None
        account, expires_at, params, micro = NOBODY, 0, Params(), False
        refused: Reject | None = None
        headers = request.headers
        try:
            unit, accept = headers.get("x-mbx-time-unit"), headers.get("accept", "")
            if unit:
                micro = is_micro(unit)
            if "sbe" in accept.lower():
                check_accept(accept)
            text, query = request.body.decode("utf-8", "surrogateescape"), request.query
            params = form(text or query)
            if text and query:
                params = Params(params | form(query))
            sent = len(params)
            if endpoint.security is not PUBLIC:
                account, expires_at = self._whose(endpoint, request, params, text)
            check_count(endpoint, sent)
            check(endpoint, params, sent)
        except Reject as no:
            no.__traceback__ = None
            refused = no
        call = Call(endpoint, params, endpoint.weighs(params), request.peer, micro, refused)
        return self.send(gateway, call, account, hear, expires_at)

    def steps(self, request: Request) -> Iterator[None]:
        """Make in steps what a costly request will ask for; `receive` finds it made.

        Candles between odd edges are made anew, and remembered (`Tape`): 1,000 take 0.2 s.
        """
        endpoint = BY_HTTP.get(f"{request.method} {request.path}")
        if endpoint is not None:
            yield from self.make(endpoint, form(request.query))

    def make(self, endpoint: Endpoint, params: Params) -> Iterator[None]:
        """The same for an endpoint and its parameters; nothing where they are refused."""
        if endpoint.operation != "fetch_ohlcv" or self.venue.engine is None:
            return
        try:
            reading = Reading(params, NOBODY, self.listed, self.symbols, self.venue.clock.now())
            query = endpoint.read(reading)
            for first in range(0, max(0, len(query.edges) - STEP), STEP):
                edges = query.edges[first : first + STEP + 1]
                self.venue.running.look(query._replace(edges=edges))
                yield
        except Reject:  # whoever asked is told so by `receive`
            return

    def _whose(
        self, endpoint: Endpoint, request: Request, params: Params, body: str
    ) -> tuple[str, int]:
        """Whose request it is, and until when it is fresh; raises `Reject`."""
        key = self.known(request.headers.get("x-mbx-apikey", ""))
        if endpoint.key_only:
            key.check(endpoint.security, request.peer)
            return key.account, 0
        query = request.query
        check_signature(key, (unsigned(query) if query else "") + unsigned(body), params)
        return self.admit(key, endpoint.security, params, request.peer)

    def send(
        self,
        gateway: Gateway,
        call: Call,
        account: str,
        hear: Hear | None,
        expires_at: int,
        read: Decode | None = None,
    ) -> Trip:
        """Send a call on its way through the pass; `read` where its endpoint does not do it.

        What it was signed with stays here, also where nobody had to sign: journals are shown.
        """
        for name in SECRETS:
            call.params.pop(name, None)
        symbol = self.symbols.get(call.params.get("symbol", ""), "")
        trip = gateway.receive(
            account, call.endpoint.called(call.params), call, symbol, hear, read or self._read,
            expires_at,
        )  # fmt: skip
        limit(gateway, trip)
        return trip

    def known(self, name: str) -> Key:
        """The key of a name; raises `Reject` for an unknown one, malformed or not."""
        key = self.keys.find(name)
        if key is None:
            if not name.isascii() or not name.isalnum():
                refuse("BAD_API_KEY_FMT", "API-key format invalid.")
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

    def admit(
        self, key: Key, security: Security | None, params: Params, address: str
    ) -> tuple[str, int]:
        """Whose request it is, and until when it is fresh; raises `Reject`."""
        expires_at = check_time(params, self.venue.clock.now())
        key.check(security, address)
        return key.account, expires_at

    def _read(self, trip: Trip) -> Any:
        """The command of a call; raises the `Reject` that reading it has met."""
        call: Call = trip.message
        if call.refused is not None:
            raise call.refused
        now = self.venue.clock.now()
        reading = Reading(call.params, trip.account, self.listed, self.symbols, now)
        return call.endpoint.read(reading)

    @property
    def listed(self) -> Any:
        """The markets in force."""
        assert self.venue.engine is not None
        return self.venue.engine.state.markets

    def reply(self, trip: Trip) -> Reply:
        """What the client is told, as bytes, and what happens to them."""
        told = trip.told
        if told.__class__ is not Damaged:
            return self._reply(trip, told)
        damage = told.damage
        reply = self._reply(trip, told.answer)._replace(damage=damage)
        if not damage.acted:
            stand_in = orjson.dumps(repeated(trip.message.params))
            reply = reply._replace(status=200, body=stand_in)
        return reply._replace(steps=steps_of(reply, damage))

    def _reply(self, trip: Trip, told: Any) -> Reply:
        call: Call = trip.message
        if isinstance(told, Reject):
            return self._refusal(said(told, trip.operation), trip)
        written = self.written(trip, told)
        status, until = 200, None
        if written.__class__ is Answered:
            status, written, until = written
        headers = self.metering.headers(call, trip.account, trip.told_at, ok=status == 200)
        if until is not None:
            headers.append(retry_after(until, trip.told_at))
        return Reply(status, orjson.dumps(written), headers)

    def unavailable(self, trip: Trip) -> Reply:
        """What the client is told where what happened can't be kept."""
        return self._refusal(said(Reject(Reason.UNAVAILABLE, ""), trip.operation), trip)

    def written(self, trip: Trip, told: Any) -> Any:
        """What the client is told, where it is no refusal, as JSON can hold it."""
        call: Call = trip.message
        writing = Writing(
            call.params, trip.command, self.listed, trip.told_at, call.micro, self.metering
        )
        if told.__class__ is Edited:
            answer = call.endpoint.write(writing, told.answer)
            whole = any(field == "*" for field, _ in told.edits)
            if answer.__class__ is Answered and not whole:  # what stands for all of it says success
                return answer._replace(body=edit(answer.body, told.edits))
            if answer.__class__ is Answered:
                answer = answer.body
            return edit(answer, told.edits)
        return call.endpoint.write(writing, told)

    def _refusal(self, no: Said, trip: Trip) -> Reply:
        headers = self.metering.headers(trip.message, trip.account, trip.told_at, ok=False)
        if no.until is not None and no.status in (418, 429):
            headers.append(retry_after(no.until, trip.told_at))
        return Reply(no.status, orjson.dumps({"code": no.code, "msg": no.text}), headers)


def retry_after(until: int, at: int) -> tuple[str, str]:
    """How long a client has to wait, in whole seconds (rest-api.md, "IP Limits", 2026-07-21)."""
    return ("Retry-After", str(max(0, (until - at + SECOND - 1) // SECOND)))


def unsigned(text: str) -> str:
    """Form-encoded text without its signature: what the signature was made of."""
    head, found, tail = text.rpartition("&signature=")
    if found and "&" not in tail and "signature=" not in head:  # it is the last, as almost always
        return head
    if "signature=" not in text:
        return text
    return "&".join(pair for pair in text.split("&") if not pair.startswith("signature="))


__all__ = ["Door", "Security", "unsigned"]
