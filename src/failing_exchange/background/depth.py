"""The ladder of offers around a price: a pure function of the price and the second."""

from __future__ import annotations

from collections.abc import Iterator

from failing_exchange.background.distributions import LOGNORMAL
from failing_exchange.background.profiles import Profile
from failing_exchange.core.chance import WORDS, mix, words
from failing_exchange.core.liquidity import Offer

LEVELS_MAX = 5_000  # offers a side
BANDS = ((60, 1), (240, 4), (LEVELS_MAX, 16))  # (up to this offer, how coarse the grid is)
BUCKET = 15  # seconds for which an offer keeps its amount; each changes at a time of its own
OFFERS_KEPT_MAX = 8_192  # offers remembered; at the limit all are forgotten and made again
PRODUCTS = [one * other for one in LOGNORMAL for other in LOGNORMAL]  # of two draws of 6 bits


class Ladder:
    """Offers stand at prices of their own and keep their amounts for a while.

    Those at the best prices are new each second.
    """

    def __init__(self, key: int, profile: Profile) -> None:
        self._key = key
        self._offer, self._spread, self._grid = profile.offer, profile.spread, profile.grid
        self._offers: dict[tuple[int, int], tuple[int, int, int]] = {}
        # of the `WORDS` seconds that one hash serves
        self._block: int | None = None
        self._draws: tuple[int, ...] = ()

    def top(self, close: int, second: int) -> tuple[Offer, Offer]:
        """The best bid and ask after a second; the last price is one of them."""
        if self._block != second // WORDS:
            self._block = second // WORDS
            self._draws = words(self._key, self._block)
        draw, typical = self._draws[second % WORDS], self._offer
        spread = self._spread * LOGNORMAL[draw & 63] // 1_000 or 1
        bids = 1 + typical * PRODUCTS[draw >> 8 & 4_095] // 1_000_000
        asks = 1 + typical * PRODUCTS[draw >> 20] // 1_000_000
        if draw & 64 and close > spread:
            return (close - spread, bids), (close, asks)
        return (close, bids), (close + spread, asks)

    def offers(self, best: Offer, second: int, sign: int, beyond: int = 0) -> Iterator[Offer]:
        """From the best offer upwards (`sign` 1) or downwards (-1).

        Beyond the best price there is one offer in each cell of a grid. Cells up to the price
        `beyond` are skipped, so that a side that is withdrawn is not made to be dropped.
        """
        yield best
        known, count, ticks = self._offers, 1, best[0]
        for most, coarse in BANDS:
            cell = ticks // (self._grid * coarse)
            if beyond:  # the last offer of a band is made: the next band begins at its price
                ahead = sign * (beyond // (self._grid * coarse) - cell) - 1
                skipped = max(0, min(ahead, most - count - 1))
                cell, count = cell + sign * skipped, count + skipped
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

    def _make(self, cell: int, coarse: int, second: int) -> tuple[int, int, int]:
        """The price and the amount of an offer, and from which second on it has that amount."""
        if len(self._offers) >= OFFERS_KEPT_MAX:
            self._offers.clear()
        step = self._grid * coarse
        draw = mix(self._key ^ step, cell)
        since = second - (second + (draw >> 32)) % BUCKET
        drawn = mix(draw, (second + (draw >> 32)) // BUCKET)
        typical = self._offer * (1 + (coarse > 1) + (coarse > 4))
        lots = 1 + typical * LOGNORMAL[drawn & 63] * LOGNORMAL[drawn >> 6 & 63] // 1_000_000
        offer = self._offers[cell, coarse] = (cell * step + draw % step, lots, since)
        return offer
