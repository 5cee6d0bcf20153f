"""One market in truth, for a chart: candles, book, what is paid for holding, open orders."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from failing_exchange.core.contract_queries import FetchFunding
from failing_exchange.core.queries import FetchBook, FetchCandles, FetchTicker
from failing_exchange.core.units import DAY_S, HOUR_S, SECOND
from failing_exchange.errors import ConfigurationError
from failing_exchange.page.marks import Marks
from failing_exchange.text.spelling import did_you_mean, shown

if TYPE_CHECKING:
    from failing_exchange.core.order import Order, OrderSnapshot
    from failing_exchange.venue.plain_view import View
    from failing_exchange.venue.venue import RunningVenue

FRAMES = (1, 5, 60, 300, 900, HOUR_S, 4 * HOUR_S, DAY_S)  # seconds of a candle
CANDLES = 60  # seconds of a candle, where none are named
CANDLES_MAX = 500  # of one answer: the last ones
LEVELS_MAX = 50  # of each side of the book
ORDERS_MAX = 30  # open orders of all clients together: the newest
ORDERS_LOOKED_AT = 2_000  # open orders of all markets among which these are
OPERATOR = "main"  # whose eyes: the market is the same for all


class MarketLook(NamedTuple):
    """What was found of a market at one time."""

    ticker: Any
    candles: Any
    book: Any
    funding: Any  # of a contract
    orders: list[OrderSnapshot]
    status: str


def market_named(venue: RunningVenue, symbol: str) -> str:
    """The symbol; raises ConfigurationError for one that the venue does not have."""
    if symbol not in venue.markets:
        raise ConfigurationError(f"no market {shown(symbol)}{did_you_mean(symbol, venue.markets)}")
    return symbol


def marks_of(venue: RunningVenue) -> Marks:
    """The marks of all that happens on an exchange."""

    def find(account: str, order_id: int) -> Order | None:
        found = venue.gateway.engine.state.accounts.get(account)
        return None if found is None else found.find(order_id)

    return Marks(venue.journal, lambda: venue.markets, find)


def look_at_market(venue: RunningVenue, symbol: str, frame: int, since: int = 0) -> MarketLook:
    """Look at a market; raises ConfigurationError for odd candles.

    `since`: the epoch second from which on there are candles; 0: the last ones.
    """
    if frame not in FRAMES:
        known = ", ".join(map(str, FRAMES))
        raise ConfigurationError(f"seconds = {frame}; expected one of {known}")
    gateway, market = venue.gateway, venue.market_of(symbol)
    look, state = gateway.look, gateway.engine.state
    ticker = look(FetchTicker(OPERATOR, symbol))  # orders may end by it: what was due happens first
    return MarketLook(
        ticker=ticker,
        candles=look(FetchCandles(OPERATOR, symbol, frame, since * SECOND, CANDLES_MAX)),
        book=look(FetchBook(OPERATOR, symbol, LEVELS_MAX)),
        funding=None if market.contract is None else look(FetchFunding(OPERATOR, (symbol,)))[0],
        orders=[one.snapshot() for one in _newest(state.orders, symbol)],
        status=str(market.status),
    )


def _newest(orders: dict[int, Order], symbol: str) -> Iterator[Order]:
    """The newest open orders of a market, of those that are looked at."""
    newest = islice(reversed(orders.values()), ORDERS_LOOKED_AT)
    return islice((one for one in newest if one.symbol == symbol), ORDERS_MAX)


def market_view(view: View, found: MarketLook) -> dict[str, Any]:
    """The same in units."""
    market = found.candles.market
    price, book = market.price_text, view.value(found.book)
    return {
        "symbol": market.symbol,
        "status": found.status,
        "price_step": price(1),
        "ticker": view.value(found.ticker),
        "candles": [
            [bar.at, price(bar.open), price(bar.high), price(bar.low), price(bar.close),
             market.amount_text(bar.volume)]
            for bar in found.candles.bars
        ],
        "book": {name: book[name] for name in ("bids", "asks")},
        "funding": view.value(found.funding),
        "orders": view.value(found.orders),
    }  # fmt: skip
