"""What stands behind contracts: collateral, insurance, index, and statistics of the past.

"Asset Index", "ADL Risk", "Insurance Fund Balance", "Query Index Price Constituents", "Futures
Trading Quantitative Rules Indicators", "Open Interest Statistics", "Taker Buy/Sell Volume",
"Basis", "Long/Short Ratio", "Top Trader Long/Short Ratio" and "Quarterly Contract Settlement
Price", 2026-08-19. All numbers are of this exchange. Of accounts that are long or short there is
nothing to tell, for its background has no accounts: those answers are empty.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from failing_exchange.core.contract_queries import (
    CollateralRow,
    CollateralRows,
    ContractHistory,
    ContractStatistics,
    FetchCollateral,
    FetchContractStatistics,
    FetchFunding,
    FetchInsurance,
    Funding,
    Insurance,
)
from failing_exchange.core.market import Market
from failing_exchange.core.queries import FetchMargin, FetchMarkets, Margins, Markets
from failing_exchange.core.units import ATOMS, DAY, MILLISECOND, SECOND
from failing_exchange.unified.contract_data import adl_risk
from failing_exchange.venues.binance_common.call import Answered, Reading, Writing
from failing_exchange.venues.binance_common.intervals import edges, next_edge
from failing_exchange.venues.binance_common.refusals import refuse
from failing_exchange.venues.binance_common.values import decimal, venue_symbol
from failing_exchange.venues.binance_usdm.codes import CODES
from failing_exchange.venues.binance_usdm.contract_market_data import CONTRACT_TYPES, pair_of
from failing_exchange.venues.binance_usdm.number_formats import amount, price
from failing_exchange.venues.binance_usdm.trade_history import limit_of

PERIODS = ("5m", "15m", "30m", "1h", "2h", "4h", "6h", "12h", "1d")
ROWS_MAX = 500  # of one answer; a larger limit is refused
KEPT = 30 * DAY  # how far back statistics go
UNKNOWN = Answered(400, {"code": CODES["BAD_SYMBOL"], "msg": "Invalid symbol."})


# ---- collateral and insurance


def read_asset_index(r: Reading) -> FetchCollateral:
    """GET /fapi/v1/assetIndex."""
    return FetchCollateral(r.account)


def write_asset_index(w: Writing, answer: CollateralRows) -> Any:
    """Rates of one asset as an object, of all as a list."""
    rows = [_asset_index(one, answer.at) for one in answer.rows]
    return _one_or_all(w, rows)


def _asset_index(one: CollateralRow, at: int) -> dict[str, Any]:
    terms, rates = one.terms, one.rates
    return {
        "symbol": asset_pair(one.asset),
        "time": at // MILLISECOND,
        "index": decimal(rates.price),
        "bidBuffer": share(terms.bid_buffer),
        "askBuffer": share(terms.ask_buffer),
        "bidRate": decimal(rates.bid),
        "askRate": decimal(rates.ask),
        "autoExchangeBidBuffer": share(terms.exchange_bid_buffer),
        "autoExchangeAskBuffer": share(terms.exchange_ask_buffer),
        "autoExchangeBidRate": decimal(rates.exchange_bid),
        "autoExchangeAskRate": decimal(rates.exchange_ask),
    }


def asset_pair(asset: str) -> str:
    """The venue's name of an asset's index.

    >>> asset_pair("BTC")
    'BTCUSD'
    """
    return f"{asset}USD"


def share(ppm: int) -> str:
    """A part of a million as a share.

    >>> share(50_000)
    '0.05000000'
    """
    return decimal(ppm * 100)


def _one_or_all(w: Writing, rows: list[dict[str, Any]]) -> Any:
    """The row of the symbol that is asked for, else all."""
    if "symbol" not in w.params:
        return rows
    found = (row for row in rows if row["symbol"] == w.params["symbol"])
    return next(found, UNKNOWN)


def read_insurance(r: Reading) -> FetchInsurance:
    """GET /fapi/v1/insuranceBalance and /fapi/v1/symbolAdlRisk."""
    r.maybe_market()
    return FetchInsurance(r.account)


def write_insurance(w: Writing, answer: Insurance) -> Any:
    """One fund for all contracts: the same group, whichever of them is named."""
    group = {
        "symbols": sorted(venue_symbol(one.market.symbol) for one in answer.contracts),
        "assets": [
            {
                "asset": asset,
                "marginBalance": decimal(atoms),
                "updateTime": answer.at // MILLISECOND,
            }
            for asset, atoms in answer.funds.items()
        ],
    }
    return group if "symbol" in w.params else [group]


def write_adl_risk(w: Writing, answer: Insurance) -> Any:
    """By the fund alone: what it has, as a share of what clients hold of a contract."""
    rows = [
        {
            "symbol": venue_symbol(one.market.symbol),
            "adlRisk": adl_risk(one, answer.funds[one.market.settle]),
            "updateTime": answer.at // MILLISECOND,
        }
        for one in answer.contracts
    ]
    return _one_or_all(w, rows)


def read_constituents(r: Reading) -> FetchFunding:
    """GET /fapi/v1/constituents."""
    return FetchFunding(r.account, (r.market().symbol,))


def write_constituents(w: Writing, answer: tuple[Funding, ...]) -> dict[str, Any]:
    """The index has no parts here: it is told as one, under this venue's own name."""
    (one,) = answer
    name = venue_symbol(one.market.symbol)
    whole = {"exchange": "binance", "symbol": name, "price": decimal(one.index_price),
             "weight": decimal(ATOMS)}  # fmt: skip
    return {"symbol": name, "time": one.at // MILLISECOND, "constituents": [whole]}


def read_trading_status(r: Reading) -> FetchMargin:
    """GET /fapi/v1/apiTradingStatus."""
    r.maybe_market()
    return FetchMargin(r.account)


def write_trading_status(w: Writing, answer: Margins) -> dict[str, Any]:
    """No quantitative rule is simulated, so no indicator is listed."""
    return {"indicators": {}, "updateTime": answer.at // MILLISECOND}


# ---- statistics of the past


def read_history(r: Reading) -> FetchContractStatistics:
    """GET /futures/data/openInterestHist and takerlongshortRatio."""
    return _history(r, r.market())


def read_basis(r: Reading) -> FetchContractStatistics:
    """GET /futures/data/basis: of perpetuals alone, which are all that there is here."""
    market = pair_of(r)
    if r.params.need("contractType") not in CONTRACT_TYPES:
        refuse("INVALID_PARAMETER", "parameter 'contractType' is invalid.")
    if r.params["contractType"] != "PERPETUAL":
        refuse("BAD_SYMBOL", "Invalid symbol.")
    return _history(r, market)


def _history(r: Reading, market: Market) -> FetchContractStatistics:
    p = r.params
    period, limit = p.need("period"), limit_of(p, 30, ROWS_MAX)
    if period not in PERIODS:
        refuse("INVALID_PARAMETER", "parameter 'period' is invalid.")
    since, until = p.instant("startTime"), p.instant("endTime")
    if since and until and since > until:
        refuse("START_TIME_GREATER_THAN_END_TIME", "Start time is greater than end time.")
    if since and since < r.at - KEPT:
        refuse("INVALID_PARAMETER", "parameter 'startTime' is invalid.")
    found = edges(
        period, since=-(-since // SECOND), until=until // SECOND if until else None, limit=limit,
        now=r.at // SECOND, offset=0,
    )  # fmt: skip
    return FetchContractStatistics(r.account, market.symbol, found)


Row = Callable[[ContractStatistics, Market], dict[str, Any]]


def _rows(
    row: Row, *, over: bool = False
) -> Callable[[Writing, ContractHistory], list[dict[str, Any]]]:
    """The writer of rows; with `over`, of periods that are over."""

    def write(w: Writing, answer: ContractHistory) -> list[dict[str, Any]]:
        market, now, period = answer.market, w.at // SECOND, w.params["period"]
        return [
            row(one, market) | {"timestamp": one.at * 1_000}
            for one in answer.rows
            if not over or next_edge(period, one.at) <= now
        ]

    return write


def _interest(one: ContractStatistics, market: Market) -> dict[str, Any]:
    return {
        "symbol": venue_symbol(market.symbol),
        "sumOpenInterest": decimal(market.base_atoms(one.lots)),
        "sumOpenInterestValue": decimal(one.value),
        "CMCCirculatingSupply": decimal(0),  # nobody has issued anything here
    }


def _takers(one: ContractStatistics, market: Market) -> dict[str, Any]:
    return {
        "buySellRatio": _ratio(one.bought, one.sold),
        "buyVol": amount(one.bought, market),
        "sellVol": amount(one.sold, market),
    }


def _ratio(part: int, other: int) -> str:
    """A ratio with four decimals; 0 where the other part is nothing."""
    tenths = part * 10_000 // other if other else 0
    return f"{tenths // 10_000}.{tenths % 10_000:04d}"


def _basis(one: ContractStatistics, market: Market) -> dict[str, Any]:
    basis = one.last * market.price_step - one.index_price
    rate = basis * 10_000 // one.index_price if one.index_price else 0
    sign = "-" if rate < 0 else ""
    return {
        "indexPrice": decimal(one.index_price),
        "contractType": "PERPETUAL",
        "basisRate": f"{sign}{abs(rate) // 10_000}.{abs(rate) % 10_000:04d}",
        "futuresPrice": price(one.last, market),
        "annualizedBasisRate": "",
        "basis": decimal(basis),
        "pair": venue_symbol(market.symbol),
    }


write_interest_history = _rows(_interest)
write_takers = _rows(_takers, over=True)
write_basis = _rows(_basis)


def read_nothing(r: Reading) -> FetchMarkets:
    """GET /futures/data/topLongShort... and globalLongShortAccountRatio."""
    _history(r, r.market())
    return FetchMarkets(r.account)


def read_deliveries(r: Reading) -> FetchMarkets:
    """GET /futures/data/delivery-price: perpetuals are never delivered."""
    pair_of(r)
    return FetchMarkets(r.account)


def write_nothing(w: Writing, answer: Markets) -> list[Any]:
    """As the venue answers where it has no data."""
    return []
