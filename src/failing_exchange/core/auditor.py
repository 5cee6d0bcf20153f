"""The auditor checks the invariants of the exchange. A breach is a bug of this project."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import TypeAlias, get_args

from failing_exchange.core.conditional_order import held_lots
from failing_exchange.core.engine import Engine
from failing_exchange.core.events import (
    Event,
    OrderAccepted,
    OrderActivated,
    OrderAmended,
    OrderCanceled,
    OrderDecremented,
    OrderExpired,
    OrderFilled,
    OrderTriggered,
)
from failing_exchange.core.ledger import CLEARING, Wallet, futures_wallet
from failing_exchange.core.linear_settlement import is_closing
from failing_exchange.core.liquidity import Liquidity
from failing_exchange.core.margin import positions_in
from failing_exchange.core.mark_watch import ALGO
from failing_exchange.core.order import BUY, OPEN, SELL, Order, PositionSide, Side, Status
from failing_exchange.core.settlement import settlement_of
from failing_exchange.core.state import MarketState, State
from failing_exchange.core.units import SECOND
from failing_exchange.errors import InternalError

OfOpenOrder: TypeAlias = (
    OrderFilled | OrderCanceled | OrderExpired | OrderTriggered | OrderActivated
    | OrderDecremented | OrderAmended
)  # fmt: skip
OF_OPEN_ORDERS = frozenset(get_args(OfOpenOrder))
LIVE = frozenset({Status.PENDING, Status.WAITING, Status.OPEN})
SHOWN_MAX = 8  # breaches that an error names; the others are counted
WHOLE_EVERY_MIN = 8_192  # events between two checks of the whole state, but at least ...
WHOLE_EVERY = 128  # ... this many per open order, so that the checks cost little per event


def audit(engine: Engine) -> None:
    """Check every invariant; raise InternalError that names each breach.

    >>> audit(Engine([]))
    """
    engine.have_audited()
    auditor = engine.auditor
    books = auditor.differing_books() if isinstance(auditor, Auditor) else iter(())
    _report(chain((breach for check in CHECKS for breach in check(engine.state)), books))


def _report(breaches: Iterable[str]) -> None:
    found = list(breaches)
    if found:
        more = f"; and {len(found) - SHOWN_MAX} more" if len(found) > SHOWN_MAX else ""
        raise InternalError("the exchange is not sound: " + "; ".join(found[:SHOWN_MAX]) + more)


class Auditor:
    """Watches an engine while it runs; raises InternalError, which ends the run as our own bug.

    Every event is looked at once, some steps later: they are numbered without a gap; an order is
    accepted once, is told to be filled, changed and ended only in between, and is filled by what
    its fills say. What the events make of an earlier book has to be the book as it is. The whole
    state is audited now and then.

    >>> engine = Engine([])
    >>> engine.auditor = Auditor(engine)
    """

    def __init__(self, engine: Engine) -> None:
        self._begin(engine.state)  # and no more: an engine without users is freed at once

    def _begin(self, state: State) -> None:
        """Take a state as it is; what follows has to agree with it."""
        self._state = state
        self._events = self._audited = state.executions
        self._open = dict(state.orders)  # by what was told
        self._filled = {order.id: order.filled for order in state.orders.values() if order.filled}
        self._shown: dict[int, int] = {}  # lots of an order in the book
        self._held: dict[int, Order] = {}  # kept off the book, to enter it without an event
        self._compare(state.orders)

    def __call__(self, state: State, events: list[Event]) -> None:
        """Look at all the events since the last look."""
        if state is not self._state:  # the engine goes on from a state that was kept
            self._begin(state)
            return
        touched, breaches = self._follow(events)
        breaches += self._compare(touched)
        self._events += len(events)
        if state.executions != self._events:
            breaches.append(f"{state.executions} events are numbered, {self._events} were told")
        _report(breaches)
        passed = self._events - self._audited
        if passed >= max(WHOLE_EVERY_MIN, WHOLE_EVERY * len(self._open)):
            self._audited = self._events
            _report(breach for check in CHECKS for breach in check(state))
            _report(self.differing_books())

    def _follow(self, events: list[Event]) -> tuple[dict[int, Order], list[str]]:
        """The orders that the events are about, and what can't be true of the events."""
        known, orders, shown, breaches = self._open, self._state.orders, self._shown, []
        touched, forgotten = dict(self._held), dict[int, None]()
        for event in events:
            if event.__class__ is OrderAccepted:
                number = event[0]
                order = orders.get(number)
                if order is None:
                    order = self._ended(event[1], number)
                if number in known:
                    breaches.append(f"order {number} was accepted twice")
                if order is None:  # it has ended in this step, and is forgotten
                    forgotten[number] = None
                    continue
                known[number] = order
                if order.resting and order.status is OPEN and not (order.filled or order.held):
                    shown[number] = order.lots  # as told so far; a further event touches it
                else:
                    touched[number] = order
            elif event.__class__ in OF_OPEN_ORDERS:
                of_order: OfOpenOrder = event  # type: ignore[assignment]
                number = of_order.order_id
                if number in known:
                    touched[number] = known[number]
                    self._note(of_order)
                elif number not in forgotten:
                    breaches.append(f"order {number} was not open: {event}")
        return touched, breaches

    def _note(self, event: OfOpenOrder) -> None:
        """What an order has filled, and that it ends."""
        number, ends = event.order_id, isinstance(event, (OrderCanceled, OrderExpired))
        if isinstance(event, OrderFilled):
            self._filled[number] = self._filled.get(number, 0) + event.fill.lots
            ends = not event.lots_left
        if ends:
            del self._open[number]

    def _ended(self, account: str, number: int) -> Order | None:
        return self._state.accounts[account].ended.get(number)

    def _compare(self, touched: dict[int, Order]) -> list[str]:
        """Orders that are not as the events have told it; and note what of them is in the books."""
        breaches, known, shown, fills = [], self._open, self._shown, self._filled
        held = self._held
        for number, order in touched.items():
            filled = fills.get(number, 0) if fills else 0
            if (number in known) is not (order.status in LIVE) or order.filled != filled:
                told = "open" if number in known else "over"
                breaches.append(f"{order} is {told} by what was told, and has filled {filled}")
            if filled and number not in known:
                del fills[number]
            if order.resting:
                shown[number] = order.lots - filled
            elif number in shown:
                del shown[number]
            if order.held:
                held[number] = order
            elif held:
                held.pop(number, None)
        return breaches

    def differing_books(self) -> Iterator[str]:
        """Books that are not what the events have made of them."""
        told: dict[tuple[str, Side], Counter[int]] = {}
        for number, lots in self._shown.items():
            order = self._open[number]
            told.setdefault((order.symbol, order.side), Counter())[order.ticks] += lots
        for symbol, ms in self._state.markets.items():
            for side in (BUY, SELL):
                found = ms.book.levels(side)
                levels = sorted(told.get((symbol, side), {}).items(), reverse=side is BUY)
                if levels != found:
                    yield f"{symbol} has {found} in its book, events make it {levels}"


