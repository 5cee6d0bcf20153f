"""Linear perpetual contracts: matches move positions, and profit is paid in the quote asset."""

from __future__ import annotations

from failing_exchange.core.commands import PlaceConditional, PlaceOrder
from failing_exchange.core.contract import bracket_of
from failing_exchange.core.contract_prices import mark_of, next_funding
from failing_exchange.core.funding import pay_funding
from failing_exchange.core.futures_wallet import note_position
from failing_exchange.core.joint_margin import available_of
from failing_exchange.core.ledger import BACKGROUND, CLEARING, FEES, INSURANCE, futures_wallet
from failing_exchange.core.margin import (
    initial_margin,
    signed_notional,
)
from failing_exchange.core.market import Market
from failing_exchange.core.order import BUY, LIMIT_TYPES, Fill, Order, PositionSide, Side
from failing_exchange.core.positions import LEVERAGE, Position
from failing_exchange.core.reject import Reason, Reject
from failing_exchange.core.settlement_base import Settlement
from failing_exchange.core.state import Account, MarketState, State
from failing_exchange.core.units import PPM, SECOND, atoms_text

LONG, SHORT, BOTH = PositionSide.LONG, PositionSide.SHORT, PositionSide.BOTH
SLIPPAGE = 1_500  # ppm above the last price at which an order is assumed to fill (as below)
NOTHING = Position("", BOTH, "")  # in place of a position that is not there


class LinearSettlement(Settlement):
    """Positions on margin.

    `order.reserved` is the notional of what an order may still add to a position; the sums of
    them, by side, are `Position.bids` and `Position.asks`. Nothing is held in the ledger for
    orders: what they need is computed (`core.margin`), as on the venue.
    """

    def assets(self, market: Market) -> tuple[str, ...]:
        return (market.settle,)

    def held_asset(self, market: Market, side: Side) -> str:
        return market.settle

    def holds_cost(self, side: Side) -> bool:
        return False  # a triggered order holds nothing before it is placed

    def need(self, market: Market, order: Order, cost: int | None = None) -> int:
        if order.reduce_only or is_closing(order) or order.kind not in LIMIT_TYPES:
            return 0
        return market.cost_up(order.ticks, order.lots - order.filled)

    def hold(self, state: State, ms: MarketState, order: Order, atoms: int, at: int) -> None:
        if not atoms:
            return  # a market order: it needs no position before it is filled
        position = ms.positions.get((order.account, order.position_side))
        if position is None:
            position = position_of(state, ms, order.account, order.position_side)
        _hold(order, position, atoms)

    def hold_need(
        self, state: State, ms: MarketState, order: Order, at: int, cost: int | None = None
    ) -> None:
        account, side = state.accounts[order.account], order.position_side
        if account.margin.hedge is (side is BOTH):
            raise _wrong_side(account, order)
        if order.reduce_only or (side is not BOTH and is_closing(order)):
            _check_reduces(ms, order)
            return
        position = ms.positions.get((order.account, side))
        check_margin(state, ms, account, order, position or NOTHING, at)
        if order.kind in LIMIT_TYPES:
            position = position or position_of(state, ms, order.account, side)
            _hold(order, position, ms.market.cost_up(order.ticks, order.lots))

    def release(
        self, state: State, ms: MarketState, order: Order, at: int, *, keep: int = 0
    ) -> None:
        surplus = order.reserved - keep
        if surplus > 0:
            self.hold(state, ms, order, -surplus, at)
            forget_idle(ms, order.account, order.position_side)
            if state.accounts[order.account].margin.multi_assets:  # it may be idle now
                state.moved[order.account, ms.market.symbol] = None

    def hold_up_to(self, state: State, ms: MarketState, order: Order, atoms: int, at: int) -> None:
        return

    def affordable(self, market: Market, order: Order, ticks: int, lots: int) -> int:
        return lots

    def reduces(self, order: Order | PlaceOrder) -> bool:
        return order.reduce_only or is_closing(order)

    def reducible(self, ms: MarketState, order: Order) -> int:
        return reducible(ms, order)

    def position(self, state: State, ms: MarketState, account: Account) -> int:
        held = sum(p.lots for (name, _), p in ms.positions.items() if name == account.name)
        return held * ms.market.amount_step

    def settle(
        self, state: State, ms: MarketState, buyer: Order | None, seller: Order | None,
        lots: int, cost: int, at: int,
    ) -> tuple[int, int]:  # fmt: skip
        return (
            self._match(state, ms, buyer, lots, cost, at),
            self._match(state, ms, seller, -lots, -cost, at),
        )

    def _match(
        self, state: State, ms: MarketState, order: Order | None, lots: int, cost: int, at: int
    ) -> int:
        """One side of a match; return the profit that it realises."""
        if order is None:
            return change_position(state, ms, BACKGROUND, BOTH, lots, cost, at, "order")
        side = order.position_side
        return change_position(state, ms, order.account, side, lots, cost, at, "order")

    def proceeds(self, market: Market, side: Side, lots: int, cost: int) -> tuple[str, int]:
        return market.settle, cost

    def charge(
        self, state: State, ms: MarketState, order: Order, lots: int, cost: int, maker: bool,
        at: int,
    ) -> tuple[int, str]:  # fmt: skip
        market = ms.market
        if order.forced:
            return 0, market.settle
        rate, asset = market.maker_fee if maker else market.taker_fee, market.settle
        fee, wallet = cost * rate // PPM, futures_wallet(order.account)
        assert market.contract is not None
        own = market.contract.fee_asset
        if own and state.ledger.free(wallet, own):
            burned = _burned(state, market, order.account, cost * rate, at)
            fee, asset = (fee, asset) if burned is None else (burned, own)
        state.ledger.transfer(wallet, FEES, asset, fee, at=at)
        return fee, asset

    def due(self, state: State, ms: MarketState, at: int) -> None:
        pay_funding(state, ms, at)
        if ms.positions:
            self.schedule_due(state, ms, next_funding(ms, at))

    def undo(self, state: State, ms: MarketState, fill: Fill, at: int) -> None:
        wallet = futures_wallet(fill.account)
        state.ledger.transfer(FEES, wallet, fill.fee_asset, fill.fee, at=at)
        sign = -1 if fill.side is BUY else 1
        lots, cost, side = sign * fill.lots, sign * fill.cost, fill.position_side
        _move_beside(state, ms, fill.account, side, lots, cost, at)
        wrong = _misplaced(state, ms, fill.account, side)
        if wrong:
            worth = signed_notional(ms.market, -wrong, mark_of(ms, at))
            _move_beside(state, ms, fill.account, side, -wrong, worth, at)


