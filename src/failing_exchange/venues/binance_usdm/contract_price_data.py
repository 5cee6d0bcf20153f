"""Mark and index prices, funding, open interest, over REST.

"Mark Price", "Get Funding Rate History", "Get Funding Rate Info", "Open Interest" and the candles
of index, mark price and premium, 2026-08-19.
"""

from __future__ import annotations

from typing import Any

from failing_exchange.core.contract_queries import (
    FetchFunding,
    FetchFundingRates,
    FetchOpenInterest,
    FetchPriceCandles,
    Funding,
    FundingRates,
    OpenInterest,
    PriceCandles,
    PriceKind,
)
from failing_exchange.core.market import Market
from failing_exchange.core.queries import FetchMarkets, Markets
from failing_exchange.core.units import MILLISECOND, SECOND
from failing_exchange.venues.binance_common.call import Reading, Writing
from failing_exchange.venues.binance_common.intervals import edges, next_edge
from failing_exchange.venues.binance_common.refusals import refuse
from failing_exchange.venues.binance_common.values import decimal, venue_symbol
from failing_exchange.venues.binance_usdm.contract_market_data import (
    CANDLES_MAX,
    interval_of,
    pair_of,
)
from failing_exchange.venues.binance_usdm.number_formats import amount
from failing_exchange.venues.binance_usdm.trade_history import limit_of

RATES_MAX = 1_000  # of one answer; a larger limit is refused


def read_premium(r: Reading) -> FetchFunding:
    """GET /fapi/v1/premiumIndex."""
    market = r.maybe_market()
    symbols = (market.symbol,) if market else tuple(r.symbols.values())
    return FetchFunding(r.account, symbols)


def write_premium(w: Writing, answer: tuple[Funding, ...]) -> Any:
    """One object for a symbol, a list otherwise. What is settled last is settled at the index."""
    rows = [_premium(one) for one in answer]
    return rows[0] if "symbol" in w.params else rows


def _premium(one: Funding) -> dict[str, Any]:
    contract = one.market.contract
    assert contract is not None
    return {
        "symbol": venue_symbol(one.market.symbol),
        "markPrice": decimal(one.mark),
        "indexPrice": decimal(one.index_price),
        "estimatedSettlePrice": decimal(one.index_price),
        "lastFundingRate": decimal(one.rate),
        "interestRate": decimal(contract.interest),
        "nextFundingTime": one.next_at // MILLISECOND,
        "time": one.at // MILLISECOND,
    }


def read_rates(r: Reading) -> FetchFundingRates:
    """GET /fapi/v1/fundingRate."""
    p, market = r.params, r.maybe_market()
    symbol = market.symbol if market else ""
    since, until = p.instant("startTime"), p.instant("endTime")
    if since and until and since > until:
        refuse("START_TIME_GREATER_THAN_END_TIME", "Start time is greater than end time.")
    limit = limit_of(p, 100, RATES_MAX)
    return FetchFundingRates(r.account, symbol, since, limit, until)


def write_rates(w: Writing, answer: FundingRates) -> list[dict[str, Any]]:
    """Past rates, oldest first; the mark price is empty where it was not kept."""
    return [
        {
            "symbol": venue_symbol(one.symbol),
            "fundingTime": one.at // MILLISECOND,
            "fundingRate": decimal(one.rate),
            "markPrice": decimal(one.mark) if one.mark else "",
            "rateType": "Regular",
        }
        for one in answer.rates
    ]


def read_terms(r: Reading) -> FetchMarkets:
    """GET /fapi/v1/fundingInfo."""
    return FetchMarkets(r.account)


def write_terms(w: Writing, answer: Markets) -> list[dict[str, Any]]:
    """How funding of each contract is reckoned."""
    return [
        {
            "symbol": venue_symbol(market.symbol),
            "adjustedFundingRateCap": decimal(market.contract.funding_cap),
            "adjustedFundingRateFloor": decimal(market.contract.funding_floor),
            "fundingIntervalHours": market.contract.funding_hours,
            "disclaimer": False,
        }
        for market in answer.markets
        if market.contract is not None
    ]


def read_interest(r: Reading) -> FetchOpenInterest:
    """GET /fapi/v1/openInterest."""
    return FetchOpenInterest(r.account, r.market().symbol)


def write_interest(w: Writing, one: OpenInterest) -> dict[str, Any]:
    """In the base asset."""
    return {
        "symbol": venue_symbol(one.market.symbol),
        "openInterest": amount(one.lots, one.market),
        "time": one.at // MILLISECOND,
    }


# ---- candles


def read_index_candles(r: Reading) -> FetchPriceCandles:
    """GET /fapi/v1/indexPriceKlines."""
    return _candles(r, pair_of(r), PriceKind.INDEX)


def read_mark_candles(r: Reading) -> FetchPriceCandles:
    """GET /fapi/v1/markPriceKlines."""
    return _candles(r, r.market(), PriceKind.MARK)


def read_premium_candles(r: Reading) -> FetchPriceCandles:
    """GET /fapi/v1/premiumIndexKlines."""
    return _candles(r, r.market(), PriceKind.PREMIUM)


def _candles(r: Reading, market: Market, kind: PriceKind) -> FetchPriceCandles:
    p, interval = r.params, interval_of(r.params)
    since, until = p.instant("startTime"), p.instant("endTime")
    if since and until and since > until:
        refuse("START_TIME_GREATER_THAN_END_TIME", "Start time is greater than end time.")
    found = edges(
        interval, since=-(-since // SECOND), until=until // SECOND if until else None,
        limit=limit_of(p, 500, CANDLES_MAX), now=r.at // SECOND, offset=0,
    )  # fmt: skip
    return FetchPriceCandles(r.account, market.symbol, kind, found)


def write_price_candles(w: Writing, answer: PriceCandles) -> list[list[Any]]:
    """Rows of twelve, of which a price of which nothing is traded fills six."""
    interval, rows = w.params["interval"], []
    for start, candle in answer.candles:
        end = next_edge(interval, start)
        prices = [decimal(candle.open), decimal(candle.high), decimal(candle.low)]
        rows.append([
            start * 1_000, *prices, decimal(candle.close), "0", end * 1_000 - 1, "0",
            end - start, "0", "0", "0",
        ])  # fmt: skip
    return rows
