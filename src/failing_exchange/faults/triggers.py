"""When a fault strikes. Triggers know nothing of harm; they are combined with `&`, `|` and `~`."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from failing_exchange.core.chance import strikes
from failing_exchange.core.commands import FetchOrder
from failing_exchange.core.market import SECOND
from failing_exchange.core.reject import Reject
from failing_exchange.errors import ConfigurationError
from failing_exchange.faults.plan import ENDLESS, Match
from failing_exchange.text.durations import FORMS, seconds_of
from failing_exchange.text.spelling import did_you_mean, shown

if TYPE_CHECKING:
    import ast

LOAD_REMEMBERED_MAX = 100_000  # requests a load trigger remembers; a higher load counts as this
TEXT_LETTERS_MAX = 1_000  # of a trigger's text; a longer one is refused
DEPTH_MAX = 32  # operators of a trigger's text within each other; more are refused
SPAN_MAX = 366 * 86_400  # seconds of a ramp or a load; a longer one is refused
DAY = 86_400 * SECOND


class Key(NamedTuple):
    """What names a request in every run of the same bot, whatever else is armed."""

    client: str
    operation: str
    symbol: str
    request_number: int


@dataclass(frozen=True)
class When:
    """A trigger that can be combined: `nth(3) | chance(0.1) & ~hours(2, 4)`.

    `span`: the first and the last request (by number) that it can strike. A trigger with a span
    remembers and draws nothing, so that it need not be asked about other requests.
    """

    name: str
    test: Callable[[Match], bool]
    span: tuple[int, int] | None = None

    def __call__(self, match: Match, /) -> bool:
        return self.test(match)

    def __and__(self, other: When) -> When:
        check_trigger(other, "the right side of &")
        span = None
        if self.span is not None and other.span is not None:
            span = (max(self.span[0], other.span[0]), min(self.span[1], other.span[1]))
        return When(f"({self} & {other})", lambda s: all(self._both(other, s)), span)

    def __or__(self, other: When) -> When:
        check_trigger(other, "the right side of |")
        span = None
        if self.span is not None and other.span is not None:
            span = (min(self.span[0], other.span[0]), max(self.span[1], other.span[1]))
        return When(f"({self} | {other})", lambda s: any(self._both(other, s)), span)

    def __invert__(self) -> When:
        return When(f"~{self}", lambda s: not self(s))

    def __repr__(self) -> str:
        return self.name

    def _both(self, other: When, match: Match) -> list[bool]:
        """Both are asked always, with draws and a memory of their own: neither shifts the other."""
        return [self(match.within("left")), other(match.within("right"))]


always = When("always", lambda s: True)
never = When("never", lambda s: False, (1, 0))


def probability_of(value: float, name: str = "probability") -> float:
    """`value` when it is a probability; otherwise an error that shows it."""
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not 0 <= value <= 1:
        raise ConfigurationError(f"{name} must be a number from 0 to 1, not {value!r}")
    return float(value)


def check_trigger(when: object, name: str) -> None:
    """Raises ConfigurationError for no trigger: a number, or `nth` where `nth(1)` is meant."""
    made = PARSED.get(getattr(when, "__name__", ""))
    if made is not None and made is when:
        raise ConfigurationError(
            f"{name} must be a trigger; {made.__name__} makes one: call it with its arguments"
        )
    if not callable(when):
        raise ConfigurationError(
            f"{name} must be a trigger such as nth(1) or chance(0.1), not {when!r}"
        )


def chance(probability: float) -> When:
    """Strikes with a probability, by a draw that only this rule and request have."""
    p = probability_of(probability)
    return When(f"chance({_exact(p)})", lambda s: strikes(s.draw(), p))


def nth(n: int) -> When:
    """Strikes the n-th request the rule meets, from 1; if there is nothing to do, the next one."""
    _whole(n, "n")
    return When(f"nth({n})", lambda s: s.n == n, (n, n))


def first(n: int) -> When:
    """Strikes the first n requests the rule meets; for each with nothing to do, one more."""
    _whole(n, "n")
    return When(f"first({n})", lambda s: s.n <= n, (1, n))


def every(n: int) -> When:
    """Strikes each n-th request the rule meets."""
    _whole(n, "n")
    return When(f"every({n})", lambda s: s.n % n == 0)


def after(n: int) -> When:
    """Strikes all requests behind the n-th."""
    _whole(n, "n", least=0)
    return When(f"after({n})", lambda s: s.n > n, (n + 1, ENDLESS))


def between(start: int, end: int) -> When:
    """Strikes from one instant until before another (nanoseconds since the epoch)."""
    for name, at in (("start", start), ("end", end)):
        _whole(at, f"{name} (nanoseconds since 1970)", least=0)
    if start >= end:
        raise ConfigurationError(f"between({start}, {end}) holds no instant: end must be later")
    return When(f"between({start}, {end})", lambda s: start <= s.at < end)


def hours(start: float, end: float) -> When:
    """Strikes from one hour of the venue's day (UTC) until before another; may pass midnight."""
    _in_range(start, "start", "hours of the day", 24)
    _in_range(end, "end", "hours of the day", 24)
    low, high = int(start * 3_600 * SECOND), int(end * 3_600 * SECOND)
    if low <= high:
        return When(f"hours({_exact(start)}, {_exact(end)})", lambda s: low <= s.at % DAY < high)
    return When(f"hours({_exact(start)}, {_exact(end)})", lambda s: not high <= s.at % DAY < low)