def conservation(state: State) -> Iterator[str]:
    """No asset is made or lost."""
    for asset in state.ledger.assets():
        total = state.ledger.total_of(asset)
        if total:
            yield f"{total} atoms of {asset} came from nowhere"


def solvency(state: State) -> Iterator[str]:
    """No balance of a client is negative."""
    for name in state.accounts:
        for asset, (free, used) in state.ledger.balances(name).items():
            if free < 0 or used < 0:
                yield f"{name} has {free} free and {used} used of {asset}"


def covered_debts(state: State) -> Iterator[str]:
    """A futures wallet owes only while a position, or in multi-assets mode an asset, may pay it."""
    if state.contracts:
        for name, account in state.accounts.items():
            balances = state.ledger.balances(futures_wallet(name))
            joint = account.margin.multi_assets
            owned = joint and any(free > 0 for free, _ in balances.values())
            for asset, (free, _) in balances.items():
                if (
                    free < 0
                    and not owned
                    and not any(
                        position.lots
                        for ms in state.contracts
                        if joint or ms.market.settle == asset
                        for position in positions_in(ms, name)
                    )
                ):
                    yield f"{name} owes {-free} of {asset} without a position"


def reservation(state: State) -> Iterator[str]:
    """Used balances equal what open orders, positions and locks hold."""
    for name, account in state.accounts.items():
        locks = account.locks
        spot = [asset for wallet, asset in locks if wallet is Wallet.SPOT]
        held = Counter({asset: account.locked(Wallet.SPOT, asset) for asset in spot})
        for order in account.open.values():
            ms = state.markets[order.symbol]
            if ms.market.contract is None:
                held[settlement_of(ms).held_asset(ms.market, order.side)] += order.reserved
        yield from _used(state, name, held)
        if state.contracts:
            margins: Counter[str] = Counter()
            for ms in state.contracts:
                for position in positions_in(ms, name):
                    margins[ms.market.settle] += position.margin
            yield from _used(state, futures_wallet(name), margins)


def _used(state: State, name: str, held: Counter[str]) -> Iterator[str]:
    for asset, (_, used) in state.ledger.balances(name).items():
        if used != held[asset]:
            holds = f"its orders, positions and locks hold {held[asset]}"
            yield f"{name} uses {used} of {asset}, but {holds}"


def zero_sums(state: State) -> Iterator[str]:
    """Positions in a contract sum to zero, and clearing owes what they were entered for."""
    owed: Counter[str] = Counter()
    for ms in state.contracts:
        lots = sum(position.lots for position in ms.positions.values())
        if lots:
            yield f"positions in {ms.market.symbol} sum to {lots} lots"
        owed[ms.market.settle] -= sum(position.cost for position in ms.positions.values())
    for asset, atoms in owed.items():
        found = state.ledger.free(CLEARING, asset)
        if found != atoms:
            yield f"clearing has {found} of {asset}, open positions make it {atoms}"


