"""A second venue, unlike Binance on purpose: the measure of what a venue needs to say.

Key, time and signature are headers; bodies are JSON; every answer is an envelope with HTTP 200,
also a refusal; times are ISO 8601 texts; what may be asked is counted by key and endpoint; over
WebSocket the client pings, a book is a snapshot, then deltas, and an account hears of its orders.
"""

from __future__ import annotations

import hmac
import json
import re
from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from hashlib import sha256
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

from failing_exchange.core import commands as c, queries as q
from failing_exchange.core.order import OrderSnapshot, OrderType, Side
from failing_exchange.core.rate_limits import FixedWindow
from failing_exchange.core.reject import Reason, Reject
from failing_exchange.core.units import ATOMS, SECOND
from failing_exchange.errors import ConfigurationError
from failing_exchange.feeds.account_feeds import UserStream, UserStreams
from failing_exchange.feeds.account_records import ExecutionReport, Terminated
from failing_exchange.feeds.market_feeds import Feeds, Topic
from failing_exchange.feeds.sources import DepthSource
from failing_exchange.journal.trip import Told, Trip
from failing_exchange.server import conversation as talk
from failing_exchange.server.api_keys import Key, Keyring, Signatures
from failing_exchange.server.conversation import Action, Ask, Join, Send
from failing_exchange.server.dialect import LimitPolicy
from failing_exchange.server.messages import Reply, Request
from failing_exchange.server.rest_api import Rest, RoutedCall
from failing_exchange.server.websocket_connection import ConnectionPolicy, Goodbye, WebSocketRoute
from failing_exchange.unified.instants import iso
from failing_exchange.venue import venue as running
from failing_exchange.venue.admission import refuse_over_limit
from failing_exchange.venues.base import Venue
from failing_exchange.venues.edits import edit
from failing_exchange.venues.examples import Examples

HOST, STREAM_HOST, STREAM = "api.small.test", "stream.small.test", "/v1/stream"
BOOK, PLACE = "GET /v1/book", "POST /v1/orders"
WINDOW = 10 * SECOND  # a request that was signed longer ago is refused
CALLS_A_SECOND = 10  # of one key at one endpoint
MARKETS = {"BTC/USDT": "BTC-USDT", "ETH/USDT": "ETH-USDT", "ETH/BTC": "ETH-BTC"}
SYMBOLS = {known: symbol for symbol, known in MARKETS.items()}
CODES = {
    Reason.BAD_REQUEST: 1000, Reason.NOT_SUPPORTED: 1001, Reason.UNKNOWN_SYMBOL: 1002,
    Reason.INVALID_ORDER: 1100, Reason.INVALID_PRICE: 1101, Reason.INVALID_AMOUNT: 1102,
    Reason.INVALID_COST: 1103, Reason.PRICE_BAND: 1101, Reason.WOULD_MATCH: 1104,
    Reason.DUPLICATE_CLIENT_ID: 1105, Reason.ORDER_NOT_FOUND: 1200, Reason.CANCEL_ONLY: 1400,
    Reason.INSUFFICIENT_FUNDS: 1300, Reason.MARKET_HALTED: 1400, Reason.KEY_REFUSED: 1500,
    Reason.PERMISSION_DENIED: 1501, Reason.CLOCK_SKEW: 1502, Reason.RATE_LIMITED: 1600,
    Reason.MAINTENANCE: 1700, Reason.UNAVAILABLE: 1700, Reason.OUTCOME_UNKNOWN: 1800,
}  # fmt: skip
# unified name -> this venue's, for faults that edit answers
FIELDS = {
    "id": ("no",), "clientOrderId": ("tag",), "status": ("state",), "filled": ("done",),
    "amount": ("size",), "price": ("price",), "side": ("side",), "timestamp": ("placed",),
    "last": ("last",), "bid": ("bid",), "ask": ("ask",),
}  # fmt: skip
STATES = {"open": "live", "filled": "done", "closed": "done", "canceled": "gone"}