def by_hour(rate: Callable[[int], float]) -> When:
    """Strikes with the probability that `rate` gives for the hour of the venue's day (UTC)."""

    def test(s: Match) -> bool:
        hour = s.at % DAY // (3_600 * SECOND)
        try:
            p = rate(hour)
        except Exception as error:  # the user's own function: no bug of ours
            raise ConfigurationError(
                f"the rate for hour {hour} can't be told: {error!r}"
            ) from error
        return strikes(s.draw(), probability_of(p, f"the rate for hour {hour}"))

    return When(f"by_hour({getattr(rate, '__name__', 'rate')})", test)


def ramp(start: float, end: float, seconds: float | str) -> When:
    """Strikes with a probability that goes from `start` to `end` in so many seconds, then stays."""
    low, high = probability_of(start, "start"), probability_of(end, "end")
    seconds = _span(seconds)
    span = int(seconds * SECOND)

    def test(s: Match) -> bool:
        began = s.memory.setdefault("ramp", s.at)
        done = min(1.0, (s.at - began) / span) if span else 1.0
        return strikes(s.draw(), low + (high - low) * done)

    return When(f"ramp({_exact(low)}, {_exact(high)}, {_exact(seconds)})", test)


def burst(enter: float, leave: float, probability: float = 1.0) -> When:
    """Correlated failures (Gilbert-Elliott): each request may begin a bad spell, or end it.

    While a spell lasts, requests are struck with `probability`.
    """
    begin, end = probability_of(enter, "enter"), probability_of(leave, "leave")
    p = probability_of(probability)

    def test(s: Match) -> bool:
        bad = s.memory.get("burst", False)
        bad = not strikes(s.draw(1), end) if bad else strikes(s.draw(1), begin)
        s.memory["burst"] = bad
        return bool(bad) and strikes(s.draw(), p)

    return When(f"burst({_exact(begin)}, {_exact(end)}, {_exact(p)})", test)


def load(above: int, seconds: float | str = 1.0) -> When:
    """Strikes when the rule has met more than `above` requests in the last seconds."""
    _whole(above, "above", least=0)
    seconds = _span(seconds)
    span = int(seconds * SECOND)

    def test(s: Match) -> bool:
        seen = s.memory.setdefault("load", deque(maxlen=LOAD_REMEMBERED_MAX))
        while seen and seen[0] <= s.at - span:
            seen.popleft()
        seen.append(s.at)
        return len(seen) > above

    return When(f"load(above={above}, seconds={_exact(seconds)})", test)


