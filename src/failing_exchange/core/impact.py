"""Market impact: how clients and the operator move a price, and how that fades.

Lots that clients take from the background move its price and thin out the side that they took them
from; both fade with the market's `depth_memory`, the seconds in which half of it has come back.

The price moves by the square-root law of market impact, sigma * sqrt(q / volume), with the typical
day's volatility and volume: on Bitcoin it holds over four decades of q (Donier, Bonart: A million
metaorder analysis of market impact on the Bitcoin, Market Microstructure and Liquidity 1, 2015,
arXiv:1412.4503). Small amounts move it in proportion to q instead (Bucci, Benzaquen, Lillo,
Bouchaud: Crossover from linear to square-root market impact, Phys. Rev. Lett. 122, 2019,
arXiv:1811.05230), here up to about a hundredth of a day's volume, so that what many small orders
cost is what the book asks of one large order. Impact decays nearly completely where no news is
behind it (Donier, Bonart). A book regains its shape with a half-life of about 20 s where it does,
and in most cases it does not so soon (Large: Measuring the resiliency of an electronic limit order
book, Journal of Financial Markets 10, 2007): the default of ten minutes lies between the two.
"""

from __future__ import annotations

from bisect import bisect_right
from math import isqrt
from typing import NamedTuple

from failing_exchange.core.units import PPM, TEN_S

LINEAR = 100  # up to a day's volume divided by this, impact is about proportional
SHIFTS_KEPT_MAX = 90_000  # one a second for a day; beyond it the oldest are forgotten
FORGOTTEN_AT_ONCE = 10_000
FAR = 1 << 62
HALVINGS_MAX = 64  # beyond it nothing is left
NOWHERE = (FAR, FAR, 0)  # a piece without a second
NO_RANGE = (0, 0, (0, 0))


class Depth(NamedTuple):
    """How deep a market is. `volume`: lots of a typical day. `sigma`: points (1e-6 of the price)
    by which a day's close typically differs from its open."""

    volume: int
    sigma: int


class Shift(NamedTuple):
    """How the price is moved from `second` on: by `lasting` ticks, and by `fading` ticks.

    `bought` and `sold`: lots that clients have taken from the background and that have not come
    back; they fade as well. `held`: ticks for this second only, because an order is in the way.
    `memory`: the seconds in which half of what fades is gone, until the next shift.
    """

    second: int
    lasting: int = 0
    fading: int = 0
    bought: int = 0
    sold: int = 0
    held: int = 0
    memory: int = 0


def faded(amount: int, tens: int, memory: int) -> int:
    """What is left of an amount after `tens` of ten seconds: half after `memory` seconds.

    Between two halvings it falls in a straight line.

    >>> faded(100, 0, 20), faded(100, 2, 20), faded(-100, 3, 20), faded(1, 1000, 20)
    (100, 50, -38, 0)
    """
    if not amount or not tens:
        return amount
    halvings, rest = divmod(tens * TEN_S, memory)
    left = abs(amount) >> halvings if halvings < HALVINGS_MAX else 0
    left -= left * rest // (2 * memory)
    return left if amount > 0 else -left


def impact(lots: int, price: int, depth: Depth) -> int:
    """By how many ticks `lots`, bought (or sold: negative), move a price.

    >>> bitcoin = Depth(volume=1_100_000_000, sigma=24_000)  # 11,000 BTC and 2.4 % a day
    >>> [impact(n * 100_000, 5_000_000, bitcoin) for n in (1, 10, 100, 1_000, -1_000)]
    [108, 1044, 7895, 34341, -34341]
    """
    size, volume = abs(lots), depth.volume
    if not size or not volume:
        return 0
    ticks = price * depth.sigma * size // (PPM * isqrt(volume * (size + volume // LINEAR)) or 1)
    return ticks if lots > 0 else -ticks


