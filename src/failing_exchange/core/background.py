"""One market's background as the clients and the operator have moved it.

The flow itself is a pure function of the second. What clients do to it stays here: offers they took
are gone until the next step, and a walk through several prices moves the market for a while.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol, TypeAlias

from failing_exchange.core.order import BUY, SELL, Side

Offer: TypeAlias = tuple[int, int]  # ticks and lots
Row: TypeAlias = tuple[int, int, int, int, int, int]  # a second: at, open, high, low, close, lots
HALF_LIFE = 20  # seconds in which a client's impact on the price halves
BLOCK = 900  # seconds of the candles that `reach` looks at
BLOCKS_KEPT_MAX = 64  # of them are remembered
SHIFTS_KEPT_MAX = 10_000  # moves of the price; candles before the oldest show none of them


class SecondLike(Protocol):
    """The candle of a second: prices in ticks, `volume` in lots."""

    @property
    def at(self) -> int:
        """The epoch second of its open."""
        ...

    @property
    def open(self) -> int:
        """The first price."""
        ...

    @property
    def high(self) -> int:
        """The highest."""
        ...

    @property
    def low(self) -> int:
        """The lowest."""
        ...

    @property
    def close(self) -> int:
        """The last price."""
        ...

    @property
    def volume(self) -> int:
        """Lots traded."""
        ...


class CandleLike(SecondLike, Protocol):
    """A candle of any length."""

    @property
    def cost(self) -> int:
        """Ticks times lots, summed up."""
        ...


class PrintLike(Protocol):
    """A public trade: `side` is the taker's."""

    @property
    def ticks(self) -> int:
        """The price."""
        ...

    @property
    def lots(self) -> int:
        """The amount."""
        ...

    @property
    def side(self) -> str:
        """Which side the taker took."""
        ...


class Background(Protocol):
    """The other traders of one market: pure functions of the second since the epoch."""

    def second(self, second: int, /) -> SecondLike:
        """The candle of one second."""
        ...

    def close(self, second: int, /) -> int:
        """The price after a second, in ticks."""
        ...

    def candle(self, timeframe_seconds: int, second: int, /) -> CandleLike:
        """The whole candle of a timeframe that contains a second."""
        ...

    def window(self, start: int, stop: int, /) -> CandleLike:
        """The seconds from `start` until before `stop` as one candle."""
        ...

    def prints(self, second: int, /) -> Sequence[PrintLike]:
        """The public trades of a second."""
        ...

    def top(self, second: int, /) -> tuple[Offer, Offer]:
        """The best bid and the best ask after a second."""
        ...

    def stretch(
        self, start: int, stop: int, /
    ) -> tuple[Sequence[Row], Sequence[tuple[Offer, Offer]]]:
        """The candles of the seconds from `start` until before `stop`, and the tops after each."""
        ...

    def asks(self, second: int, /) -> Iterator[Offer]:
        """What is offered for sale, best first."""
        ...

    def bids(self, second: int, /) -> Iterator[Offer]:
        """What is bid for, best first."""
        ...

    def first_touch(
        self, start: int, stop: int, lower: int | None, upper: int | None, /
    ) -> int | None:
        """The first second of [start, stop) with a price at or beyond a bound."""
        ...


class Shift(NamedTuple):
    """From `second` on the price is moved by `lasting` ticks, and by `fading` ticks that decay."""

    second: int
    lasting: int
    fading: int


def faded(ticks: int, seconds: int) -> int:
    """What is left of an impact after some seconds: halves each `HALF_LIFE`, linear between.

    >>> faded(100, 0), faded(100, 20), faded(-100, 30), faded(1, 1000)
    (100, 50, -38, 0)
    """
    halvings, rest = divmod(seconds, HALF_LIFE)
    left = abs(ticks) >> halvings if halvings < 64 else 0
    left -= left * rest // (2 * HALF_LIFE)
    return left if ticks > 0 else -left


