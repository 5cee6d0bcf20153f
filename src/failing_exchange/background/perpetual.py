"""The market of a linear perpetual and its index, both beside the path of its spot market.

Spot market and perpetual of one base share the draws of their prices: each second the perpetual
stands at spot's price plus the premium of these ten seconds, and the index at spot's price plus a
small noise. Amounts and offers are the perpetual's own.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from operator import sub

from failing_exchange.background.candle_splitting import Node, Pattern
from failing_exchange.background.distributions import NORMAL
from failing_exchange.background.moved_path import MovedPath
from failing_exchange.background.premium import Premium, PremiumPath
from failing_exchange.background.price_path import FINEST, PricePath
from failing_exchange.background.profiles import Profile
from failing_exchange.background.reference_prices import SyntheticReference
from failing_exchange.background.synthetic import TENS_KEPT_MAX, Prices, SyntheticMarket
from failing_exchange.core.chance import WORDS, key, words
from failing_exchange.core.units import MINUTE_S, TEN_S

# Points (1e-6) by which the index differs from its spot market, as a standard deviation: the other
# markets of an index trade at the same price but for arbitrage within their fees. A choice.
INDEX_NOISE = 30
TENS = MINUTE_S // TEN_S


class Noise:
    """By how much an index lies beside its spot market: independent every ten seconds."""

    def __init__(self, key: int, size: int = INDEX_NOISE) -> None:
        self._key = key
        self._row = tuple([size * normal // 1_000 for normal in NORMAL])
        self._drawn: tuple[int, tuple[int, ...]] = (0, words(key, 0))

    def at(self, index: int) -> int:
        """The noise during the ten seconds number `index`."""
        block, place = divmod(index, WORDS)
        if self._drawn[0] != block:
            self._drawn = (block, words(self._key, block))
        return self._row[self._drawn[1][place] & 63]

    def tens(self, first: int, last: int) -> list[int]:
        """The noise during the tens of seconds of the minutes [first, last)."""
        start, stop, row = first * TENS, last * TENS, self._row
        blocks = range(start // WORDS, -(-stop // WORDS))
        found = [row[draw & 63] for block in blocks for draw in words(self._key, block)]
        return found[start - blocks.start * WORDS : stop - blocks.start * WORDS]

    def bounds(self, level: int, index: int) -> tuple[int, int]:
        """Bounds of the noise within a candle."""
        if level == FINEST:
            found = self.at(index)
            return found, found
        return self._row[0], self._row[-1]


class PremiumOverIndex:
    """The premium over the index: over spot, less the noise of the index."""

    def __init__(self, premium: PremiumPath, noise: Noise) -> None:
        self._premium, self._noise = premium, noise

    def at(self, index: int) -> int:
        """The premium over the index, in points, during the ten seconds number `index`."""
        return self._premium.at(index) - self._noise.at(index)

    def tens(self, first: int, last: int) -> list[int]:
        """The same during the tens of seconds of the minutes [first, last)."""
        return list(map(sub, self._premium.tens(first, last), self._noise.tens(first, last)))

    def bounds(self, level: int, index: int) -> tuple[int, int]:
        """Bounds of it within a candle."""
        least, most = self._premium.bounds(level, index)
        down, up = self._noise.bounds(level, index)
        return least - up, most - down


class MovedMarket(SyntheticMarket):
    """A market that walks as its spot market does, on a path beside that one's.

    Its price is that of the path; `price` is spot's opening in its own ticks, as a numerator and a
    denominator. `unmoved`: the points of each ten seconds on the path that its own lies beside;
    markets beside the same one share them.
    """

    def __init__(
        self,
        symbol: str,
        *,
        seed: int,
        spot: SyntheticMarket,
        path: MovedPath,
        price: tuple[int, int],
        profile: Profile,
        unmoved: dict[int, list[int]],
    ) -> None:
        super().__init__(
            symbol, seed=seed, birth=spot.birth, opening=spot.opening, profile=profile, path=path
        )
        self.spot, self._moved, self._unmoved = spot, path, unmoved
        self._prices = Prices(*price)
        self.key, self.active = spot.key, spot.active  # they stand still in the same seconds

    @cached_property
    def _origin(self) -> int:
        """The point at which spot opens: this one opens there, moved."""
        return self.spot.origin

    def _points(self, found: Pattern, node: Node, index: int) -> list[int]:
        known, moved = self._unmoved.get(index), self._moved.move.at(index)
        if known is None:
            if len(self._unmoved) >= TENS_KEPT_MAX:
                self._unmoved.clear()
            source = self._moved.source.node(FINEST, index)
            known = self._unmoved[index] = found.closes(source)
        return [point + moved for point in known]

    def _wicks(
        self, found: Pattern, node: Node, path: list[int], index: int
    ) -> tuple[list[int], list[int]]:
        moved, source = self._moved.move.at(index), self._moved.source.node(FINEST, index)
        tops, bottoms = found.wicks(source, [point - moved for point in path])
        tops, bottoms = [top + moved for top in tops], [bottom + moved for bottom in bottoms]
        tops[0], bottoms[0] = max(tops[0], node.open), min(bottoms[0], node.open)
        return tops, bottoms


@dataclass(frozen=True, slots=True, kw_only=True)
class Underlying:
    """The spot market of a perpetual: its symbol, its background, and the atoms of a tick there."""

    symbol: str
    market: SyntheticMarket
    price_step: int


class PerpetualMarket(MovedMarket):
    """The other traders of a linear perpetual: pure functions of (seed, symbol, second).

    `price_step`: atoms of a tick. `profile`: in the perpetual's steps; its opening and its sigma
    are those of spot.
    """

    def __init__(
        self,
        symbol: str,
        *,
        seed: int,
        underlying: Underlying,
        price_step: int,
        profile: Profile,
        premium: Premium,
    ) -> None:
        spot = underlying.market
        path = PricePath(underlying.symbol, seed, sigma=spot.profile.sigma, volume=profile.volume)
        self._premium = PremiumPath(key(seed, "premium", symbol), premium)
        self._noise_key = key(seed, "index", underlying.symbol)
        self._opening = spot.opening * underlying.price_step
        super().__init__(
            symbol, seed=seed, spot=spot, path=MovedPath(path, self._premium),
            price=(self._opening, price_step), profile=profile, unmoved={},
        )  # fmt: skip

    @cached_property
    def reference(self) -> SyntheticReference:
        """Index and premium (`core.mark_price.ReferencePrices`), made when first asked for."""
        noise = Noise(self._noise_key)
        index = MovedMarket(
            "index", seed=0, spot=self.spot, path=MovedPath(self._moved.source, noise),
            price=(self._opening, 1), profile=self.profile, unmoved=self._unmoved,
        )  # fmt: skip
        return SyntheticReference(index, PremiumOverIndex(self._premium, noise))