class Shifts:
    """All moves of one market's price, oldest first."""

    def __init__(self, memory: int) -> None:
        self.memory = memory
        self.kept: list[Shift] = []
        self._last = NOWHERE  # the last piece that was asked for
        self._range = NO_RANGE  # the last one that was asked for

    def __bool__(self) -> bool:
        return bool(self.kept)

    def at(self, second: int) -> int:
        """By how many ticks the price is moved at a second."""
        start, stop, moved = self._last
        return moved if start <= second < stop else self._piece(second)[2]

    def _piece(self, second: int) -> tuple[int, int, int]:
        """Seconds [start, stop) around one in which the price is moved by as many ticks; these."""
        kept = self.kept
        index = bisect_right(kept, (second, FAR))
        start, stop = -FAR, kept[index].second if index < len(kept) else FAR
        moved = 0
        if index:
            since, moved, fading, _, _, held, memory = kept[index - 1]
            start, ten = since, second // TEN_S
            if fading:
                left = faded(fading, ten - since // TEN_S, memory)
                moved += left
                start = max(start, ten * TEN_S)
                stop = min(stop, ten * TEN_S + TEN_S) if left else stop
            if held and since == second:
                moved, stop = moved + held, second + 1
            elif held:
                start = max(start, since + 1)
        self._last = (start, stop, moved)
        return self._last

    def taken(self, second: int) -> tuple[int, int]:
        """The lots that clients have bought and sold, less what has come back."""
        index = bisect_right(self.kept, (second, FAR)) - 1
        if index < 0:
            return 0, 0
        since, _, _, bought, sold, _, memory = self.kept[index]
        tens = second // TEN_S - since // TEN_S
        return bought and faded(bought, tens, memory), sold and faded(sold, tens, memory)

    def _until(self, second: int) -> Shift:
        """What the moves up to a second amount to at that second."""
        index = bisect_right(self.kept, (second, FAR)) - 1
        if index < 0:
            return Shift(second, memory=self.memory)
        since, lasting, fading, bought, sold, held, memory = self.kept[index]
        tens = second // TEN_S - since // TEN_S
        return Shift(
            second, lasting, faded(fading, tens, memory), faded(bought, tens, memory),
            faded(sold, tens, memory), held if since == second else 0, memory,
        )  # fmt: skip

    def move(self, second: int, lasting: int) -> None:
        """Move the price for good."""
        shift = self._until(second)
        self._note(shift._replace(lasting=shift.lasting + lasting))

    def change_memory(self, second: int, memory: int) -> None:
        """Let everything fade with another memory from a second on; 0 = all of it is gone then.

        What was shown before that second stays as it was.
        """
        self.memory = memory
        shift = self._until(second)._replace(memory=memory)
        self._note(shift if memory else Shift(second, shift.lasting))

    def take(self, second: int, lots: int, price: int, depth: Depth) -> None:
        """Note lots that clients have bought (or sold: negative) from the background."""
        shift = self._until(second)
        net = shift.bought - shift.sold
        more = impact(net + lots, price, depth) - impact(net, price, depth)
        self._note(
            shift._replace(
                fading=shift.fading + more,
                bought=shift.bought + max(lots, 0),
                sold=shift.sold + max(-lots, 0),
            )
        )

    def hold(self, second: int, ticks: int) -> None:
        """Move the price for one second only."""
        shift = self._until(second)
        self._note(shift._replace(held=shift.held + ticks))

    def _note(self, shift: Shift) -> None:
        self._last, self._range = NOWHERE, NO_RANGE
        index = bisect_right(self.kept, (shift.second, FAR))
        if index and self.kept[index - 1].second == shift.second:
            self.kept[index - 1] = shift
        else:
            self.kept.insert(index, shift)

    def forget(self) -> bool:
        """Forget the oldest moves beyond the limit; whether there were any."""
        if len(self.kept) < SHIFTS_KEPT_MAX + FORGOTTEN_AT_ONCE:
            return False
        del self.kept[:FORGOTTEN_AT_ONCE]
        self._last, self._range = NOWHERE, NO_RANGE
        return True

    def steady_until(self, second: int) -> int:
        """The next second at which the price may be moved by another amount."""
        start, stop, _ = self._last
        return stop if start <= second < stop else self._piece(second)[1]

    def total(self, start: int, stop: int) -> int:
        """The sum of what the price is moved by in each second of [start, stop), in ticks."""
        since, until, moved = self._last
        if since <= start < stop <= until:  # the usual case: a mark price asks each second
            return moved * (stop - start)
        total = 0
        while start < stop:
            end = min(stop, self.steady_until(start))
            total += self._last[2] * (end - start)
            start = end
        return total

    def range(self, start: int, stop: int) -> tuple[int, int]:
        """The least and the most by which the price is moved in the seconds of [start, stop).

        Between two moves it only fades, so that its extremes lie beside them or at the edges.
        """
        asked_start, asked_stop, found = self._range
        if start == asked_start and stop == asked_stop:  # an order asks twice
            return found
        moves = self._extremes(start, stop)
        found = min(moves), max(moves)
        self._range = (start, stop, found)
        return found

    def _extremes(self, start: int, stop: int) -> list[int]:
        kept = self.kept
        index, last = bisect_right(kept, (start, -FAR)), bisect_right(kept, (stop - 1, FAR))
        moves = [self.at(start), self.at(stop - 1)]
        if index < last and kept[index].second > start:
            moves.append(self.at(kept[index].second - 1))
        for second, lasting, fading, _, _, held, memory in kept[index:last]:
            index += 1
            moves.append(lasting + fading + held)
            end = kept[index].second if index < last else stop
            for later in (second + 1, end - 1) if held else (end - 1,):
                if second < later < end:
                    tens = later // TEN_S - second // TEN_S
                    moves.append(lasting + faded(fading, tens, memory))
        return moves
