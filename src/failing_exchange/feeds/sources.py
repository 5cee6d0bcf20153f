"""What is new in the markets, for each kind of feed: one class a kind.

A source finds news as the core's own answers. How they are written is the venue's (`Topic.write`).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from failing_exchange.core import events as e, queries as q
from failing_exchange.core.order import Side
from failing_exchange.core.public_trade import by_taker
from failing_exchange.core.reference_price import ReferencePrice
from failing_exchange.core.units import SECOND
from failing_exchange.feeds.book_delta import BookUpdate, BookView

if TYPE_CHECKING:
    from failing_exchange.core.engine import Engine

NOBODY = ""  # market data needs no account
TRADES_A_PUSH_MAX = 10_000  # prints looked at in one go; the rest come with the next
CANDLES_A_PUSH_MAX = 60  # closed ones made up for after a late beat; older ones only REST has
LEVELS = 100  # of a diff stream, each side, until somebody reads a deeper snapshot


class Level(NamedTuple):
    """A price at which something has changed; side None: anywhere."""

    side: Side | None
    ticks: int


class EngineView:
    """What sources look at: the engine, and how deep snapshots are read."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.depths: dict[str, int] = {}
        self.noted = 0  # events of `NOTED` so far; the latest are kept
        self._kept: deque[tuple[int, e.Event]] = deque(maxlen=NOTED_KEPT_MAX)

    def ask(self, query: q.Query, at: int) -> Any:
        """Read the first column."""
        return self.engine.execute(query, at)[1]

    def touched(self, events: Iterable[e.Event]) -> dict[str, list[Level]]:
        """The markets that events concern, and at which prices."""
        found: dict[str, list[Level]] = {}
        self.note(events)
        for event in events:
            if isinstance(event, e.OrderFilled):
                fill = event.fill
                side = fill.side if fill.maker else fill.side.other
                found.setdefault(fill.symbol, []).append(Level(side, fill.ticks))
            elif isinstance(event, ORDER_EVENTS):
                order = self._order(event)
                if order is not None:
                    found.setdefault(order.symbol, []).append(Level(order.side, order.ticks))
            elif symbol := getattr(event, "symbol", ""):
                found.setdefault(symbol, []).append(Level(None, 0))
        return found

    def note(self, events: Iterable[e.Event], at: int = 0) -> None:
        """Keep those events that a source looks for later."""
        for event in events:
            if isinstance(event, NOTED):
                self.noted += 1
                self._kept.append((self.noted, event))

    def since(self, number: int, kinds: Any, symbol: str) -> list[Any]:
        """The noted events of these kinds behind a number, of one market or (empty) of all."""
        return [
            event
            for n, event in self._kept
            if n > number and isinstance(event, kinds) and symbol in ("", event.symbol)
        ]

    def _order(self, event: Any) -> Any:
        account = self.engine.state.accounts.get(event.account)
        if account is None:
            return None
        return account.open.get(event.order_id) or account.ended.get(event.order_id)

    def depth(self, symbol: str) -> int:
        """How many levels a diff stream covers."""
        return self.depths.get(symbol, LEVELS)

    def snapshot_read(self, query: Any, at: int, sources: Sequence[Source]) -> None:
        """Somebody is about to read a book."""
        if query.__class__ is not q.FetchBook:
            return
        mine = [source for source in sources if isinstance(source, DepthSource)]
        for source in mine:
            source.keep_up(at)
        if mine and query.limit > self.depth(query.symbol):
            self.depths[query.symbol] = query.limit
            for source in mine:
                source.deepen(at)


NOTED = (e.PositionLiquidated, e.MarketChanged, e.ContractSettled)
NOTED_KEPT_MAX = 1_000  # between two looks of a source; of more, it does not see the oldest

ORDER_EVENTS = (e.OrderAccepted, e.OrderCanceled, e.OrderExpired, e.OrderTriggered, e.OrderAmended)


class Source(Protocol):
    """Says what is new. `operation` is the unified feed that faults know it as."""

    operation: str
    symbol: str  # empty: all markets

    def new(self, at: int) -> Iterable[Any]:
        """The answers to push now."""
        ...


