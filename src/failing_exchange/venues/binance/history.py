"""What an account has done: orders, trades, prevented matches, limits, fees, filters.

rest-api.md, "Account Endpoints", 2026-07-21.
"""

from __future__ import annotations

from typing import Any

from failing_exchange.core.order import Fill, PreventedMatch
from failing_exchange.core.queries import (
    FetchBalance,
    FetchFills,
    FetchMarkets,
    FetchOrders,
    FetchPreventedMatches,
    Fills,
    PreventedMatches,
)
from failing_exchange.venues.binance.filters import filters
from failing_exchange.venues.binance.order_lists import check_span
from failing_exchange.venues.binance.orders import add_prevented_lots, discount
from failing_exchange.venues.binance_common.call import Reading, Writing
from failing_exchange.venues.binance_common.params import Params
from failing_exchange.venues.binance_common.refusals import refuse
from failing_exchange.venues.binance_common.values import (
    amount,
    decimal,
    instant,
    price,
    venue_symbol,
)

LIMIT_MAX = 1_000  # rows of one answer; more are cut to it
# "These are the supported combinations of all parameters"; symbol and limit go with each
TRADE_COMBINATIONS = (
    (), ("orderId",), ("startTime",), ("endTime",), ("fromId",), ("endTime", "startTime"),
    ("fromId", "orderId"),
)  # fmt: skip
ALLOCATION_COMBINATIONS = (
    (), ("startTime",), ("endTime",), ("endTime", "startTime"), ("fromAllocationId",),
    ("orderId",), ("fromAllocationId", "orderId"),
)  # fmt: skip
PREVENTED_COMBINATIONS = (
    ("preventedMatchId",), ("orderId",), ("fromPreventedMatchId", "orderId"),
)  # fmt: skip


def _limit(p: Params) -> int:
    return p.integer("limit", 500, least=1, most=LIMIT_MAX)


def _combination(p: Params, names: tuple[str, ...], known: tuple[tuple[str, ...], ...]) -> None:
    if tuple(name for name in names if name in p) not in known:
        refuse("OPTIONAL_PARAMS_BAD_COMBO", "Combination of optional parameters invalid.")


def read_all_orders(r: Reading) -> FetchOrders:
    """GET /api/v3/allOrders."""
    p, symbol = r.params, r.market().symbol
    since, until = p.instant("startTime"), p.instant("endTime")
    check_span(since, until)
    return FetchOrders(
        r.account,
        symbol,
        "all",
        since=since,
        limit=_limit(p),
        until=until + 999_999 if until else 0,
        from_id=p.integer("orderId", 0),
    )


def read_trades(r: Reading) -> FetchFills:
    """GET /api/v3/myTrades."""
    p, symbol = r.params, r.market().symbol
    _combination(p, ("endTime", "fromId", "orderId", "startTime"), TRADE_COMBINATIONS)
    since, until = p.instant("startTime"), p.instant("endTime")
    check_span(since, until)
    return FetchFills(
        r.account,
        symbol,
        p.integer("orderId", 0),
        since=since,
        limit=_limit(p),
        until=until + 999_999 if until else 0,
        from_id=p.integer("fromId", 0),
    )


def trades_weight(p: Params) -> int:
    """5 with an orderId, 20 without."""
    return 5 if "orderId" in p else 20


def write_trades(w: Writing, answer: Fills) -> list[dict[str, Any]]:
    """Own trades, oldest first."""
    return [_trade(fill, w) for fill in answer.fills]


def _trade(fill: Fill, w: Writing) -> dict[str, Any]:
    market = w.market(fill.symbol)
    return {
        "symbol": venue_symbol(fill.symbol),
        "id": fill.trade_id,
        "orderId": fill.order_id,
        "orderListId": fill.list_id or -1,
        "price": price(fill.ticks, market),
        "qty": amount(fill.lots, market),
        "quoteQty": decimal(fill.cost),
        "commission": decimal(fill.fee),
        "commissionAsset": fill.fee_asset,
        "time": instant(fill.at, micro=w.micro),
        "isBuyer": fill.side.name == "BUY",
        "isMaker": fill.maker,
        "isBestMatch": True,
    }


