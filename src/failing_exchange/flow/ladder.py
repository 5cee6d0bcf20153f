"""The ladder of offers around a price: a pure function of the price and the second."""

from __future__ import annotations

from collections.abc import Iterator

from failing_exchange.core.chance import mix
from failing_exchange.flow.draws import LOGNORMAL
from failing_exchange.flow.profiles import Profile

LEVELS_MAX = 5_000  # offers a side
BANDS = ((60, 1), (240, 4), (LEVELS_MAX, 16))  # up to which offer the grid is how coarse
BUCKET = 15  # seconds for which an offer keeps its amount; each has its own moment of change
RENEWED = 3  # seconds for which the spread stays


class Ladder:
    """Offers stand at prices of their own and keep their amounts for a while."""

    def __init__(self, key: int, profile: Profile) -> None:
        self._key = key
        self._profile = profile

    def best(self, close: int, second: int) -> tuple[int, int]:
        """The best bid and ask after a second; the last price is one of them."""
        draw = mix(self._key, second // RENEWED)
        spread = self._profile.spread * LOGNORMAL[draw & 63] // 1_000 or 1
        if draw & 256 and close > spread:
            return close - spread, close
        return close, close + spread

    def offers(self, best: int, second: int, sign: int) -> Iterator[tuple[int, int]]:
        """(ticks, lots) from the best price upwards (`sign` 1) or downwards (-1)."""
        yield best, self._lots(best, second, 1)
        count, ticks = 1, best
        for most, coarse in BANDS:
            step = self._profile.grid * coarse
            while count < most:
                ticks = self._next(ticks, step, sign)
                if ticks < 1:
                    return
                yield ticks, self._lots(ticks, second, coarse)
                count += 1

    def _next(self, ticks: int, step: int, sign: int) -> int:
        """The next price with an offer: one in each cell of the grid."""
        cell = ticks // step + sign
        return cell * step + (mix(self._key ^ step, cell) % step if step > 1 else 0)

    def _lots(self, ticks: int, second: int, coarse: int) -> int:
        own = mix(self._key, ~ticks)
        draw = mix(own, (second + own % BUCKET) // BUCKET)
        typical = self._profile.offer * (1 + (coarse > 1) + (coarse > 4))
        return 1 + typical * LOGNORMAL[draw & 63] * LOGNORMAL[draw >> 6 & 63] // 1_000_000
