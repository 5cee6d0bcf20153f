"""Orders and lists of orders, their fills, and the table of legal status changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple, TypeAlias

from failing_exchange.core.market import Prevention


class Side(StrEnum):
    """What the order does with the base asset."""

    __hash__ = str.__hash__  # Enum's own is a Python call, and these are keys of hot tables

    BUY = "buy"
    SELL = "sell"

    other: Side  # the opposite one


class OrderType(StrEnum):
    """How an order is priced and when it becomes live."""

    __hash__ = str.__hash__  # Enum's own is a Python call, and these are keys of hot tables

    MARKET = "market"
    LIMIT = "limit"
    STOP_LOSS = "stop_loss"
    STOP_LOSS_LIMIT = "stop_loss_limit"
    TAKE_PROFIT = "take_profit"
    TAKE_PROFIT_LIMIT = "take_profit_limit"
    TRAILING_STOP = "trailing_stop"


class PositionSide(StrEnum):
    """Which position an order of a contract trades: the only one, or (hedge mode) one of two."""

    __hash__ = str.__hash__  # Enum's own is a Python call, and these are keys of hot tables

    BOTH = "both"
    LONG = "long"
    SHORT = "short"


class TriggerBy(StrEnum):
    """Which price triggers a conditional order: that of the last trade, or the mark price."""

    __hash__ = str.__hash__

    LAST = "last"
    MARK = "mark"


class TimeInForce(StrEnum):
    """How long an order stays: until canceled (GTC), not at all (IOC), all or nothing (FOK)."""

    __hash__ = str.__hash__  # Enum's own is a Python call, and these are keys of hot tables

    GTC = "GTC"
    IOC = "IOC"
    FOK = "FOK"


Extra: TypeAlias = tuple[tuple[str, int | str], ...]  # (name, value) pairs of one venue


class PegPrice(StrEnum):
    """Which price of the book a pegged order takes: the best of its own side, or of the other."""

    __hash__ = str.__hash__

    PRIMARY = "primary"
    MARKET = "market"


class Peg(NamedTuple):
    """Takes the price of an order from the book when it enters, and then keeps it.

    `levels`: how many price levels deeper than the best, None where none was asked for.
    `asked`: the price that the client gave beside it, in ticks; 0 for none.
    """

    price: PegPrice
    levels: int | None = None
    asked: int = 0


class Status(StrEnum):
    """The state of an order.

    `PENDING`: it is placed when the working order of its list is filled. `WAITING`: its trigger
    has not been met.
    """

    __hash__ = str.__hash__  # Enum's own is a Python call, and these are keys of hot tables

    PENDING = "pending"
    WAITING = "waiting"
    OPEN = "open"
    FILLED = "filled"
    CANCELED = "canceled"
    EXPIRED = "expired"


class Why(StrEnum):
    """Why an order ended when its owner did not ask for it."""

    __hash__ = str.__hash__

    NOTHING_OFFERED = "nothing more was offered"
    NOT_AT_ONCE = "could not be filled at once"
    SELF_TRADE = "self-trade prevention"
    OTHER_WENT_AHEAD = "the other order of its list went ahead"
    OTHER_ENDED = "the other order of its list ended"
    WORKING_ENDED = "the working order of its list ended"
    REFUSED = "refused when its turn came"
    BY_VENUE = "by the venue"
    CAPPED = "filled in part by the venue"
    LIQUIDATION = "the position was liquidated"
    SETTLED = "the contract was settled"
    CHANGED = "changed so that nothing of it was left to do"
    COUNTDOWN = "the countdown ran out"
    TIME_IS_UP = "its time is up"
    NOTHING_TO_REDUCE = "the position is closed"
    OUT_OF_RANGE = "the next price was too far from the reference price"


# Makes a record from a tuple of its fields; a NamedTuple's constructor is one Python call more.
record = tuple.__new__

# Module constants: on Python 3.11 the look-up of an enum member by its class is a Python call.
BUY, SELL = Side.BUY, Side.SELL
BUY.other, SELL.other = SELL, BUY
BOTH, LONG, SHORT = PositionSide.BOTH, PositionSide.LONG, PositionSide.SHORT
LIMIT, MARKET = OrderType.LIMIT, OrderType.MARKET
GTC, FOK = TimeInForce.GTC, TimeInForce.FOK
PENDING, WAITING, OPEN = Status.PENDING, Status.WAITING, Status.OPEN
FILLED, CANCELED, EXPIRED = Status.FILLED, Status.CANCELED, Status.EXPIRED

LEGAL_CHANGES: dict[Status, frozenset[Status]] = {
    PENDING: frozenset(set(Status) - {PENDING}),
    WAITING: frozenset({OPEN, CANCELED, EXPIRED, FILLED}),
    OPEN: frozenset({FILLED, CANCELED, EXPIRED}),
    FILLED: frozenset(),
    CANCELED: frozenset(),
    EXPIRED: frozenset(),
}
NOT_YET = (PENDING, WAITING)  # it can't match
LIMIT_TYPES = frozenset({LIMIT, OrderType.STOP_LOSS_LIMIT, OrderType.TAKE_PROFIT_LIMIT})
TRIGGERED_TYPES = frozenset(OrderType) - {MARKET, LIMIT}


class Fill(NamedTuple):
    """One account's half of a match. `cost` and `fee` are atoms of the quote and the fee asset."""

    trade_id: int
    order_id: int
    account: str
    symbol: str
    side: Side
    ticks: int
    lots: int
    cost: int
    fee: int
    fee_asset: str
    maker: bool
    at: int
    operator: bool  # made by an incident, not by the market
    list_id: int = 0  # of its order's list; 0: none
    profit: int = 0  # realised by it, in atoms of the asset that a contract settles in
    position_side: PositionSide = PositionSide.BOTH


