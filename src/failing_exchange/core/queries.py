"""Queries, and what answers them.

`as_of` (an instant, 0 = now) reads an earlier state. A query over several markets means those of
its `kinds` (of `Market.kind`; empty = all).
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias, get_args

from failing_exchange.core.candles import Bar
from failing_exchange.core.contract_queries import (
    FetchCollateral,
    FetchContractStatistics,
    FetchFunding,
    FetchFundingRates,
    FetchIncome,
    FetchInsurance,
    FetchMarginMoves,
    FetchMarkPrices,
    FetchOpenInterest,
    FetchPriceCandles,
)
from failing_exchange.core.market import Market
from failing_exchange.core.order import (
    Amendment,
    Fill,
    OrderListSnapshot,
    OrderSnapshot,
    PositionSide,
    PreventedMatch,
)
from failing_exchange.core.positions import JointMargin, MarginMode, MarginStatus
from failing_exchange.core.public_trade import Trade
from failing_exchange.core.units import ATOMS

Kinds: TypeAlias = tuple[str, ...]


class FetchOrder(NamedTuple):
    """One order, by id or by client order id; named by both, both must fit."""

    account: str
    symbol: str = ""
    order_id: int = 0
    client_id: str = ""
    as_of: int = 0


class FetchOrders(NamedTuple):
    """Orders, oldest first. `which`: "open", "closed", "canceled" or "all".

    Of more than `limit`, the first from `since` (an instant) or `from_id` on, else the last ones;
    none placed after `until`.
    """

    account: str
    symbol: str = ""
    which: str = "open"
    since: int = 0
    limit: int | None = None
    as_of: int = 0
    until: int = 0
    from_id: int = 0
    kinds: Kinds = ()


class FetchOrderList(NamedTuple):
    """One list of orders, by id or by its client id."""

    account: str
    list_id: int = 0
    client_id: str = ""
    as_of: int = 0


class FetchOrderLists(NamedTuple):
    """Lists of orders, oldest first. `which`: "open" or "all"; `since` and `until` instants."""

    account: str
    which: str = "all"
    since: int = 0
    until: int = 0
    from_id: int = 0
    limit: int | None = None
    as_of: int = 0


class FetchConditional(NamedTuple):
    """One conditional order, by id or by client id."""

    account: str
    symbol: str = ""
    conditional_id: int = 0
    client_id: str = ""
    as_of: int = 0


class FetchConditionals(NamedTuple):
    """Conditional orders, oldest first. `which`: "open" (those that wait) or "all".

    Of more than `limit`, the first from `since` (an instant) or `from_id` on, else the last ones;
    none placed after `until`.
    """

    account: str
    symbol: str = ""
    which: str = "open"
    since: int = 0
    until: int = 0
    from_id: int = 0
    limit: int | None = None
    as_of: int = 0


class FetchFills(NamedTuple):
    """An account's own fills, oldest first; `from_id` is a trade's. Cut as orders are."""

    account: str
    symbol: str = ""
    order_id: int = 0
    since: int = 0
    limit: int | None = None
    as_of: int = 0
    until: int = 0
    from_id: int = 0
    kinds: Kinds = ()


class FetchAmendments(NamedTuple):
    """How an order was amended, oldest first, from an execution id on.

    The order is named by id or (with the id 0) by client id.
    """

    account: str
    symbol: str
    order_id: int
    from_id: int = 0
    limit: int = 500
    as_of: int = 0
    client_id: str = ""


class FetchPreventedMatches(NamedTuple):
    """Matches of an account's own orders that were prevented, oldest first, from an id on."""

    account: str
    symbol: str
    order_id: int = 0
    from_id: int = 0
    limit: int = 500
    match_id: int | None = None
    as_of: int = 0


class FetchBalance(NamedTuple):
    """Every balance of an account."""

    account: str
    as_of: int = 0


class FetchTicker(NamedTuple):
    """Best prices, last price, 24 h statistics; with `since` (an epoch second), those from it.

    With `ends`, the first and the last trade of that time as well.
    """

    account: str
    symbol: str
    as_of: int = 0
    since: int = 0
    ends: bool = False


class FetchTickers(NamedTuple):
    """Tickers of several markets; no symbols = all."""

    account: str
    symbols: tuple[str, ...] = ()
    as_of: int = 0
    since: int = 0
    ends: bool = False
    kinds: Kinds = ()