def _burned(state: State, market: Market, account: str, fee: int, at: int) -> int | None:
    """A fee in the fee asset, less the discount; None where it is not paid so.

    `fee`: in atoms times PPM. Source: Binance, "Fee Schedule of Binance Futures" (support
    360033544231): 10 % less, as long as the futures wallet has enough of the asset; else the fee is
    taken from the settlement asset.
    """
    if not state.accounts[account].margin.fee_burn:
        return None
    assert market.contract is not None
    own = market.contract.fee_asset
    atoms = fee * (PPM - market.contract.fee_discount) // (PPM * PPM)
    found = state.value(market.settle, atoms, own, at)
    enough = found is not None and found <= state.ledger.free(futures_wallet(account), own)
    return found if enough else None


def _move_beside(
    state: State, ms: MarketState, account: str, side: PositionSide, lots: int, cost: int, at: int
) -> None:
    """Undo a match for one account; the background takes the other side."""
    change_position(state, ms, account, side, lots, cost, at, "bust")
    change_position(state, ms, BACKGROUND, BOTH, -lots, -cost, at, "bust")


def _misplaced(state: State, ms: MarketState, account: str, side: PositionSide) -> int:
    """Lots that an undone match has left where the account's position mode has no place for them.

    A long position below zero, say, whose first lots were sold again before their purchase was
    undone. They are closed at the mark price.
    """
    position = ms.positions.get((account, side))
    lots = 0 if position is None else position.lots
    if state.accounts[account].margin.hedge is (side is BOTH):
        return lots
    return min(0, lots) if side is LONG else max(0, lots) if side is SHORT else 0


def _hold(order: Order, position: Position, atoms: int) -> None:
    """Count what an order may add to a position."""
    order.reserved += atoms
    if order.side is BUY:
        position.bids += atoms
    else:
        position.asks += atoms