AMENDMENTS_MAX = 1_000  # of one order; one more is refused (Binance's own limit is 10)
PREVENTED_MATCHES_MAX = 1_000  # of one order; with the last of them the whole order expires


class PreventedMatch(NamedTuple):
    """Two orders of one account would have matched at `ticks`; ids count the market's from 0.

    `taker_lots` and `maker_lots` are what of them expired for it, 0 where nothing did.
    """

    id: int
    symbol: str
    account: str
    mode: Prevention
    taker_id: int
    maker_id: int
    ticks: int
    taker_lots: int
    maker_lots: int
    at: int

    def lots_of(self, order_id: int) -> int:
        """Lots of one of the two orders that expired for it."""
        return self.taker_lots if self.taker_id == order_id else self.maker_lots


class Amendment(NamedTuple):
    """What an amendment changed; `execution_id` is the number of its event."""

    execution_id: int
    order_id: int
    symbol: str
    old_client_id: str
    new_client_id: str
    old_lots: int
    new_lots: int
    at: int
    old_ticks: int = 0  # 0 where the price could not change
    new_ticks: int = 0
    nth: int = 0  # change of its order, from 1; 0 where it only became smaller
    change_id: str = ""


class RareFields:
    """Fields that few orders set. Defaults on the class cost the other orders nothing."""

    cost_wanted: int = 0  # a market order by cost, in quote atoms
    trail_ticks: int = 0
    amended: tuple[tuple[int, int, int], ...] = ()  # (until, ticks, lots) before each amendment
    why: str = ""  # why it expired or was canceled, when not by its owner
    triggered_at: int = 0
    prevention: Prevention | None = None  # its own self-trade prevention, instead of the market's
    shown: int = 0  # of an iceberg order: what is left of the part that is shown now
    order_list: OrderList | None = None
    follows: bool = False  # it is placed when the working order of its list is filled
    proceeds_pay: bool = False  # what it receives is held for the orders behind it in its list
    peg: Peg | None = None  # its `ticks` are 0 until it enters the book
    activated_at: int = 0  # when that was
    trail_bips: int = 0  # how far its trigger is behind the best price, in basis points
    trailing_at: int = 0  # since when it trails
    decremented: int = 0  # lots that `lots` is smaller by, for self-trade prevention
    amendments: tuple[Amendment, ...] = ()
    canceled_as: str = ""  # the client's name of the cancel that ended it
    extra: Extra = ()  # what its venue keeps with it; the exchange does not read it
    reduce_only: bool = False  # it may only make a position smaller
    position_side: PositionSide = PositionSide.BOTH
    expires_at: int = 0  # when the venue ends it; 0: it does not
    conditional_id: int = 0  # of the conditional order that has placed it
    forced: bool = False  # placed by the venue to close a position; it pays no trading fee


