"""The engine against a slow obvious reference, and its books after whatever may happen."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from failing_exchange.core import commands as c
from failing_exchange.core.auditor import audit
from failing_exchange.core.engine import Engine
from failing_exchange.core.events import OrderAccepted, OrderFilled
from failing_exchange.core.market import Market, MarketStatus, Prevention
from failing_exchange.core.order import (
    LEGAL_CHANGES,
    TRIGGERED_TYPES,
    Contingency,
    OrderType,
    Peg,
    PegPrice,
    Side,
    Status,
    TimeInForce,
)
from failing_exchange.core.reject import Reject
from failing_exchange.core.units import ATOMS
from tests.core.reference_book import ReferenceBook
from tests.examples import machine

S = "BTC/USDT"
MARKET = Market(symbol=S, base="BTC", quote="USDT", price_step=10**6, amount_step=10**3)
ACCOUNTS = ("alice", "bob", "carol")
accounts = st.sampled_from(ACCOUNTS)
sides = st.sampled_from(list(Side))
prices = st.integers(95, 105)
amounts = st.integers(1, 9)
orders = st.integers(1, 40)
STOPS = (OrderType.STOP_LOSS, OrderType.STOP_LOSS_LIMIT)
PROFITS = (OrderType.LIMIT, OrderType.TAKE_PROFIT, OrderType.TAKE_PROFIT_LIMIT)
LIMITS = (OrderType.LIMIT, OrderType.STOP_LOSS_LIMIT, OrderType.TAKE_PROFIT_LIMIT)
pegs = st.builds(Peg, st.sampled_from(list(PegPrice)), st.none() | st.integers(1, 3))
WORKING = (None, TimeInForce.GTC, TimeInForce.IOC)  # None: an OCO


class Books(RuleBasedStateMachine):
    """What both machines share: accounts, a clock, and what must hold after every step."""

    def __init__(self) -> None:
        super().__init__()
        self.at = 1_767_225_600 * 10**9
        self.engine = self.made()
        self.statuses: dict[int, Status] = {}
        balances = (("USDT", 10**6 * ATOMS), ("BTC", 10 * ATOMS), ("BNB", ATOMS))
        for name in ACCOUNTS:
            fee_asset = "BNB" if name == "carol" else None
            self.do(c.OpenAccount(name, balances, fee_asset))

    def made(self) -> Engine:
        """The engine that is tried."""
        return Engine([(MARKET, None)])

    def do(self, command: Any) -> tuple[Any, Any]:
        """Carry out a command; a refusal is an answer, too."""
        self.at += 1_000_000
        self.engine.advance(self.at)
        try:
            return self.engine.execute(command, self.at)
        except Reject as refused:
            return (), refused

    def limit(self, account: str, side: Side, ticks: int, lots: int, **more: Any) -> Any:
        """A limit order."""
        return self.do(c.PlaceOrder(account, S, side, OrderType.LIMIT, lots, ticks, **more))

    @invariant()
    def the_books_are_sound(self) -> None:
        """Conservation, reservations, no crossed book, sound orders."""
        audit(self.engine)

    @invariant()
    def statuses_change_along_the_table(self) -> None:
        """No order comes back from its end."""
        for account in self.engine.state.accounts.values():
            for order in (*account.open.values(), *account.ended.values()):
                before = self.statuses.get(order.id)
                if before is not None and before is not order.status:
                    assert order.status in LEGAL_CHANGES[before]
                self.statuses[order.id] = order.status
                assert order.filled + order.remaining == order.lots


class AgainstReference(Books):
    """Plain orders between clients: who trades with whom, at which price, is exactly known."""

    def __init__(self) -> None:
        super().__init__()
        self.reference = ReferenceBook()

    @rule(
        account=accounts,
        side=sides,
        ticks=st.none() | prices,
        lots=amounts,
        part=st.just(0) | st.integers(1, 4),
    )
    def place(self, account: str, side: Side, ticks: int | None, lots: int, part: int) -> None:
        """Price first, then time; the maker's price is the price; of icebergs a part at a time."""
        kind = OrderType.MARKET if ticks is None else OrderType.LIMIT
        part = 0 if ticks is None else min(part, lots)
        order = c.PlaceOrder(account, S, side, kind, lots, ticks or 0, prevention=Prevention.NONE)
        events, _ = self.do(order._replace(iceberg_lots=part))
        ids = [event.order_id for event in events if isinstance(event, OrderAccepted)]
        assert len(ids) == 1
        fills = [event.fill for event in events if isinstance(event, OrderFilled)]
        made = [(fill.order_id, fill.ticks, fill.lots) for fill in fills if fill.maker]
        assert made == self.reference.place(ids[0], side is Side.BUY, ticks, lots, part)

    @rule(number=orders)
    def cancel(self, number: int) -> None:
        """Only what rests can be canceled, and only by its owner."""
        order = self.engine.state.orders.get(number)
        owner = order.account if order is not None else "alice"
        _, answer = self.do(c.CancelOrder(owner, S, number))
        assert isinstance(answer, Reject) != self.reference.cancel(number)

    @rule(number=orders, lots=amounts)
    def amend(self, number: int, lots: int) -> None:
        """A smaller order keeps its place."""
        order = self.engine.state.orders.get(number)
        if order is not None:
            before = order.lots
            _, answer = self.do(c.AmendOrder(order.account, S, number, lots))
            if not isinstance(answer, Reject):
                self.reference.reduce(number, before - lots)

    @invariant()
    def both_books_are_the_same(self) -> None:
        """Level for level."""
        book = self.engine.state.markets[S].book
        for side in Side:
            assert book.levels(side) == self.reference.levels(side is Side.BUY)
            assert book.shown(side) == self.reference.levels(side is Side.BUY, shown=True)


