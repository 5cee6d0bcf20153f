"""What happened to one client, and since when it could know: both columns, fact by fact."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from itertools import takewhile
from typing import Any, NamedTuple

from failing_exchange.core import events as e
from failing_exchange.core.commands import AmendOrder, BatchDone, CancelOrder, ChangeOrder
from failing_exchange.core.engine import Engine
from failing_exchange.core.market import Market
from failing_exchange.core.order import Fill, Order, OrderSnapshot, PositionSide, Status
from failing_exchange.core.queries import (
    Balances,
    FetchOrder,
    FetchOrders,
    FuturesAccount,
    Margins,
    Positions,
)
from failing_exchange.core.reject import Reason, Reject
from failing_exchange.core.units import ATOMS, SECOND
from failing_exchange.core.wanted_orders import parts_of
from failing_exchange.journal.trip import Trip
from failing_exchange.judge.answers import balances_of, fills_of, orders_of, received
from failing_exchange.judge.products import Traded, currency_of, product_of, sign

FACTS_KEPT_MAX = 10_000  # of the newest, for reports; older ones are forgotten
FORCED_KEPT_MAX = 1_000  # newest fills that the venue forced, and payments of funding
ORDERS_KEPT_MAX = 20_000  # the oldest that the client knows all about are forgotten first
LOOKS_MAX = 1_000  # newest looks at an account, of each kind
NEVER = 0  # the instant of what has not happened, or is not known


class Fact(NamedTuple):
    """Something that happened, and the message that could first have told the client of it.

    Instants are nanoseconds since the epoch; `known_at` and `trip` are 0 while it can't know.
    """

    kind: str
    subject: str
    happened_at: int
    known_at: int = NEVER
    trip: int = 0


class OrderFacts:
    """One order in both columns. Amounts are lots; `told_…` is what the client was told."""

    __slots__ = (
        "absent_at", "accepted_at", "canceled_at", "ended_told_at", "false_by", "order",
        "placed_by", "symbol", "told_at", "told_by", "told_cost", "told_filled", "told_status",
        "truly_ended_at",
    )  # fmt: skip

    def __init__(self, order: Order, at: int) -> None:
        self.order = order
        self.symbol = order.symbol
        self.accepted_at = at
        self.told_at = NEVER
        self.told_by = 0
        self.told_filled = 0
        self.told_cost = 0
        self.told_status: Status | None = None
        self.ended_told_at = NEVER  # first told that it has ended, true or not
        self.truly_ended_at = NEVER  # first told so when it was true
        self.false_by: Trip | None = None  # the newest read of it, where that was false
        self.canceled_at = NEVER
        self.absent_at = NEVER  # since when a list of all open orders has not held it
        self.placed_by: Trip | None = None

    @property
    def unaware(self) -> int:
        """Lots that were filled and that the client was not told of."""
        return max(0, self.order.filled - self.told_filled)

    @property
    def unaware_cost(self) -> int:
        """What those have cost, in quote atoms."""
        return max(0, self.order.cost - self.told_cost)

    @property
    def is_orphan(self) -> bool:
        """Whether the client was never told that it exists."""
        return self.told_at == NEVER

    @property
    def is_settled(self) -> bool:
        """Whether it has ended, and the client knows all of it."""
        return self.ended_told_at != NEVER and not self.unaware


class Exposure:
    """Filled amounts that a client was not told of, in money of the quote asset, over time."""

    def __init__(self) -> None:
        self.now = 0  # quote atoms
        self.lots = 0  # base lots of them
        self.worst = 0
        self.worst_lots = 0  # base lots at that time
        self.worst_at = NEVER
        self.seconds = 0.0  # for how long there was any
        self._since = NEVER

    def move(self, atoms: int, lots: int, at: int) -> None:
        """Note a fill that the client was not told of, or that it has learned of one."""
        if self.now > 0:
            self.seconds += (at - self._since) / SECOND
        self.now += atoms
        self.lots += lots
        self._since = at
        if self.now > self.worst:
            self.worst, self.worst_lots, self.worst_at = self.now, self.lots, at


class Facts:
    """The two columns of one client (`account`), kept up to date as the run goes on."""

    def __init__(self, engine: Engine, account: str) -> None:
        self.engine = engine
        self.account = account
        self.opened = self._opened()  # atoms by wallet and asset, at the start
        self.currency = currency_of(engine.state)
        self.orders: dict[int, OrderFacts] = {}
        self.exposure: dict[str, Exposure] = {}  # by symbol
        self.log: deque[Fact] = deque(maxlen=FACTS_KEPT_MAX)
        self.balances_told_at = NEVER  # the instant of the newest balances told
        self.balances_told: dict[str, int] = {}
        self.balances_false: dict[str, int] | None = None  # newest totals told, if they were false
        self.balance_changed_at = NEVER
        self.balance_moved_at = NEVER  # the same, by the operator: no order of the client did it
        self.orphans_ended = 0  # orders forgotten here that the client was never told of
        self.placed = 0  # orders that were accepted
        self.traded = Traded()
        self.forced: deque[Fill] = deque(maxlen=FORCED_KEPT_MAX)  # liquidation, ADL, settlement
        self.funding: deque[e.FuturesBalanceChanged] = deque(maxlen=FORCED_KEPT_MAX)
        self.told_lots: dict[tuple[str, PositionSide], int] = {}  # positions by the fills told
        self.bookers: dict[str, None] = {}  # assets and markets; see `true_amounts.note_bookers`
        self._looks = {kind: deque([NO_LOOK], maxlen=LOOKS_MAX) for kind in LOOK_KINDS}
        self.wrong_ns = 0
        self._wrong_facts = 0
        self._wrong_since = NEVER
        self._waiting: dict[tuple[str, str], Fact] = {}  # facts not known yet
        self._told_open: dict[int, OrderFacts] = {}  # known to the client, and not known to end

    # ---- the first column

    def _opened(self) -> dict[tuple[str, str], int]:
        ledger = self.engine.state.ledger
        return {
            (wallet, asset): free + used
            for wallet in ledger.wallets(self.account)
            for asset, (free, used) in ledger.balances(wallet).items()
        }

    def opened_with(self, asset: str, wallets: Iterable[str]) -> int:
        """What wallets held of an asset at the start, in atoms."""
        return sum(self.opened.get((wallet, asset), 0) for wallet in wallets)

    def wallets_meant(self, asset: str, believed: float) -> tuple[str, ...]:
        """The wallets that a bot counts in its total of an asset, in units.

        Those that have changed since the start, or all; of several, also one alone. Where none has,
        the first. Which of these it means is told by what it is nearest to.
        """
        ledger = self.engine.state.ledger
        every = ledger.wallets(self.account)
        if len(every) == 1:
            return every
        changed = tuple(wallet for wallet in every if self._has_changed(wallet)) or every[:1]
        alone = tuple((wallet,) for wallet in changed)

        def error(wallets: tuple[str, ...]) -> float:
            held = sum(ledger.free(name, asset) + ledger.used(name, asset) for name in wallets)
            return abs(held - believed * ATOMS)

        return min((changed, every, *alone), key=error)

    def _has_changed(self, wallet: str) -> bool:
        return any(
            free + used != self.opened.get((wallet, asset), 0)
            for asset, (free, used) in self.engine.state.ledger.balances(wallet).items()
        )

    def happened(self, events: Iterable[e.Event], at: int) -> None:
        """Note what happened on the exchange."""
        for event in events:
            note = HAPPENED.get(type(event))
            if note is not None:
                note(self, event, at)

    def _accepted(self, event: e.OrderAccepted, at: int) -> None:
        if event.account != self.account:
            return
        order = self.engine.state.accounts[self.account].find(event.order_id)
        self.placed += order is None or not order.forced
        if order is not None:
            self.orders[order.id] = OrderFacts(order, at)
            self._fact("order accepted", f"order {order.id}", at)
            if len(self.orders) > ORDERS_KEPT_MAX:
                self._forget()

    def _filled(self, event: e.OrderFilled, at: int) -> None:
        fill = event.fill
        if fill.account != self.account:
            return
        known = self.orders.get(event.order_id)
        is_forced = known is not None and known.order.forced
        self.traded.add(fill, self.market(fill.symbol))
        if known is not None:
            self._exposure(fill.symbol).move(fill.cost, fill.lots, at)
            self._fact("fill", fill_subject(fill), at)
            self.balance_changed_at = at
            if is_forced:
                self.forced.append(fill)

    def _funding(self, event: e.FuturesBalanceChanged, at: int) -> None:
        if event.account == self.account:
            self.balance_changed_at = at
            if event.why == "funding":
                self.funding.append(event)

    def _ended(self, event: e.OrderCanceled | e.OrderExpired, at: int) -> None:
        if event.account == self.account and event.order_id in self.orders:
            if event.__class__ is e.OrderCanceled:
                self.orders[event.order_id].canceled_at = at
            self._fact("order ended", f"order {event.order_id}", at)

    def _balance(self, event: e.BalanceChanged, at: int) -> None:
        if event.account == self.account:
            self._fact("balance", event.asset, at)
            self.balance_changed_at = self.balance_moved_at = at

    def _market(self, event: e.MarketChanged, at: int) -> None:
        self._fact("market " + str(event.status), event.symbol, at)

    def _fact(self, kind: str, subject: str, at: int) -> None:
        if len(self._waiting) >= FACTS_KEPT_MAX:
            oldest = next(iter(self._waiting))
            self.log.append(self._waiting.pop(oldest))
        if (kind, subject) not in self._waiting:
            self._wrong(kind, +1, at)
        self._waiting[kind, subject] = Fact(kind, subject, at)

    def _wrong(self, kind: str, change: int, at: int) -> None:
        """One fact more, or less, that the client does not know of its orders."""
        if kind in OF_ORDERS:
            self.wrong_ns += (at - self._wrong_since) * (self._wrong_facts > 0)
            self._wrong_facts += change
            self._wrong_since = at

    def wrong_s(self, at: int) -> float:
        """For how many seconds the client did not know all about its orders, until an instant."""
        return (self.wrong_ns + (at - self._wrong_since) * (self._wrong_facts > 0)) / SECOND

    def _known(self, kind: str, subject: str, trip: Trip) -> None:
        fact = self._waiting.pop((kind, subject), None)
        if fact is not None:
            self._wrong(kind, -1, trip.ended_at)
            self.log.append(fact._replace(known_at=trip.ended_at, trip=trip.number))

    def _exposure(self, symbol: str) -> Exposure:
        if symbol not in self.exposure:
            self.exposure[symbol] = Exposure()
        return self.exposure[symbol]

    def _forget(self) -> None:
        """Let go of the oldest order that is settled, or else of the oldest."""
        settled = next((i for i, known in self.orders.items() if known.is_settled), None)
        oldest = self.orders.pop(next(iter(self.orders)) if settled is None else settled)
        self._told_open.pop(oldest.order.id, None)
        self.orphans_ended += oldest.is_orphan

    # ---- the second column

    def told(self, trip: Trip) -> None:
        """Note what a message tells the client."""
        for event in trip.happened:
            if event.__class__ is e.OrderAccepted and event.order_id in self.orders:
                self.orders[event.order_id].placed_by = trip
        answer = received(trip)
        if answer is None:
            return
        self._tell(answer, trip)

    def _tell(self, answer: Any, trip: Trip) -> None:
        if answer.__class__ is Reject:
            self._refused(answer, trip, trip.command)
            return
        if answer.__class__ is BatchDone:
            for part, told in zip(parts_of(trip.command), answer.results, strict=True):
                if told.__class__ is Reject:
                    self._refused(told, trip, part)
        for snapshot in orders_of(answer):
            known = self.orders.get(snapshot.order.id)
            if known is not None:
                self._told_order(known, snapshot, trip)
        if answer.__class__ is OrderSnapshot:  # as nearly always; it tells nothing else
            return
        for fill in fills_of(answer):
            known = self.orders.get(fill.order_id)
            if known is not None:
                self._told_fill(known, fill, trip)
        balances = balances_of(answer)
        if balances is not None:
            self._told_balances(*balances, trip)
        for kind in LOOKS.get(answer.__class__, ()):
            since = getattr(answer, "at", 0) or trip.born_at
            self._looks[kind].append((since, trip.ended_at))
        if trip.command.__class__ is FetchOrders and trip.command.which == "open":
            self._listed(trip.command, answer, trip)

    def _listed(self, asked: FetchOrders, answer: Any, trip: Trip) -> None:
        """An order that a list of all open orders does not hold has ended, as it seems."""
        if asked.limit is not None or asked.as_of:
            return
        there = {snapshot.order.id for snapshot in orders_of(answer)}
        for known in self._told_open.values():
            expect_intents = not asked.symbol or asked.symbol == known.symbol
            if expect_intents and known.order.id not in there and not known.order.is_open:
                known.absent_at = known.absent_at or trip.ended_at

    def _told_order(self, known: OrderFacts, snapshot: Any, trip: Trip) -> None:
        at = trip.ended_at
        self._told_of(known, trip)
        known.told_status = snapshot.status
        if known.false_by is not None and is_true(snapshot):
            known.false_by = None
        if snapshot.filled > known.told_filled:
            lots, cost = snapshot.filled - known.told_filled, snapshot.cost - known.told_cost
            known.told_filled, known.told_cost = snapshot.filled, snapshot.cost
            self._exposure(known.symbol).move(-cost, -lots, at)
            self._told_position(known.order, lots)
            for fill in known.order.fills[: snapshot.fills]:
                self._known("fill", fill_subject(fill), trip)
        if snapshot.status in OPEN_STATES:
            return
        if known.truly_ended_at == NEVER and not known.order.is_open:
            known.truly_ended_at = at
        if known.ended_told_at == NEVER:
            known.ended_told_at = at
            self._told_open.pop(known.order.id, None)
            self._known("order ended", f"order {known.order.id}", trip)

    def _told_fill(self, known: OrderFacts, fill: Any, trip: Trip) -> None:
        """A fill told by itself counts once: the fact of it must still be unknown."""
        self._told_of(known, trip)
        name = ("fill", fill_subject(fill))
        if name in self._waiting:
            self._known(*name, trip)
            known.told_filled += fill.lots
            known.told_cost += fill.cost
            self._exposure(known.symbol).move(-fill.cost, -fill.lots, trip.ended_at)
            self._told_position(known.order, fill.lots)

    def _told_position(self, order: Order, lots: int) -> None:
        key = (order.symbol, order.position_side)
        self.told_lots[key] = self.told_lots.get(key, 0) + sign(order.side) * lots

    def _told_of(self, known: OrderFacts, trip: Trip) -> None:
        if known.told_at == NEVER:
            known.told_at, known.told_by = trip.ended_at, trip.number
            self._told_open[known.order.id] = known
            self._known("order accepted", f"order {known.order.id}", trip)

    def _told_balances(self, as_of: int, free: dict[str, int], trip: Trip) -> None:
        if as_of >= self.balances_told_at:
            self.balances_false = None
            self.balances_told_at = as_of
            self.balances_told.update(free)
            for asset in free:
                self._known("balance", asset, trip)

    def _refused(self, refused: Reject, trip: Trip, command: Any) -> None:
        """A refusal tells something too: that a name is taken, that a market is halted."""
        if refused.until is not None:
            kind = "banned" if refused.reason is Reason.BANNED else str(refused.reason)
            self.log.append(Fact(kind, self.account, trip.ended_at, trip.ended_at, trip.number))
        if refused.reason in HALTS:
            for status in ("halted", "cancel_only"):
                self._known(f"market {status}", trip.symbol, trip)
        if refused.reason is Reason.DUPLICATE_CLIENT_ID and command is not None:
            known = self.named(getattr(command, "client_id", ""), getattr(command, "symbol", ""))
            if known is not None:
                self._told_of(known, trip)

    # ---- questions

    def untold(self, known: OrderFacts) -> list[Fill]:
        """The fills of an order that the client was not told of."""
        return [f for f in known.order.fills if ("fill", fill_subject(f)) in self._waiting]

    def fills_told(self, since: int) -> dict[str, int]:
        """The fills that the client was told of since an instant, by subject: when it was told."""
        newest = takewhile(lambda fact: fact.known_at > since, reversed(self.log))
        return {fact.subject: fact.known_at for fact in newest if fact.kind == "fill"}

    def looked(self, kind: str, told: int) -> tuple[int, int]:
        """Between which instants what the client saw in its newest look at its account was so.

        Looks of which it was told after `told` it need not have booked: also the one before then.
        """
        looks = self._looks[kind]
        before = next((since for since, until in reversed(looks) if until <= told), looks[0][0])
        return before, looks[-1][1]

    @property
    def positions_told_at(self) -> int:
        """When the client's positions were told last."""
        return self._looks["positions"][-1][1]

    def named(self, client_id: str, symbol: str = "") -> OrderFacts | None:
        """The newest order of a client order id."""
        if not client_id:
            return None
        account = self.engine.state.accounts[self.account]
        order = account.named(client_id, symbol)
        return None if order is None else self.orders.get(order.id)

    def of_command(self, command: Any) -> OrderFacts | None:
        """The order that a look-up, a cancel or an amendment is about."""
        if command.__class__ not in (FetchOrder, CancelOrder, AmendOrder, ChangeOrder):
            return None
        order_id = getattr(command, "order_id", 0)
        named = self.named(command.client_id, command.symbol)
        return self.orders.get(order_id) if order_id else named

    def unknown(self) -> list[Fact]:
        """What happened and the client can't know yet, oldest first."""
        return list(self._waiting.values())

    def orphans(self) -> list[OrderFacts]:
        """Orders that the client was never told of."""
        return [known for known in self.orders.values() if known.is_orphan]

    def market(self, symbol: str) -> Market:
        """The rules in force of a market."""
        return self.engine.state.markets[symbol].market

    def value(self, name: str, atoms: int, at: int) -> float | None:
        """What an asset, or a position in a market, is worth in `currency`; None without a path."""
        ms = self.engine.state.markets.get(name)
        if ms is not None:
            return self.money(name, atoms // ms.market.amount_step, at)
        value = self.engine.state.value(name, atoms, self.currency, at)
        return None if value is None else value / ATOMS

    def money(self, symbol: str, lots: int, at: int) -> float | None:
        """What `lots` of a market are worth, in `currency`, or None.

        Coins are valued at the last price; a position at the mark price, leverage included.
        """
        ms = self.engine.state.markets[symbol]
        return self.value(*product_of(ms.market).worth(ms, lots, at), at)

    def quote_money(self, symbol: str, atoms: int, at: int) -> float | None:
        """What a cost in a market is worth in `currency`; None without a path."""
        market = self.market(symbol)
        return self.value(product_of(market).priced_in(market), atoms, at)


def is_true(snapshot: OrderSnapshot) -> bool:
    """Whether an order stands as a message says."""
    order = snapshot.order
    return snapshot.status is order.status and snapshot.filled == order.filled


def fill_subject(fill: Fill) -> str:
    """The subject of the fact that there was a fill."""
    return f"order {fill.order_id}, trade {fill.trade_id}"


LOOKS: dict[type, tuple[str, ...]] = {
    Balances: ("spot",), Margins: ("futures",), Positions: ("positions",),
    FuturesAccount: ("futures", "positions"),
}  # fmt: skip
LOOK_KINDS = ("spot", "futures", "positions")
NO_LOOK = (NEVER, NEVER)
OF_ORDERS = ("order accepted", "fill", "order ended")
OPEN_STATES = (Status.OPEN, Status.WAITING, Status.PENDING)
HALTS = (Reason.MARKET_HALTED, Reason.CANCEL_ONLY, Reason.TRADING_DISABLED)
HAPPENED: dict[type, Callable[[Facts, Any, int], None]] = {
    e.OrderAccepted: Facts._accepted,
    e.OrderFilled: Facts._filled,
    e.OrderCanceled: Facts._ended,
    e.OrderExpired: Facts._ended,
    e.BalanceChanged: Facts._balance,
    e.FuturesBalanceChanged: Facts._funding,
    e.MarketChanged: Facts._market,
}
