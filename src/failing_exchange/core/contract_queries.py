"""Queries of what contracts are worth, pay and hold, and their answers."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from failing_exchange.core.collateral import Collateral, Rates
from failing_exchange.core.mark_price import PriceCandle
from failing_exchange.core.market import Market


class FetchMarkPrices(NamedTuple):
    """The mark prices of several contracts; no symbols = all."""

    account: str
    symbols: tuple[str, ...] = ()


class FetchFunding(NamedTuple):
    """Mark and index price, and the funding to come, of several contracts; no symbols = all."""

    account: str
    symbols: tuple[str, ...] = ()


class FetchFundingRates(NamedTuple):
    """Past funding rates of a contract, or of all of them (no `symbol`), oldest first.

    Of more than `limit`, the first from `since` (an instant) on, else the last ones; none after
    `until`.
    """

    account: str
    symbol: str
    since: int = 0
    limit: int = 100
    until: int = 0


class FetchOpenInterest(NamedTuple):
    """How many contracts are held long; as many are held short."""

    account: str
    symbol: str


class FetchIncome(NamedTuple):
    """What changed an account's futures wallet without a match, oldest first. Cut as rates are.

    `why`: as in `FuturesBalanceChanged`; empty: all. With `trades` also what matches have changed:
    "realized_profit" and "trading_fee", one each for a fill.
    """

    account: str
    symbol: str = ""
    why: str = ""
    since: int = 0
    limit: int | None = None
    until: int = 0
    trades: bool = False


class Funding(NamedTuple):
    """Prices (atoms of the quote asset) and funding of a contract.

    `rate`: what the premiums of the running interval make so far, in atoms of a fraction (1e-8);
    `next_at`: when it is paid; `hours`: the interval.
    """

    market: Market
    mark: int
    index_price: int
    rate: int
    next_at: int
    hours: int
    at: int


class FundingRate(NamedTuple):
    """A rate at which funding was paid at an instant; `mark`: the mark price then, 0: not kept."""

    symbol: str
    at: int
    rate: int
    mark: int


class FundingRates(NamedTuple):
    """The answer to `FetchFundingRates`."""

    rates: tuple[FundingRate, ...]


class OpenInterest(NamedTuple):
    """The answer to `FetchOpenInterest`; `value` is that of the lots at the mark price."""

    market: Market
    lots: int
    value: int
    at: int


class Income(NamedTuple):
    """A change of a futures wallet; `id` is unique within the account for those of one `why`.

    `trade_id`: of the fill that made it, 0 for none.
    """

    id: int
    symbol: str
    asset: str
    atoms: int
    why: str
    at: int
    trade_id: int = 0


class Incomes(NamedTuple):
    """The answer to `FetchIncome`."""

    incomes: tuple[Income, ...]


class PriceKind(StrEnum):
    """Which price of a contract."""

    INDEX = "index"
    MARK = "mark"
    PREMIUM = "premium"


class FetchPriceCandles(NamedTuple):
    """Candles between edges: epoch seconds, in order; one that is not over ends now."""

    account: str
    symbol: str
    kind: PriceKind
    edges: tuple[int, ...]


class PriceCandles(NamedTuple):
    """The answer to `FetchPriceCandles`: (second at which it opens, candle), oldest first."""

    market: Market
    candles: tuple[tuple[int, PriceCandle], ...]


class FetchCollateral(NamedTuple):
    """What assets are worth as collateral in multi-assets mode."""

    account: str


class CollateralRow(NamedTuple):
    """An asset as collateral: its terms, and its rates in atoms of a dollar."""

    asset: str
    terms: Collateral
    rates: Rates


class CollateralRows(NamedTuple):
    """The answer to `FetchCollateral`."""

    rows: tuple[CollateralRow, ...]
    at: int


class FetchContractStatistics(NamedTuple):
    """Open interest, prices and takers of a contract at, and between, edges: epoch seconds."""

    account: str
    symbol: str
    edges: tuple[int, ...]


class ContractStatistics(NamedTuple):
    """A contract at the second `at`, and what takers did from then to the next edge.

    `lots` is the open interest, `last` the last price in ticks, `index_price` atoms of the quote
    asset; `bought` and `sold` are lots.
    """

    at: int
    lots: int
    value: int
    last: int
    index_price: int
    bought: int
    sold: int


class ContractHistory(NamedTuple):
    """The answer to `FetchContractStatistics`, oldest first."""

    market: Market
    rows: tuple[ContractStatistics, ...]


class FetchMarginMoves(NamedTuple):
    """What an account has added to, or taken from, the margin of isolated positions."""

    account: str
    symbol: str = ""
    since: int = 0
    until: int = 0


class FetchInsurance(NamedTuple):
    """The insurance fund, and what it has to bear of each contract."""

    account: str


class InsuredContract(NamedTuple):
    """A contract, and the notional (atoms) of what clients hold of it, longs and shorts added."""

    market: Market
    notional: int


class Insurance(NamedTuple):
    """The answer to `FetchInsurance`: atoms by asset, and the contracts."""

    funds: dict[str, int]
    contracts: tuple[InsuredContract, ...]
    at: int
