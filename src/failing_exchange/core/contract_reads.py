"""Handlers of the queries about reference prices, funding, open interest and income."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, islice
from operator import attrgetter

from failing_exchange.core.contract_prices import (
    estimated_rate,
    index_of,
    interval,
    mark_of,
    next_funding,
    rate_of,
    regular_fundings,
)
from failing_exchange.core.contract_queries import (
    FetchFunding,
    FetchFundingRates,
    FetchIncome,
    FetchMarkPrices,
    FetchOpenInterest,
    Funding,
    FundingRate,
    FundingRates,
    Income,
    Incomes,
    OpenInterest,
)
from failing_exchange.core.queries import MarkPrice
from failing_exchange.core.reject import Reason, Reject
from failing_exchange.core.state import Account, MarketState, State
from failing_exchange.core.units import DAY_S, HOUR, SECOND

DAYS_HELD = 3  # of a day's volume of the background, one part in this many is held overnight


def contract_state(state: State, symbol: str, at: int) -> MarketState:
    """A market that is a contract; raise `Reject` for any other."""
    ms = state.market(symbol, at)
    if ms.market.contract is None:
        raise Reject(Reason.UNKNOWN_SYMBOL, symbol=symbol)
    return ms


def _contracts(state: State, symbols: tuple[str, ...], at: int) -> list[MarketState]:
    names = symbols or tuple(ms.market.symbol for ms in state.contracts)
    return [contract_state(state, name, at) for name in names]


def fetch_mark_prices(state: State, q: FetchMarkPrices, at: int) -> tuple[MarkPrice, ...]:
    """Mark and index prices of several contracts."""
    found = _contracts(state, q.symbols, at)
    return tuple(MarkPrice(ms.market, mark_of(ms, at), at, index_of(ms, at)) for ms in found)


def fetch_funding(state: State, q: FetchFunding, at: int) -> tuple[Funding, ...]:
    """Prices and the funding to come of several contracts."""
    return tuple(_funding(ms, at) for ms in _contracts(state, q.symbols, at))


def _funding(ms: MarketState, at: int) -> Funding:
    due, span = next_funding(ms, at), interval(ms)
    rate = estimated_rate(ms, due - span, at)
    return Funding(ms.market, mark_of(ms, at), index_of(ms, at), rate, due, span // HOUR, at)


def fetch_funding_rates(state: State, q: FetchFundingRates, at: int) -> FundingRates:
    """Past funding rates: those of regular times, and those that were paid out of turn."""
    contracts = _contracts(state, (q.symbol,) if q.symbol else (), at)
    found = [one for ms in contracts for one in _paid_rates(ms, q, at)]
    found.sort(key=attrgetter("at"))
    return FundingRates(tuple(found[: q.limit] if q.since else found[-q.limit :]))


def _paid_rates(ms: MarketState, q: FetchFundingRates, at: int) -> list[FundingRate]:
    """Those of one contract, oldest first."""
    until = min(q.until or at, at)
    regular = regular_fundings(ms, q.since, until)
    if q.since:
        found = set(islice(chain(*regular), q.limit))
    else:
        found = set(islice(chain(*(times[::-1] for times in regular[::-1])), q.limit))
    found.update(due for due in ms.funding_paid if q.since <= due <= until)
    ordered = sorted(found)
    kept = ordered[: q.limit] if q.since else ordered[-q.limit :]
    symbol, paid = ms.market.symbol, ms.funding_paid
    return [FundingRate(symbol, due, rate_of(ms, due), paid.get(due, (0, 0))[1]) for due in kept]


def fetch_open_interest(state: State, q: FetchOpenInterest, at: int) -> OpenInterest:
    """The sum of the long positions of a contract, and what the background holds of its own.

    Those who are simulated as one background hold positions against each other: about a third of
    what they trade in a day, as in the large contracts of Binance.
    """
    ms = contract_state(state, q.symbol, at)
    lots = sum(position.lots for position in ms.positions.values() if position.lots > 0)
    lots += background_interest(ms, at // SECOND, at)
    return OpenInterest(ms.market, lots, ms.market.worth(mark_of(ms, at), lots), at)


def background_interest(ms: MarketState, second: int, at: int) -> int:
    """The lots that the background held against itself at a second that is not after `at`."""
    if ms.liquidity.background is None:
        return 0
    bars = ms.tape.between((second + 1 - DAY_S, second + 1), now=at)
    return bars[0].volume // DAYS_HELD if bars else 0


def fetch_income(state: State, q: FetchIncome, at: int) -> Incomes:
    """Changes of an account's futures wallet: funding, transfers and the like; also by trades."""
    until, account = q.until or at, state.account(q.account)
    every = list(_without_match(account))
    if q.trades:
        every += _by_trades(state, account)
        # at one instant, funding and transfers come before matches, and matches before what the
        # liquidation that made them has cost
        every.sort(key=lambda one: (one.at, one.why == "insurance_clear"))
    found = [
        one
        for one in every
        if q.symbol in ("", one.symbol) and q.why in ("", one.why) and q.since <= one.at <= until
    ]
    if q.limit is not None:
        found = found[: q.limit] if q.since else found[-q.limit :]
    return Incomes(tuple(found))


def _without_match(account: Account) -> Iterator[Income]:
    number = last = 0
    for one in account.changes:
        number, last = number + 1 if one.at == last else one.at, one.at
        known = one.transfer_id or number
        yield Income(known, one.symbol, one.asset, one.change, one.why, one.at)


def _by_trades(state: State, account: Account) -> Iterator[Income]:
    for fill in account.fills:
        market = state.markets[fill.symbol].market
        if market.contract is None:
            continue
        rows = ((market.settle, fill.profit, "realized_profit"),
                (fill.fee_asset, -fill.fee, "trading_fee"))  # fmt: skip
        for asset, atoms, why in rows:
            if atoms:
                number = fill.trade_id
                yield Income(number, fill.symbol, asset, atoms, why, fill.at, number)