class QuerySource:
    """The answer to a query at each look, whether it has changed or not."""

    def __init__(self, world: EngineView, operation: str, symbol: str, query: q.Query) -> None:
        self.world = world
        self.operation = operation
        self.symbol = symbol
        self.query = query

    def new(self, at: int) -> Iterable[Any]:
        """The answer of now."""
        yield self.world.ask(self.query, at)


class LatestTradesSource(QuerySource):
    """The trades among the latest that the look before did not show, together."""

    _last = 0

    def new(self, at: int) -> Iterable[q.Trades]:
        """One answer for all of them."""
        found: q.Trades = self.world.ask(self.query, at)
        new = tuple(trade for trade in found.trades if trade.id > self._last)
        if new:
            self._last = new[-1].id
            yield found._replace(trades=new)


class TradeSource:
    """Every print, as it is made."""

    operation = "watch_trades"

    def __init__(self, world: EngineView, symbol: str, at: int) -> None:
        self.world = world
        self.symbol = symbol
        self._second = at // SECOND
        last = world.ask(q.FetchTrades(NOBODY, symbol, limit=1), at).trades
        self._last = last[-1].id if last else 0

    def new(self, at: int) -> Iterable[q.Trades]:
        """One answer a print."""
        query = q.FetchTrades(NOBODY, self.symbol, self._second * SECOND, TRADES_A_PUSH_MAX)
        found = self.world.ask(query, at)
        self._second = at // SECOND
        for trade in found.trades:
            if trade.id > self._last:
                self._last = trade.id
                yield found._replace(trades=(trade,))


class AggTradeSource:
    """The prints of one taker order at one price, as one."""

    operation = "watch_trades"

    def __init__(self, world: EngineView, symbol: str, at: int) -> None:
        self.symbol = symbol
        self._trades = TradeSource(world, symbol, at)

    def new(self, at: int) -> Iterable[q.Trades]:
        """One answer a taker order and price."""
        found = list(self._trades.new(at))
        for together in by_taker(one.trades[0] for one in found):
            yield found[0]._replace(trades=tuple(together))


