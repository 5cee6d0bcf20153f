"""How far a perpetual's price lies from its index: an Ornstein-Uhlenbeck process in integers.

Its value at each ten seconds is a function of seed and time. The values at the ends of days are
independent; those between are drawn by splitting a day as a `PricePath` does, each from the exact
distribution of the process between two known values. Nothing is stepped through, so no value
depends on which one was asked for first.

Parameters (`Premium`), in points of a logarithm (1e-6), 100 to a basis point:

- half-life: 1.68 h (BTC) and 2.34 h (ETH), the error-correction estimates for Binance of He,
  Manela, Ross and von Wachter, "Fundamentals of Perpetual Futures" (arXiv:2212.06888v7, table 46,
  1-minute data of 2020 to 2024). They have no estimate of SOL: it has ETH's.
- sigma: 6 basis points (BTC), 7 (ETH), 9 (SOL), a choice: the premium then lies outside of the
  band from -4 to 6 basis points, within which funding is the interest rate, 43 to 59 % of the time.
  At the daily closes of 2020 to 2026 it did in 60 to 66 % (calm years less, wild ones more).
- mean: -1 basis point; the premium is negative more often than not, while funding is positive.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from math import isqrt
from typing import NamedTuple

from failing_exchange.background.distributions import NORMAL
from failing_exchange.background.price_path import FINEST, LEVELS
from failing_exchange.core.chance import words
from failing_exchange.core.units import DAY_S, TEN_S

TOP = LEVELS.index(DAY_S)  # values at the ends of days are independent: 8 half-lives or more
SPLITS_KEPT_MAX = 256  # split intervals remembered per level; then they are split again
BRIDGES_KEPT_MAX = 64  # of as many premiums; those that were not used for longest are made again
BITS = 48  # of a fraction
ONE = 1 << BITS
LN2 = 195_103_586_505_167  # the natural logarithm of 2, in 1 / ONE
SCALE_BITS = 10  # bits of a point
FARTHEST = NORMAL[-1]  # thousandths; no draw is further from 0
HALF_LIFE_MAX = DAY_S // 8  # beyond that, the values of two days would not be independent


@dataclass(frozen=True, slots=True, kw_only=True)
class Premium:
    """The premium of a perpetual: mean and standard deviation in points, half-life in seconds."""

    mean: int = -100
    sigma: int = 900
    half_life: int = 8_424

    def __post_init__(self) -> None:
        if not TEN_S <= self.half_life <= HALF_LIFE_MAX:
            raise ValueError(
                f"the half-life of a premium is from {TEN_S} to {HALF_LIFE_MAX} seconds, "
                f"not {self.half_life!r}"
            )


PREMIUMS: dict[str, Premium] = {  # by base asset; a default `Premium` for any other
    "BTC": Premium(sigma=600, half_life=6_048),
    "ETH": Premium(sigma=700, half_life=8_424),
    "SOL": Premium(sigma=900, half_life=8_424),
}


class Bridge(NamedTuple):
    """How an interval is split: weights of the value before and of the end, and the 64 deviations.

    One of each for every part but the first. `beyond`: by how much a value within the interval can
    lie beyond its ends, or beyond 0, at most.
    """

    weights: tuple[tuple[int, int, tuple[int, ...]], ...]
    beyond: int


class PremiumPath:
    """The premium of one perpetual at each ten seconds."""

    def __init__(self, key: int, premium: Premium) -> None:
        self._key, self._mean = key, premium.mean
        self._sigma = premium.sigma << SCALE_BITS
        self._bridges = _bridges(self._sigma, premium.half_life)
        self._splits: tuple[dict[int, list[int]], ...] = tuple({} for _ in LEVELS)
        self._limit = (
            self._sigma * FARTHEST // 1_000 + self._bridges[TOP].beyond >> SCALE_BITS
        ) + 1

    def at(self, index: int) -> int:
        """The premium, in points, during the ten seconds number `index` since the epoch."""
        parent, place = divmod(index, LEVELS[FINEST - 1] // TEN_S)
        row = self._splits[FINEST - 1].get(parent) or self._split(FINEST - 1, parent)
        return self._mean + (row[place] >> SCALE_BITS)

    def bounds(self, level: int, index: int) -> tuple[int, int]:
        """Bounds of the premium within a candle of a level: exact ones of a minute and less."""
        if level == FINEST:
            found = self.at(index)
            return found, found
        if level < TOP:
            return self._mean - self._limit, self._mean + self._limit
        row = self._splits[level].get(index) or self._split(level, index)
        if level == FINEST - 1:
            return self._mean + (min(row) >> SCALE_BITS), self._mean + (max(row) >> SCALE_BITS)
        end, beyond = self._start(level, index + 1), self._bridges[level + 1].beyond
        least, most = min(*row, end, 0) - beyond, max(*row, end, 0) + beyond
        return self._mean + (least >> SCALE_BITS), self._mean + (most >> SCALE_BITS) + 1

    def _start(self, level: int, index: int) -> int:
        """The value at the start of a candle, less the mean."""
        if level == TOP:
            return self._sigma * NORMAL[words(self._key, ~index)[0] & 63] // 1_000
        parent, place = divmod(index, LEVELS[level - 1] // LEVELS[level])
        return (self._splits[level - 1].get(parent) or self._split(level - 1, parent))[place]

    def _split(self, level: int, index: int) -> list[int]:
        """The values at the starts of the parts of a candle."""
        known = self._splits[level]
        if len(known) >= SPLITS_KEPT_MAX:
            known.clear()
        value, end = self._start(level, index), self._start(level, index + 1)
        known[index] = row = self._parts(level, index, value, end)
        return row

    def _parts(self, level: int, index: int, value: int, end: int) -> list[int]:
        """The same, given the values at the candle's ends."""
        draws = words(self._key ^ LEVELS[level], index)
        row = [value]
        for draw, (near, far, deviations) in zip(draws, self._bridges[level].weights, strict=False):
            value = (value * near + end * far >> BITS) + deviations[draw & 63]
            row.append(value)
        return row

    def tens(self, first: int, last: int) -> list[int]:
        """The premium, in points, during the tens of seconds of the minutes [first, last)."""
        level, mean = FINEST - 1, self._mean
        known, parts = self._splits[level], self._parts
        starts = [self._start(level, index) for index in range(first, last + 1)]
        found: list[int] = []
        for index, (value, end) in enumerate(pairwise(starts), first):
            found += known.get(index) or parts(level, index, value, end)
        return [mean + (value >> SCALE_BITS) for value in found]


