"""Rate limits as strategies, and the ban that follows when they are ignored.

Each limit is a plain object with one method: `take(at, weight)` answers None when the call is
granted, otherwise the instant from which the same call would be, exact to the nanosecond. They know
no clock: `at` is an argument, in integer nanoseconds since the epoch.
"""

from __future__ import annotations

from collections import deque
from fractions import Fraction
from typing import Any, Protocol

from failing_exchange.core.units import DAY, MINUTE, SECOND
from failing_exchange.errors import ConfigurationError
from failing_exchange.text.number_checks import is_whole

# The largest number of calls one window may allow. A sliding window remembers each of them, so this
# bounds its memory; a greater limit is refused when it is made. Binance's largest is 300,000.
WINDOW_CALLS_MAX = 1_000_000

# Calls of a sliding window whose usage is kept one by one. Of a fuller one only their sum is kept,
# as if all had been granted when the last one was: it frees up later, never earlier.
CALLS_TOLD_MAX = 1_000

BURST_SECONDS = 10  # what `per_minute` lets pass at once: ten seconds' worth


class Limit(Protocol):
    """What the gate asks before it lets a call in."""

    def take(self, at: int, weight: int = 1) -> int | None:
        """Grant a call (None), or say from which instant the same call would be granted."""
        ...