def instant(at: int) -> str:
    return iso(at // 1_000_000)


def instant_of(text: str) -> int:
    """Nanoseconds since the epoch; raises `Reject` for anything else."""
    try:
        found = datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
    except ValueError:
        raise Reject(Reason.CLOCK_SKEW, "small-time is not an ISO 8601 time") from None
    return (found - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) * 1_000


def number(atoms: int) -> str:
    """Decimal text without zeros that say nothing."""
    text = f"{atoms // ATOMS}.{atoms % ATOMS:08d}".rstrip("0").rstrip(".")
    return text or "0"


def steps_of(text: object, step: int, reason: Reason) -> int:
    """Decimal text as whole steps; raises `Reject` for anything else."""
    if not isinstance(text, str) or not re.fullmatch(r"[0-9]{1,12}(\.[0-9]{1,8})?", text):
        raise Reject(reason, f"{str(text)[:40]!r} is not a decimal text")
    atoms = int(Decimal(text) * ATOMS)
    if atoms % step or not 0 < atoms < 2**63:
        raise Reject(reason, f"{text} is not a multiple of {number(step)}")
    return atoms // step


def edited(payload: Any, edits: Any) -> Any:
    """What a fault has changed, as this venue writes it."""

    def written(name: str, value: Any, before: Any) -> Any:
        value = STATES.get(value, value) if name == "status" else value
        return number(round(value * ATOMS)) if isinstance(value, float) else value

    return edit(payload, edits, FIELDS, written) if edits else payload


class Asking(NamedTuple):
    """A request's fields, whose it is, and the markets in force."""

    fields: Mapping[str, Any]
    account: str
    markets: Mapping[str, Any]

    def market(self) -> Any:
        listed = self.markets.get(SYMBOLS.get(str(self.fields.get("market")), ""))
        if listed is None:
            raise Reject(Reason.UNKNOWN_SYMBOL, "unknown market")
        return listed.market

    def number(self, name: str, default: int | None = None) -> int:
        value = self.fields.get(name, default)
        if isinstance(value, bool) or not re.fullmatch("[0-9]{1,18}", str(value)):
            raise Reject(Reason.BAD_REQUEST, f"{name} is not a whole number")
        return int(str(value))


def place(a: Asking) -> c.PlaceOrder:
    market, side, kind = a.market(), a.fields.get("side"), a.fields.get("type")
    if side not in ("buy", "sell") or kind not in ("limit", "market"):
        raise Reject(Reason.INVALID_ORDER, "side is buy or sell, type is limit or market")
    tag = a.fields.get("tag", "")
    if not isinstance(tag, str) or not tag.isascii() or len(tag) > 32:
        raise Reject(Reason.BAD_REQUEST, "tag is not an ASCII text of up to 32 characters")
    priced = kind == "limit"
    ticks = priced and steps_of(a.fields.get("price"), market.price_step, Reason.INVALID_PRICE)
    return c.PlaceOrder(
        account=a.account, symbol=market.symbol, side=Side(side), kind=OrderType(kind), ticks=ticks,
        lots=steps_of(a.fields.get("size"), market.amount_step, Reason.INVALID_AMOUNT),
        client_id=tag,
    )  # fmt: skip


def write_order(told: OrderSnapshot, markets: Mapping[str, Any]) -> dict[str, Any]:
    order, market = told.order, markets[told.order.symbol].market
    price, size = told.ticks * market.price_step, told.lots * market.amount_step
    return {
        "no": order.id, "tag": order.client_id, "market": MARKETS[order.symbol],
        "side": order.side.value, "price": number(price), "size": number(size),
        "done": number(told.filled * market.amount_step),
        "state": STATES.get(told.status, "dead"), "placed": instant(order.created_at),
    }  # fmt: skip


def write_markets(told: q.Markets, markets: Mapping[str, Any]) -> list[dict[str, str]]:
    listed = [one for one in told.markets if one.symbol in MARKETS]
    return [{"market": MARKETS[one.symbol], "tick": number(one.price_step)} for one in listed]


def write_ticker(told: Any, markets: Mapping[str, Any]) -> dict[str, Any]:
    """Best prices and the last one; null where there is none."""
    step = told.market.price_step
    ticks = {"bid": told.bid and told.bid[0], "ask": told.ask and told.ask[0], "last": told.last}
    return {name: None if one is None else number(one * step) for name, one in ticks.items()}


def write_levels(told: Any) -> dict[str, Any]:
    """A book, or what has changed in it: size 0 is a level that is gone."""
    price, size = told.market.price_step, told.market.amount_step
    bids, asks = (
        [{"price": number(ticks * price), "size": number(lots * size)} for ticks, lots in side]
        for side in (told.bids, told.asks)
    )
    return {"bids": bids, "asks": asks, "seq": told.sequence}


class Endpoint(NamedTuple):
    """What can be asked at a path: as what faults know it, how it is read and how answered."""

    operation: str
    read: Callable[[Asking], Any]
    write: Callable[[Any, Mapping[str, Any]], Any]
    fields: str = ""  # those that it takes; those that must be there with "!"
    signed: bool = True


ENDPOINTS = {
    "GET /v1/time": Endpoint("fetch_time", lambda a: q.FetchTime(a.account),
                             lambda t, m: instant(t.at), signed=False),
    "GET /v1/markets": Endpoint("fetch_markets", lambda a: q.FetchMarkets(a.account),
                                write_markets, signed=False),
    "GET /v1/ticker": Endpoint(
        "fetch_ticker", lambda a: q.FetchTicker(a.account, a.market().symbol), write_ticker,
        "market!", signed=False),
    BOOK: Endpoint(
        "fetch_order_book",
        lambda a: q.FetchBook(a.account, a.market().symbol, min(a.number("depth", 20), 100)),
        lambda t, m: write_levels(t), "market! depth", signed=False),
    PLACE: Endpoint("create_order", place, write_order, "market! side! type! size! price tag"),
    "POST /v1/orders/cancel": Endpoint(
        "cancel_order", lambda a: c.CancelOrder(a.account, order_id=a.number("no")), write_order,
        "no!"),
    "GET /v1/orders": Endpoint(
        "fetch_open_orders", lambda a: q.FetchOrders(a.account, a.market().symbol),
        lambda t, m: [write_order(one, m) for one in t.orders], "market!"),
    "GET /v1/wallet": Endpoint(
        "fetch_balance", lambda a: q.FetchBalance(a.account),
        lambda t, m: {one: {"free": number(free), "held": number(used)}
                      for one, (free, used) in t.assets.items()}),
}  # fmt: skip


class SmallCall(NamedTuple):
    """A request as the journal keeps it: without its signature."""

    endpoint: str
    fields: Mapping[str, Any]
    refused: Reject | None = None


class SmallRest(Rest):
    engine_time_max = 30 * SECOND

    def __init__(self, venue: running.RunningVenue, keys: Keyring, limits: SmallLimits) -> None:
        self.venue, self.keys, self.limits = venue, keys, limits
        self.signatures = Signatures(
            lambda key: (
                lambda payload, sign: hmac.compare_digest(
                    signature(key.secret, "", payload).encode(), sign.encode("utf-8", "replace")
                )
            )
        )

    def route(self, request: Request) -> RoutedCall | None:
        name = f"{request.method} {request.path}"
        if name not in ENDPOINTS or request.host.partition(":")[0] == STREAM_HOST:
            return None
        target = request.path + (f"?{request.query}" if request.query else "")
        payload = f"{request.method}{target}".encode() + request.body
        given = [request.headers.get(f"small-{one}", "") for one in ("key", "time", "sign")]
        pairs = parse_qsl(request.query, keep_blank_values=True)
        fields = read_json(request.body) if request.method == "POST" else unique(pairs)
        return self.asked(name, fields, given, payload)

    def asked(self, name: str, fields: Any, given: Sequence[str], payload: bytes) -> RoutedCall:
        """A call, by whichever way it came; what is wrong with it is told at its turn."""
        account, expires_at, refused = "", 0, None
        try:
            if ENDPOINTS[name].signed:
                account = self.whose(given, payload).account
                expires_at = instant_of(given[1]) + WINDOW
            check(name, fields)
        except Reject as no:
            refused = no.settled()
        fields = fields if isinstance(fields, dict) else {}
        symbol = SYMBOLS.get(str(fields.get("market")), "")
        call = SmallCall(name, fields, refused)
        return RoutedCall(account, ENDPOINTS[name].operation, symbol, call, expires_at)

    def whose(self, given: Sequence[str], payload: bytes) -> Key:
        name, time, sign = given
        key = self.keys.find(name) or (self.keys.guest(name) if name else None)
        if key is None or not self.signatures.match(key, time.encode() + payload, sign):
            raise Reject(Reason.KEY_REFUSED, "unknown key, or wrong signature")
        if abs(self.venue.clock.now() - instant_of(time)) > WINDOW:
            raise Reject(Reason.CLOCK_SKEW, "small-time is not now")
        return key

    def read(self, trip: Trip) -> Any:
        name, fields, refused = trip.message
        if refused is not None:
            raise refused
        markets = self.venue.gateway.engine.state.markets
        return ENDPOINTS[name].read(Asking(fields, trip.account, markets))

    def written(self, trip: Trip, answer: Any, edits: Any) -> dict[str, Any]:
        markets = self.venue.gateway.engine.state.markets
        data = ENDPOINTS[trip.message.endpoint].write(answer, markets)
        return {"ok": True, "at": instant(trip.told_at), "data": edited(data, edits)}

    def refused(self, refused: Reject, at: int) -> dict[str, Any]:
        error = {"code": CODES.get(refused.reason, 1999), "text": refused.text}
        return {"ok": False, "at": instant(at), "error": error}

    def write(self, trip: Trip, answer: Any, edits: Any) -> Reply:
        return self.reply(trip, self.written(trip, answer, edits))

    def refuse(self, trip: Trip, refused: Reject) -> Reply:
        return self.reply(trip, self.refused(refused, trip.told_at))

    def reply(self, trip: Trip, body: Any) -> Reply:
        return Reply(200, json.dumps(body).encode(), (("Small-Limit", str(self.limits.calls)),))

    def malformed(self, status: int) -> Reply:
        return Reply(status, b'{"ok":false,"error":{"code":1000,"text":"not understood"}}')

    def absent(self, request: Request, at: int) -> Reply:
        body = self.refused(Reject(Reason.NOT_SUPPORTED, "unknown endpoint"), at)
        return Reply(200, json.dumps(body).encode())


def unique(pairs: Sequence[tuple[str, Any]]) -> Any:
    """Fields by name; None where one is given twice."""
    found = dict(pairs)
    return found if len(found) == len(pairs) else None


def read_json(text: str | bytes) -> Any:
    """What a text says; None for what is not JSON."""
    try:
        return json.loads(text, object_pairs_hook=unique)
    except (ValueError, RecursionError):
        return None


def check(name: str, fields: Any) -> None:
    """Raise `Reject` for fields that an endpoint does not have, or has to have."""
    if not isinstance(fields, dict):
        raise Reject(Reason.BAD_REQUEST, "the fields are not a JSON object, or one is there twice")
    known = ENDPOINTS[name].fields.split()
    unknown = fields.keys() - {one.rstrip("!") for one in known}
    missing = [one for one in known if one[-1] == "!" and fields.get(one[:-1]) in (None, "")]
    if unknown or missing:
        raise Reject(Reason.BAD_REQUEST, f"{min(unknown or missing)[:40]!r} is unknown, or missing")


def signature(secret: str, time: str, payload: bytes) -> str:
    return b64encode(hmac.digest(secret.encode(), time.encode() + payload, sha256)).decode()


class SmallLimits(LimitPolicy):
    """So many calls a second of each key at each endpoint; nobody is banned."""

    def __init__(self, calls: int = CALLS_A_SECOND) -> None:
        super().__init__()
        self.calls = calls
        self._windows: dict[tuple[str, str], FixedWindow] = {}  # as many as there are keys

    def gate(self, trip: Trip, at: int, /) -> None:
        call = trip.message
        if call.__class__ is not SmallCall:
            return
        new = FixedWindow(limit=self.calls, window=SECOND)
        until = self._windows.setdefault((trip.account, call.endpoint), new).take(at)
        if until is not None:
            no = Reject(Reason.RATE_LIMITED, "too many calls of this key here", until=until)
            refuse_over_limit(trip, "venue limits", no)


class SmallTalk(talk.Conversation):
    """One connection: the client pings, asks what it could ask over REST, or follows its orders."""

    def __init__(self, rest: SmallRest, accounts: UserStreams, opened: talk.Opened) -> None:
        self.rest, self.accounts, self.opened_as = rest, accounts, opened
        self.stream: UserStream | None = None

    def opened(self, at: int) -> Iterable[Action]:
        yield said({"op": "hello", "at": instant(at)})

    def heard(self, text: str, at: int) -> Iterable[Action]:
        found = read_json(text)
        message = found if isinstance(found, dict) else {}
        op, market, name = (str(message.get(one)) for one in ("op", "market", "name"))
        if op == "ping":
            yield said({"op": "pong", "seq": message.get("seq")})
        elif op == "book" and market in SYMBOLS:
            yield Join([book_of(market)])
            yield Ask(SmallInquiry(self.rest, {"name": BOOK, "fields": {"market": market}}))
        elif op == "ask" and name in ENDPOINTS:
            yield Ask(SmallInquiry(self.rest, message))
        else:
            try:
                yield from self.follow(op, auth_of(message), at)
            except Reject as no:
                yield said(self.rest.refused(no, at))

    def follow(self, op: str, auth: Sequence[str], at: int) -> Iterable[Action]:
        """Tell the orders of an account, or stop; the answer goes before the past, if any."""
        if op == "leave" and self.stream is not None:
            self.accounts.end(self.stream, Terminated(at))
            self.stream = None
        elif op == "follow" and (self.stream is None or self.stream.over):
            account = self.rest.whose(auth, b"follow").account
            hang_up = partial(self.opened_as.do, (talk.Abort(),))
            self.stream = UserStream(account, write_event, self.say, hang_up)
            self.stream.ended = partial(self.accounts.remove, self.stream)
            past = self.accounts.subscribe(self.stream, self.opened_as.name)
            yield said({"op": "following"})
            if past is not None:
                past()
        else:
            raise Reject(Reason.NOT_SUPPORTED, "this is not understood")

    def say(self, event: Any, damage: Any) -> None:
        if event is not None:
            text = b'{"op":' if event is ... else said(event).text
            self.opened_as.do((Send(text, damage),))

    def shutdown(self, at: int) -> Iterable[Action]:
        yield said({"op": "bye"})

    def closed(self, at: int) -> None:
        if self.stream is not None:
            self.stream.over = True
            self.accounts.remove(self.stream)


class SmallInquiry(NamedTuple):
    """A request over WebSocket: {"op", "name", "fields", "seq", "auth": [key, time, sign]}."""

    rest: SmallRest
    message: Mapping[str, Any]

    def call(self) -> RoutedCall:
        name, fields = self.message["name"], self.message.get("fields")
        payload = (name + json.dumps(fields)).encode()
        return self.rest.asked(name, fields, auth_of(self.message), payload)

    def reply(self, trip: Trip, told: Told) -> Iterable[Action]:
        seq, no = {"seq": self.message.get("seq")}, isinstance(told.answer, Reject)
        rest, at = self.rest, trip.told_at
        body = rest.refused(told.answer, at) if no else rest.written(trip, told.answer, told.edits)
        yield said(seq | body)._replace(damage=told.damage)

    def stand_in(self, trip: Trip) -> bytes:
        return self.rest.stand_in(trip)

    def lost(self, at: int) -> bytes:
        body = self.rest.refused(Reject(Reason.OUTCOME_UNKNOWN, "nobody knows"), at)
        return said({"seq": self.message.get("seq")} | body).text


def auth_of(message: Mapping[str, Any]) -> list[str]:
    auth = message.get("auth")
    return [*map(str, auth if isinstance(auth, list) else ()), "", "", ""][:3]


def write_event(record: Any, at: int, markets: Mapping[str, Any], edits: Any) -> Any:
    """Orders and the end; of its wallet an account is not told."""
    if isinstance(record, ExecutionReport):
        return {"op": "order", **edited(write_order(record.snapshot, markets), edits)}
    return {"op": "left"} if isinstance(record, Terminated) else None


def book_of(market: str) -> Topic:
    """What changes in a book, behind the snapshot that a client is sent when it joins."""

    def write(update: Any, at: int) -> dict[str, Any]:
        return {"op": "delta", "market": market, "from": update.first, **write_levels(update)}

    return Topic(market, lambda world, at: DepthSource(world, SYMBOLS[market], at), write, edited)


def said(message: Any) -> Send:
    return Send(json.dumps(message).encode())


class SmallDialect:
    def __init__(
        self, venue: running.RunningVenue, keys: Keyring, limits: SmallLimits | None
    ) -> None:
        self.limits = limits or SmallLimits()
        self.rest = SmallRest(venue, keys, self.limits)
        policy = ConnectionPolicy(silence_max=30 * SECOND, too_silent=Goodbye(4000, "idle"))
        spoken = talk.converse(partial(SmallTalk, self.rest, UserStreams(venue)), Feeds(venue))
        self.routes = {STREAM: WebSocketRoute(spoken, policy)}

    def refuse_connection(
        self, request: Request, route: WebSocketRoute | None, at: int
    ) -> Reply | None:
        return None if route is not None else self.rest.absent(request, at)


class SmallVenue(Venue):
    name, title = "small", "Small Exchange"
    about = "The Small Exchange is simulated; nothing else is"
    places = ((HOST, 443), (STREAM_HOST, 443))

    def limits(self, accelerate: int = 1) -> SmallLimits:
        return SmallLimits(max(1, CALLS_A_SECOND // accelerate))

    def check_key(self, key: Key) -> None:
        if key.public_key or key.permissions is not None:
            raise ConfigurationError(f"key {key.name[:8]}…: expected a secret and no permissions")

    def examples(self) -> Examples:
        from tests.venues.small_examples import SmallExamples

        return SmallExamples()

    def speak(
        self, venue: running.RunningVenue, keys: Keyring, limits: Any = None, **switches: bool
    ) -> SmallDialect:
        return SmallDialect(venue, keys, limits)


SMALL = SmallVenue()
