"""Candles of the index, the mark price and the premium of a contract."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

from failing_exchange.core.candles import Bar
from failing_exchange.core.contract_prices import mark_candle_of, reference_of
from failing_exchange.core.contract_queries import FetchPriceCandles, PriceCandles, PriceKind
from failing_exchange.core.mark_price import PriceCandle
from failing_exchange.core.reject import Reason, Reject
from failing_exchange.core.state import MarketState, State
from failing_exchange.core.units import SECOND


def fetch_price_candles(state: State, q: FetchPriceCandles, at: int) -> PriceCandles:
    """Candles of a contract; without a background, of the last price, and premiums of 0."""
    ms = state.market(q.symbol, at)
    if ms.market.contract is None:
        raise Reject(Reason.UNKNOWN_SYMBOL, symbol=q.symbol)
    now, reference = at // SECOND + 1, reference_of(ms)
    spans = [(start, min(stop, now)) for start, stop in pairwise(q.edges) if start < now]
    if reference is None:
        candles = _of_trades(ms, q, at)
    else:
        make: dict[PriceKind, Callable[[int, int], PriceCandle]] = {
            PriceKind.INDEX: reference.index_candle,
            PriceKind.PREMIUM: reference.premium_candle,
            PriceKind.MARK: lambda start, stop: mark_candle_of(ms, reference, start, stop),
        }
        candles = [(start, make[q.kind](start, stop)) for start, stop in spans]
    return PriceCandles(ms.market, tuple(candles))


def _of_trades(ms: MarketState, q: FetchPriceCandles, at: int) -> list[tuple[int, PriceCandle]]:
    bars, step = ms.tape.between(q.edges, now=at), ms.market.price_step
    if q.kind is PriceKind.PREMIUM:
        step = 0
    return [(bar.at, _of_bar(bar, step)) for bar in bars]


def _of_bar(bar: Bar, step: int) -> PriceCandle:
    return PriceCandle(bar.open * step, bar.high * step, bar.low * step, bar.close * step)