class TokenBucket:
    """Calls are paid with tokens, which come back steadily: `rate` per `period`, at most `burst`.

    The bucket starts full. A refused call takes nothing.

    >>> bucket = TokenBucket(rate=60, period=MINUTE, burst=2)
    >>> [bucket.take(0), bucket.take(0), bucket.take(0)]
    [None, None, 1000000000]
    """

    def __init__(self, *, rate: int, period: int, burst: int) -> None:
        _check_positive("rate", rate, "calls per period")
        _check_positive("period", period, "nanoseconds")
        _check_positive("burst", burst, "calls")
        self.rate = rate
        self.period = period
        self.burst = burst
        # Tokens are counted in 1/period, so that each nanosecond adds `rate` of them exactly.
        self._level = burst * period
        self._at: int | None = None

    @classmethod
    def per_minute(cls, calls: int) -> TokenBucket:
        """`calls` a minute, of which ten seconds' worth may come at once.

        >>> TokenBucket.per_minute(60).burst
        10
        """
        _check_positive("calls", calls, "calls per minute")
        return cls(rate=calls, period=MINUTE, burst=max(1, calls * BURST_SECONDS // 60))

    def take(self, at: int, weight: int = 1) -> int | None:
        """Grant a call of `weight`, or say when. An `at` before the last one counts as the last.

        Raises ConfigurationError for a weight that no waiting could ever pass.
        """
        _check_weight(weight, self.burst)
        at = self._refill(at)
        missing = weight * self.period - self._level
        if missing > 0:
            return at + _divided_up(missing, self.rate)
        self._level -= weight * self.period
        return None

    def usage(self) -> list[Any]:
        """What is used, as plain numbers for `go_on`."""
        return [self._level, self._at]

    def go_on(self, usage: list[Any]) -> None:
        """Go on from what was used in an earlier process; raises ValueError for anything else."""
        level, at = usage
        self._level = min(whole(level), self.burst * self.period)
        self._at = None if at is None else whole(at)

    def _refill(self, at: int) -> int:
        """Add what has come back since the last call; the instant that counts as the present."""
        last = at if self._at is None else self._at
        at = max(at, last)
        self._level = min(self.burst * self.period, self._level + (at - last) * self.rate)
        self._at = at
        return at


class SlidingWindow:
    """At most `limit` calls in any stretch of `window` nanoseconds.

    A call stops counting exactly `window` after it was granted. A refused call does not count.

    >>> window = SlidingWindow(limit=1, window=10)
    >>> [window.take(0), window.take(9), window.take(10)]
    [None, 10, None]
    """

    def __init__(self, *, limit: int, window: int) -> None:
        _check_positive("limit", limit, "calls per window")
        _check_positive("window", window, "nanoseconds")
        if limit > WINDOW_CALLS_MAX:
            raise ConfigurationError(
                f"limit is {limit}; a sliding window remembers each call, expected at most "
                f"{WINDOW_CALLS_MAX}: use a TokenBucket or a FixedWindow for more"
            )
        self.limit = limit
        self.window = window
        self._granted: deque[tuple[int, int]] = deque()  # (at, weight); as long as `limit` at most
        self._used = 0
        self._at: int | None = None

    def take(self, at: int, weight: int = 1) -> int | None:
        """Grant a call of `weight`, or say when. An `at` before the last one counts as the last.

        Raises ConfigurationError for a weight that no waiting could ever pass.
        """
        _check_weight(weight, self.limit)
        at = self._at = at if self._at is None else max(at, self._at)
        granted = self._granted
        while granted and granted[0][0] <= at - self.window:
            self._used -= granted.popleft()[1]
        if self._used + weight > self.limit:
            return self._room_for(weight)
        self._used += weight
        granted.append((at, weight))
        return None

    def usage(self) -> list[Any]:
        """What is used, as plain numbers for `go_on`."""
        granted = self._granted
        if len(granted) > CALLS_TOLD_MAX:
            return [[granted[-1][0], self._used]]
        return [list(one) for one in granted]

    def go_on(self, usage: list[Any]) -> None:
        """Go on from what was used in an earlier process; raises ValueError for anything else."""
        granted = [(whole(at), whole(weight)) for at, weight in usage]
        self._used = sum(weight for _, weight in granted)
        self._granted = deque(granted)
        self._at = granted[-1][0] if granted else None

    def _room_for(self, weight: int) -> int:
        """When enough of the oldest calls will have left the window."""
        left = self._used
        for then, gone in self._granted:
            left -= gone
            if left + weight <= self.limit:
                return then + self.window
        raise AssertionError(f"a weight of {weight} fits no empty window of {self.limit}")


class FixedWindow:
    """At most `limit` calls in each window of the calendar: the count starts anew at its edge.

    Windows are counted from the epoch, so one of a minute begins with the minute (Binance). Twice
    the limit may pass within a short time, half of it on either side of an edge.

    >>> window = FixedWindow(limit=1, window=10)
    >>> [window.take(9), window.take(9), window.take(10)]
    [None, 10, None]
    """

    def __init__(self, *, limit: int, window: int) -> None:
        _check_positive("limit", limit, "calls per window")
        _check_positive("window", window, "nanoseconds")
        self.limit = limit
        self.window = window
        self._used = 0
        self._index: int | None = None

    def take(self, at: int, weight: int = 1) -> int | None:
        """Grant a call of `weight`, or say when. An `at` in an earlier window counts as the last.

        Raises ConfigurationError for a weight that no waiting could ever pass.
        """
        _check_weight(weight, self.limit)
        index = at // self.window
        if self._index is None or index > self._index:
            self._index = index
            self._used = 0
        if self._used + weight > self.limit:
            return (self._index + 1) * self.window
        self._used += weight
        return None


class DecayingCounter:
    """A counter that each call raises by its weight and time lowers; never above `limit` (Kraken).

    `decay` is what a second takes off, exactly: a whole number, a Fraction, or decimal text.

    >>> counter = DecayingCounter(limit=2, decay="0.5")
    >>> [counter.take(0), counter.take(0), counter.take(0)]
    [None, None, 2000000000]
    """

    def __init__(self, *, limit: int, decay: int | str | Fraction) -> None:
        _check_positive("limit", limit, "the counter's largest value")
        self.limit = limit
        self.decay = _exact(decay)
        # The room below the limit is a bucket of tokens: what decays from one flows into the other.
        self._room = TokenBucket(
            rate=self.decay.numerator, period=self.decay.denominator * SECOND, burst=limit
        )

    def take(self, at: int, weight: int = 1) -> int | None:
        """Grant a call of `weight`, or say when. An `at` before the last one counts as the last.

        Raises ConfigurationError for a weight that no waiting could ever pass.
        """
        return self._room.take(at, weight)


class BanLadder:
    """Ban who goes on after refusals, each time for twice as long (429, then 418).

    `refusals` of them within `window` lead to a ban: of `shortest` at first, then doubling up to
    `longest`. After `forgets` without a ban the ladder starts at its foot again. The defaults are
    Binance's two minutes to three days. A client that waits `window / (refusals - 1)` or longer
    after each refusal is never banned.

    `state` is all that it remembers, as plain values; give it to go on from it.

    >>> ladder = BanLadder(refusals=2)
    >>> [ladder.refused(0), ladder.refused(1), ladder.banned_until(2)]
    [None, 120000000001, 120000000001]
    """

    def __init__(
        self,
        *,
        refusals: int = 10,
        window: int = MINUTE,
        shortest: int = 2 * MINUTE,
        longest: int = 3 * DAY,
        forgets: int = DAY,
        state: dict[str, Any] | None = None,
    ) -> None:
        _check_positive("refusals", refusals, "calls within the window")
        _check_positive("window", window, "nanoseconds")
        _check_positive("shortest", shortest, "nanoseconds")
        _check_positive("forgets", forgets, "nanoseconds")
        if longest < shortest:
            raise ConfigurationError(
                f"longest is {longest}; expected at least shortest, which is {shortest}"
            )
        self.shortest = shortest
        self.longest = longest
        self.forgets = forgets
        self.window = window
        self.refusals = refusals
        # The end and the length of the last ban, how many refusals there were, and the instants of
        # the latest of them by number, `refusals` at most. What is not there is 0, or empty.
        self.state: dict[str, Any] = {} if state is None else state

    def banned_until(self, at: int) -> int | None:
        """The end of the ban that holds at `at`, or None."""
        until: int = self.state.get("until", 0)
        return until if at < until else None

    def refused(self, at: int) -> int | None:
        """Note a call refused for its rate; the end of the ban if one holds or now begins.

        A refusal during a ban does not lengthen it.
        """
        if (until := self.banned_until(at)) is not None:
            return until
        state = self.state
        latest: dict[int, int] = state.setdefault("latest", {})
        number = state["refused"] = state.get("refused", 0) + 1
        latest[number] = at
        latest.pop(number - self.refusals, None)
        first = latest.get(number - self.refusals + 1)
        return None if first is None or first <= at - self.window else self._climb(at)

    def usage(self) -> list[Any]:
        """Its latest refusals and its last ban, as plain numbers for `go_on`."""
        state = self.state
        refusals = list(state.get("latest", {}).values())
        return [refusals, state.get("length", 0), state.get("until", 0)]

    def go_on(self, usage: list[Any]) -> None:
        """Go on where an earlier process has left it; raises ValueError for anything else."""
        refusals, length, until = usage
        latest = {n: whole(at) for n, at in enumerate(refusals[-self.refusals :], 1)}
        self.state.update(
            latest=latest, refused=len(latest), length=whole(length), until=whole(until)
        )

    def _climb(self, at: int) -> int:
        """Begin the next ban; the instant at which it ends."""
        state = self.state
        last = state.get("length", 0) if at - state.get("until", 0) < self.forgets else 0
        length = state["length"] = min(max(self.shortest, 2 * last), self.longest)
        state["latest"].clear()
        until: int = at + length
        state["until"] = until
        return until


def whole(value: object) -> int:
    """A whole number from 0 that a file may contain; raises ValueError for anything else."""
    if not is_whole(value) or not 0 <= value < 1 << 100:
        raise ValueError(f"{str(value)[:60]!r} is not a whole number from 0")
    return value


def _divided_up(amount: int, by: int) -> int:
    """`amount / by`, rounded up."""
    return -(-amount // by)


def _exact(decay: float | str | Fraction) -> Fraction:
    """What a second takes off, as an exact fraction greater than zero."""
    try:  # a float is not what it looks like: 0.33 is 0.330000000000000015...
        value = Fraction(0 if isinstance(decay, float) else decay)
    except (ValueError, ZeroDivisionError):
        value = Fraction(0)
    if value <= 0:
        raise ConfigurationError(
            f"decay is {decay!r}; expected what a second takes off the counter, exactly and above "
            'zero: 1, "0.33" or Fraction(1, 3)'
        )
    return value


def _check_positive(name: str, value: object, unit: str) -> None:
    """Refuse a value that is not a whole number above zero."""
    if not is_whole(value) or value < 1:
        raise ConfigurationError(f"{name} is {value!r}; expected a whole number ({unit}) above 0")


def _check_weight(weight: int, capacity: int) -> None:
    """Refuse a weight that costs nothing, or that no waiting could ever pass."""
    if not 1 <= weight <= capacity:
        raise ConfigurationError(
            f"weight is {weight!r}; this limit can only ever grant 1 to {capacity}: raise the "
            "limit, or lower the weight"
        )
