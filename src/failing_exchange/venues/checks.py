"""Checks that any dialect must pass, in process: `check_dialect(dialect)`.

A venue's language is believed when a bot meets the venue's own refusal, code and number here, and
never an error of ours. Whoever writes a dialect puts it through these checks in a test.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple, Protocol

from failing_exchange.core.market import Market
from failing_exchange.core.reject import Reason, Reject, Rule
from failing_exchange.core.units import ATOMS, SECOND
from failing_exchange.venues.example_world import World

OVERLONG = 10_000  # characters: more than a machine word, a client id or an int may have
NONSENSE = "?nonsense!"  # a value that no parameter has
UNKNOWN = "noSuchParameter"
NON_ASCII = ("\u00e9\u20ac", "\u0661\u0662", "\U0001f4a5", "\udcff", "\x00", "\u2028")
BREACHES_SHOWN_MAX = 50  # of one message; the others are counted, and all are in `breaches`

NO_NUMBERS = ("{}\n", " {}", "{} ", "+{}", "-{}", "{}x", "{}e0", "{}_0", "0x{}")

Pairs = Sequence[tuple[str, str]]


class Example(NamedTuple):
    """A request that is right in a `World`: an endpoint, and parameters as they are sent.

    `refused`: the venue has this endpoint, and refuses it in every market.
    """

    endpoint: str
    parameters: Mapping[str, str]
    refused: bool = False


class Refusal(NamedTuple):
    """A refusal as a client sees it."""

    status: int
    code: int
    text: str


class Stream(NamedTuple):
    """A kind of bytes that the dialect reads, and one whole message of it.

    `feed` takes the pieces in which bytes arrive, and gives what comes of them: one entry for each
    whole message, equal for equal messages.
    """

    name: str
    message: bytes
    feed: Callable[[Sequence[bytes]], Sequence[object]]


class Dialect(Protocol):
    """What is checked of a language. Requests and replies are values: it does no I/O.

    `read` and `write` take the parameters as pairs of decoded texts, in the order they were sent.
    """

    name: str

    @property
    def endpoints(self) -> Mapping[str, Sequence[str] | None]:
        """Every endpoint with the parameters that its documents name; None: they name none."""

    @property
    def streams(self) -> Sequence[Stream]:
        """The kinds of bytes it reads."""

    def needs(self, endpoint: str) -> Sequence[str]:
        """Those of its parameters that must be there."""

    def examples(self, world: World) -> Sequence[Example]:
        """Requests that are right in this world: at least one for each endpoint."""

    def read(self, endpoint: str, sent: Pairs, world: World) -> Any:
        """The command of a request; raises `Reject` to refuse it."""

    def write(self, endpoint: str, sent: Pairs, command: Any, answer: Any, world: World) -> Any:
        """The reply to it, as JSON can hold it."""

    def refusal(self, no: Reject, endpoint: str) -> Refusal:
        """How it says a refusal, whoever it comes from."""

    def number_text(self, kind: str, number: int, market: Market) -> str:
        """A "price" in ticks, an "amount" in lots or an "id", as text."""

    def number_of(self, kind: str, text: str, market: Market) -> int:
        """The same number, read from its text."""


class Breach(NamedTuple):
    """What a dialect does that it may not: which check, where, and what was seen."""

    check: str
    where: str
    what: str

    def __str__(self) -> str:
        return f"{self.check}: {self.where}: {self.what}"


class Report(NamedTuple):
    """A dialect that has passed: how many cases of each check it has met."""

    dialect: str
    cases: Mapping[str, int]

    def __str__(self) -> str:
        return "\n".join([self.dialect, *(f"  {n:>6}  {name}" for name, n in self.cases.items())])


class DialectBreaches(AssertionError):
    """A dialect that has not passed; `breaches` has everything that was found."""

    def __init__(self, dialect: str, breaches: Sequence[Breach]) -> None:
        shown = [str(breach) for breach in breaches[:BREACHES_SHOWN_MAX]]
        if len(breaches) > len(shown):
            shown.append(f"... and {len(breaches) - len(shown)} more")
        super().__init__("\n".join([f"{dialect}: {len(breaches)} breaches", *shown]))
        self.breaches = tuple(breaches)


def check_dialect(dialect: Dialect) -> Report:
    """Put a dialect through all checks; raises `DialectBreaches` with all that was found.

    - answers: each endpoint reads its example and writes a reply that JSON can hold.
    - parameters: each documented one is read: nonsense in it is refused, or changes something.
    - refusals: parameters that are unknown, missing, sent twice, empty, overlong or not ASCII are
      refused, or read; what must be there is refused. Nothing but `Reject` is ever raised.
    - reasons: every `Reason` and `Rule` has a status, a code and words.
    - purity: the same message is the same command, and the same answer the same reply.
    - numbers: ids, prices and amounts go through their decimal text and come back, none rounded.
    - streams: bytes may come whole, one by one, or with the next message behind them.

    >>> from failing_exchange import BinanceDialect
    >>> check_dialect(BinanceDialect()).dialect
    'Binance Spot'
    """
    breaches: list[Breach] = []
    cases: dict[str, int] = {}
    for name, check in CHECKS.items():
        count = 0
        for where, what in check(dialect):
            count += 1
            if what:
                breaches.append(Breach(name, where, what))
        cases[name] = count
    if breaches:
        raise DialectBreaches(dialect.name, breaches)
    return Report(dialect.name, cases)


Cases = Iterator[tuple[str, str]]  # each case that was looked at, and what is wrong with it, or ""


# ---- asking


class _Outcome(NamedTuple):
    """What came of a request: its command, or its refusal, or what should not have been raised."""

    command: Any = None
    refused: Reject | None = None
    bug: str = ""


def _read(dialect: Dialect, endpoint: str, sent: Pairs, world: World) -> _Outcome:
    try:
        return _Outcome(command=dialect.read(endpoint, sent, world))
    except Reject as no:
        no.__traceback__ = None
        return _Outcome(refused=no)
    except Exception as error:
        return _Outcome(bug=f"reading raised {_named(error)}")


def _reply(dialect: Dialect, example: Example, world: World) -> tuple[str, str]:
    """(the reply as text, what is wrong) of a request in a world of its own."""
    sent = list(example.parameters.items())
    read = _read(dialect, example.endpoint, sent, world)
    if read.bug:
        return "", read.bug
    try:
        if read.refused is not None:
            raise read.refused
        answer = world.execute(read.command)
        reply = dialect.write(example.endpoint, sent, read.command, answer, world)
    except Reject as no:
        return f"refused: {no.text}", ""
    except Exception as error:
        return "", f"writing raised {_named(error)}"
    return _as_json(reply)


def _as_json(reply: object) -> tuple[str, str]:
    try:
        text = json.dumps(reply, allow_nan=False, ensure_ascii=False, sort_keys=True)
        text.encode("utf-8")
    except (TypeError, ValueError) as error:
        return "", f"JSON can't hold the reply: {error}"
    return text, ""


def _named(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error)[:80]}"


def _changed(sent: Mapping[str, str], name: str, value: str) -> list[tuple[str, str]]:
    return list({**sent, name: value}.items())


# ---- the checks


def _answers(dialect: Dialect) -> Cases:
    shown: dict[str, None] = {}
    for example in dialect.examples(World()):
        shown[example.endpoint] = None
        reply, wrong = _reply(dialect, example, World())
        if not wrong and example.refused is not reply.startswith("refused: "):
            wrong = "it is not refused" if example.refused else reply
        yield example.endpoint, wrong
    for endpoint in dialect.endpoints:
        if endpoint not in shown:
            yield endpoint, "there is no example of it"


def _parameters(dialect: Dialect) -> Cases:
    read: dict[tuple[str, str], bool] = {}
    for example in dialect.examples(World()):
        if example.refused:
            continue
        plain = _reply(dialect, example, World())
        for name in dialect.endpoints[example.endpoint] or ():
            sent = {**example.parameters, name: NONSENSE}
            other = _reply(dialect, example._replace(parameters=sent), World())
            key = (example.endpoint, name)
            read[key] = read.get(key, False) or other != plain
    for (endpoint, name), found in read.items():
        yield f"{endpoint} {name}", "" if found else "nonsense in it changes nothing: is it read?"


def _refusals(dialect: Dialect) -> Cases:
    world = World()
    for example in dialect.examples(world):
        for what, sent, must in _bad(dialect, example):
            read = _read(dialect, example.endpoint, sent, world)
            wrong = read.bug
            if not wrong and must and read.refused is None:
                wrong = "it is not refused"
            if not wrong and read.refused is not None:
                wrong = _poor(dialect, read.refused, example.endpoint)
            yield f"{example.endpoint} with {what}", wrong


def _bad(dialect: Dialect, example: Example) -> Iterator[tuple[str, Pairs, bool]]:
    """(what is bad, what is sent, whether it must be refused)."""
    good = dict(example.parameters)
    needed, known = dialect.needs(example.endpoint), dialect.endpoints[example.endpoint]
    if known is None:
        return
    yield "an unknown parameter", _changed(good, UNKNOWN, "1"), True
    yield "an unknown parameter without ASCII", _changed(good, NON_ASCII[0], "1"), True
    yield "an overlong parameter", _changed(good, "x" * OVERLONG, "1"), True
    for name in good:
        yield f"{name} twice", [*good.items(), (name, good[name])], True
    for name in needed:
        yield f"no {name}", [(n, v) for n, v in good.items() if n != name], True
    for name in known:
        must = name in needed
        yield f"{name} empty", _changed(good, name, ""), must
        for value in ("x" * OVERLONG, "9" * OVERLONG, "0." + "9" * OVERLONG, "-1", "1e400", "NaN"):
            yield f"{name} = {value[:12]}", _changed(good, name, value), False
        for value in NON_ASCII:
            yield f"{name} = {value!a}", _changed(good, name, value), False


def _poor(dialect: Dialect, no: Reject, endpoint: str) -> str:
    """What is wrong with a refusal, or an empty text."""
    try:
        said = dialect.refusal(no, endpoint)
        said.text.encode("utf-8", "surrogateescape")
    except Exception as error:
        return f"refusing raised {_named(error)}"
    if not 400 <= said.status < 600:
        return f"status {said.status} is no refusal"
    if type(said.code) is not int:
        return f"code {said.code!r} is no number"
    unfilled = re.search(r"{[a-z_]*}", said.text)
    return "" if said.text.strip() and unfilled is None else f"words {said.text!r}"


def _reasons(dialect: Dialect) -> Cases:
    until = 1_767_225_600 * SECOND
    for endpoint in dialect.endpoints:
        for reason in Reason:
            wrong = _poor(dialect, Reject(reason, "words", until=until), endpoint)
            yield f"{reason} at {endpoint}", wrong
        for rule in Rule:
            no = Reject(Reason.INVALID_ORDER, "words", rule=rule)
            yield f"{rule} at {endpoint}", _poor(dialect, no, endpoint)


def _purity(dialect: Dialect) -> Cases:
    world, examples = World(), dialect.examples(World())
    first = [_read(dialect, e.endpoint, list(e.parameters.items()), world) for e in examples]
    for example, before in reversed(list(zip(examples, first, strict=True))):
        again = _read(dialect, example.endpoint, list(example.parameters.items()), world)
        wrong = "" if again == before else f"read as {again.command!r}, then {before.command!r}"
        if not wrong and _reply(dialect, example, World()) != _reply(dialect, example, World()):
            wrong = "the same answer is written in two ways"
        yield example.endpoint, wrong


def _numbers(dialect: Dialect) -> Cases:
    world = World()
    for market in world.listed:
        steps = {"price": market.price_step, "amount": market.amount_step, "id": 0}
        for kind, step in steps.items():
            most = (2**63 - 1) // (step or 1)
            for number in (1, 9, 10, 123_456_789, most // 3, most - 1, most):
                wrong = _round_trip(dialect, kind, number, market, step)
                yield f"{kind} {number} of {market.symbol}", wrong


def _round_trip(dialect: Dialect, kind: str, number: int, market: Market, step: int) -> str:
    try:
        text = dialect.number_text(kind, number, market)
        back = dialect.number_of(kind, text, market)
        meant = Decimal(text) * ATOMS if step else Decimal(text)
    except Reject as no:
        return f"its own text is refused: {no.text}"
    except Exception as error:
        return f"raised {_named(error)}"
    if meant != number * (step or 1):
        return f"written as {text!r}"
    if back != number:
        return f"{text!r} is read as {back}"
    return _more_than_a_number(dialect, kind, market, text)


def _more_than_a_number(dialect: Dialect, kind: str, market: Market, text: str) -> str:
    """A number with something before or behind it is none."""
    for form in NO_NUMBERS:
        other = form.format(text)
        try:
            found = dialect.number_of(kind, other, market)
        except Reject:
            continue
        except Exception as error:
            return f"{other!r} raised {_named(error)}"
        return f"{other!r} is read as {found}"
    return ""


def _streams(dialect: Dialect) -> Cases:
    for stream in dialect.streams:
        one = stream.message
        try:
            whole = list(stream.feed([one]))
            fed = {
                "byte by byte": (stream.feed([one[n : n + 1] for n in range(len(one))]), whole),
                "with half of the next": (stream.feed([one + one[: len(one) // 2]]), whole),
                "two at once": (stream.feed([one + one]), whole * 2),
                "cut anywhere": (stream.feed([one[:7], one[7:] + one[:5], one[5:]]), whole * 2),
            }
        except Exception as error:
            yield stream.name, f"raised {_named(error)}"
            continue
        yield f"{stream.name} whole", "" if len(whole) == 1 else f"{len(whole)} messages of one"
        for how, (found, wanted) in fed.items():
            same = list(found) == wanted
            yield f"{stream.name} {how}", "" if same else f"{list(found)!r}, not {wanted!r}"[:300]


CHECKS: dict[str, Callable[[Dialect], Cases]] = {
    "answers": _answers,
    "parameters": _parameters,
    "refusals": _refusals,
    "reasons": _reasons,
    "purity": _purity,
    "numbers": _numbers,
    "streams": _streams,
}
