"""Checks that any venue must pass: `check_venue("binance")`, or one of your own.

A venue is believed when a bot meets its own refusal, code and number, and never an error of ours.
What is checked is the object that runs: requests go through its server and the pass, in process.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

from failing_exchange.core.reject import OF_CONTRACTS, OrderRule, Reason, Reject
from failing_exchange.core.units import ATOMS, SECOND
from failing_exchange.server.api_keys import DEFAULT_KEY, DEFAULT_SECRET, Key, Keyring
from failing_exchange.venue.gateway import UnreadError
from failing_exchange.venue.market_definitions import Listing
from failing_exchange.venues.base import Venue, serve, venue_of
from failing_exchange.venues.example_world import BIRTH

if TYPE_CHECKING:
    from failing_exchange.journal.trip import Trip
    from failing_exchange.server.messages import Reply
    from failing_exchange.venues.examples import ExampleRequest, Pairs, ToldRefusal

OVERLONG = 10_000  # characters: more than a machine word, a client id or an int may have
NONSENSE = "?nonsense!"  # a value that no parameter has
UNKNOWN = "noSuchParameter"
NON_ASCII = ("\u00e9\u20ac", "\u0661\u0662", "\U0001f4a5", "\udcff", "\x00", "\u2028")
BREACHES_SHOWN_MAX = 50  # of one message; the others are counted, and all are in `breaches`
NO_NUMBERS = ("{}\n", " {}", "{} ", "+{}", "-{}", "{}x", "{}e0", "{}_0", "0x{}")


class VenueBreach(NamedTuple):
    """What a venue does that it may not: which check, where, and what was seen."""

    check: str
    where: str
    what: str

    def __str__(self) -> str:
        return f"{self.check}: {self.where}: {self.what}"


class VenueReport(NamedTuple):
    """A venue that has passed: how many cases of each check it has met."""

    venue: str
    cases: Mapping[str, int]

    def __str__(self) -> str:
        return "\n".join([self.venue, *(f"  {n:>6}  {name}" for name, n in self.cases.items())])


class VenueBreaches(AssertionError):
    """A venue that has not passed; `breaches` has everything that was found.

    >>> print(VenueBreaches("Mine", [VenueBreach("answers", "GET /time", "it has no example")]))
    Mine: 1 breaches
    answers: GET /time: it has no example
    """

    def __init__(self, venue: str, breaches: Sequence[VenueBreach]) -> None:
        shown = [str(breach) for breach in breaches[:BREACHES_SHOWN_MAX]]
        if len(breaches) > len(shown):
            shown.append(f"... and {len(breaches) - len(shown)} more")
        super().__init__("\n".join([f"{venue}: {len(breaches)} breaches", *shown]))
        self.breaches = tuple(breaches)


def check_venue(venue: str | Venue) -> VenueReport:
    """Put a venue through all checks; raises `VenueBreaches` with all that was found.

    - answers: each endpoint answers its example, with a body that is JSON.
    - parameters: each documented one is read: nonsense in it is refused, or changes something.
    - refusals: parameters that are unknown, missing, empty, overlong or not ASCII are refused, or
      read; what must be there is refused. Nothing but a refusal ever comes of it. A venue whose
      examples say `lenient` may ignore unknown ones.
    - reasons: every `Reason` and `OrderRule` has a code and words.
    - purity: the same request is the same command, and the same answer the same reply.
    - numbers: ids, prices and amounts go through their decimal text and come back, none rounded.

    Call it from ordinary code, not from a coroutine.

    >>> check_venue("binance").venue
    'Binance Spot'
    """
    return asyncio.run(_checked(venue_of(venue)))


async def _checked(venue: Venue) -> VenueReport:
    breaches: list[VenueBreach] = []
    cases: dict[str, int] = {}
    for name, check in CHECKS.items():
        count = 0
        async for where, what in check(venue):
            count += 1
            if what:
                breaches.append(VenueBreach(name, where, what))
        cases[name] = count
    if breaches:
        raise VenueBreaches(venue.title, breaches)
    return VenueReport(venue.title, cases)


Cases = AsyncIterator[tuple[str, str]]  # each case that was looked at, and what is wrong, or ""


# ---- a venue in a world of its own


class _Outcome(NamedTuple):
    """What came of a request: its trip, its reply, or what should not have been raised."""

    trip: Trip | None = None
    reply: Reply | None = None
    bug: str = ""


class _Place:
    """A served venue and the world behind it. Its limits are off: a check does not test them."""

    def __init__(self, venue: Venue) -> None:
        from failing_exchange.client.exchange import FailingExchange

        self.examples = venue.examples()
        listings = [Listing(market) for market in self.examples.world.listings]
        self.exchange = FailingExchange(markets=listings, background=False, latency=None)
        keys = Keyring([Key(name=DEFAULT_KEY, account="alice", secret=DEFAULT_SECRET)])
        self.server = serve(venue, self.exchange, keys=keys)
        self._bugs: list[Exception] = []

    async def ready(self) -> _Place:
        """Start, with some past."""
        venue = self.exchange.venue
        venue.protocol_gates.clear()
        venue.accounts.clear()
        gateway = venue.start(asyncio.get_running_loop())
        self.world = self.examples.world(gateway.engine, BIRTH)
        at = self.world.at
        gateway.clock.now = lambda: at  # it stands still
        gateway.unanswered = lambda bug, trip: self._bugs.append(bug)  # type: ignore[method-assign]
        return self

    async def ask(self, endpoint: str, sent: Pairs) -> _Outcome:
        """What a client is told that sends this."""
        request = self.examples.request(endpoint, sent, self.world.at)
        reply: Reply | None = None
        try:
            reply = await self.server.ask(request)
        except UnreadError:
            pass
        except Exception as error:
            self._bugs.append(error)
        if self._bugs:
            bug, self._bugs = self._bugs[0], []
            return _Outcome(bug=f"raised {type(bug).__name__}: {str(bug)[:80]}")
        if reply is None:
            return _Outcome(bug="it is not answered")
        return _Outcome(self.exchange.journal.trips[-1], reply)

    def refusal(self, outcome: _Outcome) -> ToldRefusal | None:
        """How a reply refuses; None for an answer."""
        assert outcome.reply is not None
        return self.examples.refusal(outcome.reply)


async def _fresh(venue: Venue, example: ExampleRequest) -> tuple[str, str]:
    """(the reply to an example as text, what is wrong with it), in a world of its own."""
    place = await _Place(venue).ready()
    outcome = await place.ask(example.endpoint, list(example.parameters.items()))
    if outcome.bug:
        return "", outcome.bug
    assert outcome.reply is not None
    no = place.refusal(outcome)
    if no is not None:
        return f"refused: {no.text}", ""
    try:
        json.loads(outcome.reply.body.decode("utf-8"))
    except ValueError as error:
        return "", f"the reply is not JSON: {error}"
    return outcome.reply.body.decode("utf-8"), ""


# ---- the checks


async def _answers(venue: Venue) -> Cases:
    place = await _Place(venue).ready()
    shown: dict[str, None] = {}
    for example in place.examples.examples(place.world):
        shown[example.endpoint] = None
        reply, wrong = await _fresh(venue, example)
        if not wrong and example.refused is not reply.startswith("refused: "):
            wrong = "it is not refused" if example.refused else reply
        yield example.endpoint, wrong
    for endpoint in place.examples.endpoints:
        if endpoint not in shown:
            yield endpoint, "it has no example"


async def _parameters(venue: Venue) -> Cases:
    place = await _Place(venue).ready()
    read: dict[tuple[str, str], bool] = {}
    for example in place.examples.examples(place.world):
        if example.refused:
            continue
        plain = await _fresh(venue, example)
        for name in place.examples.endpoints[example.endpoint] or ():
            sent = {**example.parameters, name: NONSENSE}
            other = await _fresh(venue, example._replace(parameters=sent))
            key = (example.endpoint, name)
            read[key] = read.get(key, False) or other != plain
    for (endpoint, name), found in read.items():
        yield f"{endpoint} {name}", "" if found else "nonsense in it changes nothing: is it read?"


async def _refusals(venue: Venue) -> Cases:
    place = await _Place(venue).ready()
    for example in place.examples.examples(place.world):
        place = await _Place(venue).ready()
        for what, sent, must in _bad(place, example):
            outcome = await place.ask(example.endpoint, sent)
            wrong = outcome.bug
            if not wrong:
                no = place.refusal(outcome)
                wrong = _poor(no) if no is not None else "it is not refused" if must else ""
            yield f"{example.endpoint} with {what}", wrong


def _bad(place: _Place, example: ExampleRequest) -> Iterator[tuple[str, Pairs, bool]]:
    """(what is bad, what is sent, whether it must be refused)."""
    good, known = dict(example.parameters), place.examples.endpoints[example.endpoint]
    needed = place.examples.needs(example.endpoint)
    if known is None:
        return
    for name in (UNKNOWN, NON_ASCII[0], "x" * OVERLONG):
        must = not place.examples.lenient
        yield f"an unknown parameter {name[:16]!a}", [*good.items(), (name, "1")], must
    for name in good:
        yield f"{name} twice", [*good.items(), (name, good[name])], True
    for name in needed:
        yield f"no {name}", [(n, v) for n, v in good.items() if n != name], True
    for name in known:
        yield f"{name} empty", list({**good, name: ""}.items()), name in needed
        numbers = ("x" * OVERLONG, "9" * OVERLONG, "0." + "9" * OVERLONG, "-1", "1e400", "NaN")
        for value in (*numbers, *NON_ASCII):
            yield f"{name} = {value[:12]!a}", list({**good, name: value}.items()), False


def _poor(no: ToldRefusal | None) -> str:
    """What is wrong with a refusal, or an empty text."""
    if no is None:
        return "it looks like an answer"
    unfilled = re.search(r"{[a-z_]*}", no.text)
    good = no.text.strip() and unfilled is None and no.code not in ("", None)
    return "" if good else f"code {no.code!r}, words {no.text!r}"


async def _reasons(venue: Venue) -> Cases:
    place = await _Place(venue).ready()
    rest, until = place.server.dialect.rest, BIRTH + SECOND
    for example in place.examples.examples(place.world):
        outcome = await place.ask(example.endpoint, list(example.parameters.items()))
        if outcome.trip is None:
            yield example.endpoint, outcome.bug
            continue
        given = [one for one in Reason if "linear" in venue.kinds or one not in OF_CONTRACTS]
        refusals = [Reject(reason, "words", until=until) for reason in given]
        refusals += [Reject(Reason.INVALID_ORDER, "words", rule=rule) for rule in OrderRule]
        for no in refusals:
            try:
                wrong = _poor(place.examples.refusal(rest.refuse(outcome.trip, no)))
            except Exception as error:
                wrong = f"raised {type(error).__name__}: {error}"
            yield f"{no.rule or no.reason} at {example.endpoint}", wrong


async def _purity(venue: Venue) -> Cases:
    place = await _Place(venue).ready()
    rest = place.server.dialect.rest
    for example in place.examples.examples(place.world):
        outcome = await place.ask(example.endpoint, list(example.parameters.items()))
        trip, reply = outcome.trip, outcome.reply
        if trip is None or reply is None:
            yield example.endpoint, outcome.bug
            continue
        try:
            again = rest.read(trip)
        except Reject:
            again = None
        wrong = ""
        if again != trip.command:
            wrong = f"read as {trip.command!r}, then {again!r}"
        elif not isinstance(trip.answer, Reject):
            second = rest.write(trip, trip.answer, ())
            wrong = "" if second.body == reply.body else "the same answer is written in two ways"
        yield example.endpoint, wrong


async def _numbers(venue: Venue) -> Cases:
    place = await _Place(venue).ready()
    market = place.examples.world.listings[0]
    steps = {"ticks": market.price_step, "lots": market.amount_step}
    for field, step in steps.items():
        most = (2**63 - 1) // step
        for number in (1, 9, 10, 123_456_789, most // 3, most - 1, most):
            text = _decimal(number * step)
            yield f"{field} {number}", await _read(place, field, text, number)
            yield f"{field} {number} written", await _written(place, field, number, step)
    for form in NO_NUMBERS:
        for field in steps:
            other = form.format("1")
            read = await _command(place, field, other)
            wrong = "" if read is None else f"{other!r} is read as {read}"
            yield f"{field} {other!r}", wrong


def _decimal(atoms: int) -> str:
    return f"{atoms // ATOMS}.{atoms % ATOMS:08d}"


async def _command(place: _Place, field: str, text: str) -> int | str | None:
    """Return the price or amount that is read; None if it is refused, a string for a bug."""
    price, amount = (text, "1") if field == "ticks" else ("50000", text)
    example = place.examples.order(price, amount)
    outcome = await place.ask(example.endpoint, list(example.parameters.items()))
    if outcome.trip is None:
        return outcome.bug
    found: int | None = getattr(outcome.trip.command, field, None)
    return found


async def _read(place: _Place, field: str, text: str, number: int) -> str:
    found = await _command(place, field, text)
    return "" if found == number else f"{text!r} is read as {found}"


async def _written(place: _Place, field: str, number: int, step: int) -> str:
    """What is wrong with how an order of this price or amount is shown."""
    example = place.examples.order("40000", "0.1")
    outcome = await place.ask(example.endpoint, list(example.parameters.items()))
    trip = outcome.trip
    if trip is None or isinstance(trip.answer, Reject):
        return outcome.bug or "its example is refused"
    shown = trip.answer._replace(**{field: number})
    try:
        reply = place.server.dialect.rest.write(trip, shown, ())
        ident, price, amount = place.examples.numbers(reply)
    except Exception as error:
        return f"raised {type(error).__name__}: {error}"
    text = price if field == "ticks" else amount
    if ident != str(shown.order.id):
        return f"the id {shown.order.id} is written as {ident!r}"
    return "" if Decimal(text) * ATOMS == number * step else f"written as {text!r}"


CHECKS: dict[str, Callable[[Venue], Cases]] = {
    "answers": _answers,
    "parameters": _parameters,
    "refusals": _refusals,
    "reasons": _reasons,
    "purity": _purity,
    "numbers": _numbers,
}