def read_prevented(r: Reading) -> FetchPreventedMatches:
    """GET /api/v3/myPreventedMatches."""
    p, symbol = r.params, r.market().symbol
    names = ("fromPreventedMatchId", "orderId", "preventedMatchId")
    _combination(p, names, PREVENTED_COMBINATIONS)
    return FetchPreventedMatches(
        r.account,
        symbol,
        p.integer("orderId", 0),
        p.integer("fromPreventedMatchId", 0),
        _limit(p),
        p.integer("preventedMatchId") if "preventedMatchId" in p else None,
    )


def prevented_weight(p: Params) -> int:
    """20 by order, 2 by match."""
    return 20 if "orderId" in p else 2


def write_prevented(w: Writing, answer: PreventedMatches) -> list[dict[str, Any]]:
    """Prevented matches, oldest first."""
    return [_prevented(match, w) for match in answer.matches]


def _prevented(match: PreventedMatch, w: Writing) -> dict[str, Any]:
    market, symbol = w.market(match.symbol), venue_symbol(match.symbol)
    answer: dict[str, Any] = {
        "symbol": symbol,
        "preventedMatchId": match.id,
        "takerOrderId": match.taker_id,
        "makerSymbol": symbol,
        "makerOrderId": match.maker_id,
        "tradeGroupId": -1,  # no account belongs to one
        "selfTradePreventionMode": match.mode.name,
        "price": price(match.ticks, market),
    }
    add_prevented_lots(answer, match, market)
    answer["transactTime"] = instant(match.at, micro=w.micro)
    return answer


def read_allocations(r: Reading) -> FetchFills:
    """GET /api/v3/myAllocations: only smart order routing allocates, and there is none."""
    p, symbol = r.params, r.market().symbol
    names = ("endTime", "fromAllocationId", "orderId", "startTime")
    _combination(p, names, ALLOCATION_COMBINATIONS)
    check_span(p.instant("startTime"), p.instant("endTime"))
    p.integer("orderId", 0)
    p.integer("fromAllocationId", 0)
    _limit(p)
    return FetchFills(r.account, symbol)


def write_allocations(w: Writing, answer: Any) -> list[Any]:
    """None."""
    return []


def read_counts(r: Reading) -> FetchBalance:
    """GET /api/v3/rateLimit/order."""
    return FetchBalance(r.account)


def write_counts(w: Writing, answer: Any) -> list[dict[str, Any]]:
    """How many unfilled orders count, by interval."""
    return [] if w.meter is None else w.meter.order_rows(w.command.account, w.at)


def read_fees(r: Reading) -> FetchMarkets:
    """GET /api/v3/account/commission."""
    r.market()
    return FetchMarkets(r.account)


def write_fees(w: Writing, answer: Any) -> dict[str, Any]:
    """The fees of one market."""
    name = w.params["symbol"]
    market = next(one for one in answer.markets if venue_symbol(one.symbol) == name)
    nothing = dict.fromkeys(("maker", "taker", "buyer", "seller"), decimal(0))
    standard = {"maker": decimal(market.maker_fee * 100), "taker": decimal(market.taker_fee * 100)}
    return {
        "symbol": name,
        "standardCommission": nothing | standard,
        "specialCommission": nothing,
        "taxCommission": nothing,
        "discount": discount(market),
    }


def write_filters(w: Writing, answer: Any) -> dict[str, Any]:
    """GET /api/v3/myFilters: those of the market; accounts have none of their own."""
    name = w.params["symbol"]
    market = next(one for one in answer.markets if venue_symbol(one.symbol) == name)
    return {"exchangeFilters": [], "symbolFilters": filters(market), "assetFilters": []}
