"""What synthetic and recorded markets have in common: the offers around a price, and prints."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator

from failing_exchange.background.depth import Ladder
from failing_exchange.background.prints import prints_of
from failing_exchange.background.profiles import Profile
from failing_exchange.core.candles import Bar, Print
from failing_exchange.core.chance import key
from failing_exchange.core.impact import Depth
from failing_exchange.core.liquidity import Offer
from failing_exchange.core.mark_price import ReferencePrices


class BackgroundMarket(ABC):
    """A market of which the seconds and the windows are known; all else follows from them."""

    def __init__(self, symbol: str, seed: int, profile: Profile) -> None:
        self._ladder = Ladder(key(seed, "ladder", symbol), profile)
        self.depth = Depth(profile.volume, profile.sigma)
        self._topped: int | None = None  # the second of the offers that were asked for last ...
        self._tops: tuple[Offer, Offer] = ((0, 0), (0, 0))  # ... an order asks for them three times

    @property
    def reference(self) -> ReferencePrices | None:
        """Index, basis and premium of a perpetual; None of a spot market."""
        return None

    @abstractmethod
    def second(self, second: int, /) -> Bar:
        """The candle of one second. Without trades it stands at the close before it."""

    @abstractmethod
    def window(self, start: int, stop: int, /) -> Bar:
        """The seconds from `start` until before `stop` as one candle.

        Raises ValueError where they hold no second.
        """

    def close(self, second: int, /) -> int:
        """The price after a second, in ticks."""
        return self.second(second).close

    def candle(self, timeframe_seconds: int, second: int, /) -> Bar:
        """The whole candle of a timeframe that contains a second."""
        start = second // timeframe_seconds * timeframe_seconds
        return self.window(start, start + timeframe_seconds)

    def prints(self, second: int, /) -> tuple[Print, ...]:
        """The public trades of a second: they open, peak, bottom and close with its candle."""
        candle = self.second(second)
        return prints_of(candle, sold=self.top(second)[0][0] == candle.close)

    def top(self, second: int, /) -> tuple[Offer, Offer]:
        """The best bid and the best ask after a second; the last price is one of them."""
        if self._topped != second:
            self._tops = self._ladder.top(self.close(second), second)
            self._topped = second
        return self._tops

    def asks(self, second: int, /, beyond: int = 0) -> Iterator[Offer]:
        """What is offered for sale, best first; most offers up to `beyond` ticks are left out."""
        return self._ladder.offers(self.top(second)[1], second, 1, beyond)

    def bids(self, second: int, /, beyond: int = 0) -> Iterator[Offer]:
        """What is bid for, best first; most offers down to `beyond` ticks are left out."""
        return self._ladder.offers(self.top(second)[0], second, -1, beyond)


def check_window(start: int, stop: int) -> None:
    """Raise ValueError where a window holds no second."""
    if stop <= start:
        raise ValueError(f"a window ends after its start: [{start}, {stop}) holds no second")
