"""What an account hears of itself, event by event, against the official examples."""

from __future__ import annotations

from failing_exchange.core import commands as c
from failing_exchange.core.order import Contingency, OrderType, Peg, PegPrice, TimeInForce
from failing_exchange.core.units import ATOMS
from failing_exchange.feeds.account_records import Terminated
from failing_exchange.venues.binance.user_events import Heard, write
from tests.core.floor import BUY, LIMIT, SELL, START, Floor, S
from tests.venues.binance.ear import REPORT, Ear, place, short


def test_a_report_has_the_fields_of_the_official_example() -> None:
    """A client that reads a field by its letter must find it, with its type."""
    floor = Floor()
    ear = Ear(floor)
    floor.limit("alice", BUY, 90, 5_000, client_id="mine")
    report, position = ear.hear()
    assert set(report) == set(REPORT)
    assert all(isinstance(report[name], kind) for name, kind in REPORT.items())
    assert (report["c"], report["C"], report["t"], report["n"]) == ("mine", "", -1, "0")
    assert (report["p"], report["q"], report["w"]) == ("0.90000000", "0.05000000", True)
    assert list(position) == ["e", "E", "u", "B"]
    assert position["B"] == [
        {"a": "BTC", "f": "10.00000000", "l": "0.00000000"},
        {"a": "USDT", "f": "999999.95500000", "l": "0.04500000"},
    ]


def test_numbers_of_executions_grow_and_never_repeat() -> None:
    """A client that has seen an `I` takes the event for a repetition."""
    floor = Floor()
    ear = Ear(floor)
    floor.limit("alice", BUY, 90, 5_000)
    floor.limit("bob", SELL, 90, 1_000)
    floor.do(c.AmendOrder("alice", S, 3, 3_000))
    floor.limit("bob", SELL, 90, 1_000)
    floor.do(c.CancelOrder("alice", S, 3))
    told = [one for one in ear.hear() if "I" in one]
    assert [one["x"] for one in told] == ["NEW", "TRADE", "REPLACED", "TRADE", "CANCELED"]
    numbers = [one["I"] for one in told]
    assert numbers == sorted(set(numbers))


def test_a_cancel_has_an_id_of_its_own_and_names_the_orders() -> None:
    """`c` is the cancel's id and `C` the order's: clients that take `c` for the order's lose it."""
    floor = Floor()
    floor.limit("alice", BUY, 90, 5_000, client_id="mine")
    ear = Ear(floor)
    floor.do(c.CancelOrder("alice", S, 0, "mine", cancel_id="away"))
    report, position = ear.hear()
    assert (report["x"], report["X"]) == ("CANCELED", "CANCELED")
    assert (report["c"], report["C"]) == ("away", "mine")
    assert position["B"][1]["l"] == "0.00000000"


def test_an_amended_order_is_replaced() -> None:
    """faq, "order_amend_keep_priority": execution type REPLACED, and perhaps a new name."""
    floor = Floor()
    floor.limit("alice", BUY, 90, 5_000, client_id="old")
    ear = Ear(floor)
    floor.do(c.AmendOrder("alice", S, 3, 3_000, new_client_id="new"))
    report = ear.hear()[0]
    assert (report["x"], report["X"], report["q"]) == ("REPLACED", "NEW", "0.03000000")
    assert (report["c"], report["C"]) == ("new", "old")


def test_the_clients_own_labels_are_told() -> None:
    """strategyId and strategyType appear where they were sent."""
    floor = Floor()
    ear = Ear(floor)
    place(
        floor, BUY, LIMIT, 5_000, ticks=90, extra=(("strategyId", 7), ("strategyType", 1_000_000))
    )
    report = ear.hear()[0]
    assert (report["j"], report["J"]) == (7, 1_000_000)