class FetchBook(NamedTuple):
    """The order book, best prices first."""

    account: str
    symbol: str
    limit: int = 100
    as_of: int = 0


class FetchTrades(NamedTuple):
    """Public trades, oldest first: the first from `since` or `from_id` on, else the last ones.

    With `takers`, the trades of one taker at one price count as one, and are never cut apart.
    """

    account: str
    symbol: str
    since: int = 0
    limit: int = 500
    as_of: int = 0
    until: int = 0
    from_id: int = 0
    takers: bool = False


class FetchCandles(NamedTuple):
    """Candles, oldest first, the last still forming. `seconds` is the timeframe.

    They open from `since` on, or are the last ones; none opens after `until`. `edges`: epoch
    seconds, in order, between which there is a candle each, for timeframes whose length in
    seconds varies. With `ends`, the first and the last trade of the last candle, too.
    """

    account: str
    symbol: str
    seconds: int = 60
    since: int = 0
    limit: int = 500
    as_of: int = 0
    until: int = 0
    edges: tuple[int, ...] = ()
    ends: bool = False


class FetchAveragePrice(NamedTuple):
    """The average price of the last minutes, weighted by amount."""

    account: str
    symbol: str
    minutes: int = 5
    as_of: int = 0


class FetchReferencePrice(NamedTuple):
    """The price around which trading is allowed: see `core.reference_price`."""

    account: str
    symbol: str
    as_of: int = 0


class FetchMarkets(NamedTuple):
    """The rules of every market."""

    account: str
    kinds: Kinds = ()


class FetchTime(NamedTuple):
    """The present time of the venue."""

    account: str


class FetchStatus(NamedTuple):
    """Whether the venue is open."""

    account: str


class FetchPositions(NamedTuple):
    """The positions of an account in one contract, or in all; those with open orders as well.

    With `idle`, a report for each contract: what holds nothing tells leverage and mode.
    """

    account: str
    symbol: str = ""
    idle: bool = False


class FetchMargin(NamedTuple):
    """The futures wallet of an account, and how much of it positions and orders need."""

    account: str


class FetchFuturesAccount(NamedTuple):
    """What `FetchMargin` and `FetchPositions` (of all contracts) tell, at one instant."""

    account: str
    idle: bool = False


class FetchMarkPrice(NamedTuple):
    """The mark price of a contract."""

    account: str
    symbol: str


Query: TypeAlias = (
    FetchOrder
    | FetchOrders
    | FetchOrderList
    | FetchOrderLists
    | FetchConditional
    | FetchConditionals
    | FetchFills
    | FetchAmendments
    | FetchPreventedMatches
    | FetchBalance
    | FetchTicker
    | FetchTickers
    | FetchBook
    | FetchTrades
    | FetchCandles
    | FetchAveragePrice
    | FetchReferencePrice
    | FetchMarkets
    | FetchTime
    | FetchStatus
    | FetchPositions
    | FetchMargin
    | FetchFuturesAccount
    | FetchMarkPrice
    | FetchMarkPrices
    | FetchFunding
    | FetchFundingRates
    | FetchOpenInterest
    | FetchIncome
    | FetchPriceCandles
    | FetchCollateral
    | FetchContractStatistics
    | FetchMarginMoves
    | FetchInsurance
)  # fmt: skip
QUERIES = frozenset(get_args(Query))  # they change nothing


# ---- answers


class Ticker(NamedTuple):
    """Best prices (ticks, lots), last price and the last 24 hours; None where there is nothing.

    `since`: the epoch second from which there are statistics instead. `ends`: the first and the
    last trade of that time, where they were asked for.
    """

    market: Market
    at: int
    bid: tuple[int, int] | None
    ask: tuple[int, int] | None
    last: int | None
    day: Bar | None
    since: int = 0
    ends: tuple[Trade, Trade] | None = None


class BookSnapshot(NamedTuple):
    """The order book: (ticks, lots) by price. `sequence` is its update id: see `update_id`."""

    market: Market
    at: int
    bids: tuple[tuple[int, int], ...]
    asks: tuple[tuple[int, int], ...]
    sequence: int


class Trades(NamedTuple):
    """Public trades of a market, oldest first."""

    market: Market
    trades: tuple[Trade, ...]


class Candles(NamedTuple):
    """Candles of a market, oldest first; `seconds` is the timeframe, 0 for calendar months.

    `at` is the instant that they were read of. `ends`: the first and the last trade of the last
    candle, where they were asked for.
    """

    market: Market
    at: int
    seconds: int
    bars: tuple[Bar, ...]
    ends: tuple[Trade, Trade] | None = None