def check_margin(
    state: State, ms: MarketState, account: Account, order: Order, position: Position, at: int
) -> None:
    """Raise `Reject` where an account can't carry a new order, by its leverage or its margin.

    Source: Binance FAQ, "How to Calculate Cost Required to Open a Position in Perpetual Futures
    Contracts" (copy of 2026-01): cost = initial margin + open loss, where the part that closes a
    position has no open loss.
    """
    market, lots = ms.market, order.lots
    mark = mark_of(ms, at) or order.ticks * market.price_step
    limited, buys = order.kind in LIMIT_TYPES, order.side is BUY
    asked = price = order.ticks * market.price_step
    if not (limited and buys):
        price = assumed_price(ms, order, mark, at)
        asked = asked if limited else price
    worth = market.worth(price, lots)
    held = signed_notional(market, position.lots, mark) if position.lots else 0
    leverage = account.margin.leverage.get(market.symbol, LEVERAGE)
    if buys:
        before, other, loss = held + position.bids, position.asks - held, asked - mark
    else:
        before, other, loss = position.asks - held, held + position.bids, mark - asked
    notional = before + worth
    _check_leverage(ms, notional, leverage)
    needed = 0  # of the larger side, before the order and with it: see `margin_needed`
    if notional > other:
        needed = initial_margin(notional, leverage)
        needed -= initial_margin(before if before > other else other, leverage)
    if loss > 0:
        closing = -position.lots if buys else position.lots
        loss = market.worth(loss, lots - min(lots, max(0, closing)))
    else:
        loss = 0
    _check_available(state, account, order, market.settle, needed, loss, at)


def _check_available(
    state: State, account: Account, order: Order, asset: str, margin: int, loss: int, at: int
) -> None:
    """Raise `Reject` where margin and open loss of a new order are more than what is available.

    What is available is reckoned anew unless all that has happened in this second since the last
    order was checked is that it was accepted.
    """
    settings, second = account.margin, at // SECOND
    number, needed = state.executions + len(state.events), margin + loss
    known, available = settings.room
    if known != (second, number, order.id, asset) or needed > available:
        available = available_of(state, account, asset, at)
        if needed > available:
            raise Reject(
                Reason.INSUFFICIENT_FUNDS,
                free=atoms_text(available), asset=asset, needed=atoms_text(needed),
            )  # fmt: skip
    if settings.multi_assets:
        return  # its assets are rounded one by one
    # it may hold an atom more than it was checked for
    settings.room = ((second, number + 1, order.id + 1, asset), available - margin - 1)