class Order(RareFields):
    """An order and how much of it is filled. Only the engine changes it.

    Instants are nanoseconds since the epoch; `reserved` is what it holds of its account's balance,
    in atoms of the asset it pays with. What each order uses has a slot: an attribute that hides a
    default of its class is five times as slow.
    """

    __slots__ = (
        "account", "client_id", "cost", "created_at", "ended_at", "extreme", "filled", "fills",
        "held", "iceberg_lots", "id", "kind", "list_id", "lots", "next", "partner", "post_only",
        "prevented_matches", "previous", "reserved", "resting", "side", "status", "stop_ticks",
        "symbol", "ticks", "time_in_force", "updated_at",
    )  # fmt: skip

    def __init__(
        self, id: int, account: str, symbol: str, side: Side, kind: OrderType, lots: int, at: int,
        ticks: int = 0, client_id: str = "",
    ) -> None:  # fmt: skip
        self.id = id
        self.account = account
        self.symbol = symbol
        self.side = side
        self.kind = kind
        self.lots = lots
        self.ticks = ticks
        self.created_at = self.updated_at = at
        self.client_id = client_id
        self.status = OPEN
        self.fills: Sequence[Fill] = ()  # a list once there is one
        self.time_in_force: TimeInForce = GTC
        self.post_only = self.resting = False
        self.held = False  # kept off the book by an incident
        self.filled = self.cost = self.reserved = self.ended_at = self.list_id = 0
        self.stop_ticks = 0
        self.extreme = 0  # the best price seen by a trailing order; 0: it does not trail yet
        self.iceberg_lots = 0  # how much of it is shown at a time; 0: all
        self.prevented_matches: tuple[PreventedMatch, ...] = ()
        self.partner: Order | None = None  # the other leg of an OCO
        self.previous: Order | None = None
        self.next: Order | None = None

    def __repr__(self) -> str:
        return (
            f"<Order {self.id} {self.side} {self.filled}/{self.lots} lots of {self.symbol} "
            f"at {self.ticks} {self.status}>"
        )

    @property
    def remaining(self) -> int:
        """Lots that are not filled yet."""
        return self.lots - self.filled

    @property
    def prevented(self) -> int:
        """Lots that expired for self-trade prevention."""
        return _prevented(self.prevented_matches, self.id)

    @property
    def original_lots(self) -> int:
        """Its amount before self-trade prevention made it smaller."""
        return self.lots + self.decremented

    @property
    def is_open(self) -> bool:
        """Whether it can still trade."""
        status = self.status
        return status is OPEN or status is WAITING or status is PENDING

    @property
    def working_at(self) -> int:
        """When it began to work: to match or to rest; 0 while it has not."""
        if self.kind in TRIGGERED_TYPES:
            return self.triggered_at
        return self.activated_at if self.follows else self.created_at

    def move_to(self, status: Status, at: int) -> None:
        """Change the status, as `LEGAL_CHANGES` allows."""
        assert status in LEGAL_CHANGES[self.status], f"{self} cannot become {status}"
        self.status = status
        self.updated_at = at
        if status is not OPEN and status is not WAITING:
            self.ended_at = at

    def snapshot(self) -> OrderSnapshot:
        """An immutable copy of its present state."""
        return record(
            OrderSnapshot,
            (
                self, self.status, self.ticks, self.lots, self.filled, self.cost,
                len(self.fills), self.updated_at, self.prevented_matches,
            ),
        )  # fmt: skip

    def as_of(self, at: int) -> OrderSnapshot | None:
        """Its state at an earlier instant; None before it was placed."""
        if at >= self.updated_at:
            return self.snapshot()
        if at < self.created_at:
            return None
        done = [fill for fill in self.fills if fill.at <= at]
        ticks, lots = next(
            ((ticks, lots) for until, ticks, lots in self.amended if at < until),
            (self.ticks, self.lots),
        )
        status = self.status if self.ended_at and self.ended_at <= at else OPEN
        if status is OPEN:
            if self.follows and not (0 < self.activated_at <= at):
                status = PENDING
            elif self.kind in TRIGGERED_TYPES and not (0 < self.triggered_at <= at):
                status = WAITING
        filled, cost = sum(fill.lots for fill in done), sum(fill.cost for fill in done)
        updated = done[-1].at if done else self.created_at
        matches = tuple(match for match in self.prevented_matches if match.at <= at)
        return OrderSnapshot(self, status, ticks, lots, filled, cost, len(done), updated, matches)