def test_why_an_order_expired() -> None:
    """user-data-stream.md, "Order Expiry Reason"."""
    floor = Floor()
    floor.limit("bob", SELL, 101, 1_000)
    ear = Ear(floor)
    place(floor, BUY, LIMIT, 2_000, ticks=101, time_in_force=TimeInForce.FOK)
    place(floor, BUY, LIMIT, 2_000, ticks=101, time_in_force=TimeInForce.IOC)
    floor.limit("alice", BUY, 90, 1_000)
    floor.do(c.OperatorCancel(6, expire=True))
    reasons = [one["eR"] for one in ear.hear() if one.get("x") == "EXPIRED"]
    assert reasons == [
        "UNFILLED_FOK_ORDER_EXPIRED", "UNFILLED_IOC_QUANTITY_EXPIRED", "EXCHANGE_CANCELED",
    ]  # fmt: skip


def test_a_stop_waits_off_the_book_and_begins_to_work_when_triggered() -> None:
    """A waiting order has no working time and is not on the book; its trigger is a second NEW."""
    floor = Floor()
    ear = Ear(floor)
    place(floor, BUY, OrderType.STOP_LOSS_LIMIT, 1_000, ticks=90, stop_ticks=110)
    waiting = ear.hear()[0]
    assert (waiting["w"], "W" in waiting, waiting["P"]) == (False, False, "1.10000000")
    floor.last(110)
    live = ear.hear()[0]
    assert (live["x"], live["X"], live["w"]) == ("NEW", "NEW", True)
    assert live["W"] > live["O"]
    assert live["I"] > waiting["I"]


def test_icebergs_and_trailing_orders_say_so() -> None:
    """`F` is what an iceberg shows; `d` and `D` appear for trailing orders only."""
    floor = Floor()
    ear = Ear(floor)
    place(floor, BUY, LIMIT, 5_000, ticks=90, iceberg_lots=1_000)
    iceberg = ear.hear()[0]
    assert (iceberg["F"], "d" in iceberg) == ("0.01000000", False)
    place(floor, BUY, OrderType.STOP_LOSS_LIMIT, 1_000, ticks=90, trail_bips=200)
    trailing = ear.hear()[0]
    assert (trailing["d"], trailing["D"]) == (200, trailing["T"])


def test_a_waiting_stop_that_is_canceled_has_never_worked() -> None:
    """Its report has no working time either."""
    floor = Floor()
    place(floor, BUY, OrderType.STOP_LOSS_LIMIT, 1_000, ticks=90, stop_ticks=110)
    ear = Ear(floor)
    floor.do(c.CancelOrder("alice", S, 3))
    assert "W" not in ear.hear()[0]


def test_a_list_tells_when_it_begins_and_when_it_is_over() -> None:
    """listStatus has the fields of the official example, and names both orders."""
    floor = Floor()
    ear = Ear(floor)
    legs = (
        c.PlaceOrder("alice", S, SELL, LIMIT, 1_000, ticks=120, post_only=True, client_id="up"),
        c.PlaceOrder(
            "alice", S, SELL, OrderType.STOP_LOSS_LIMIT, 1_000, ticks=80, stop_ticks=80,
            client_id="down",
        ),
    )  # fmt: skip
    floor.do(c.PlaceOrderList("alice", legs, Contingency.OCO, "both"))
    begun = next(one for one in ear.hear() if one["e"] == "listStatus")
    assert list(begun) == ["e", "E", "s", "g", "c", "l", "L", "r", "C", "T", "O"]
    assert (begun["c"], begun["l"], begun["L"]) == ("OCO", "EXEC_STARTED", "EXECUTING")
    assert (begun["C"], [one["c"] for one in begun["O"]]) == ("both", ["up", "down"])
    floor.limit("bob", BUY, 120, 1_000)
    told = ear.hear()
    over = next(one for one in told if one["e"] == "listStatus")
    assert (over["l"], over["L"]) == ("ALL_DONE", "ALL_DONE")
    ended = [(one["c"], one["x"], one.get("eR")) for one in told if "x" in one]
    assert sorted(ended, key=str) == [("down", "EXPIRED", "OCO_TRIGGER"), ("up", "TRADE", None)]


