"""Liquidation: the venue reduces or closes positions whose margin does not suffice any more.

Sources: Binance FAQ, "Liquidation" (copies of 2020 and 2023) and "What Is Auto-Deleveraging (ADL)
and How Does It Work?" (support 360033525471). The open orders are canceled first; a large position
is reduced bracket by bracket, with an immediate-or-cancel order at its bankruptcy price; what the
book does not take is taken over at that price by the insurance fund, and where the fund can't, by
the opposite positions that rank highest.
"""

from __future__ import annotations

from fractions import Fraction

from failing_exchange.core.auto_exchange import sellable
from failing_exchange.core.contract import bracket_of
from failing_exchange.core.contract_prices import mark_of
from failing_exchange.core.events import PositionLiquidated
from failing_exchange.core.forced_orders import ADL, AUTOCLOSE, close_beside_book, forced_order
from failing_exchange.core.futures_wallet import note_change
from failing_exchange.core.joint_margin import is_due, joint_of, settled_rates, support_of
from failing_exchange.core.ledger import BACKGROUND, INSURANCE
from failing_exchange.core.margin import (
    MarkedPosition,
    bankruptcy_price,
    exposure_of,
    marked_positions,
    positions_in,
    status_of,
)
from failing_exchange.core.matching import finish
from failing_exchange.core.order import CANCELED, Order, Why
from failing_exchange.core.place_order import enter
from failing_exchange.core.positions import Position
from failing_exchange.core.state import Account, MarketState, State
from failing_exchange.core.units import PPM


def liquidate(state: State, account: Account, held: list[MarkedPosition], at: int) -> None:
    """Cancel the orders of these contracts, then reduce the positions until the margin suffices.

    `held`: one isolated position, or all cross positions that share their margin; the first is
    reduced first.
    """
    cancel_orders(state, account, held, at)
    for marked in held:
        while marked.position.lots and not suffices(state, account, marked, at):
            now = exposure_of(marked.ms, marked.position, mark_of(marked.ms, at))
            if not _reduce(state, account, now, _step(now), at):
                break


def close_position(state: State, account: Account, ms: MarketState, at: int) -> None:
    """Liquidate the positions of an account in one contract whole, whatever its margin."""
    held = marked_positions(ms, account.name, at)
    cancel_orders(state, account, held, at)
    for marked in held:
        if marked.position.lots:
            _reduce(state, account, marked, abs(marked.position.lots), at)


def cancel_orders(state: State, account: Account, held: list[MarkedPosition], at: int) -> None:
    """Cancel the open orders of an account that use the margin of these positions."""
    symbols = {one.ms.market.symbol: one.ms for one in held}
    if held and not account.margin.is_isolated(held[0].ms.market.symbol):
        asset, joint = held[0].ms.market.settle, account.margin.multi_assets
        for ms in state.contracts:
            symbol = ms.market.symbol
            shared = joint or ms.market.settle == asset
            if shared and not account.margin.is_isolated(symbol):
                symbols[symbol] = ms
    for order in list(account.open.values()):
        if order.symbol in symbols and order.is_open:
            finish(state, symbols[order.symbol], order, CANCELED, at, why=Why.LIQUIDATION)


def suffices(state: State, account: Account, marked: MarkedPosition, at: int) -> bool:
    """Whether the margin suffices now: of an isolated position, or of the whole wallet."""
    ms = marked.ms
    if account.margin.is_isolated(ms.market.symbol):
        now = exposure_of(ms, marked.position, mark_of(ms, at))
        return now.position.margin + now.unrealised > now.maintenance
    return not is_due(state, account, ms.market.settle, at)


def _step(marked: MarkedPosition) -> int:
    """Lots to close at a time: down to the next lower bracket, or all where that is too little."""
    market, lots = marked.ms.market, abs(marked.position.lots)
    contract = market.contract
    assert contract is not None
    fee = marked.notional * contract.liquidation_fee // PPM
    number = contract.brackets.index(bracket_of(contract.brackets, marked.notional))
    if not number or marked.maintenance < fee or not marked.notional:
        return lots
    keep = lots * contract.brackets[number - 1].notional_max // marked.notional
    return lots - keep


def _margin_of(state: State, account: Account, marked: MarkedPosition, at: int) -> int:
    """What a position may lose, from its entry, before its account is bankrupt."""
    ms, position = marked.ms, marked.position
    if account.margin.is_isolated(ms.market.symbol):
        return position.margin
    asset = ms.market.settle
    balance = status_of(state, account, asset, at).balance + support_of(state, account, asset, at)
    return balance - exposure_of(ms, position, mark_of(ms, at)).unrealised


