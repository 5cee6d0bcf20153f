"""The ladder of offers around a price: a pure function of the price and the second."""

from __future__ import annotations

from collections.abc import Iterator

from failing_exchange.core.chance import mix
from failing_exchange.flow.draws import LOGNORMAL
from failing_exchange.flow.profiles import Profile

LEVELS_MAX = 5_000  # offers a side
BANDS = ((60, 1), (240, 4), (LEVELS_MAX, 16))  # up to which offer the grid is how coarse
BUCKET = 15  # seconds for which an offer keeps its amount; each has its own moment of change
OFFERS_KEPT_MAX = 8_192  # offers remembered; then they are made again
RENEWED = 3  # seconds for which the spread stays


class Ladder:
    """Offers stand at prices of their own and keep their amounts for a while."""

    def __init__(self, key: int, profile: Profile) -> None:
        self._key = key
        self._profile = profile
        self._offers: dict[tuple[int, int], tuple[int, int, int]] = {}
        self._firsts: dict[int, tuple[int, int]] = {}  # by price: lots, and from which second on
        self._spread = (-1, 0, False)  # the last one: its place, ticks, whether it lies below

    def best(self, close: int, second: int) -> tuple[int, int]:
        """The best bid and ask after a second; the last price is one of them."""
        place, spread, below = self._spread
        if place != second // RENEWED:
            place = second // RENEWED
            draw = mix(self._key, place)
            spread = self._profile.spread * LOGNORMAL[draw & 63] // 1_000 or 1
            below = draw & 256 != 0
            self._spread = (place, spread, below)
        if below and close > spread:
            return close - spread, close
        return close, close + spread

    def offers(self, best: int, second: int, sign: int) -> Iterator[tuple[int, int]]:
        """(ticks, lots) from the best price upwards (`sign` 1) or downwards (-1).

        Beyond the best price there is one offer in each cell of a grid.
        """
        yield best, self.first(best, second)
        known, count, ticks = self._offers, 1, best
        for most, coarse in BANDS:
            cell = ticks // (self._profile.grid * coarse)
            while count < most:
                cell += sign
                offer = known.get((cell, coarse))
                if offer is None or not offer[2] <= second < offer[2] + BUCKET:
                    offer = self._make(cell, coarse, second)
                ticks = offer[0]
                if ticks < 1:
                    return
                yield ticks, offer[1]
                count += 1

    def first(self, best: int, second: int) -> int:
        """How much is offered at the best price."""
        known = self._firsts.get(best)
        if known is not None and known[1] <= second < known[1] + BUCKET:
            return known[0]
        if len(self._firsts) >= OFFERS_KEPT_MAX:
            self._firsts.clear()
        draw = mix(self._key, ~best)
        lots = self._lots(draw, second, 1)
        self._firsts[best] = (lots, second - (second + (draw >> 32)) % BUCKET)
        return lots

    def _make(self, cell: int, coarse: int, second: int) -> tuple[int, int, int]:
        """The price and the amount of an offer, and from which second on it has that amount."""
        if len(self._offers) >= OFFERS_KEPT_MAX:
            self._offers.clear()
        step = self._profile.grid * coarse
        draw = mix(self._key ^ step, cell)
        since = second - (second + (draw >> 32)) % BUCKET
        lots = self._lots(draw, second, coarse)
        offer = self._offers[cell, coarse] = (cell * step + draw % step, lots, since)
        return offer

    def _lots(self, own: int, second: int, coarse: int) -> int:
        """How much an offer is for; `own`: its own draw."""
        draw = mix(own, (second + (own >> 32)) // BUCKET)
        typical = self._profile.offer * (1 + (coarse > 1) + (coarse > 4))
        return 1 + typical * LOGNORMAL[draw & 63] * LOGNORMAL[draw >> 6 & 63] // 1_000_000
