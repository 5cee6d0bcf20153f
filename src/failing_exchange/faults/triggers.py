"""When a fault strikes: triggers, which can be combined with `&`, `|` and `~`."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import MISSING, dataclass
from datetime import UTC, datetime
from math import inf
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from failing_exchange.core.chance import strikes
from failing_exchange.core.queries import FetchOrder
from failing_exchange.core.reject import Reject
from failing_exchange.core.units import DAY, HOUR, SECOND
from failing_exchange.errors import ConfigurationError
from failing_exchange.faults.fields import (
    check_fields,
    number,
    probability_of,
    share,
    span,
    span_or_never,
    text,
    whole,
)
from failing_exchange.faults.plan import ENDLESS, Match
from failing_exchange.faults.trigger_base import (
    TRIGGERS,
    Constant,
    When,
    check_trigger,
    exact,
    trigger,
)
from failing_exchange.text.spelling import did_you_mean, shown

if TYPE_CHECKING:
    import ast

EARLIEST = 365 * DAY  # in nanoseconds since 1970; an earlier end was meant as something else
NAMING_AN_ORDER = frozenset(
    {"cancel_order", "edit_order", "amend_order", "fetch_order", "fetch_order_trades"}
)
LOAD_REMEMBERED_MAX = 100_000  # requests a load trigger remembers; a higher load counts as this
TEXT_LETTERS_MAX = 1_000  # of a trigger's text; a longer one is refused
DEPTH_MAX = 32  # operators of a trigger's text within each other; more are refused


class RequestKey(NamedTuple):
    """The name of a request in every run of the same bot, independent of what is armed.

    >>> RequestKey("main", "create_order", "BTC/USDT", 3).request_number
    3
    """

    client: str
    operation: str
    symbol: str
    request_number: int


def key_of(match: Match) -> RequestKey:
    """The name of the request of a match.

    >>> from types import SimpleNamespace as Stub
    >>> trip = Stub(account="main", operation="fetch_ticker", symbol="BTC/USDT", request_number=1)
    >>> key_of(Stub(trip=trip)).operation
    'fetch_ticker'
    """
    trip = match.trip
    return RequestKey(trip.account, trip.operation, trip.symbol, trip.request_number)


# ---- by chance, and by the number of the request


@trigger
class Chance(When):
    """Strikes with a probability, by a draw that only this rule and request have.

    >>> chance(0.1)
    chance(0.1)
    """

    probability: float = share(says="of each request", zero=True)

    def __call__(self, match: Match, /) -> bool:
        return strikes(match.draw(), self.probability)


class Numbered(When):
    """Strikes the requests of its span."""

    __slots__ = ()

    def __call__(self, match: Match, /) -> bool:
        assert self.span is not None
        return self.span[0] <= match.n <= self.span[1]


@trigger
class Nth(Numbered):
    """Strikes the n-th request the rule meets, from 1; if there is nothing to do, the next one.

    >>> nth(3)
    nth(3)
    """

    n: int = whole(says="which request", maximum=inf)

    @property
    def span(self) -> tuple[int, int] | None:
        return self.n, self.n


@trigger
class First(Numbered):
    """Strikes the first n requests the rule meets; for each with nothing to do, one more.

    >>> first(3)
    first(3)
    """

    n: int = whole(says="how many requests", maximum=inf)

    @property
    def span(self) -> tuple[int, int] | None:
        return 1, self.n


@trigger
class Every(When):
    """Strikes each n-th request the rule meets.

    >>> every(10) & chance(0.5)
    (every(10) & chance(0.5))
    """

    n: int = whole(says="from one strike to the next", maximum=inf)

    def __call__(self, match: Match, /) -> bool:
        return match.n % self.n == 0


@trigger
class After(Numbered):
    """Strikes all requests after the n-th.

    >>> after(100) & first(103)  # three, after the first hundred
    (after(100) & first(103))
    """

    n: int = whole(says="how many requests pass", minimum=0, maximum=inf)

    @property
    def span(self) -> tuple[int, int] | None:
        return self.n + 1, ENDLESS


@dataclass(frozen=True, slots=True, repr=False)
class Sequence(When):
    """Strikes request by request as a pattern says; then never, or from its start."""

    pattern: tuple[bool, ...]
    repeat: bool

    def __call__(self, match: Match, /) -> bool:
        index = match.n - 1
        if self.repeat and self.pattern:
            index %= len(self.pattern)
        return index < len(self.pattern) and self.pattern[index]

    def __repr__(self) -> str:
        return f"sequence({', '.join(map(str, self.pattern))}{', repeat=True' * self.repeat})"


@dataclass(frozen=True, slots=True, repr=False)
class Exactly(When):
    """Strikes the requests that are named."""

    keys: frozenset[RequestKey]

    def __call__(self, match: Match, /) -> bool:
        return key_of(match) in self.keys

    def __repr__(self) -> str:
        return f"exactly({len(self.keys)} requests)"


# ---- by time


@trigger
class Between(When):
    """Strikes from one instant until before another (nanoseconds since the epoch).

    >>> start = 1_767_225_600 * 10**9
    >>> between(start, start + 60 * 10**9)
    between(1767225600000000000, 1767225660000000000)
    """

    start: int = whole(says="nanoseconds since 1970", minimum=0, maximum=inf)
    end: int = whole(says="nanoseconds since 1970", minimum=0, maximum=inf)

    def __post_init__(self) -> None:
        check_fields(self)
        if self.start >= self.end:
            raise ConfigurationError(f"{self} holds no instant: end must be later")
        if self.end < EARLIEST:
            raise ConfigurationError(
                f"{self} is over since {datetime.fromtimestamp(self.end // SECOND, UTC):%Y-%m-%d}: "
                "it takes nanoseconds since 1970; for seconds since the venue's start there is "
                f"elapsed({self.start}, {self.end})"
            )

    def __call__(self, match: Match, /) -> bool:
        return self.start <= match.at < self.end


@trigger
class Elapsed(When):
    """Strikes from `start` seconds after the start of the venue, to the end or until `end`.

    >>> elapsed(60) & chance(0.1)
    (elapsed(60) & chance(0.1))
    >>> elapsed("10m", "1h")
    elapsed(600, 3600)
    """

    start: float | str = span(says="since the venue's start")
    end: float | str | None = span_or_never(
        default=None, says="since the venue's start; None = never"
    )

    def __post_init__(self) -> None:
        check_fields(self)
        if self.end is not None and cast(float, self.start) >= cast(float, self.end):
            raise ConfigurationError(f"{self} holds no instant: end must be later")

    def __call__(self, match: Match, /) -> bool:
        passed = match.at - match.plan.began
        return _ns(self.start) <= passed and (self.end is None or passed < _ns(self.end))

    def __repr__(self) -> str:
        end = "" if self.end is None else f", {exact(self.end)}"
        return f"elapsed({exact(self.start)}{end})"


@trigger
class Hours(When):
    """Strikes from one hour of the venue's day (UTC) until before another; may pass midnight.

    >>> hours(22, 2.5)
    hours(22, 2.5)
    """

    start: float = number(MISSING, "hour of the day", "hours", minimum=0, maximum=24)
    end: float = number(MISSING, "hour of the day", "hours", minimum=0, maximum=24)

    def __post_init__(self) -> None:
        check_fields(self)
        if self.start % 24 == self.end % 24 and self.end != self.start + 24:
            raise ConfigurationError(
                f"{self} holds no hour: end must be another one; all hours are hours(0, 24)"
            )

    def __call__(self, match: Match, /) -> bool:
        start, end, now = int(self.start * HOUR), int(self.end * HOUR), match.at % DAY
        return start <= now < end if start <= end else not end <= now < start


@dataclass(frozen=True, slots=True, repr=False)
class ByHour(When):
    """Strikes with the probability that `rate` gives for the hour of the venue's day (UTC).

    >>> by_hour(lambda hour: 0.2 if hour in (8, 14) else 0.01)
    by_hour(<lambda>)
    """

    rate: Callable[[int], float]

    def __call__(self, match: Match, /) -> bool:
        hour = match.at % DAY // HOUR
        try:
            p = self.rate(hour)
        except Exception as error:  # the user's own function: no bug of ours
            raise ConfigurationError(
                f"the rate for hour {hour} can't be computed: {error!r}"
            ) from error
        return strikes(match.draw(), probability_of(p, f"the rate for hour {hour}"))

    def __repr__(self) -> str:
        return f"by_hour({getattr(self.rate, '__name__', 'rate')})"


@trigger
class Ramp(When):
    """Strikes with a probability that goes from `start` to `end` within `seconds`, then stays.

    >>> ramp(0, 0.5, 3_600)  # for an hour it gets worse
    ramp(0, 0.5, 3600)
    """

    start: float = share(says="the probability at first", zero=True)
    end: float = share(says="the probability at last", zero=True)
    seconds: float | str = span(says="how long it changes")

    def __call__(self, match: Match, /) -> bool:
        began, duration = match.memory.setdefault("ramp", match.at), _ns(self.seconds)
        done = min(1.0, (match.at - began) / duration) if duration else 1.0
        return strikes(match.draw(), self.start + (self.end - self.start) * done)


# ---- by what has happened before


@trigger
class Burst(When):
    """Correlated failures (Gilbert-Elliott): each request may begin a burst, or end it.

    During a burst, requests are struck with `probability`.

    >>> burst(0.01, 0.2)  # every hundredth request begins one of about five
    burst(0.01, 0.2, 1)
    """

    enter: float = share(says="the probability that a burst begins", zero=True)
    leave: float = share(says="the probability that a burst ends", zero=True)
    probability: float = share(default=1.0, says="of each request of a burst", zero=True)

    def __call__(self, match: Match, /) -> bool:
        bad = match.memory.get("burst", False)
        bad = not strikes(match.draw(1), self.leave) if bad else strikes(match.draw(1), self.enter)
        match.memory["burst"] = bad
        return bad and strikes(match.draw(), self.probability)


@trigger
class Load(When):
    """Strikes when the rule has met more than `above` requests in the last seconds.

    >>> load(above=10, seconds=1)
    load(above=10, seconds=1)
    """

    above: int = whole(says="how many requests pass", minimum=0, maximum=inf)
    seconds: float | str = span(default=1.0, says="the window in which they are counted")

    def __call__(self, match: Match, /) -> bool:
        seen = match.memory.setdefault("load", deque(maxlen=LOAD_REMEMBERED_MAX))
        while seen and seen[0] <= match.at - _ns(self.seconds):
            seen.popleft()
        seen.append(match.at)
        return len(seen) > self.above

    def __repr__(self) -> str:
        return f"load(above={self.above}, seconds={exact(self.seconds)})"


@trigger
class WhileFailing(When):
    """Strikes while another rule, named, has struck the last request it met.

    >>> from failing_exchange import FailingExchange
    >>> exchange = FailingExchange()
    >>> first_rule = exchange.arm("time_out", "burst(0.01, 0.2)", name="outage")
    >>> second_rule = exchange.arm("silence_feed", while_failing("outage"))
    """

    rule: str = text(says="the name of the other rule")

    @property
    def follows(self) -> tuple[str, ...]:
        return (self.rule,)

    def __call__(self, match: Match, /) -> bool:
        other = match.plan.rules.get(self.rule)
        return other is not None and other.striking


@trigger
class Filled(When):
    """Strikes when the order that the request names is filled to at least this share.

    >>> filled(0.5) & first(1)
    (filled(0.5) & first(1))
    """

    at_least: float = share(says="of the order's amount", zero=True)

    @property
    def operations(self) -> frozenset[str]:
        return NAMING_AN_ORDER

    def __call__(self, match: Match, /) -> bool:
        c = match.trip.command
        order_id, client_id = getattr(c, "order_id", 0), getattr(c, "client_id", "")
        if not order_id and not client_id:
            return False
        try:
            order = match.look(FetchOrder(match.trip.account, "", order_id, client_id))
        except Reject:  # no such order: nothing of it is filled
            return False
        return bool(order.filled >= order.lots * self.at_least)


# ---- as they are written: `nth(3) & chance(0.1)`

always = Constant(True)
"""Strikes each request."""
never = Constant(False)
"""Strikes no request."""
chance, nth, first, every, after = Chance, Nth, First, Every, After
between, elapsed, hours, ramp, burst, load = Between, Elapsed, Hours, Ramp, Burst, Load
while_failing, filled, by_hour = WhileFailing, Filled, ByHour


def sequence(*pattern: bool, repeat: bool = False) -> When:
    """Strikes request by request as the pattern says; after its end never, or from its start.

    >>> sequence(True, False, True)
    sequence(True, False, True)
    """
    return Sequence(tuple(map(bool, pattern)), repeat)


def exactly(keys: Iterable[RequestKey]) -> When:
    """Strikes the requests named: (client, operation, symbol, its number among these, from 1).

    >>> exactly([("main", "create_order", "BTC/USDT", 3)])
    exactly(1 requests)
    """
    return Exactly(frozenset(RequestKey(*one) for one in keys))


PARSED: dict[str, Callable[..., When]] = {
    "chance": chance, "nth": nth, "first": first, "every": every, "after": after,
    "between": between, "elapsed": elapsed, "hours": hours, "ramp": ramp, "burst": burst,
    "load": load, "sequence": sequence, "while_failing": while_failing, "filled": filled,
}  # fmt: skip
# Two take values that a string cannot express.
TRIGGERS.update(PARSED | {"by_hour": by_hour, "exactly": exactly})
PARSED_EXAMPLE = "first(3) | chance(0.1) & ~hours(2, 4)"


def parse(text: str) -> When:
    """A trigger from its text, as scenario files and the command line have it.

    >>> parse("first(3) | chance(0.1) & ~hours(2, 4)")
    (first(3) | (chance(0.1) & ~hours(2, 4)))
    """
    import ast

    if len(text) > TEXT_LETTERS_MAX:
        raise ConfigurationError(
            f"the trigger {shown(text)} has {len(text)} letters; expected at most "
            f"{TEXT_LETTERS_MAX}"
        )
    try:
        return _parse(ast.parse(text.strip(), mode="eval").body, DEPTH_MAX)
    except (SyntaxError, ValueError, TypeError, MemoryError, RecursionError) as error:
        raise ConfigurationError(
            f"can't read the trigger {shown(text)} ({error}); expected one of "
            f"{', '.join(sorted(PARSED))}, like {PARSED_EXAMPLE!r}"
        ) from None


def _parse(node: ast.expr, depth: int) -> When:
    import ast

    if not depth:
        raise ValueError(f"more than {DEPTH_MAX} operators within each other")
    match node:
        case ast.BinOp(left, ast.BitAnd(), right):
            return _parse(left, depth - 1) & _parse(right, depth - 1)
        case ast.BinOp(left, ast.BitOr(), right):
            return _parse(left, depth - 1) | _parse(right, depth - 1)
        case ast.UnaryOp(ast.Invert(), inner):
            return ~_parse(inner, depth - 1)
        case ast.Name(name) if name in ("always", "never"):
            return always if name == "always" else never
        case ast.Call(ast.Name(name), arguments, named) if name in PARSED:
            values = [_constant(one) for one in arguments]
            return PARSED[name](*values, **{str(one.arg): _constant(one.value) for one in named})
    found = ast.unparse(node)[:TEXT_LETTERS_MAX]
    near = did_you_mean(found.split("(")[0], PARSED)
    raise ValueError(f"{found!r} is not a trigger{near}")


def _constant(node: ast.expr) -> Any:
    import ast

    try:
        return ast.literal_eval(node)
    except ValueError:  # its text holds the node's address in memory
        found = ast.unparse(node)[:TEXT_LETTERS_MAX]
        raise ValueError(f"{found!r} is not a number or a string") from None


def _ns(seconds: float | str) -> int:
    """Nanoseconds of a checked span, which is a number."""
    return int(cast(float, seconds) * SECOND)


__all__ = [
    "Chance", "RequestKey", "When", "after", "always", "between", "burst", "by_hour", "chance",
    "check_trigger", "elapsed", "every", "exactly", "filled", "first", "hours", "key_of", "load",
    "never", "nth", "parse", "probability_of", "ramp", "sequence", "while_failing",
]  # fmt: skip