def assumed_price(ms: MarketState, order: Order, mark: int, at: int) -> int:
    """The price, in atoms, at which an order is assumed to be filled. Not for limit buys.

    0.15 % above the last price; a limit sell at least the mark price and its own.
    """
    step = ms.market.price_step
    last = ms.tape.last(at // SECOND) * step * (PPM + SLIPPAGE) // PPM
    return max(order.ticks * step, last, mark) if order.kind in LIMIT_TYPES else last or mark


def _check_leverage(ms: MarketState, notional: int, leverage: int) -> None:
    """Raise `Reject` where a position would be too large for its leverage."""
    market = ms.market
    assert market.contract is not None
    for bracket in market.contract.brackets:
        if notional <= bracket.notional_max and leverage <= bracket.leverage_max:
            return
    raise Reject(
        Reason.POSITION_LIMIT,
        notional=market.cost_and_asset(notional),
        leverage=leverage,
        maximum=market.cost_and_asset(largest_notional(ms, leverage)),
    )


def largest_notional(ms: MarketState, leverage: int) -> int:
    """The largest position that the brackets of a contract allow with a leverage, in atoms."""
    assert ms.market.contract is not None
    fitting = [b.notional_max for b in ms.market.contract.brackets if b.leverage_max >= leverage]
    return max(fitting, default=0)


def leverage_allowed(ms: MarketState, notional: int) -> int:
    """The highest leverage that a position of this notional can have."""
    assert ms.market.contract is not None
    return bracket_of(ms.market.contract.brackets, notional).leverage_max


def position_of(state: State, ms: MarketState, account: str, side: PositionSide) -> Position:
    """The position of an account, made where there is none yet."""
    position = ms.positions.get((account, side))
    if position is None:
        wallet = account if account == BACKGROUND else futures_wallet(account)
        position = ms.positions[account, side] = Position(account, side, wallet)
    return position


def forget_idle(ms: MarketState, account: str, side: PositionSide) -> None:
    """Forget a position that holds nothing and has no open orders."""
    position = ms.positions.get((account, side))
    if position is not None and position.is_idle:
        del ms.positions[account, side]


def is_closing(order: Order | PlaceOrder | PlaceConditional) -> bool:
    """Whether an order of hedge mode closes the position of its side."""
    side = order.position_side
    return side is not BOTH and (order.side is BUY) is (side is SHORT)


def _wrong_side(account: Account, order: Order) -> Reject:
    """The refusal of an order whose position side does not fit the account's mode."""
    mode = "hedge" if account.margin.hedge else "one-way"
    return Reject(Reason.POSITION_SIDE, mode=mode, position_side=str(order.position_side))


def _check_reduces(ms: MarketState, order: Order) -> None:
    """Raise `Reject` where an order that may only reduce a position would not."""
    held = reducible(ms, order)
    too_much = order.position_side is not BOTH and order.lots > held
    if held <= 0 or too_much:
        raise Reject(
            Reason.REDUCE_ONLY,
            side=str(order.side),
            amount=ms.market.amount_and_asset(order.lots),
            held=ms.market.amount_and_asset(max(0, held)),
        )
    if order.lots > held:
        order.lots = held


def reducible(ms: MarketState, order: Order) -> int:
    """How many lots an order can take off its position; 0 or less where none."""
    position = ms.positions.get((order.account, order.position_side))
    if position is None:
        return 0
    return position.lots if order.side is not BUY else -position.lots


def change_position(
    state: State,
    ms: MarketState,
    account: str,
    side: PositionSide,
    lots: int,
    cost: int,
    at: int,
    why: str,
) -> int:
    """Add lots, and what they cost, to a position; pay the profit of what is closed; return it.

    Both are negative for a sale. The profit is that of the lots closed: their exit against their
    share of the entry cost.
    """
    position = position_of(state, ms, account, side)
    held, profit, freed = position.lots, 0, 0
    rest, rest_cost = lots, cost
    if held and (held > 0) is not (lots > 0):
        closed = min(abs(lots), abs(held))
        entry, exit_cost = position.cost * closed // abs(held), cost * closed // abs(lots)
        profit = -(entry + exit_cost)
        freed = position.margin * closed // abs(held)
        signed = closed if held > 0 else -closed
        position.lots -= signed
        position.cost -= entry
        rest, rest_cost = lots + signed, cost - exit_cost
    position.lots += rest
    position.cost += rest_cost
    position.updated_at = at
    owner = None if account == BACKGROUND else state.accounts[account]
    isolated = owner is not None and owner.margin.is_isolated(ms.market.symbol)
    _pay_profit(state, ms, position, profit, freed if isolated else None, at)
    if owner is not None:
        if rest and isolated:
            leverage = owner.margin.leverage_of(ms.market.symbol)
            _set_aside(state, ms, position, initial_margin(abs(rest_cost), leverage), at)
        note_position(state, ms, position, profit, at, why)
        if not ms.due_at:
            Settlement.schedule_due(state, ms, next_funding(ms, at))
    forget_idle(ms, account, side)
    return profit


def _pay_profit(
    state: State, ms: MarketState, position: Position, profit: int, freed: int | None, at: int
) -> None:
    """Pay profit or loss; of an isolated position, return the margin, and insure losses beyond."""
    ledger, asset, wallet = state.ledger, ms.market.settle, position.wallet
    if freed is not None:
        ledger.release(wallet, asset, freed, at=at)
        position.margin -= freed
        if profit < -freed:
            ledger.transfer(INSURANCE, wallet, asset, -profit - freed, at=at)
    if profit > 0:
        ledger.transfer(CLEARING, wallet, asset, profit, at=at)
    elif profit < 0:
        ledger.transfer(wallet, CLEARING, asset, -profit, at=at)


def _set_aside(state: State, ms: MarketState, position: Position, atoms: int, at: int) -> None:
    """Set isolated margin aside, as far as the wallet has it."""
    free = state.ledger.free(position.wallet, ms.market.settle)
    atoms = min(atoms, max(0, free))
    if not atoms:
        return  # a wallet that owes has nothing to set aside
    state.ledger.reserve(position.wallet, ms.market.settle, atoms, at)
    position.margin += atoms