class OrderSnapshot(NamedTuple):
    """An order at one instant. What never changes is read from `order`."""

    order: Order
    status: Status
    ticks: int
    lots: int
    filled: int
    cost: int
    fills: int  # how many of `order.fills` had happened
    updated_at: int
    prevented_matches: tuple[PreventedMatch, ...] = ()

    @property
    def remaining(self) -> int:
        """Lots not yet filled at that instant."""
        return self.lots - self.filled

    @property
    def working_at(self) -> int:
        """The time when it began to work (match or rest); 0 if it had not begun by then."""
        return 0 if self.status in NOT_YET else self.order.working_at

    @property
    def prevented(self) -> int:
        """Lots that had expired for self-trade prevention."""
        return _prevented(self.prevented_matches, self.order.id)

    @property
    def original_lots(self) -> int:
        """Its amount before self-trade prevention made it smaller.

        The last part of an order that ended so is still in `lots`.
        """
        if self.status is EXPIRED and self.order.why == Why.SELF_TRADE:
            return self.filled + self.prevented
        return self.lots + self.prevented


def _prevented(matches: tuple[PreventedMatch, ...], order_id: int) -> int:
    return sum(match.lots_of(order_id) for match in matches) if matches else 0


# ---- orders that belong together: when one does something, the others follow


class Contingency(StrEnum):
    """What binds the orders of a list.

    OCO: one goes ahead or ends, the other ends. OTO: the first, the working order, is filled
    completely, then those behind it are placed: one, or a pair that is an OCO (an OTOCO).
    """

    __hash__ = str.__hash__

    OCO = "oco"
    OTO = "oto"


class ListStatus(StrEnum):
    """Whether an order of the list may still trade."""

    EXECUTING = "executing"
    ALL_DONE = "all_done"


class ListUpdate(StrEnum):
    """What changed: the list was placed, an order has a new client id, all orders have ended."""

    STARTED = "started"
    UPDATED = "updated"
    DONE = "done"


@dataclass(slots=True, eq=False, repr=False)
class OrderList:
    """Linked orders of one account in one market. Only the engine changes it.

    `orders` are in the order in which they were placed; of an OTO the working order comes first.
    `announced` lists make events; those placed without a contingency, as in process, do not.
    Instants are in nanoseconds.
    """

    id: int
    account: str
    symbol: str
    contingency: Contingency
    created_at: int
    updated_at: int = 0
    ended_at: int = 0
    client_id: str = ""
    announced: bool = False
    started: bool = False  # the pending orders of an OTO were activated
    fee_from_proceeds: bool = False  # the fee of an OPO is never taken from the free balance
    orders: tuple[Order, ...] = ()

    def __repr__(self) -> str:
        return f"<OrderList {self.id} {self.contingency} {self.status} of {self.orders}>"

    @property
    def status(self) -> ListStatus:
        """Whether an order of it may still trade."""
        return ListStatus.ALL_DONE if self.ended_at else ListStatus.EXECUTING

    @property
    def is_pending(self) -> bool:
        """Whether orders of it still wait for the working one."""
        return self.contingency is Contingency.OTO and not self.started

    @property
    def named(self) -> tuple[tuple[int, str], ...]:
        """(id, present client id) of each of its orders."""
        return tuple((order.id, order.client_id) for order in self.orders)

    def as_of(self, at: int) -> OrderListSnapshot | None:
        """Its state at an instant; None before it was placed."""
        if at < self.created_at:
            return None
        done = 0 < self.ended_at <= at
        orders = tuple(s for order in self.orders if (s := order.as_of(at)) is not None)
        return OrderListSnapshot(
            self.id, self.client_id, self.account, self.symbol, self.contingency,
            ListStatus.ALL_DONE if done else ListStatus.EXECUTING,
            self.created_at, min(at, self.updated_at), orders,
        )  # fmt: skip


class OrderListSnapshot(NamedTuple):
    """An order list at one instant, with its orders."""

    id: int
    client_id: str
    account: str
    symbol: str
    contingency: Contingency
    status: ListStatus
    created_at: int
    updated_at: int
    orders: tuple[OrderSnapshot, ...]
