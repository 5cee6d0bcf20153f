"""Query handlers; with `as_of` they read an earlier state."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import TypeVar

from failing_exchange.core import commands as c
from failing_exchange.core.book import OrderBook, PriceLevel
from failing_exchange.core.liquidity import Liquidity, Offer
from failing_exchange.core.matching import offers
from failing_exchange.core.order import (
    BUY,
    SELL,
    ListStatus,
    Order,
    OrderListSnapshot,
    OrderSnapshot,
    Side,
    Status,
    record,
)
from failing_exchange.core.past_book import past_book
from failing_exchange.core.public_trade import began
from failing_exchange.core.queries import (
    Amendments,
    AveragePrice,
    Balances,
    BookSnapshot,
    Candles,
    Clock,
    FetchAmendments,
    FetchAveragePrice,
    FetchBalance,
    FetchBook,
    FetchCandles,
    FetchFills,
    FetchMarkets,
    FetchOrder,
    FetchOrderList,
    FetchOrderLists,
    FetchOrders,
    FetchPreventedMatches,
    FetchStatus,
    FetchTicker,
    FetchTickers,
    FetchTime,
    FetchTrades,
    Fills,
    Markets,
    OrderLists,
    Orders,
    PreventedMatches,
    Ticker,
    Trades,
)
from failing_exchange.core.reject import Reason, Reject
from failing_exchange.core.state import (
    WHOLE_BOOK,
    Account,
    MarketState,
    State,
    check_client_id,
)
from failing_exchange.core.units import DAY_S, SECOND

_T = TypeVar("_T")
STATUSES: dict[str, frozenset[Status]] = {
    "open": frozenset({Status.OPEN, Status.WAITING, Status.PENDING}),
    "closed": frozenset({Status.FILLED}),
    "canceled": frozenset({Status.CANCELED, Status.EXPIRED}),
    "all": frozenset(Status),
}
BOOK_LEVELS_MAX = 5_000  # a deeper snapshot is cut


def fetch_order(state: State, q: FetchOrder, at: int) -> OrderSnapshot:
    """One order of an account."""
    account = state.account(q.account)
    order = account.find(q.order_id) if q.order_id else account.named(q.client_id, q.symbol)
    snapshot = order.as_of(q.as_of or at) if order is not None else None
    if snapshot is None or (q.symbol and snapshot.order.symbol != q.symbol):
        raise Reject(Reason.ORDER_NOT_FOUND, order=q.order_id or q.client_id)
    if q.order_id and q.client_id:
        check_client_id(snapshot.order.client_id, q.client_id)
    return snapshot


def fetch_orders(state: State, q: FetchOrders, at: int) -> Orders:
    """Orders of an account by status."""
    account = state.account(q.account)
    if q.symbol:
        state.market(q.symbol, at)
    wanted, until = STATUSES[q.which], q.until or at
    found = [
        snapshot
        for order in _candidates(account, q)
        if q.since <= order.created_at <= until
        and order.id >= q.from_id
        and (not q.symbol or order.symbol == q.symbol)
        and (not q.kinds or state.markets[order.symbol].market.kind in q.kinds)
        and (snapshot := order.as_of(q.as_of or at)) is not None
        and snapshot.status in wanted
    ]
    found.sort(key=lambda snapshot: snapshot.order.id)
    return Orders(tuple(_cut(found, q.since or q.from_id, q.limit)))


def _candidates(account: Account, q: FetchOrders) -> Iterable[Order]:
    if q.which == "open" and not q.as_of:
        every = account.open.values()
        if q.limit is None or q.symbol or q.kinds or q.since or q.from_id or q.until:
            return every
        return islice(reversed(every), q.limit)  # the last ones, as `_cut` does of all
    return (*account.ended.values(), *account.open.values())


def _cut(found: list[_T], start: int, limit: int | None) -> list[_T]:
    if limit is None:
        return found
    return found[:limit] if start else found[-limit:]


def fetch_order_list(state: State, q: FetchOrderList, at: int) -> OrderListSnapshot:
    """One list of an account."""
    account = state.account(q.account)
    if q.list_id:
        found = account.lists.get(q.list_id) or account.ended_lists.get(q.list_id)
    else:
        found = account.lists_by_client_id.get(q.client_id)
    snapshot = found.as_of(q.as_of or at) if found is not None else None
    if snapshot is None:
        raise Reject(Reason.ORDER_NOT_FOUND, order_list=q.list_id or q.client_id)
    return snapshot


def fetch_order_lists(state: State, q: FetchOrderLists, at: int) -> OrderLists:
    """Lists of an account: the first ones from an id or an instant, else the last ones."""
    account = state.account(q.account)
    until = q.until or at
    found = [
        snapshot
        for one in (*account.ended_lists.values(), *account.lists.values())
        if one.id >= q.from_id
        and q.since <= one.created_at <= until
        and (snapshot := one.as_of(q.as_of or at)) is not None
        and (q.which != "open" or snapshot.status is ListStatus.EXECUTING)
    ]
    found.sort(key=lambda snapshot: snapshot.id)
    return OrderLists(tuple(_cut(found, q.since or q.from_id, q.limit)))


def fetch_fills(state: State, q: FetchFills, at: int) -> Fills:
    """The fills of an account that a query asks for, oldest first."""
    account = state.account(q.account)
    if q.symbol:
        state.market(q.symbol, at)
    until = min(q.as_of or at, q.until or at)
    found = [
        fill
        for fill in account.fills
        if q.since <= fill.at <= until
        and fill.trade_id >= q.from_id
        and (not q.symbol or fill.symbol == q.symbol)
        and (not q.kinds or state.markets[fill.symbol].market.kind in q.kinds)
        and (not q.order_id or fill.order_id == q.order_id)
    ]
    return Fills(tuple(_cut(found, q.since or q.from_id, q.limit)))


def fetch_amendments(state: State, q: FetchAmendments, at: int) -> Amendments:
    """How an order was amended; empty for an unknown id. Raises `Reject` for an unknown name."""
    account = state.account(q.account)
    order = account.find(q.order_id) if q.order_id else account.named(q.client_id, q.symbol)
    state.market(q.symbol, at)
    if order is None or order.symbol != q.symbol:
        if q.client_id:
            raise Reject(Reason.ORDER_NOT_FOUND, order=q.client_id)
        return Amendments(())
    until = q.as_of or at
    found = [one for one in order.amendments if one.execution_id >= q.from_id and one.at <= until]
    return Amendments(tuple(found[: q.limit]))


def fetch_prevented_matches(state: State, q: FetchPreventedMatches, at: int) -> PreventedMatches:
    """An account's prevented matches in a market."""
    account, ms = state.account(q.account), state.market(q.symbol, at)
    found = [
        match
        for match in ms.prevented
        if match.account == account.name
        and match.at <= (q.as_of or at)
        and match.id >= q.from_id
        and (q.match_id is None or match.id == q.match_id)
        and (not q.order_id or q.order_id in (match.taker_id, match.maker_id))
    ]
    return PreventedMatches(tuple(found[: q.limit]))