class AveragePrice(NamedTuple):
    """The average price of some minutes: `ticks` / `weight`, 0 / 1 when there was no trade yet.

    `at` is the second of the last trade in them, as an instant.
    """

    market: Market
    at: int
    minutes: int
    ticks: int
    weight: int


class Balances(NamedTuple):
    """(free, used) in atoms by asset."""

    account: str
    at: int
    assets: dict[str, tuple[int, int]]


class Fills(NamedTuple):
    """An account's own fills, oldest first."""

    fills: tuple[Fill, ...]


class Orders(NamedTuple):
    """Orders of an account, oldest first."""

    orders: tuple[OrderSnapshot, ...]


class Amendments(NamedTuple):
    """Amendments of an order, oldest first."""

    amendments: tuple[Amendment, ...]


class PreventedMatches(NamedTuple):
    """Prevented matches of an account, oldest first."""

    matches: tuple[PreventedMatch, ...]


class OrderLists(NamedTuple):
    """Lists of orders of an account, oldest first."""

    lists: tuple[OrderListSnapshot, ...]


class Markets(NamedTuple):
    """The rules of every market."""

    markets: tuple[Market, ...]


class Clock(NamedTuple):
    """The present time of the venue, `at` in nanoseconds since the epoch."""

    at: int


class PositionReport(NamedTuple):
    """A position at one instant. Prices and money are in atoms of the quote asset.

    `lots` below 0 are short, and `cost` has their sign. `initial` and `open_order` are the initial
    margin of all positions, and of all open orders, of the symbol; `liquidation` is the mark price
    at which it is liquidated, 0 for none; `bids` and `asks` are the notional of the open orders
    that may add to a position; `collateral` decides about its liquidation: the isolated margin with
    unrealised profit, or the margin balance behind a cross position; `adl` is its place in the
    queue for auto-deleveraging, from 0 (last, or without profit) to 4. See `core.margin`.
    """

    market: Market
    side: PositionSide
    lots: int
    cost: int
    margin: int
    mode: MarginMode
    leverage: int
    mark: int
    notional: int
    unrealised: int
    initial: int
    open_order: int
    maintenance: int
    liquidation: int
    updated_at: int
    bids: int = 0
    asks: int = 0
    collateral: int = 0
    adl: int = 0

    @property
    def entry(self) -> int:
        """The average entry price, in atoms; 0 without a position."""
        return entry_price(self.lots, self.cost, self.market.price_step, self.market.unit)


def entry_price(lots: int, cost: int, price_step: int, unit: int) -> int:
    """The average entry price of a position, in atoms; 0 without one."""
    return abs(cost) * ATOMS * price_step // (abs(lots) * unit) if lots else 0


class Positions(NamedTuple):
    """The answer to `FetchPositions`."""

    positions: tuple[PositionReport, ...]


class Margins(NamedTuple):
    """The answer to `FetchMargin`: by asset; and the modes of the account.

    `joint`: of all assets together, in multi-assets mode. `collateral`: the assets that count.
    """

    assets: dict[str, MarginStatus]
    hedge: bool
    multi_assets: bool
    at: int = 0
    joint: JointMargin | None = None
    fee_burn: bool = True
    collateral: tuple[str, ...] = ()


class FuturesAccount(NamedTuple):
    """The answer to `FetchFuturesAccount`."""

    margins: Margins
    positions: tuple[PositionReport, ...]


class MarkPrice(NamedTuple):
    """The answer to `FetchMarkPrice`, in atoms of the quote asset."""

    market: Market
    mark: int
    at: int
    index_price: int = 0


class Countdown(NamedTuple):
    """The answer to `SetCountdown`: when the orders of a symbol are canceled; 0: never."""

    symbol: str
    due_at: int


class MarginAdjusted(NamedTuple):
    """The answer to `AdjustMargin`: atoms that were added (or removed), and the margin after it."""

    market: Market
    atoms: int
    margin: int
    at: int


class Transferred(NamedTuple):
    """The answer to `TransferFunds`; `id` is unique at the venue."""

    id: int
    asset: str
    atoms: int
    to_futures: bool
    at: int


class Leverage(NamedTuple):
    """The answer to `SetLeverage`: the largest position that it allows, in atoms."""

    symbol: str
    leverage: int
    notional_max: int
