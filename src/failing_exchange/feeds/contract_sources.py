"""What is new in contracts, for each kind of feed: one class a kind."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from failing_exchange.core import events as e, queries as q
from failing_exchange.core.collateral import USD
from failing_exchange.core.contract_queries import CollateralRow, FetchCollateral, FetchFunding
from failing_exchange.core.market import Market
from failing_exchange.core.order import OrderSnapshot, Side
from failing_exchange.core.units import SECOND
from failing_exchange.feeds.book_delta import BookUpdate
from failing_exchange.feeds.sources import NOBODY, ChangingSource, EngineView


class PremiumSource:
    """Mark price, index price and funding: of one contract, or of all together.

    Every `beat` seconds, whether anything has changed or not.
    """

    def __init__(self, world: EngineView, symbol: str, at: int, *, beat: int = 1) -> None:
        self.world = world
        self.symbol = symbol
        self.operation = "watch_mark_price" if symbol else "watch_mark_prices"
        self._beat = beat
        self._query = FetchFunding(NOBODY, (symbol,) if symbol else ())

    def new(self, at: int) -> Iterable[Any]:
        """One `Funding`, or a tuple of them."""
        if at // SECOND % self._beat == 0:
            found = self.world.ask(self._query, at)
            yield found[0] if self.symbol else found


class CollateralSource:
    """What assets are worth as collateral, each second: one, by a name as "BTCUSD", or all."""

    operation = "watch_mark_prices"
    symbol = ""  # it is none of a market

    def __init__(self, world: EngineView, pair: str, at: int) -> None:
        self.world = world
        self._pair = pair

    def new(self, at: int) -> Iterable[Any]:
        """One `CollateralRow`, or a tuple of them."""
        rows: tuple[CollateralRow, ...] = self.world.ask(FetchCollateral(NOBODY), at).rows
        if not self._pair:
            yield rows
        yield from (one for one in rows if f"{one.asset}{USD}" == self._pair)


class AllBestSource:
    """The best bid and ask of each contract that they have changed of, every `beat` seconds."""

    operation = "watch_bids_asks"
    symbol = ""

    def __init__(self, world: EngineView, symbols: Iterable[str], *, beat: int) -> None:
        self._sources = [BestOf(world, symbol) for symbol in symbols]
        self._beat = beat

    def new(self, at: int) -> Iterable[q.BookSnapshot]:
        """One book of one level a contract."""
        if at // SECOND % self._beat == 0:
            for source in self._sources:
                yield from source.new(at)


class BestOf(ChangingSource):
    """The best bid and ask of one contract."""

    def __init__(self, world: EngineView, symbol: str) -> None:
        super().__init__(world, "watch_bids_asks", symbol, q.FetchBook(NOBODY, symbol, 1))


class TopUpdateSource(ChangingSource):
    """The best levels of the book whenever they have changed, with the ids since the last time."""

    def __init__(self, world: EngineView, symbol: str, at: int, *, levels: int) -> None:
        super().__init__(world, "watch_order_book", symbol, q.FetchBook(NOBODY, symbol, levels))
        self._last = 0

    def new(self, at: int) -> Iterable[BookUpdate]:
        """All of the levels, as an update."""
        for book in super().new(at):
            last = book.sequence - 1
            first = self._last + 1 if self._last else last
            self._last = last
            yield BookUpdate(book.market, book.at, book.bids, book.asks, first, last)


class Liquidation(NamedTuple):
    """An order by which the venue has closed a position, as it ended."""

    market: Market
    side: Side
    order: OrderSnapshot
    at: int


class LiquidationSource:
    """The largest liquidation of each second: of one contract, or of each."""

    def __init__(self, world: EngineView, symbol: str, at: int) -> None:
        self.world = world
        self.symbol = symbol
        self.operation = "watch_liquidations"
        self._seen = world.noted

    def new(self, at: int) -> Iterable[Liquidation]:
        """At most one a contract."""
        largest: dict[str, Liquidation] = {}
        for event in self.world.since(self._seen, e.PositionLiquidated, self.symbol):
            found = self._order_of(event)
            before = largest.get(event.symbol)
            if before is None or found.order.lots > before.order.lots:
                largest[event.symbol] = found
        self._seen = self.world.noted
        yield from largest.values()

    def _order_of(self, event: e.PositionLiquidated) -> Liquidation:
        state = self.world.engine.state
        order = state.accounts[event.account].find(event.order_id)
        assert order is not None, f"no order {event.order_id} of {event}"
        market = state.markets[event.symbol].market
        return Liquidation(market, order.side, order.snapshot(), event.at)


class RulesSource:
    """Contracts whose rules or status have changed, as they are then."""

    operation = "watch_tickers"
    symbol = ""

    def __init__(self, world: EngineView, symbols: Iterable[str]) -> None:
        self.world = world
        self._symbols = frozenset(symbols)
        self._seen = world.noted

    def new(self, at: int) -> Iterable[Market]:
        """Each of them once."""
        changed = dict.fromkeys(
            event.symbol for event in self.world.since(self._seen, RULES_EVENTS, "")
        )
        self._seen = self.world.noted
        for symbol in changed:
            if symbol in self._symbols:
                yield self.world.engine.state.markets[symbol].market


RULES_EVENTS = (e.MarketChanged, e.ContractSettled)