def sequence(*pattern: bool, repeat: bool = False) -> When:
    """Strikes request by request as the pattern says; after its end never, or from its start."""

    def test(s: Match) -> bool:
        index = s.n - 1
        if repeat and pattern:
            index %= len(pattern)
        return index < len(pattern) and bool(pattern[index])

    shown = ", ".join(str(bool(one)) for one in pattern) + (", repeat=True" if repeat else "")
    return When(f"sequence({shown})", test)


def while_failing(rule: str) -> When:
    """Strikes while another rule, named, has struck the last request it met."""

    def test(s: Match) -> bool:
        other = s.plan.rules.get(rule)
        return other is not None and other.striking

    return When(f"while_failing({rule!r})", test)


def filled(at_least: float) -> When:
    """Strikes when the order that the request names is filled to at least this share."""
    share = probability_of(at_least, "at_least")

    def test(s: Match) -> bool:
        c = s.trip.command
        order_id, client_id = getattr(c, "order_id", 0), getattr(c, "client_id", "")
        if not order_id and not client_id:
            return False
        try:
            order = s.look(FetchOrder(s.trip.account, "", order_id, client_id))
        except Reject:  # no such order: nothing of it is filled
            return False
        return bool(order.filled >= order.lots * share)

    return When(f"filled({_exact(share)})", test)


def exactly(keys: Iterable[Key]) -> When:
    """Strikes the requests named: (client, operation, symbol, the how-manieth such request)."""
    wanted = frozenset(Key(*one) for one in keys)
    return When(f"exactly({len(wanted)} requests)", lambda s: key_of(s) in wanted)


def key_of(match: Match) -> Key:
    """What names a request from run to run."""
    trip = match.trip
    return Key(trip.account, trip.operation, trip.symbol, trip.request_number)


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


PARSED_EXAMPLE = "first(3) | chance(0.1) & ~hours(2, 4)"


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
            values = [ast.literal_eval(one) for one in arguments]
            return PARSED[name](
                *values, **{one.arg: ast.literal_eval(one.value) for one in named if one.arg}
            )
    found = ast.unparse(node)[:TEXT_LETTERS_MAX]
    raise ValueError(f"{found!r} is no trigger{did_you_mean(found.split('(')[0], PARSED)}")


PARSED: dict[str, Callable[..., When]] = {
    made.__name__: made
    for made in (
        chance, nth, first, every, after, between, hours, ramp, burst, load, sequence,
        while_failing, filled,
    )
}  # fmt: skip


def _exact(number: float) -> str:
    """A number as short as it can be read back."""
    short = f"{number:g}"
    return short if float(short) == number else repr(number)


def _whole(n: int, name: str, *, least: int = 1) -> None:
    if not isinstance(n, int) or isinstance(n, bool) or n < least:
        raise ConfigurationError(f"{name} must be a whole number of at least {least}, not {n!r}")


def _span(value: float | str) -> float:
    """A span in seconds, as a number or as a text such as "10m"."""
    try:
        seconds = seconds_of(value)
    except ValueError:
        seconds = -1
    if not 0 <= seconds <= SPAN_MAX:
        raise ConfigurationError(
            f"seconds must be {FORMS}, from 0 to {SPAN_MAX} seconds, not {value!r}"
        )
    return seconds


def _in_range(value: float, name: str, unit: str, most: float) -> None:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not number or not 0 <= value <= most:
        raise ConfigurationError(f"{name} must be {unit} from 0 to {most}, not {value!r}")


__all__ = [
    "Key", "When", "after", "always", "between", "burst", "by_hour", "chance", "check_trigger",
    "every", "exactly", "filled", "first", "hours", "key_of", "load", "never", "nth", "parse",
    "probability_of", "ramp", "sequence", "while_failing",
]  # fmt: skip