@lru_cache(maxsize=BRIDGES_KEPT_MAX)
def _bridges(sigma: int, half_life: int) -> dict[int, Bridge]:
    """The bridges of all levels from the day to the minute."""
    found: dict[int, Bridge] = {}
    beyond = 0
    for level in range(FINEST - 1, TOP - 1, -1):
        count = LEVELS[level] // LEVELS[level + 1]
        weights = _weights(decay(LEVELS[level + 1], half_life), count, sigma)
        farthest = most = 0
        for near, _, deviations in weights:
            farthest = (farthest * near >> BITS) + deviations[-1] + 2
            most = max(most, farthest)
        beyond += most
        found[level] = Bridge(weights, beyond)
    return found


def _weights(decayed: int, count: int, sigma: int) -> tuple[tuple[int, int, tuple[int, ...]], ...]:
    """Of each value after the first: weights of the one before and of the end, and deviations."""
    rows = []
    for left in range(count, 1, -1):  # steps from the value before to the end
        square = decayed * decayed >> BITS
        rest = ONE - _power(square, left)
        near = decayed * (ONE - _power(square, left - 1)) // rest
        far = _power(decayed, left - 1) * (ONE - square) // rest
        variance = (ONE - square) * (ONE - _power(square, left - 1)) // rest
        size = sigma * isqrt(variance << BITS) >> BITS
        rows.append((near, far, tuple([size * normal // 1_000 for normal in NORMAL])))
    return tuple(rows)


def decay(seconds: int, half_life: int) -> int:
    """2 ** (-seconds / half_life) in 1 / ONE, in integers alone."""
    halvings, rest = divmod(seconds, half_life)
    exponent = LN2 * rest // half_life
    term = total = ONE
    for n in range(1, 24):  # the series of exp(-exponent), which is less than ln 2
        term = -(term * exponent) // (n * ONE)
        total += term
    return total >> halvings


def _power(fraction: int, exponent: int) -> int:
    found = ONE
    for _ in range(exponent):
        found = found * fraction >> BITS
    return found
