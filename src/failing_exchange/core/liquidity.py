"""The liquidity around the clients' orders: the background as clients and the operator moved it.

The background is a pure function of the second. What clients take from it is gone for that second;
from the next second on, the price is moved and the side is thinned out (`core.impact`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol, TypeAlias

from failing_exchange.core.candles import Bar, Print
from failing_exchange.core.impact import LINEAR, Depth, Shifts
from failing_exchange.core.mark_price import ReferencePrices
from failing_exchange.core.order import BUY, SELL, Side
from failing_exchange.core.units import MINUTE_S

Offer: TypeAlias = tuple[int, int]  # ticks and lots
BLOCK = 900  # seconds of the candles that `reach` looks at
BLOCKS_KEPT_MAX = 64  # of them are remembered


class Background(Protocol):
    """The other traders of one market: pure functions of the second since the epoch."""

    @property
    def depth(self) -> Depth:
        """How deep the market is."""
        ...

    @property
    def reference(self) -> ReferencePrices | None:
        """Index, basis and premium of a perpetual; None of a spot market."""
        ...

    def printed(self, second: int, /) -> int:
        """The newest second up to this one that has a print; -1 if there is none."""
        ...

    def second(self, second: int, /) -> Bar:
        """The candle of one second."""
        ...

    def close(self, second: int, /) -> int:
        """The price after a second, in ticks."""
        ...

    def window(self, start: int, stop: int, /) -> Bar:
        """The seconds from `start` until before `stop` as one candle."""
        ...

    def prints(self, second: int, /) -> Sequence[Print]:
        """The public trades of a second."""
        ...

    def top(self, second: int, /) -> tuple[Offer, Offer]:
        """The best bid and the best ask after a second."""
        ...

    def asks(self, second: int, /, beyond: int = 0) -> Iterator[Offer]:
        """What is offered for sale, best first; offers up to `beyond` ticks may be left out."""
        ...

    def bids(self, second: int, /, beyond: int = 0) -> Iterator[Offer]:
        """What is bid for, best first; offers down to `beyond` ticks may be left out."""
        ...

    def first_touch(
        self, start: int, stop: int, lower: int | None, upper: int | None, /
    ) -> int | None:
        """The first second of [start, stop) with a price at or beyond a bound."""
        ...


class Liquidity:
    """The background of one market, second by second. `memory`: of its depth, in seconds."""

    def __init__(self, background: Background | None, memory: int = 0) -> None:
        self.background = background
        self.shifts = Shifts(memory)
        self._second = -1
        self._shift = 0
        self._thin: tuple[int, int] = (0, 0)  # lots that the asks lack, and the bids
        self.top: tuple[Offer | None, Offer | None] | None = None  # `tops()`, where it is known
        self._blocks: dict[int, tuple[int, int]] = {}  # the low and the high of each, unmoved
        self._taken: dict[tuple[Side, int], int] = {}
        self._pulled: dict[Side, tuple[int, int]] = {}

    def to(self, second: int) -> None:
        """Go to a second; what was taken in an earlier one is offered again."""
        if second != self._second:
            self._second = second
            self.top = None
            if self.shifts.kept:
                self._shift, self._thin = self.shifts.at(second), self.shifts.taken(second)
            else:
                self._shift, self._thin = 0, (0, 0)
            if self._taken:
                self._taken.clear()
            if self._pulled:
                self._pulled.clear()

    @property
    def now(self) -> int:
        """The current second; -1 before the first look."""
        return self._second

    def price(self, second: int, printed: int | None = None) -> int:
        """The price of the background's newest print up to a second; 0 without a background.

        `printed`: the second of that print, where it is known.
        """
        background = self.background
        if background is None:
            return 0
        if not self.shifts.kept:
            return background.close(second)
        if printed is None:
            printed = background.printed(second)
        return max(1, background.close(second) + self.shifts.at(printed))

    def reach(self, start: int, second: int) -> tuple[int, int] | None:
        """Bounds of all prices of the background in some seconds; None without one.

        Quick, and not the closest bounds: those of whole blocks, plus all moves of the price.
        """
        if self.background is None:
            return None
        lows, highs = [], []
        for block in range(start // BLOCK, second // BLOCK + 1):
            found = self._blocks.get(block)
            if found is None:
                if len(self._blocks) >= BLOCKS_KEPT_MAX:
                    self._blocks.clear()
                candle = self.background.window(block * BLOCK, (block + 1) * BLOCK)
                found = self._blocks[block] = (candle.low, candle.high)
            lows.append(found[0])
            highs.append(found[1])
        least, most = self.shifts.range(start, second + 1) if self.shifts else (0, 0)
        return max(1, min(lows) + least), max(1, max(highs) + most)

    def passed(self, side: Side, ticks: int) -> int:
        """Lots that the background's takers of `side` traded beyond `ticks` in this second."""
        assert self.background is not None
        limit = ticks - self._shift
        if side is SELL:
            return sum(p.lots for p in self.background.prints(self._second) if p.ticks < limit)
        return sum(p.lots for p in self.background.prints(self._second) if p.ticks > limit)

    def hold_off(self, side: Side, ticks: int) -> None:
        """Keep the background beyond a client's order of `side` for this second.

        The order is in its way until it is filled; no book is shown whose sides overlap.
        """
        best = self.best(side.other)
        if not best or (best > ticks if side is BUY else best < ticks):
            return
        self.shifts.hold(self._second, ticks - best + (1 if side is BUY else -1))
        self.top = None
        self._shift = self.shifts.at(self._second)

    def best(self, side: Side) -> int:
        """The best price offered on a side, 0 when there is none."""
        offer = self.top or self.tops()
        best = offer[0] if side is BUY else offer[1]
        return 0 if best is None else best[0]

    def tops(self) -> tuple[Offer | None, Offer | None]:
        """The best bid and the best ask."""
        if self.top is None:
            if self.background is None or self._taken or self._pulled:
                self.top = self._first(BUY), self._first(SELL)
                return self.top
            bid, ask = self.top = self.background.top(self._second)
            if self.shifts.kept:
                shift, thin = self._shift, self._thin
                if bid[0] + shift < 1:
                    self.top = self._first(BUY), self._first(SELL)
                else:
                    self.top = (
                        self._moved(BUY, bid, shift, thin), self._moved(SELL, ask, shift, thin)
                    )  # fmt: skip
        return self.top

    def _first(self, side: Side) -> Offer | None:
        return next(self.levels(side), None)

    def _moved(self, side: Side, offer: Offer, shift: int, thin: tuple[int, int]) -> Offer:
        """An offer where the price is moved to, as much of it as clients have left."""
        ticks, lots = offer
        missing = thin[side is BUY]
        if missing:
            assert self.background is not None
            usual = self.background.depth.volume // LINEAR
            lots = max(1, lots * usual // (usual + missing))
        return ticks + shift, lots

    def levels(self, side: Side) -> Iterator[Offer]:
        """What is offered on a side, best first."""
        if self.background is None:
            return
        at_price, extra = self._pulled.get(side, (0, 0))
        if extra and (lots := extra - self._taken.get((side, at_price), 0)) > 0:
            yield at_price, lots
        moved, shift, thin = bool(self.shifts.kept), self._shift, self._thin
        offered_on = self.background.bids if side is BUY else self.background.asks
        pulled = max(1, at_price - shift) if at_price else 0
        for offer in offered_on(self._second, pulled) if pulled else offered_on(self._second):
            ticks, offered = self._moved(side, offer, shift, thin) if moved else offer
            if at_price and not _beyond(side, ticks, at_price):
                continue  # pulled
            if ticks >= 1 and (lots := offered - self._taken.get((side, ticks), 0)) > 0:
                yield ticks, lots

    def take(self, side: Side, ticks: int, lots: int) -> None:
        """Note that an offer was taken in this second."""
        key = (side, ticks)
        self._taken[key] = self._taken.get(key, 0) + lots
        self.top = None

    def remember(self, bought: int) -> None:
        """Move and thin out the market from the next second on: clients have bought `bought` lots
        of it, or sold them to it (negative)."""
        if self.shifts.memory and self.background is not None:
            price = self.background.close(self._second)
            self.shifts.take(self._second + 1, bought, price, self.background.depth)

    def change_memory(self, seconds: int) -> None:
        """Change how fast the depth that clients took comes back, from the next second on."""
        self.shifts.change_memory(self._second + 1, seconds)

    def pull(self, side: Side, ticks: int, lots: int) -> None:
        """Withdraw all offers up to and including `ticks`; offer `lots` there instead."""
        self._pulled[side] = (ticks, lots)
        self.top = None
        self._taken.pop((side, ticks), None)

    def move(self, ticks: int) -> None:
        """Move the price from the next second on, for good."""
        self.shifts.move(self._second + 1, ticks)

    def jump(self, ticks: int, bid: int, ask: int) -> int:
        """Move what is offered for the rest of this second; by how many ticks it has moved.

        It stops in front of the clients' best `bid` and `ask` (0 = none): they are in its way.
        What was printed in this second stays as it was.
        """
        before, self._shift = self._shift, self._shift + ticks
        for side, own in ((BUY, bid), (SELL, ask)):
            self.top = None
            best = self.best(side.other)
            if own and best and (best <= own if side is BUY else best >= own):
                self._shift += own - best + (1 if side is BUY else -1)
        self.top = None
        return self._shift - before

    def view(self, second: int) -> Liquidity:
        """The same background at another second, without disturbing this one."""
        other = Liquidity(self.background)
        other.shifts = self.shifts
        other.to(second)
        return other

    def first_touch(
        self, start: int, stop: int, lower: int | None, upper: int | None
    ) -> int | None:
        """The first second of [start, stop) with a price at or beyond `lower` or `upper`."""
        if self.background is None or (lower is None and upper is None):
            return None
        if not self.shifts:
            return self.background.first_touch(start, stop, lower, upper)
        until = stop  # at first all at once: mostly nothing is near
        while start < stop:
            least, most = self.shifts.range(start, until)
            hit = self.background.first_touch(
                start, until,
                None if lower is None else lower - least,
                None if upper is None else upper - most,
            )  # fmt: skip
            if hit is not None:
                shift, candle = self.shifts.at(hit), self.background.second(hit)
                if lower is not None and candle.low + shift <= lower:
                    return hit
                if upper is not None and candle.high + shift >= upper:
                    return hit
            start = until if hit is None else hit + 1
            until = min(stop, start + MINUTE_S)
        return None


def _beyond(side: Side, ticks: int, limit: int) -> bool:
    return ticks < limit if side is BUY else ticks > limit