def fetch_balance(state: State, q: FetchBalance, at: int) -> Balances:
    """Every balance of an account; for an instant before it opened, those at its opening."""
    opened_at = state.account(q.account).opened_at
    as_of = max(q.as_of, opened_at) if q.as_of else 0
    return Balances(q.account, as_of or at, state.ledger.balances(q.account, as_of=as_of))


def fetch_book(state: State, q: FetchBook, at: int) -> BookSnapshot:
    """The order book, best prices first; offers at one price are added up."""
    ms = state.market(q.symbol, at)
    as_of = ms.seen_at(q.as_of or at)
    same, liquidity = as_of // SECOND == at // SECOND, ms.shown(as_of, at)
    if not 0 < q.as_of < at:
        # what was taken of a halted market's offers is there again when its second is over
        return book_of(ms, liquidity, q.limit, as_of, changes=0 if same else WHOLE_BOOK)
    bids, asks, changes = past_book(state, ms, liquidity, min(q.limit, BOOK_LEVELS_MAX), as_of)
    return BookSnapshot(ms.market, as_of, bids, asks, update_id(as_of, changes))


def update_id(at: int, changes: int) -> int:
    """The id of a book's last update, given how many levels clients and the operator have changed.

    Ids grow by at least one per changed level. How many levels the background changes is not
    counted but bounded: each new second is worth two whole books. Ids also advance within a second,
    as those of a real book do, by updates that leave no trace.

    Snapshots have even ids. Updates that are pushed end on odd ones, so a snapshot always lies
    inside the range of the update that follows it, never at its edge.

    >>> update_id(1_000_000_000, 0), update_id(1_000_100_000, 0), update_id(1_000_100_000, 7)
    (40000, 40002, 40016)
    """
    second, rest = divmod(at, SECOND)
    return 2 * (second * 2 * WHOLE_BOOK + rest * WHOLE_BOOK // SECOND + changes)


def book_of(
    ms: MarketState, liquidity: Liquidity, limit: int, at: int, *, changes: int = 0
) -> BookSnapshot:
    """A snapshot of the book as clients see it; `changes`: further ones that its id counts."""
    limit = min(limit, BOOK_LEVELS_MAX)
    bids, asks = (_levels(ms.book, liquidity, side, limit) for side in (BUY, SELL))
    return BookSnapshot(ms.market, at, bids, asks, update_id(at, ms.sequence + changes))


def _levels(
    book: OrderBook, liquidity: Liquidity, side: Side, limit: int
) -> tuple[tuple[int, int], ...]:
    levels: dict[int, int] = {}
    for ticks, lots in offers(book, liquidity, side, shown=True):
        if ticks not in levels and len(levels) == limit:
            break
        levels[ticks] = levels.get(ticks, 0) + lots
    return tuple(levels.items())


def fetch_trades(state: State, q: FetchTrades, at: int) -> Trades:
    """Public trades of a market."""
    ms = state.market(q.symbol, at)
    now = ms.seen_at(q.as_of or at)
    if q.until:
        now = min(now, q.until)
    found = ms.tape.recent(
        since=q.since, limit=q.limit, now=now, from_id=q.from_id, takers=q.takers, began=began(at)
    )
    return Trades(ms.market, tuple(found))


def fetch_candles(state: State, q: FetchCandles, at: int) -> Candles:
    """Candles of a market; the last one is still forming."""
    ms = state.market(q.symbol, at)
    now = ms.seen_at(q.as_of or at)
    if q.edges:
        bars = ms.tape.between(q.edges, now=now)
    else:
        bars = ms.tape.candles(
            q.seconds, since=q.since, limit=q.limit, now=now, until=q.until, began=began(at)
        )
    if q.seconds == 1:
        bars = [ms.tape.counted(bar) for bar in bars]
    ends = None
    if q.ends and bars:
        start = bars[-1].at
        end = next((edge for edge in q.edges if edge > start), start + q.seconds)
        ends = ms.tape.ends(start, min(now, end * SECOND - 1))
    return Candles(ms.market, now, q.seconds, tuple(bars), ends)


def fetch_average_price(state: State, q: FetchAveragePrice, at: int) -> AveragePrice:
    """The average price of the last minutes."""
    ms = state.market(q.symbol, at)
    now = ms.seen_at(q.as_of or at)
    ticks, weight = ms.tape.average(q.minutes, now // SECOND)
    last = ms.tape.recent(since=0, limit=1, now=now)
    return AveragePrice(ms.market, last[0].at if last else now, q.minutes, ticks, weight)


def fetch_markets(state: State, q: FetchMarkets, at: int) -> Markets:
    """The rules of every market."""
    return Markets(tuple(ms.market for ms in state.of_kinds(q.kinds)))


def fetch_time(state: State, q: FetchTime, at: int) -> Clock:
    """The present time of the venue."""
    return Clock(at)


def fetch_status(state: State, q: FetchStatus, at: int) -> Clock:
    """The venue's clock: a closed venue does not answer at all."""
    return Clock(at)


def run_session_command(state: State, command: c.SessionCommand, at: int) -> object:
    """Run a command of the server itself."""
    return command.run(at)


# ---- tickers


def fetch_ticker(state: State, q: FetchTicker, at: int) -> Ticker:
    """Best prices, last price and 24 h statistics of a market."""
    return _ticker(state.market(q.symbol, at), q, at)


def fetch_tickers(state: State, q: FetchTickers, at: int) -> tuple[Ticker, ...]:
    """The same for several markets, or all."""
    symbols = q.symbols or tuple(ms.market.symbol for ms in state.of_kinds(q.kinds))
    one = FetchTicker(q.account, "", q.as_of, q.since, q.ends)
    return tuple(_ticker(state.market(symbol, at), one, at) for symbol in symbols)


def _ticker(ms: MarketState, q: FetchTicker, at: int) -> Ticker:
    _, _, as_of, since, wanted = q
    liquidity, tape = ms.liquidity, ms.tape
    if as_of or ms.halted_at:
        as_of = ms.seen_at(as_of or at)
        liquidity = ms.shown(as_of, at)
    else:
        as_of = at
    second = as_of // SECOND
    last = tape.last(second)
    bid, ask = liquidity.tops()
    if ms.book.count:
        bid, ask = _with_clients(ms.book, bid, ask)
    bar = tape.window(since, as_of) if since else tape.day.at(tape, as_of)
    ends = tape.ends(since or second // 60 * 60 + 60 - DAY_S, as_of) if wanted else None
    return record(Ticker, (ms.market, as_of, bid, ask, last or None, bar, since, ends))


def _with_clients(
    book: OrderBook, bid: Offer | None, ask: Offer | None
) -> tuple[Offer | None, Offer | None]:
    """The best offers, clients' orders included."""
    if bid and ask and not book.reaches(bid[0], ask[0]):  # the usual case: they stand behind
        return bid, ask
    buying, selling = book.best(BUY), book.best(SELL)
    if buying is not None and (bid is None or buying.ticks >= bid[0]):
        bid = _added(buying, bid)
    if selling is not None and (ask is None or selling.ticks <= ask[0]):
        ask = _added(selling, ask)
    return bid, ask


def _added(level: PriceLevel, offer: Offer | None) -> Offer:
    """What clients show at a best price, and what others offer there."""
    shown = level.lots - level.hidden
    if offer is not None and offer[0] == level.ticks:
        return level.ticks, shown + offer[1]
    return level.ticks, shown