class Street:
    """The background of one market, second by second."""

    def __init__(self, flow: Background | None) -> None:
        self.flow = flow
        self.shifts: list[Shift] = []
        self.stirred = 0  # how often clients or the operator have changed what is shown
        self._second = -1
        self._shift = 0
        self._top: tuple[Offer, Offer] | None = None
        self._blocks: dict[int, tuple[int, int]] = {}  # the low and the high of each, unmoved
        self._taken: dict[tuple[Side, int], int] = {}
        self._pulled: dict[Side, tuple[int, int]] = {}

    def to(self, second: int) -> None:
        """Stand at a second; offers taken in an earlier one are renewed."""
        if second != self._second:
            self._second = second
            self._top = None
            self._shift = self.shift_at(second) if self.shifts else 0
            if self._taken:
                self._taken.clear()
            if self._pulled:
                self._pulled.clear()

    def shift_at(self, second: int) -> int:
        """By how many ticks the price is moved at a second."""
        if not self.shifts:
            return 0
        index = bisect_right(self.shifts, (second, 1 << 62, 0)) - 1
        if index < 0:
            return 0
        shift = self.shifts[index]
        return shift.lasting + faded(shift.fading, second - shift.second)

    def is_moved(self, second: int) -> bool:
        """Whether the price is moved at a second, or will be by what has been done already."""
        if not self.shifts:
            return False
        since, lasting, _ = self.shifts[-1]
        return since > second or lasting != 0 or self.shift_at(second) != 0

    def last(self) -> int:
        """The price of the last print of the background, in ticks; 0 without a background."""
        return max(1, self.flow.close(self._second) + self._shift) if self.flow else 0

    def low_high(self) -> tuple[int, int]:
        """The lowest and the highest print of this second."""
        assert self.flow is not None
        candle = self.flow.second(self._second)
        return max(1, candle.low + self._shift), max(1, candle.high + self._shift)

    def reach(self, start: int, second: int) -> tuple[int, int] | None:
        """Between which prices all of the background lay in some seconds; None without one.

        Not the closest ones, but quick: those of whole blocks, and all that the price was moved by.
        """
        if self.flow is None:
            return None
        lows, highs = [], []
        for block in range(start // BLOCK, second // BLOCK + 1):
            found = self._blocks.get(block)
            if found is None:
                if len(self._blocks) >= BLOCKS_KEPT_MAX:
                    self._blocks.clear()
                candle = self.flow.candle(BLOCK, block * BLOCK)
                found = self._blocks[block] = (candle.low, candle.high)
            lows.append(found[0])
            highs.append(found[1])
        moves = [self.shift_at(start)]
        first = bisect_right(self.shifts, (start, 1 << 62, 0)) - 1
        for _, lasting, fading in self.shifts[max(first, 0) :]:
            moves += (lasting, lasting + fading)
        return max(1, min(lows) + min(moves)), max(1, max(highs) + max(moves))

    def passed(self, side: Side, ticks: int) -> int:
        """Lots that takers of `side` printed beyond `ticks` in this second."""
        assert self.flow is not None
        limit = ticks - self._shift
        if side is SELL:
            return sum(p.lots for p in self.flow.prints(self._second) if p.ticks < limit)
        return sum(p.lots for p in self.flow.prints(self._second) if p.ticks > limit)

    def best(self, side: Side) -> int:
        """The best price offered on a side, 0 when there is none."""
        offer = self._top or self.tops()
        best = offer[0] if side is BUY else offer[1]
        return 0 if best is None else best[0]

    def tops(self) -> tuple[Offer | None, Offer | None]:
        """The best bid and the best ask."""
        if self._top is None:
            if self.flow is None or self._taken or self._pulled:
                return next(self.levels(BUY), None), next(self.levels(SELL), None)
            bid, ask = self._top = self.flow.top(self._second)
            if shift := self._shift:
                self._top = ((max(1, bid[0] + shift), bid[1]), (max(2, ask[0] + shift), ask[1]))
        return self._top

    def levels(self, side: Side) -> Iterator[Offer]:
        """What is offered on a side, best first."""
        if self.flow is None:
            return
        raw = self.flow.bids(self._second) if side is BUY else self.flow.asks(self._second)
        at_price, extra = self._pulled.get(side, (0, 0))
        if extra and (lots := extra - self._taken.get((side, at_price), 0)) > 0:
            yield at_price, lots
        for base, offered in raw:
            ticks = base + self._shift
            if at_price and not _beyond(side, ticks, at_price):
                continue  # pulled
            if ticks >= 1 and (lots := offered - self._taken.get((side, ticks), 0)) > 0:
                yield ticks, lots

    def take(self, side: Side, ticks: int, lots: int) -> None:
        """Note that an offer was taken."""
        key = (side, ticks)
        self._taken[key] = self._taken.get(key, 0) + lots
        self._top = None
        self.stirred += 1

    def pull(self, side: Side, ticks: int, lots: int) -> None:
        """Withdraw all offers up to and including `ticks`; offer `lots` there instead."""
        self._pulled[side] = (ticks, lots)
        self._top = None
        self.stirred += 1
        self._taken.pop((side, ticks), None)

    def move(self, lasting: int, fading: int) -> None:
        """Move the price from the next second on."""
        self.stirred += 1
        second = self._second + 1
        old = self.shifts[-1] if self.shifts else Shift(second, 0, 0)
        left = faded(old.fading, second - old.second)
        new = Shift(second, old.lasting + lasting, left + fading)
        if self.shifts and old.second == second:
            self.shifts[-1] = new
        else:
            self.shifts.append(new)
            del self.shifts[:-SHIFTS_KEPT_MAX]

    def view(self, second: int) -> Street:
        """The same background at another second, without disturbing this one."""
        other = Street(self.flow)
        other.shifts = self.shifts
        other.to(second)
        return other

    def first_touch(
        self, start: int, stop: int, lower: int | None, upper: int | None
    ) -> int | None:
        """The first second of [start, stop) with a print at or beyond `lower` or `upper`."""
        if self.flow is None or (lower is None and upper is None):
            return None
        while start < stop:
            first, final = self.shift_at(start), self.shifts[-1].lasting if self.shifts else 0
            least, most = min(first, final), max(first, final)
            hit = self.flow.first_touch(
                start, stop,
                None if lower is None else lower - least,
                None if upper is None else upper - most,
            )  # fmt: skip
            if hit is None:
                return None
            shift, candle = self.shift_at(hit), self.flow.second(hit)
            if lower is not None and candle.low + shift <= lower:
                return hit
            if upper is not None and candle.high + shift >= upper:
                return hit
            start = hit + 1
        return None


def _beyond(side: Side, ticks: int, limit: int) -> bool:
    return ticks < limit if side is BUY else ticks > limit