def sound_positions(state: State) -> Iterator[str]:
    """Positions know their open orders; those that may only reduce them can; none is idle."""
    for ms in state.contracts:
        told: Counter[tuple[str, PositionSide, Side]] = Counter()
        reducing: Counter[tuple[str, PositionSide, Side]] = Counter()
        for order in state.orders.values():
            if order.symbol == ms.market.symbol:
                key = (order.account, order.position_side, order.side)
                told[key] += order.reserved
                if order.reduce_only or is_closing(order):
                    reducing[key] = max(reducing[key], order.remaining)
        for (name, side), position in ms.positions.items():
            counted = (told[name, side, BUY], told[name, side, SELL])
            if counted != (position.bids, position.asks):
                yield f"{position} has open orders worth {counted}"
            if position.is_idle:
                yield f"{position} holds nothing"
        for (name, side, way), most in reducing.items():
            found = ms.positions.get((name, side))
            held = 0 if found is None else found.lots if way is SELL else -found.lots
            if most > held:
                yield f"{name} has an order to reduce {held} lots of {ms.market.symbol} by {most}"


def uncrossed_books(state: State) -> Iterator[str]:
    """No bid in the book that clients see is as high as an ask, in any market status."""
    for symbol, ms in state.markets.items():
        at = ms.liquidity.now * SECOND
        if at < 0:
            continue  # nobody has looked at it, so no client has an order there
        liquidity = ms.shown(ms.seen_at(at), at)
        bid, ask = (_best(ms, liquidity, side) for side in (BUY, SELL))
        if bid and ask and bid[0] >= ask[0]:
            yield f"{symbol} is crossed: {bid[0]} bid, {ask[0]} asked ({ms.market.status})"


def _best(ms: MarketState, liquidity: Liquidity, side: Side) -> list[int]:
    """The best price on a side, of clients and of the background; none where there is none."""
    level, offered = ms.book.best(side), liquidity.best(side)
    prices = [ticks for ticks in (level.ticks if level else 0, offered) if ticks]
    return [max(prices) if side is BUY else min(prices)] if prices else []


def sound_orders(state: State) -> Iterator[str]:
    """Each open order is open, is not overfilled, and has fills that add up; ids are unique."""
    for name, account in state.accounts.items():
        ids = Counter(order.client_id for order in account.open.values())
        yield from (f"{name} has {n} open orders {i!r}" for i, n in ids.items() if n > 1)
        for order in account.open.values():
            yield from _order(order, state.markets[order.symbol])


def sound_lists(state: State) -> Iterator[str]:
    """A list executes while an order of it is open; none is pending for longer than it must."""
    for account in state.accounts.values():
        for one in account.lists.values():
            if one.ended_at or not any(order.is_open for order in one.orders):
                yield f"{one} is among those that execute"
            pending = any(order.status is Status.PENDING for order in one.orders)
            if pending != (one.is_pending and one.orders[0].is_open):
                yield f"{one} has orders that wait for nothing, or do not wait"
        for one in account.ended_lists.values():
            if any(order.is_open for order in one.orders):
                yield f"{one} is over and has open orders"


def sound_conditionals(state: State) -> Iterator[str]:
    """Conditional orders wait for a price; triggered ones have an open order; none outlives."""
    waiting = [one for a in state.accounts.values() for one in a.conditionals.values()]
    if {one.id for one in waiting} != set(state.conditionals):
        yield f"{len(waiting)} conditional orders wait, {len(state.conditionals)} are known to"
    for one in waiting:
        ms, name = state.markets[one.command.symbol], f"{ALGO}{one.id}"
        if not one.is_waiting or (one.id in ms.conditionals) is (name in ms.mark_watched):
            yield f"{one} waits for no price"
        position = ms.positions.get(one.key)
        held = 0 if position is None else held_lots(position.lots, one.command.side)
        if one.command.ends_with_position and one.has_position and not held:
            yield f"{one} has outlived its position"
    for account in state.accounts.values():
        for one in account.triggered.values():
            if one.order is None or one.order.id not in account.open:
                yield f"{one} has triggered without an open order"


def _order(order: Order, ms: MarketState) -> Iterator[str]:
    if not order.is_open:
        yield f"{order} is among the open ones"
    unsized = order.status is Status.PENDING and not order.lots
    if not unsized and not 0 <= order.filled < order.lots:
        yield f"{order} has filled {order.filled} of {order.lots}"
    if sum(fill.lots for fill in order.fills) != order.filled:
        yield f"{order} has fills that do not add up to {order.filled}"
    if sum(fill.cost for fill in order.fills) != order.cost:
        yield f"{order} has fills that do not cost {order.cost}"
    beside = order.held or order.id in ms.waiting or order.status is Status.PENDING
    if order.resting == beside:
        yield f"{order} stands neither in the book nor beside it"


CHECKS: tuple[Callable[[State], Iterator[str]], ...] = (
    conservation,
    solvency,
    covered_debts,
    reservation,
    zero_sums,
    sound_positions,
    uncrossed_books,
    sound_orders,
    sound_lists,
    sound_conditionals,
)