def _reduce(state: State, account: Account, marked: MarkedPosition, lots: int, at: int) -> bool:
    """Close some lots in the book, at the bankruptcy price or better.

    Returns False where the book took too few: then the rest of the position is taken over.
    """
    ms, position, market = marked.ms, marked.position, marked.ms.market
    isolated = account.margin.is_isolated(market.symbol)
    margin, long = _margin_of(state, account, marked, at), position.lots > 0
    price, step = bankruptcy_price(ms, position, margin), market.price_step
    ticks = max(1, -(-price // step) if long else price // step)
    order = forced_order(state, ms, account, position, lots, ticks, AUTOCLOSE, at)
    told = PositionLiquidated(account.name, market.symbol, position.side, order.id, lots, ticks, at)
    state.events.append(told)
    before = state.ledger.free(position.wallet, market.settle)
    enter(state, ms, order, at)
    filled = order.filled
    rest = abs(position.lots) if filled < lots else 0
    if rest:
        _take_over(state, ms, account, position, rest, ticks, at)
    _charge(state, account, ms, order, before if isolated else 0, at)
    return not rest


def _take_over(
    state: State, ms: MarketState, account: Account, position: Position, lots: int, ticks: int,
    at: int,
) -> None:  # fmt: skip
    """Close the rest of a bankrupt position: with the insurance fund, else by deleveraging.

    The fund sells what it takes over at the mark price, and bears the difference.
    """
    market, long = ms.market, position.lots > 0
    loss = market.cost(ticks, lots) - market.worth(mark_of(ms, at), lots)
    loss = loss if long else -loss
    fund = state.ledger.free(INSURANCE, market.settle)
    close_beside_book(state, ms, account, position, lots, ticks, AUTOCLOSE, at)
    if loss > fund:
        deleverage(state, ms, lots, ticks, at, long=not long)
    else:
        payer, payee = (INSURANCE, BACKGROUND) if loss > 0 else (BACKGROUND, INSURANCE)
        state.ledger.transfer(payer, payee, market.settle, abs(loss), at=at)


def deleverage(state: State, ms: MarketState, lots: int, ticks: int, at: int, *, long: bool) -> int:
    """Close up to `lots` of the long, or short, positions at a price, the highest ranks first.

    Returns how many lots were closed. The background stands between the two sides.
    """
    done = 0
    for _, name, position in ranked(state, ms, at, long=long):
        part = min(lots - done, abs(position.lots))
        if part > 0:
            account = state.accounts[name]
            cancel_orders(state, account, [exposure_of(ms, position, mark_of(ms, at))], at)
            close_beside_book(state, ms, account, position, part, ticks, ADL, at)
            done += part
    return done


def ranked(
    state: State, ms: MarketState, at: int, *, long: bool
) -> list[tuple[Fraction, str, Position]]:
    """(score, account, position) of one side of a contract, highest ranks first.

    Score = profit percentage x margin ratio, where the profit percentage is unrealised profit /
    wallet balance, and the margin ratio maintenance margin / margin balance.
    """
    found = []
    for (name, _), position in ms.positions.items():
        if name != BACKGROUND and position.lots and (position.lots > 0) is long:
            score = adl_score(state, state.accounts[name], ms, position, at)
            found.append((score, name, position))
    return sorted(found, key=lambda one: (-one[0], one[1]))


def adl_score(
    state: State, account: Account, ms: MarketState, position: Position, at: int
) -> Fraction:
    """How high a position ranks for deleveraging; 0 without profit. Exact: many are tiny."""
    marked = exposure_of(ms, position, mark_of(ms, at))
    if marked.unrealised <= 0:
        return Fraction()
    if account.margin.is_isolated(ms.market.symbol):
        wallet, balance, needed = position.margin, position.margin, marked.maintenance
        balance += marked.unrealised
    elif account.margin.multi_assets:
        joint, rates = joint_of(state, account, at), settled_rates(state, ms.market.settle, at)
        wallet, balance, needed = joint.wallet, joint.equity, joint.maintenance
        marked = marked._replace(unrealised=rates.worth(marked.unrealised))
    else:
        status = status_of(state, account, ms.market.settle, at)
        wallet, balance, needed = status.wallet, status.balance, status.maintenance
    if balance <= 0:
        return Fraction()
    return Fraction(marked.unrealised * needed, max(1, wallet) * balance)


def _charge(
    state: State, account: Account, ms: MarketState, order: Order, kept: int, at: int
) -> None:
    """Take the liquidation fee for the insurance fund, at most what the wallet has above `kept`.

    Of an isolated position that is what its own margin has left; in multi-assets mode the other
    assets count.
    """
    assert ms.market.contract is not None
    asset, ledger = ms.market.settle, state.ledger
    wallet = ledger.wallets(account.name)[-1]
    free = ledger.free(wallet, asset) + support_of(state, account, asset, at)
    most = max(0, free - max(0, kept))
    fee = min(most, order.cost * ms.market.contract.liquidation_fee // PPM)
    if fee:
        ledger.transfer(wallet, INSURANCE, asset, fee, at=at)
        note_change(state, account.name, asset, -fee, at, "insurance_clear", ms.market.symbol)


def cover_debt(state: State, account: Account, asset: str, at: int) -> None:
    """Have the insurance fund pay what a futures wallet owes once nothing else can pay it.

    That is its positions, and in multi-assets mode its other assets. The venue looks every ten
    minutes; here it is at once, so that no debt outlives its position.
    """
    wallet, joint = state.ledger.wallets(account.name)[-1], account.margin.multi_assets
    debt = -state.ledger.free(wallet, asset)
    if debt <= 0 or (joint and sellable(state, account, at)):
        return
    if not any(
        position.lots
        for ms in state.contracts
        if joint or ms.market.settle == asset
        for position in positions_in(ms, account.name)
    ):
        state.ledger.transfer(INSURANCE, wallet, asset, debt, at=at)
        note_change(state, account.name, asset, debt, at, "insurance_clear")
