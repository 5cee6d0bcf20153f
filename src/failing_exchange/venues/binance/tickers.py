"""Tickers: 24 hours, trading day, rolling windows, last and best prices.

rest-api.md, "24hr ticker price change statistics" to "Rolling window price change statistics",
2026-07-21.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any, NamedTuple

from failing_exchange.core.market import MarketStatus
from failing_exchange.core.queries import FetchTickers, Ticker
from failing_exchange.core.units import DAY, DAY_S, HOUR_S, SECOND
from failing_exchange.venues.binance_common.call import Reading, Writing
from failing_exchange.venues.binance_common.intervals import offset_of, start_of
from failing_exchange.venues.binance_common.params import SYMBOLS, SYMBOLS_RANGE, Params, illegal
from failing_exchange.venues.binance_common.refusals import missing, refuse
from failing_exchange.venues.binance_common.values import (
    amount,
    decimal,
    instant,
    percent,
    price,
    venue_symbol,
)

SYMBOLS_MAX = 100  # of one request for windows; more are refused
CHANGES = ("symbol", "priceChange", "priceChangePercent", "weightedAvgPrice")
WINDOW = re.compile(r"([0-9]{1,2})([mhd])\Z")
WINDOW_UNITS = {"m": (60, 59), "h": (HOUR_S, 23), "d": (DAY_S, 7)}
STATUSES = {
    "TRADING": (MarketStatus.TRADING, MarketStatus.CANCEL_ONLY),
    "HALT": (MarketStatus.HALTED,),
    "BREAK": (MarketStatus.DELISTED,),
}


# ---- requests


def symbols_of(r: Reading) -> tuple[str, ...]:
    """The unified symbols that `symbol` or `symbols` name; none where neither was sent."""
    p = r.params
    if "symbol" in p and "symbols" in p:
        refuse("OPTIONAL_PARAMS_BAD_COMBO", "Combination of optional parameters invalid.")
    if "symbol" in p:
        return (r.market().symbol,)
    return many(r, p["symbols"]) if "symbols" in p else ()


def many(r: Reading, text: str) -> tuple[str, ...]:
    """The unified symbols of a JSON list of names, which has no blanks."""
    if not SYMBOLS.match(text):
        illegal("symbols", SYMBOLS_RANGE)
    names: list[str] = json.loads(text)
    if not names:
        refuse("PARAM_EMPTY", "Parameter 'symbols' was empty.")
    if len(set(names)) < len(names):
        refuse("DUPLICATE_SYMBOLS", "Symbol is present multiple times in the list.")
    found = tuple(r.symbols.get(name, "") for name in names)
    if "" in found:
        refuse("BAD_SYMBOL", "Invalid symbol.")
    return found


def _one_or_more(r: Reading) -> tuple[str, ...]:
    """For windows: one symbol at least must be named."""
    if r.params.get("symbols", "").count(",") >= SYMBOLS_MAX:
        text = (  # CHANGELOG.md, 2022-06-20
            f"Too many values sent for parameter 'symbols', maximum allowed up to {SYMBOLS_MAX}."
        )
        refuse("TOO_MANY_PARAMETERS", text)
    found = symbols_of(r)
    if not found:
        missing("symbol")
    return found


def check_status(r: Reading) -> None:
    """A symbolStatus must be a known one, and for a single symbol hold."""
    text = r.params.get("symbolStatus")
    if text is None:
        return
    if text not in STATUSES:
        refuse("INVALID_SYMBOLSTATUS", "Invalid symbolStatus.")
    if "symbol" in r.params and r.market().status not in STATUSES[text]:
        refuse(
            "SYMBOL_DOES_NOT_MATCH_STATUS",
            "The symbol's status does not match the requested symbolStatus.",
        )


def read_prices(r: Reading) -> FetchTickers:
    """GET /api/v3/ticker/price and /ticker/bookTicker."""
    check_status(r)
    return FetchTickers(r.account, symbols_of(r))


def read_24h(r: Reading) -> FetchTickers:
    """GET /api/v3/ticker/24hr."""
    _kind(r.params)
    return read_prices(r)._replace(ends=True)


def read_day(r: Reading) -> FetchTickers:
    """GET /api/v3/ticker/tradingDay."""
    _kind(r.params)
    check_status(r)
    offset = offset_of(r.params.text("timeZone", "0"))
    since = start_of("1d", r.at // SECOND, offset)
    return FetchTickers(r.account, _one_or_more(r), since=since, ends=True)


def read_window(r: Reading) -> FetchTickers:
    """GET /api/v3/ticker: the window opens with a minute."""
    _kind(r.params)
    check_status(r)
    seconds = window_of(r.params.text("windowSize", "1d"))
    since = (r.at // SECOND - seconds) // 60 * 60
    return FetchTickers(r.account, _one_or_more(r), since=since, ends=True)


def window_of(text: str) -> int:
    """A window such as 1m, 59m, 1h, 7d in seconds; raises `Reject`."""
    found = WINDOW.match(text)
    if found is not None:
        length, most = WINDOW_UNITS[found[2]]
        if 1 <= int(found[1]) <= most:
            return int(found[1]) * length
    return refuse("INVALID_PARAMETER", "Data sent for parameter 'windowSize' is not valid.")


def _kind(p: Params) -> None:
    if p.get("type", "FULL") not in ("FULL", "MINI"):
        refuse("INVALID_TICKER_TYPE", "Invalid ticker type.")


# ---- weights


def by_symbols(one: int, *more: tuple[int, int], all: int) -> Callable[[Params], int]:
    """A weight by the number of symbols: of `one`, by (up to how many, weight), or of `all`."""

    def weight(p: Params) -> int:
        if "symbol" in p:
            return one
        if "symbols" not in p:
            return all
        count = p["symbols"].count(",") + 1
        return next((weight for most, weight in more if count <= most), all)

    return weight


def each(weight: int, most: int) -> Callable[[Params], int]:
    """A weight for each symbol, in total at most `most`."""

    def total(p: Params) -> int:
        return min(most, weight * (p.get("symbols", "").count(",") + 1))

    return total


# ---- answers


def _answer(w: Writing, tickers: tuple[Ticker, ...], write: Callable[[Ticker], Any]) -> Any:
    """One object for `symbol`, a list otherwise; without those of another status."""
    if "symbol" in w.params:
        return write(tickers[0])
    wanted = STATUSES.get(w.params.get("symbolStatus", ""))
    return [write(t) for t in tickers if wanted is None or t.market.status in wanted]


def write_prices(w: Writing, tickers: tuple[Ticker, ...]) -> Any:
    """Last prices."""
    return _answer(
        w,
        tickers,
        lambda t: {"symbol": venue_symbol(t.market.symbol), "price": price(t.last or 0, t.market)},
    )


def write_best(w: Writing, tickers: tuple[Ticker, ...]) -> Any:
    """Best prices."""
    return _answer(w, tickers, lambda t: {"symbol": venue_symbol(t.market.symbol)} | best(t))


def best(t: Ticker) -> dict[str, str]:
    """The best bid and ask; zeros where there is none."""
    bid, ask, market = t.bid or (0, 0), t.ask or (0, 0), t.market
    return {
        "bidPrice": price(bid[0], market),
        "bidQty": amount(bid[1], market),
        "askPrice": price(ask[0], market),
        "askQty": amount(ask[1], market),
    }


def write_24h(w: Writing, tickers: tuple[Ticker, ...]) -> Any:
    """Statistics of 24 hours, FULL or MINI."""
    if w.params.get("type") == "MINI":
        return _answer(w, tickers, lambda t: mini(t, times_of_24h(t, micro=w.micro)))
    return _answer(w, tickers, lambda t: full_24h(t, micro=w.micro))


def write_window(w: Writing, tickers: tuple[Ticker, ...]) -> Any:
    """Statistics of a window, FULL or MINI."""
    write = mini if w.params.get("type") == "MINI" else full
    return _answer(w, tickers, lambda t: write(t, times_of_window(t, micro=w.micro)))


def write_day(w: Writing, tickers: tuple[Ticker, ...]) -> Any:
    """Statistics of a trading day, FULL or MINI."""
    write = mini if w.params.get("type") == "MINI" else full
    return _answer(w, tickers, lambda t: write(t, times_of_day(t, micro=w.micro)))


class Times(NamedTuple):
    """When a window opened and closes, in milliseconds or microseconds."""

    opened: int
    closed: int


def times_of_24h(t: Ticker, *, micro: bool) -> Times:
    """24 hours to the millisecond, though what is counted begins with a minute."""
    return Times(instant(t.at - DAY, micro=micro), instant(t.at, micro=micro))


def times_of_window(t: Ticker, *, micro: bool) -> Times:
    """From its minute until now."""
    return Times(instant(t.since * SECOND, micro=micro), instant(t.at, micro=micro))


def times_of_day(t: Ticker, *, micro: bool) -> Times:
    """The whole day, what is left of it included."""
    end = t.since * SECOND + DAY
    return Times(instant(t.since * SECOND, micro=micro), instant(end, micro=micro) - 1)


def full_24h(t: Ticker, *, micro: bool) -> dict[str, Any]:
    """The long form of 24 hours."""
    market, said = t.market, full(t, times_of_24h(t, micro=micro))
    return {
        **{name: said[name] for name in CHANGES},
        "prevClosePrice": said["openPrice"],  # a market opens where it closed
        "lastPrice": said["lastPrice"],
        "lastQty": amount(t.ends[1].lots if t.ends else 0, market),
        **best(t),
        **{name: said[name] for name in said if name not in CHANGES and name != "lastPrice"},
    }


def full(t: Ticker, times: Times) -> dict[str, Any]:
    """The long form of a window."""
    short, last = mini(t, times), t.last or 0
    opened = t.day.open if t.day else last
    bar, market = t.day, t.market
    average = bar.cost * market.price_step // bar.volume if bar and bar.volume else None
    return {
        "symbol": short.pop("symbol"),
        "priceChange": price(last - opened, market),
        "priceChangePercent": percent(last - opened, opened),
        "weightedAvgPrice": price(last, market) if average is None else decimal(average),
        **short,
    }


def mini(t: Ticker, times: Times) -> dict[str, Any]:
    """The short form. Without trades the prices are the last one, and the ids -1."""
    bar, market, last = t.day, t.market, t.last or 0
    return {
        "symbol": venue_symbol(market.symbol),
        "openPrice": price(bar.open if bar else last, market),
        "highPrice": price(bar.high if bar else last, market),
        "lowPrice": price(bar.low if bar else last, market),
        "lastPrice": price(last, market),
        "volume": amount(bar.volume if bar else 0, market),
        "quoteVolume": decimal(market.cost(1, bar.cost) if bar else 0),
        "openTime": times.opened,
        "closeTime": times.closed,
        "firstId": t.ends[0].id if t.ends else -1,
        "lastId": t.ends[1].id if t.ends else -1,
        "count": bar.trades if bar else 0,
    }
