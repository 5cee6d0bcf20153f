"""Payment of funding: who pays whom, and out of what.

Source: Binance, "Introduction to Binance Futures Funding Rates" (support FAQ 360033525031, as of
2026-03-06): payment = notional at the mark price x funding rate; where the rate is positive, longs
pay shorts. It is charged to the wallet, or to the margin of an isolated position.
"""

from __future__ import annotations

from failing_exchange.core.contract_prices import mark_of, rate_of
from failing_exchange.core.events import FundingPaid
from failing_exchange.core.futures_wallet import note_change, note_position
from failing_exchange.core.ledger import BACKGROUND, FUNDING, INSURANCE
from failing_exchange.core.positions import Position
from failing_exchange.core.state import MarketState, State
from failing_exchange.core.units import ATOMS


def pay_funding(state: State, ms: MarketState, at: int, rate: int | None = None) -> None:
    """Have the positions of a contract pay each other; `rate`: by default that of the premiums.

    What rounding leaves goes to the venue.
    """
    rate = rate_of(ms, at) if rate is None else rate
    mark = mark_of(ms, at)
    ms.funding_paid[at] = (rate, mark)
    while len(ms.funding_paid) > FUNDINGS_KEPT_MAX:
        del ms.funding_paid[next(iter(ms.funding_paid))]
    state.events.append(FundingPaid(ms.market.symbol, rate, mark, at))
    for position in list(ms.positions.values()):
        if position.lots:
            worth = ms.market.worth(mark, abs(position.lots))
            atoms = worth * abs(rate) // ATOMS
            pays = (position.lots > 0) is (rate > 0)
            _pay(state, ms, position, -atoms if pays else atoms, at)


FUNDINGS_KEPT_MAX = 1_000  # of one contract: past fundings; then the oldest goes


def _pay(state: State, ms: MarketState, position: Position, change: int, at: int) -> None:
    """Change a wallet, or the margin of an isolated position, by what funding gives or takes."""
    ledger, asset, wallet = state.ledger, ms.market.settle, position.wallet
    account, symbol = position.account, ms.market.symbol
    if not change:
        return
    isolated = account != BACKGROUND and state.accounts[account].margin.is_isolated(symbol)
    if change > 0:
        ledger.transfer(FUNDING, wallet, asset, change, at=at)
        if isolated:
            ledger.reserve(wallet, asset, change, at)
    elif isolated:
        most = min(-change, position.margin)
        ledger.pay(wallet, FUNDING, asset, most, at=at)
        ledger.transfer(INSURANCE, FUNDING, asset, -change - most, at=at)
        change = -most
    else:
        ledger.transfer(wallet, FUNDING, asset, -change, at=at)
    if isolated:
        position.margin += change
    if account == BACKGROUND:
        return
    note_change(state, account, asset, change, at, "funding", symbol)
    if isolated:
        note_position(state, ms, position, 0, at, "funding")