class CandleSource:
    """The candle that forms, while it changes, and each one once more when it has closed.

    `start_of` gives the edge at or before an epoch second, `next_edge` the edge after an edge. The
    candle that forms is looked at every `beat` seconds.
    """

    operation = "watch_ohlcv"

    def __init__(
        self,
        world: EngineView,
        symbol: str,
        at: int,
        *,
        start_of: Callable[[int], int],
        next_edge: Callable[[int], int],
        beat: int = 1,
    ) -> None:
        self.world = world
        self.symbol = symbol
        self._start_of = start_of
        self._next_edge = next_edge
        self._beat = beat
        self._start = start_of(at // SECOND)
        self._pushed: Any = None

    def new(self, at: int) -> Iterable[q.Candles]:
        """At an edge the candle that has closed, of late all that have; else the one that forms."""
        second = at // SECOND
        start = self._start_of(second)
        if start != self._start:
            edges = self._edges(start)
            self._start = start
        elif second % self._beat == 0:
            edges = [start, self._next_edge(start)]
        else:
            return
        for one in pairwise(edges):
            query = q.FetchCandles(NOBODY, self.symbol, one[1] - one[0], edges=one, ends=True)
            found = self.world.ask(query, at)
            if found.bars and (found.bars != self._pushed or one[1] <= start):
                self._pushed = found.bars
                yield found

    def _edges(self, last: int) -> list[int]:
        """The edges from the candle that formed at the last look up to the newest one."""
        found = [last]
        while found[-1] > self._start and len(found) <= CANDLES_A_PUSH_MAX:
            found.append(self._start_of(found[-1] - 1))
        return found[::-1]


class TickerSource:
    """Statistics of one market, or of those that changed (`among` some), while they change.

    `window` is in seconds and begins on a minute; 0 is the last 24 hours. With `ends` the first and
    the last trade of the window come, too.
    """

    def __init__(
        self, world: EngineView, symbol: str, at: int, *, window: int = 0, ends: bool = False,
        among: tuple[str, ...] = (), beat: int = 1,
    ) -> None:  # fmt: skip
        self.world = world
        self.symbol = symbol
        self.operation = "watch_ticker" if symbol else "watch_tickers"
        self._window = window
        self._ends = ends
        self._symbols = (symbol,) if symbol else among
        self._beat = beat
        self._seen: dict[str, Any] = {}

    def new(self, at: int) -> Iterable[Any]:
        """One ticker, or a tuple of them; every `beat` seconds."""
        if at // SECOND % self._beat:
            return
        since = (at // SECOND - self._window) // 60 * 60 if self._window else 0
        query = q.FetchTickers(NOBODY, self._symbols, since=since, ends=self._ends)
        tickers = self.world.ask(query, at)
        changed = tuple(ticker for ticker in tickers if self._changed(ticker))
        if changed:
            yield changed[0] if self.symbol else changed

    def _changed(self, ticker: q.Ticker) -> bool:
        shown = (ticker.last, ticker.day, ticker.bid, ticker.ask)
        symbol = ticker.market.symbol
        before, self._seen[symbol] = self._seen.get(symbol), shown
        return ticker.last is not None and before != shown


class ChangingSource(QuerySource):
    """The answer to a query whenever what it shows has changed."""

    _seen: Any = None

    def shown(self, answer: Any) -> Any:
        """What has to change for a push; None: there is nothing to show."""
        return answer.bids, answer.asks

    def new(self, at: int) -> Iterable[Any]:
        """The answer of now, if it shows something else than the last one pushed."""
        for answer in super().new(at):
            shown = self.shown(answer)
            if shown is not None and shown != self._seen:
                self._seen = shown
                yield answer


class BestSource(ChangingSource):
    """The best bid and ask, as a book of one level."""

    def __init__(self, world: EngineView, symbol: str, at: int) -> None:
        super().__init__(world, "watch_bids_asks", symbol, q.FetchBook(NOBODY, symbol, 1))


class TopSource(ChangingSource):
    """The best levels of the book."""

    def __init__(self, world: EngineView, symbol: str, at: int, *, levels: int) -> None:
        super().__init__(world, "watch_order_book", symbol, q.FetchBook(NOBODY, symbol, levels))


class AverageSource(ChangingSource):
    """The average price of some minutes."""

    def __init__(self, world: EngineView, symbol: str, at: int, *, minutes: int) -> None:
        query = q.FetchAveragePrice(NOBODY, symbol, minutes)
        super().__init__(world, "watch_ticker", symbol, query)

    def shown(self, answer: q.AveragePrice) -> Any:
        """All but the market, where anything was traded."""
        return answer[1:] if answer.ticks else None


class ReferenceSource(QuerySource):
    """The reference price at each look, of a market that has one."""

    def __init__(self, world: EngineView, symbol: str, at: int) -> None:
        super().__init__(world, "watch_ticker", symbol, q.FetchReferencePrice(NOBODY, symbol))

    def new(self, at: int) -> Iterable[ReferencePrice]:
        """That of now."""
        for found in super().new(at):
            if found.market.rules is not None and found.market.rules.price_range is not None:
                yield found


class DepthSource:
    """What has changed in the book, so that it joins the snapshots of REST."""

    operation = "watch_order_book"

    def __init__(self, world: EngineView, symbol: str, at: int) -> None:
        self.world = world
        self.symbol = symbol
        self._depth = world.depth(symbol)
        self._noted = at // SECOND
        self._view = BookView(self._book(at))

    def new(self, at: int) -> Iterable[BookUpdate]:
        """All changes since the last update."""
        self._noted = at // SECOND
        update = self._view.update(self._book(at))
        if update is not None:
            yield update

    def touch(self, levels: Iterable[Level], at: int) -> None:
        """Orders have come, gone or traded at these prices."""
        for side, ticks in levels:
            if side is None:
                self._view.note(self._book(at))
            elif ticks:
                self._view.touch(side, ticks)

    def keep_up(self, at: int) -> None:
        """Somebody reads a snapshot: note a second that was missed."""
        if at // SECOND != self._noted:
            self._noted = at // SECOND
            self._view.note(self._book(at))

    def deepen(self, at: int) -> None:
        """From now on as deep as the deepest snapshot."""
        self._view.note(self._book(at))
        self._depth = self.world.depth(self.symbol)
        self._view.set(self._book(at))

    def _book(self, at: int) -> q.BookSnapshot:
        book: q.BookSnapshot = self.world.ask(q.FetchBook(NOBODY, self.symbol, self._depth), at)
        return book
