"""One market in truth, for a chart: candles, book, what is paid for holding, and clients' fills."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from failing_exchange.core.contract_queries import FetchFunding
from failing_exchange.core.queries import FetchBook, FetchCandles, FetchTicker
from failing_exchange.core.units import DAY_S, HOUR_S
from failing_exchange.errors import ConfigurationError
from failing_exchange.text.spelling import did_you_mean, shown

if TYPE_CHECKING:
    from failing_exchange.core.order import Fill, OrderSnapshot
    from failing_exchange.venue.plain_view import View
    from failing_exchange.venue.venue import RunningVenue

FRAMES = (1, 5, 60, 300, 900, HOUR_S, 4 * HOUR_S, DAY_S)  # seconds of a candle
CANDLES = 60  # seconds of a candle, where none are named
CANDLES_MAX = 500  # of one answer: the last ones
LEVELS_MAX = 100  # of each side of the book
FILLS_MAX = 500  # of all clients together: the last ones
ORDERS_MAX = 200  # open orders of all clients together
OPERATOR = "main"  # whose eyes: the market is the same for all


class MarketLook(NamedTuple):
    """What was found of a market at one time."""

    ticker: Any
    candles: Any
    book: Any
    funding: Any  # of a contract
    fills: list[Fill]
    orders: list[OrderSnapshot]
    status: str


def look_at_market(venue: RunningVenue, symbol: str, frame: int) -> MarketLook:
    """Look at a market; raises ConfigurationError for an unknown one or for odd candles."""
    if symbol not in venue.markets:
        raise ConfigurationError(f"no market {shown(symbol)}{did_you_mean(symbol, venue.markets)}")
    if frame not in FRAMES:
        known = ", ".join(map(str, FRAMES))
        raise ConfigurationError(f"seconds = {frame}; expected one of {known}")
    gateway, market = venue.gateway, venue.market_of(symbol)
    look = gateway.look
    state = gateway.engine.state
    fills = [
        fill
        for account in state.accounts.values()
        for fill in islice(reversed(account.fills), FILLS_MAX)
        if fill.symbol == symbol
    ]
    orders = (one.snapshot() for one in state.orders.values() if one.symbol == symbol)
    return MarketLook(
        ticker=look(FetchTicker(OPERATOR, symbol)),
        candles=look(FetchCandles(OPERATOR, symbol, frame, limit=CANDLES_MAX)),
        book=look(FetchBook(OPERATOR, symbol, LEVELS_MAX)),
        funding=None if market.contract is None else look(FetchFunding(OPERATOR, (symbol,)))[0],
        fills=sorted(fills, key=lambda fill: fill.at)[-FILLS_MAX:],
        orders=list(islice(orders, ORDERS_MAX)),
        status=str(market.status),
    )


def market_view(view: View, found: MarketLook) -> dict[str, Any]:
    """The same in units."""
    market = found.candles.market
    price = market.price_text
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
        "book": {name: view.value(found.book)[name] for name in ("bids", "asks")},
        "funding": view.value(found.funding),
        "fills": view.value(found.fills),
        "orders": view.value(found.orders),
    }  # fmt: skip