def test_money_that_comes_goes_or_is_locked_is_told_with_the_position() -> None:
    """Deposits are balanceUpdate, locks of other systems externalLockUpdate."""
    floor = Floor()
    ear = Ear(floor)
    floor.do(c.Credit("alice", "USDT", 5 * ATOMS))
    floor.do(c.Debit("alice", "BTC", ATOMS))
    floor.do(c.Freeze("alice", "BTC", 2 * ATOMS))
    told = [one for one in ear.hear() if one["e"] != "outboundAccountPosition"]
    assert [(one["e"], one["a"], one["d"]) for one in told] == [
        ("balanceUpdate", "USDT", "5.00000000"),
        ("balanceUpdate", "BTC", "-1.00000000"),
        ("externalLockUpdate", "BTC", "2.00000000"),
    ]
    assert all(list(one) == ["e", "E", "a", "d", "T"] for one in told)


def test_nobody_hears_of_the_others() -> None:
    """Both sides of a trade are told, each of its own order only."""
    floor = Floor()
    alice, bob = Ear(floor), Ear(floor, "bob")
    floor.limit("alice", BUY, 90, 1_000)
    floor.limit("bob", SELL, 90, 1_000)
    assert short(alice.hear()) == ["NEW NEW", "TRADE FILLED", "outboundAccountPosition"]
    told = bob.hear()
    assert short(told) == ["NEW NEW", "TRADE FILLED", "outboundAccountPosition"]
    assert (told[1]["m"], told[1]["S"]) == (False, "SELL")


def test_instants_are_in_microseconds_where_asked_for() -> None:
    """timeUnit holds for events as well."""
    floor = Floor()
    markets = floor.engine.state.markets
    event = write(Terminated(START), Heard(START, markets, micro=True))
    assert event == {"e": "eventStreamTerminated", "E": START // 1_000}


def test_what_an_order_does_not_have_yet_is_not_told() -> None:
    """The amount of one that another pays for, the price of one that is pegged: at their turn."""
    floor = Floor()
    floor.limit("bob", SELL, 99, 4_000)
    floor.limit("bob", BUY, 90, 1)
    floor.limit("bob", SELL, 110, 1)
    ear = Ear(floor)
    working = c.PlaceOrder("alice", S, BUY, LIMIT, 4_000, ticks=99)
    pending = c.PlaceOrder("alice", S, SELL, LIMIT, 0, peg=Peg(PegPrice.PRIMARY), client_id="later")
    floor.do(c.PlaceOrderList("alice", (working, pending), Contingency.OTO, proceeds_pay=True))
    told = [one for one in ear.hear() if one.get("c") == "later"]
    assert [(one["X"], one["q"], one["p"], one.get("gp")) for one in told] == [
        ("PENDING_NEW", "0.00000000", "0.00000000", None),
        ("NEW", "0.04000000", "0.00000000", "1.10000000"),
    ]
    assert {one["gP"] for one in told} == {"PRIMARY_PEG"}


def test_each_list_that_goes_on_in_one_step_is_told_with_a_position_of_its_own() -> None:
    """A fill, then the orders behind it: the balances come after each, not once for all."""
    floor = Floor()
    ear = Ear(floor)
    for _ in range(2):
        working = c.PlaceOrder("alice", S, BUY, LIMIT, 1_000, ticks=99)
        pending = c.PlaceOrder("alice", S, SELL, LIMIT, 1_000, ticks=120)
        floor.do(c.PlaceOrderList("alice", (working, pending), Contingency.OTO))
    ear.hear()
    floor.limit("bob", SELL, 99, 2_000)
    told = short(ear.hear())
    position = "outboundAccountPosition"
    assert told == [
        "TRADE FILLED",
        "TRADE FILLED",
        position,
        "NEW NEW",
        position,
        "NEW NEW",
        position,
    ]
