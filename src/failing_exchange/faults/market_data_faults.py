"""False market data: null, zero, crossed, frozen, with holes."""

from __future__ import annotations

from typing import ClassVar

from failing_exchange.core.queries import BookSnapshot, Candles, FetchBook, Ticker
from failing_exchange.core.reject import Reject
from failing_exchange.core.units import PPM
from failing_exchange.faults.fields import (
    choice,
    draw_below,
    fault,
    names,
    nanoseconds,
    ppm,
    share,
    span,
    whole,
)
from failing_exchange.faults.lookups import answer_of, by_feed, edited
from failing_exchange.faults.plan import Drop, Match, Replace, Verdict
from failing_exchange.faults.stages import AtAnswer, AtStages, AtWire
from failing_exchange.journal.trip import Stage

PRICES = ("bid", "ask", "last", "close")


@fault
class NullTicker(AtWire):
    """The ticker has no prices."""

    fields: tuple[str, ...] = names(PRICES, "which are null")

    def strike(self, stage: Stage, match: Match) -> Verdict | None:
        return edited(match, *((name, None) for name in self.fields))


@fault
class ZeroPrice(AtWire):
    """The ticker says that the price is zero."""

    fields: tuple[str, ...] = names(PRICES, "which are zero")

    def strike(self, stage: Stage, match: Match) -> Verdict | None:
        return edited(match, *((name, 0.0) for name in self.fields))


@fault
class CrossTicker(AtAnswer):
    """The ticker's bid is above its ask."""

    def strike(self, stage: Stage, match: Match) -> Verdict | None:
        """Change the two for each other."""
        found = answer_of(match)
        if not isinstance(found, Ticker) or found.bid is None or found.ask is None:
            return None
        return Replace(found._replace(bid=found.ask, ask=found.bid))


@fault
class HideTickers(AtAnswer):
    """A list of tickers lacks some symbols."""

    part: float = share(0.5, "how many of them; at least one")

    def strike(self, stage: Stage, match: Match) -> Verdict | None:
        found = answer_of(match)
        if not isinstance(found, tuple) or not found or not isinstance(found[0], Ticker):
            return None
        if len(getattr(match.trip.command, "symbols", ())) == 1:
            return None  # one ticker, requested by name, is not a list
        tickers = list(found)
        for k in range(max(1, len(tickers) * ppm(self.part) // PPM)):
            del tickers[draw_below(match, k, len(tickers))]
        return Replace(tuple(tickers))


@fault
class FreezeMarketData(AtStages):
    """Market data stands still from the first answer struck on."""

    stages: ClassVar[tuple[Stage, ...]] = (Stage.REQUEST, Stage.ANSWER)

    def decide(self, match: Match, hit: bool) -> bool:
        """Remember when it froze."""
        if hit:
            match.memory.setdefault("since", match.at)
        return hit

    def strike(self, stage: Stage, match: Match) -> Verdict | None:
        """Read the state of then; a feed repeats its first push."""
        trip, command = match.trip, match.trip.command
        if stage is Stage.REQUEST:
            if not hasattr(command, "as_of"):
                return None
            return Replace(command._replace(as_of=match.memory["since"]))
        if not trip.is_push:
            return None
        first = by_feed(match, trip.answer, newest=False)
        return None if first is trip.answer else Replace(first)


@fault
class CrossBook(AtAnswer):
    """The book's best bid is above its best ask."""

    def strike(self, stage: Stage, match: Match) -> Verdict | None:
        """Let the best two change places."""
        found = answer_of(match)
        if not isinstance(found, BookSnapshot) or not found.bids or not found.asks:
            return None
        bids, asks = (found.asks[0], *found.bids[1:]), (found.bids[0], *found.asks[1:])
        return Replace(found._replace(bids=bids, asks=asks))


@fault
class EmptyBook(AtAnswer):
    """The book is empty."""

    side: str = choice("both", "which side of it", "both", "bids", "asks")

    def strike(self, stage: Stage, match: Match) -> Verdict | None:
        found = answer_of(match)
        if not isinstance(found, BookSnapshot):
            return None
        bids = found.bids if self.side == "asks" else ()
        return Replace(found._replace(bids=bids, asks=found.asks if self.side == "bids" else ()))


@fault
class GhostLevels(AtAnswer):
    """The book also shows offers of some time ago that are gone."""

    seconds: float = span(60.0, "how old they are", minimum=1)

    def strike(self, stage: Stage, match: Match) -> Verdict | None:
        """Merge an old snapshot into the new one."""
        found = answer_of(match)
        if not isinstance(found, BookSnapshot):
            return None
        then = match.at - nanoseconds(self.seconds)
        query = FetchBook(match.trip.account, found.market.symbol, 100, then)
        try:
            old: BookSnapshot = match.look(query)
        except Reject:  # the market is gone: so are its ghosts
            return None
        bids = sorted({**dict(old.bids), **dict(found.bids)}.items(), reverse=True)
        asks = sorted({**dict(old.asks), **dict(found.asks)}.items())
        return Replace(found._replace(bids=tuple(bids), asks=tuple(asks)))


@fault
class HideCandles(AtAnswer):
    """Candles are missing in the middle."""

    count: int = whole(3, "how many in a row")

    def strike(self, stage: Stage, match: Match) -> Verdict | None:
        """Leave a hole, drawn anew for each answer; the first and the last candle stay."""
        found = answer_of(match)
        if not isinstance(found, Candles) or len(found.bars) < 3:
            return None
        inner = len(found.bars) - 2
        count = min(self.count, inner)
        start = 1 + draw_below(match, 0, inner - count + 1)
        return Replace(found._replace(bars=found.bars[:start] + found.bars[start + count :]))


@fault
class LateCandle(AtAnswer):
    """The newest candles are not there yet."""

    count: int = whole(1, "how many; 1 = only the one that still forms")

    def strike(self, stage: Stage, match: Match) -> Verdict | None:
        """Cut the end off; a push of nothing else does not come."""
        found = answer_of(match)
        if not isinstance(found, Candles) or not found.bars:
            return None
        bars = found.bars[: -self.count]
        if not bars and match.trip.is_push:
            return Drop()
        return Replace(found._replace(bars=bars))