class Everything(Books):
    """All order types and all incidents, in any order: the books stay sound."""

    @initialize()
    def open_the_market(self) -> None:
        """A first trade gives a last price, which stops need."""
        self.limit("alice", Side.SELL, 100, 1)
        self.limit("bob", Side.BUY, 100, 1)

    @rule(
        account=accounts, side=sides, ticks=prices, lots=amounts,
        force=st.sampled_from(list(TimeInForce)), post_only=st.booleans(),
        prevention=st.sampled_from(list(Prevention)), name=st.sampled_from(["", "a", "b"]),
        part=st.integers(0, 3),
    )  # fmt: skip
    def place(self, account: str, side: Side, ticks: int, lots: int, **more: Any) -> None:
        """Limit orders of every kind."""
        self.limit(
            account, side, ticks, lots, time_in_force=more["force"], post_only=more["post_only"],
            prevention=more["prevention"], client_id=more["name"], iceberg_lots=more["part"],
        )  # fmt: skip

    @rule(account=accounts, side=sides, lots=amounts, by_cost=st.booleans())
    def take(self, account: str, side: Side, lots: int, by_cost: bool) -> None:
        """Market orders, by amount or by cost."""
        order = c.PlaceOrder(account, S, side, OrderType.MARKET, lots)
        self.do(order._replace(lots=0, cost=lots * 100_000) if by_cost else order)

    @rule(
        account=accounts, side=sides, lots=amounts, ticks=prices, stop=prices,
        kind=st.sampled_from(sorted(TRIGGERED_TYPES)), bips=st.sampled_from([0, 0, 100, 300]),
    )  # fmt: skip
    def wait(self, account: str, side: Side, lots: int, kind: OrderType, **more: Any) -> None:
        """Stops, take-profits, trailing stops; some trail by basis points, some at once."""
        priced = more["ticks"] if kind.value.endswith("limit") else 0
        stop = 0 if more["bips"] == 300 else more["stop"]
        order = c.PlaceOrder(account, S, side, kind, lots, priced, stop_ticks=stop, trail_ticks=3)
        self.do(order._replace(trail_bips=more["bips"]))

    @rule(account=accounts, side=sides, lots=amounts, near=st.integers(1, 5), far=st.integers(1, 5))
    def one_cancels_the_other(
        self, account: str, side: Side, lots: int, near: int, far: int
    ) -> None:
        """OCO."""
        sign = 1 if side is Side.SELL else -1
        limit = c.PlaceOrder(account, S, side, OrderType.LIMIT, lots, 100 + sign * near)
        stop = c.PlaceOrder(account, S, side, OrderType.STOP_LOSS_LIMIT, lots, 100 - sign * far,
                            stop_ticks=100 - sign * far)  # fmt: skip
        self.do(c.PlaceOrderList(account, (limit, stop)))

    @rule(
        account=accounts, side=sides, lots=amounts, near=st.integers(1, 5), far=st.integers(1, 5),
        profit=st.sampled_from(PROFITS), loss=st.sampled_from(STOPS), cost=st.sampled_from(WORKING),
        pending=st.none() | st.sampled_from(sorted(OrderType)),
    )  # fmt: skip
    def order_list(self, account: str, side: Side, lots: int, **more: Any) -> None:
        """OCO, OTO and OTOCO under the rules of the venue."""
        sign = 1 if side is Side.SELL else -1
        ahead, behind = 100 + sign * more["near"], 100 - sign * more["far"]
        profit = c.PlaceOrder(account, S, side, more["profit"], lots, ahead, stop_ticks=ahead,
                              post_only=more["profit"] is OrderType.LIMIT)  # fmt: skip
        loss = c.PlaceOrder(account, S, side, more["loss"], lots, behind, stop_ticks=behind,
                            trail_bips=100 * (lots % 2))  # fmt: skip
        legs: tuple[c.PlaceOrder, ...] = (profit, loss) if side is Side.SELL else (loss, profit)
        contingency = Contingency.OCO
        if more["cost"] is not None:
            contingency = Contingency.OTO
            first = c.PlaceOrder(account, S, side.other, OrderType.LIMIT, lots + 1, ahead,
                                 time_in_force=more["cost"])  # fmt: skip
            single = profit._replace(kind=more["pending"]) if more["pending"] else None
            legs = (first, single) if single is not None else (first, *legs)
        self.do(c.PlaceOrderList(account, legs, contingency, client_id=more["profit"].value))

    @rule(
        account=accounts, side=sides, lots=amounts, kind=st.sampled_from(LIMITS), stop=prices,
        peg=pegs, ticks=st.just(0) | prices,
    )  # fmt: skip
    def peg(self, account: str, side: Side, lots: int, kind: OrderType, **more: Any) -> None:
        """Orders that take their price from the book, at once or when they are triggered."""
        stop = 0 if kind is OrderType.LIMIT else more["stop"]
        order = c.PlaceOrder(account, S, side, kind, lots, more["ticks"], stop_ticks=stop)
        self.do(order._replace(peg=more["peg"]))

    @rule(
        account=accounts, lots=st.integers(1, 4_000), ticks=prices, near=st.integers(1, 5),
        kind=st.none() | st.sampled_from(sorted(OrderType)), peg=st.none() | pegs,
    )  # fmt: skip
    def pay_for(self, account: str, lots: int, ticks: int, near: int, **more: Any) -> None:
        """OPO and OPOCO: what is bought is sold again; perhaps at a price of the book."""
        buy = c.PlaceOrder(account, S, Side.BUY, OrderType.LIMIT, lots, ticks)
        above = c.PlaceOrder(account, S, Side.SELL, OrderType.LIMIT, 0, 100 + near, post_only=True)
        below = c.PlaceOrder(account, S, Side.SELL, OrderType.STOP_LOSS, 0, stop_ticks=100 - near)
        above = above._replace(peg=more["peg"])
        legs: tuple[c.PlaceOrder, ...] = (buy, below, above)
        if more["kind"] is not None:
            single = above._replace(kind=more["kind"], post_only=False, stop_ticks=100 + near)
            legs = (buy, single)
        self.do(c.PlaceOrderList(account, legs, Contingency.OTO, proceeds_pay=True))

    @rule(account=accounts, number=st.integers(1, 12), kind=st.sampled_from(PROFITS))
    def cancel_list(self, account: str, number: int, kind: OrderType) -> None:
        """By id, or by name."""
        by_name = c.CancelOrderList(account, S, client_id=kind.value)
        self.do(by_name if number > 9 else c.CancelOrderList(account, S, number))

    @rule(account=accounts, number=orders, ticks=prices, lots=amounts, stop=st.booleans())
    def replace(self, account: str, number: int, ticks: int, lots: int, stop: bool) -> None:
        """Cancel and replace, with its half successes."""
        place = c.PlaceOrder(account, S, Side.BUY, OrderType.LIMIT, lots, ticks)
        self.do(c.ReplaceOrder(c.CancelOrder(account, S, number), place, stop))

    @rule(number=orders, lots=amounts, name=st.sampled_from([None, "", "a", "b", "c"]))
    def amend(self, number: int, lots: int, name: str | None) -> None:
        """Smaller, perhaps under another name; of a pair both."""
        order = self.engine.state.orders.get(number)
        if order is not None:
            self.do(c.AmendOrder(order.account, S, number, lots, new_client_id=name))

    @rule(number=orders, only=st.sampled_from([None, *c.CancelOnly]))
    def cancel(self, number: int, only: c.CancelOnly | None) -> None:
        """Whatever is open, or only what is as far as was meant."""
        order = self.engine.state.orders.get(number)
        if order is not None:
            self.do(c.CancelOrder(order.account, S, number, order.client_id, only))

    @rule(account=accounts)
    def cancel_all(self, account: str) -> None:
        """All of an account's orders."""
        self.do(c.CancelAllOrders(account))

    @rule(number=orders, lots=st.integers(0, 9))
    def cross(self, number: int, lots: int) -> None:
        """The operator trades against an order."""
        self.do(c.CrossOrder(number, lots))

    @rule(account=accounts, ppm=st.integers(1, 999_999), rest=st.none() | st.integers(1, 10**9))
    def cap(self, account: str, ppm: int, rest: int | None) -> None:
        """The next order fills in part; the rest after a while."""
        self.do(c.CapNextFill(account, ppm, rest))

    @rule(seconds=st.integers(1, 3))
    def time_passes(self, seconds: int) -> None:
        """What was planned happens."""
        self.at += seconds * 10**9
        self.engine.advance(self.at)

    @rule(status=st.sampled_from(list(MarketStatus)))
    def change_status(self, status: MarketStatus) -> None:
        """Halt, resume, cancel only."""
        self.do(c.SetMarketStatus(S, status))

    @rule(
        account=accounts, asset=st.sampled_from(["BTC", "USDT"]), atoms=st.integers(-(10**9), 10**9)
    )
    def lock(self, account: str, asset: str, atoms: int) -> None:
        """Locks and unlocks."""
        self.do(c.Freeze(account, asset, atoms))

    @rule(account=accounts, asset=st.sampled_from(["BTC", "USDT"]), atoms=st.integers(1, 10**15))
    def pay(self, account: str, asset: str, atoms: int) -> None:
        """Debits take what is there at most; credits add."""
        self.do(c.Debit(account, asset, atoms))
        self.do(c.Credit(account, asset, atoms // 2 + 1))

    @rule(number=st.integers(0, 40), expire=st.booleans())
    def cancel_by_hand(self, number: int, expire: bool) -> None:
        """The venue ends orders."""
        self.do(c.OperatorCancel(number, expire=expire))

    @rule(which=st.integers(0, 30))
    def bust(self, which: int) -> None:
        """Trades are undone on the ledger."""
        trades = self.engine.state.markets[S].tape.trades
        if trades:
            self.do(c.BustTrade(S, trades[which % len(trades)].id))


TestAgainstReference = machine(AgainstReference, 60, steps=40)
TestEverything = machine(Everything, 120, steps=40)
