"""The state of the exchange: markets with their books, accounts, ledger, agenda."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from heapq import heappush
from itertools import islice
from typing import NamedTuple, TypeAlias

from failing_exchange.core.book import OrderBook
from failing_exchange.core.collateral import Collateral
from failing_exchange.core.commands import CheckMarks, EndDue, Operator
from failing_exchange.core.conditional_order import FIRST_CONDITIONAL_ID, ConditionalOrder
from failing_exchange.core.contract import Contract
from failing_exchange.core.events import Event, FuturesBalanceChanged
from failing_exchange.core.ledger import INSURANCE, WORLD, Ledger, Wallet
from failing_exchange.core.liquidity import Background, Liquidity
from failing_exchange.core.market import TRADING, Market, MarketStatus
from failing_exchange.core.order import (
    BUY,
    SELL,
    Fill,
    Order,
    OrderList,
    PositionSide,
    PreventedMatch,
    Side,
)
from failing_exchange.core.positions import MarginMove, MarginSettings, Position
from failing_exchange.core.reject import Reason, Reject
from failing_exchange.core.stop_triggers import trigger_bounds
from failing_exchange.core.tape import Tape
from failing_exchange.core.units import ATOMS, SECOND

ENDED_ORDERS_KEPT_MAX = 3_000  # per account; beyond them the venue forgets the oldest
FORGOTTEN_AT_ONCE = 100  # at a time, because finding the first entry of a dict is slow
FILLS_KEPT_MAX = 10_000  # per account, likewise
CONDITIONALS_KEPT_MAX = 1_000  # ended ones, per account, likewise
ORDER_LISTS_KEPT_MAX = 1_000  # ended ones, per account, likewise
CHANGES_KEPT_MAX = 10_000  # of a futures wallet, per account; the oldest are forgotten
PREVENTED_KEPT_MAX = 10_000  # matches per market; the oldest are forgotten
REDRAWN_KEPT_MAX = 1_000  # per market; a stale read that is older has an id that is too high
WHOLE_BOOK = 10_000  # levels that change at most at once: all 5,000 of each side
AGENDA_MAX = 100_000  # operator commands due later; one more is refused
HALTS_MAX = 100  # of a market at a time; one more is refused
LOCKS_MAX = 1_000  # with different ends, of one account and asset; one more is refused
TRANSACTIONS_KEPT_MAX = 1_000  # of a longer step, the first events share one balance update
INSURANCE_FUND = 100_000_000 * ATOMS  # what the fund of a settlement asset begins with
NEVER = 1 << 62

PositionKey: TypeAlias = tuple[str, PositionSide]  # account and side
# (lower, upper): trades at or below, at or above them must be looked at; None: no such price.
Bounds: TypeAlias = tuple[int | None, int | None]
NO_BOUNDS: Bounds = (None, None)


class ScheduledCommand(NamedTuple):
    """An operator command on the agenda, due at an instant."""

    at: int
    number: int
    command: Operator
    planned: bool = False  # by a scenario or operator, and not by the exchange itself


class Halt(NamedTuple):
    """A market is halted, or only cancels, until an instant; `NEVER`: until it is resumed."""

    status: MarketStatus
    until: int


class Lock(NamedTuple):
    """Funds that are locked without an order until an instant; `NEVER`: until they are released."""

    until: int
    atoms: int


class Cap(NamedTuple):
    """How far the next order of an account may fill at once."""

    ppm: int
    rest_after: int | None


def _margin_moves() -> deque[MarginMove]:
    return deque(maxlen=CHANGES_KEPT_MAX)


def _changes() -> deque[FuturesBalanceChanged]:
    return deque(maxlen=CHANGES_KEPT_MAX)


@dataclass(slots=True, eq=False)
class Account:
    """The orders, lists and fills of one account; its balances are in the ledger."""

    name: str
    fee_asset: str | None = None
    open: dict[int, Order] = field(default_factory=dict)
    ended: dict[int, Order] = field(default_factory=dict)
    spot_names: dict[str, Order] = field(default_factory=dict)  # orders by client id
    contract_names: dict[str, Order] = field(default_factory=dict)  # likewise: ids of their own
    lists: dict[int, OrderList] = field(default_factory=dict)  # executing ones
    ended_lists: dict[int, OrderList] = field(default_factory=dict)
    lists_by_client_id: dict[str, OrderList] = field(default_factory=dict)
    conditionals: dict[int, ConditionalOrder] = field(default_factory=dict)  # that wait
    triggered: dict[int, ConditionalOrder] = field(default_factory=dict)  # their orders are open
    ended_conditionals: dict[int, ConditionalOrder] = field(default_factory=dict)
    conditionals_by_client_id: dict[str, ConditionalOrder] = field(default_factory=dict)
    fills: deque[Fill] = field(default_factory=lambda: deque(maxlen=FILLS_KEPT_MAX))
    countdowns: dict[str, int] = field(default_factory=dict)  # by symbol: when they run out
    cap: Cap | None = None
    # by wallet and asset, in order of their ends
    locks: dict[tuple[Wallet, str], list[Lock]] = field(default_factory=dict)
    opened_at: int = 0
    margin: MarginSettings = field(default_factory=MarginSettings)
    margin_moves: deque[MarginMove] = field(default_factory=_margin_moves)  # the newest
    # of its futures wallet, without matches; the newest
    changes: deque[FuturesBalanceChanged] = field(default_factory=_changes)

    def locked(self, wallet: Wallet, asset: str) -> int:
        """Atoms of a wallet that are locked without an order."""
        return sum(lock.atoms for lock in self.locks.get((wallet, asset), ()))

    def find(self, order_id: int) -> Order | None:
        """An order, open or ended; None for one that is unknown or forgotten."""
        return self.open.get(order_id) or self.ended.get(order_id)

    def names(self, symbol: str) -> dict[str, Order]:
        """The orders by client id, of contracts or of spot markets, as the symbol is of either."""
        return self.contract_names if ":" in symbol else self.spot_names

    def named(self, client_id: str, symbol: str = "") -> Order | None:
        """The newest order of a client id; without a symbol, that of a spot market first."""
        if symbol:
            return self.names(symbol).get(client_id)
        return self.spot_names.get(client_id) or self.contract_names.get(client_id)

    def rename(self, order: Order, client_id: str) -> None:
        """Change the client id of an order."""
        self._unname(order)
        order.client_id = client_id
        self.names(order.symbol)[client_id] = order

    def _unname(self, order: Order) -> None:
        """Forget the client id of an order, unless a newer one has it."""
        names = self.names(order.symbol)
        if names.get(order.client_id) is order:
            del names[order.client_id]

    def keep(self, order: Order) -> None:
        """Move an order to the ended orders; beyond the limit the oldest are forgotten."""
        self.open.pop(order.id, None)
        self.ended[order.id] = order
        if len(self.ended) > ENDED_ORDERS_KEPT_MAX:
            for number in list(islice(self.ended, FORGOTTEN_AT_ONCE)):
                self._unname(self.ended.pop(number))

    def keep_list(self, ended: OrderList) -> None:
        """Move a list to the ended lists; beyond the limit the oldest is forgotten."""
        self.lists.pop(ended.id, None)
        self.ended_lists[ended.id] = ended
        if len(self.ended_lists) > ORDER_LISTS_KEPT_MAX:
            oldest = self.ended_lists.pop(next(iter(self.ended_lists)))
            if self.lists_by_client_id.get(oldest.client_id) is oldest:
                del self.lists_by_client_id[oldest.client_id]

    def keep_conditional(self, ended: ConditionalOrder) -> None:
        """Move a conditional order to the ended ones; beyond the limit the oldest is forgotten."""
        self.conditionals.pop(ended.id, None)
        self.triggered.pop(ended.id, None)
        self.ended_conditionals[ended.id] = ended
        if len(self.ended_conditionals) > CONDITIONALS_KEPT_MAX:
            oldest = self.ended_conditionals.pop(next(iter(self.ended_conditionals)))
            if self.conditionals_by_client_id.get(oldest.client_id) is oldest:
                del self.conditionals_by_client_id[oldest.client_id]

    def find_conditional(self, number: int) -> ConditionalOrder | None:
        """A conditional order in any state; None for one that is unknown or forgotten."""
        return (
            self.conditionals.get(number)
            or self.triggered.get(number)
            or self.ended_conditionals.get(number)
        )


class MarketState:
    """One market: its rules, the clients' book, and the background around it."""

    def __init__(self, market: Market, background: Background | None) -> None:
        self.market = market
        self.book = OrderBook()
        self.liquidity = Liquidity(background, market.depth_memory)
        self.tape = Tape(self.liquidity)
        self.waiting: dict[int, Order] = {}  # orders whose trigger has not been met
        self.positions: dict[PositionKey, Position] = {}  # where the settlement keeps them
        self.mark_shift = 0  # atoms by which the operator has moved the mark price
        self.mark_watched: dict[str, Bounds] = {}  # mark prices, in atoms: see `core.mark_watch`
        self.liquidation_seen: tuple[object, int] = ((), 0)  # what it was reckoned by, the price
        self.mark_seen: tuple[object, int | None] = ((), None)  # what it was reckoned by, mark
        self.funding_rates: dict[int, int] = {}  # by premiums, as they were asked for
        self.funding_paid: dict[int, tuple[int, int]] = {}  # when it was -> (rate, mark price)
        self.past_terms: list[tuple[int, Contract]] = []  # (until when, terms), oldest first
        self.mark_due_at = 0  # when the mark price is looked at next; 0: not planned
        self.mark_stale = False  # matches have moved the price since that was planned
        self.conditionals: dict[int, ConditionalOrder] = {}  # that wait for a last price
        self.due_at = 0  # when its settlement's next timed duty falls due; 0: none is scheduled
        self.sequence = 0  # levels of the book that clients and the operator have changed
        self.redrawn_at: deque[int] = deque(maxlen=REDRAWN_KEPT_MAX)  # when all of them were
        self.lower: int | None = None  # a print at or below it may concern an order
        self.upper: int | None = None  # likewise at or above
        self.stale = False  # the bounds have tightened since the last search
        self.wake_second = NEVER
        self.halts: list[Halt] = []  # in force; the last one counts, and it ends first
        if market.status is not TRADING:
            self.halts.append(Halt(market.status, NEVER))
        self.halted_at = 0  # since when nothing is traded; 0: it trades
        self.busted: dict[int, None] = {}  # trades that were undone
        self.prevented: deque[PreventedMatch] = deque(maxlen=PREVENTED_KEPT_MAX)

    def widen(self, bounds: Bounds) -> bool:
        """Widen the watched prices to further bounds; return whether a new search is needed."""
        lower, upper = bounds
        changed = False
        if lower is not None and (self.lower is None or lower > self.lower):
            self.lower, changed = lower, True
        if upper is not None and (self.upper is None or upper < self.upper):
            self.upper, changed = upper, True
        self.stale = self.stale or changed
        return changed

    def hold_off(self) -> None:
        """Keep the background's offers behind the best resting orders.

        They fill from trades through their price, not from offers: an offer beyond them would
        have matched them first.
        """
        for side in (BUY, SELL):
            level = self.book.best(side)
            if level is not None and self.liquidity.background is not None:
                self.liquidity.hold_off(side, level.ticks)
        self.has_moved()

    def redrawn(self, at: int) -> None:
        """Count all levels of the book as changed, in the middle of a second."""
        self.sequence += WHOLE_BOOK
        self.redrawn_at.append(at)

    def has_moved(self) -> None:
        """After a price move: forget moves that are too old, and sums that contain them."""
        if self.liquidity.shifts.forget():
            self.tape.forget_sums()

    def best(self, side: Side) -> int:
        """The best price on a side, of clients and background; 0 where nothing is offered."""
        level, offered = self.book.best(side), self.liquidity.best(side)
        if level is None or not offered:
            return offered if level is None else level.ticks
        return max(level.ticks, offered) if side is BUY else min(level.ticks, offered)

    def seen_at(self, at: int) -> int:
        """The instant whose state is shown at `at`: a halted market shows the state before."""
        return min(at, self.halted_at) if self.halted_at else at

    def shown(self, as_of: int, at: int) -> Liquidity:
        """The background as of an instant, as it is shown beside the clients' orders.

        What clients took is offered again when its second is over, and their orders of now may be
        better than what was offered then: the background keeps its distance to them.
        """
        if as_of // SECOND == at // SECOND:
            return self.liquidity
        liquidity = self.liquidity.view(as_of // SECOND)
        if self.book.count:
            bid, ask = self.book.best(BUY), self.book.best(SELL)
            liquidity.jump(0, bid.ticks if bid else 0, ask.ticks if ask else 0)
        return liquidity

    def watch_all(self) -> None:
        """Compute the bounds again from all orders and all else that is watched."""
        self.lower = self.upper = None
        for side in (BUY, SELL):
            level = self.book.best(side)
            if level is not None and level.head is not None:
                self.widen(bounds_of(level.head))
        for order in self.waiting.values():
            self.widen(bounds_of(order))
        for one in self.conditionals.values():
            self.widen(trigger_bounds(one.trigger))


def search_again(state: State, ms: MarketState, at: int) -> None:
    """Have the engine search again, from the next second: the price was moved."""
    due = (at // SECOND + 1) * SECOND
    if ms.mark_watched and not 0 < ms.mark_due_at <= due:
        ms.mark_due_at = due
        state.plan(due, CheckMarks(ms.market.symbol))
    search_prints(state, ms, at)


def search_prints(state: State, ms: MarketState, at: int) -> None:
    """The same for orders alone, that prints may concern."""
    if ms.lower is None and ms.upper is None and not (ms.waiting or ms.conditionals):
        return
    ms.stale = True
    ms.wake_second = min(ms.wake_second, at // SECOND + 1)
    state.wake_at = min(state.wake_at, ms.wake_second * SECOND)


def bounds_of(order: Order) -> Bounds:
    """The prices at or below, at or above which a print concerns an order."""
    if order.resting:
        return (order.ticks, None) if order.side is BUY else (None, order.ticks)
    return trigger_bounds(order)


class State:
    """The exchange's whole state. `events` collects what happens in the current step.

    `collateral`: the terms of the assets that multi-assets mode takes.
    """

    def __init__(
        self,
        markets: list[tuple[Market, Background | None]],
        collateral: Mapping[str, Collateral] = {},
    ) -> None:
        self.markets = {m.symbol: MarketState(m, background) for m, background in markets}
        self.pairs: dict[tuple[str, str], MarketState] = {}  # by base and quote, the first of each
        self.contracts = [ms for ms in self.markets.values() if ms.market.contract is not None]
        for ms in self.markets.values():
            self.pairs.setdefault((ms.market.base, ms.market.quote), ms)
        self.ledger = Ledger()
        for asset in dict.fromkeys(ms.market.settle for ms in self.contracts):
            self.ledger.transfer(WORLD, INSURANCE, asset, INSURANCE_FUND, at=0)
        self.collateral = dict(collateral)
        self.accounts: dict[str, Account] = {}
        self.orders: dict[int, Order] = {}  # open ones
        self.waiting: dict[int, Order] = {}  # those of them whose trigger has not been met
        self.conditionals: dict[int, ConditionalOrder] = {}  # that wait, of all markets
        self.agenda: list[ScheduledCommand] = []
        self.events: list[Event] = []
        self.executions = 0  # events of the steps before this one
        # numbers of events of this step that each begin a group of balance updates
        self.transactions: deque[int] = deque(maxlen=TRANSACTIONS_KEPT_MAX)
        self.filled_lists: list[OrderList] = []  # whose pending orders are due in this step
        self.moved: dict[tuple[str, str], None] = {}  # (account, symbol) of positions, this step
        self.api_changes: dict[str, None] = {}  # that came into force, in order
        self.next_order_id = 1
        self.next_list_id = 1
        self.next_conditional_id = FIRST_CONDITIONAL_ID
        self.scheduled = 0
        self.ends_at = 0  # when the next order or countdown ends by time; 0: none does
        self.wake_at = NEVER

    def market(self, symbol: str, at: int) -> MarketState:
        """A market, standing at an instant; raise `Reject` for a symbol that is not traded."""
        try:
            ms = self.markets[symbol]
        except KeyError:
            raise Reject(Reason.UNKNOWN_SYMBOL, symbol=symbol) from None
        ms.liquidity.to(at // SECOND)
        return ms

    def of_kinds(self, kinds: tuple[str, ...]) -> Iterable[MarketState]:
        """The markets of some kinds; empty = all."""
        found = self.markets.values()
        return [ms for ms in found if ms.market.kind in kinds] if kinds else found

    def account(self, name: str) -> Account:
        """An account; raise `Reject` for an unknown one."""
        try:
            return self.accounts[name]
        except KeyError:
            raise Reject(Reason.KEY_REFUSED, account=name) from None

    def index_contract(self, asset: str) -> tuple[MarketState, int] | None:
        """The contract whose index prices an asset, and the dollars of its quote asset (atoms)."""
        for ms in self.contracts:
            quote = self.collateral.get(ms.market.quote)
            if ms.market.base == asset and quote is not None and quote.price is not None:
                return ms, quote.price
        return None

    def begin_transaction(self, at: int) -> None:
        """Start a new group of balance updates within this step."""
        if self.events:
            self.transactions.append(self.next_execution_id)
            self.ledger.mark(self.next_execution_id, at)

    @property
    def next_execution_id(self) -> int:
        """The number of the next event, counted over the whole exchange from 1."""
        return self.executions + len(self.events) + 1

    def schedule(self, at: int, command: Operator, *, planned: bool = False) -> None:
        """Have an operator command executed at a later instant."""
        if len(self.agenda) >= AGENDA_MAX:
            raise Reject(Reason.BAD_REQUEST, f"The agenda holds {AGENDA_MAX} commands already")
        self.plan(at, command, planned=planned)

    def plan(self, at: int, command: Operator, *, planned: bool = False) -> None:
        """The same without the limit, for callers that are bounded elsewhere."""
        heappush(self.agenda, ScheduledCommand(at, self.scheduled, command, planned))
        self.scheduled += 1
        self.wake_at = min(self.wake_at, at)

    def plan_end(self, at: int) -> None:
        """Have what ends at an instant ended then."""
        if not self.ends_at or at < self.ends_at:
            self.ends_at = at
            self.plan(at, EndDue())

    def search(self, ms: MarketState, bounds: Bounds, at: int) -> None:
        """Have the engine search, from the next second, for trades that reach the bounds."""
        if ms.widen(bounds) and ms.liquidity.background is not None:
            ms.wake_second = min(ms.wake_second, at // SECOND + 1)
            self.wake_at = min(self.wake_at, ms.wake_second * SECOND)

    def value(self, asset: str, atoms: int, other: str, at: int) -> int | None:
        """The worth of `atoms` of an asset in another at last prices; None without a path."""
        if asset == other:
            return atoms
        direct = self._rate(asset, other, at)
        if direct is not None:
            return atoms * direct[0] // direct[1]
        for middle in self._quotes():
            first, second = self._rate(asset, middle, at), self._rate(middle, other, at)
            if first is not None and second is not None:
                return atoms * first[0] * second[0] // (first[1] * second[1])
        return None

    def _quotes(self) -> list[str]:
        """Assets that others are quoted in, those of the most markets first."""
        counts = Counter(ms.market.quote for ms in self.markets.values())
        return [asset for asset, _ in counts.most_common()]

    def _rate(self, asset: str, other: str, at: int) -> tuple[int, int] | None:
        for pair, inverse in (((asset, other), False), ((other, asset), True)):
            state = self.pairs.get(pair)
            if state is not None:
                state.liquidity.to(at // SECOND)
                price = state.tape.last(at // SECOND) * state.market.price_step
                if price:
                    return (ATOMS, price) if inverse else (price, ATOMS)
        return None


def check_client_id(own: str, named: str) -> None:
    """Raise `Reject` where the client id given beside an id is not that of the order."""
    if own != named:
        raise Reject(Reason.CLIENT_ID_MISMATCH, own=own, given=named)
