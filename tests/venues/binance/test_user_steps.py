"""Several things happen in one step: which events an account hears of them, in which order."""

from __future__ import annotations

from failing_exchange.core import commands as c
from failing_exchange.core.market import Prevention
from failing_exchange.core.order import Contingency, OrderType
from tests.core.floor import BUY, LIMIT, SELL, Floor, S
from tests.venues.binance.ear import REPORT, Ear, held, place, short


def test_a_market_order_that_runs_out_is_told_as_in_the_venues_sample() -> None:
    """NEW, each trade with the sums so far, EXPIRED, then one position: faq, "market_orders"."""
    floor = Floor()
    for ticks in (101, 102):
        floor.limit("bob", SELL, ticks, 2_000)
    ear = Ear(floor)
    place(floor, BUY, OrderType.MARKET, 6_000)
    told = ear.hear()
    assert short(told) == [
        "NEW NEW", "TRADE PARTIALLY_FILLED", "TRADE PARTIALLY_FILLED", "EXPIRED EXPIRED",
        "outboundAccountPosition",
    ]  # fmt: skip
    assert [one["z"] for one in told[:4]] == [f"0.0{n}000000" for n in (0, 2, 4, 4)]
    assert [one["l"] for one in told[:4]] == [f"0.0{n}000000" for n in (0, 2, 2, 0)]
    assert [one["M"] for one in told[:4]] == [False, True, True, False]
    assert [one["w"] for one in told[:4]] == [True, False, False, False]
    assert told[3]["eR"] == "INSUFFICIENT_LIQUIDITY"
    assert (told[1]["L"], told[1]["Y"], told[1]["N"], told[1]["m"]) == (
        "1.01000000", "0.02020000", "BTC", False,
    )  # fmt: skip


def test_orders_that_prevent_each_other_end_by_trade_prevention() -> None:
    """enums.md: execution TRADE_PREVENTION, status EXPIRED_IN_MATCH, and fields of their own."""
    floor = Floor()
    floor.limit("alice", SELL, 101, 3_000)
    ear = Ear(floor)
    place(floor, BUY, LIMIT, 1_000, ticks=101, prevention=Prevention.EXPIRE_TAKER)
    told = ear.hear()
    assert short(told)[:2] == ["NEW NEW", "TRADE_PREVENTION EXPIRED_IN_MATCH"]
    report = told[1]
    assert set(report) == set(REPORT) | {"v", "A", "B", "u", "U", "Cs", "pl", "pL", "pY"}
    assert (report["v"], report["U"], report["Cs"]) == (0, 3, "BTCUSDT")
    assert (report["A"], report["B"], report["pl"]) == ("0.01000000",) * 3
    assert (report["pL"], report["pY"], report["l"]) == ("1.01000000", "0.01010000", "0.00000000")


def test_orders_that_decrement_each_other_say_by_how_much() -> None:
    """faqs/stp_faq.md, DECREMENT: the smaller one expires, the larger one goes on, smaller."""
    floor = Floor()
    floor.limit("alice", SELL, 101, 3_000)
    ear = Ear(floor)
    place(floor, BUY, LIMIT, 1_000, ticks=101, prevention=Prevention.DECREMENT)
    reports = {one["i"]: one for one in ear.hear() if one.get("x") == "TRADE_PREVENTION"}
    assert {n: (one["X"], one["B"]) for n, one in reports.items()} == {
        3: ("NEW", "0.01000000"), 4: ("EXPIRED_IN_MATCH", "0.01000000"),
    }  # fmt: skip
    assert (reports[3]["q"], reports[3]["w"]) == ("0.03000000", True)


def test_what_two_decremented_orders_would_have_traded_is_told_to_both() -> None:
    """`pl` is the same for both, `q` stays, and `A` counts what has expired so far."""
    floor = Floor()
    floor.limit("alice", SELL, 101, 3_000)
    ear = Ear(floor)
    place(floor, BUY, LIMIT, 2_000, ticks=101, prevention=Prevention.DECREMENT)
    place(floor, BUY, LIMIT, 5_000, ticks=101, prevention=Prevention.DECREMENT)
    told = [one for one in ear.hear() if one.get("x") == "TRADE_PREVENTION"]
    assert [(one["i"], one["pl"], one["A"], one["q"]) for one in told] == [
        (3, "0.02000000", "0.02000000", "0.03000000"),
        (4, "0.02000000", "0.02000000", "0.02000000"),
        (3, "0.01000000", "0.03000000", "0.03000000"),
        (5, "0.01000000", "0.01000000", "0.05000000"),
    ]


def test_a_leg_that_meets_an_order_of_its_own_account_ends_its_list() -> None:
    """Only the leg that was met expires in a match, the other one with the list."""
    floor = Floor()
    maker = c.PlaceOrder("alice", S, SELL, LIMIT, 1_000, ticks=120, post_only=True)
    stop = c.PlaceOrder("alice", S, SELL, OrderType.STOP_LOSS, 1_000, stop_ticks=80)
    floor.do(c.PlaceOrderList("alice", (maker, stop), Contingency.OCO))
    ear = Ear(floor)
    place(floor, BUY, LIMIT, 500, ticks=120, prevention=Prevention.EXPIRE_MAKER)
    told = [one for one in ear.hear() if one.get("X", "NEW") != "NEW"]
    assert [(one["X"], one.get("eR")) for one in told] == [
        ("EXPIRED_IN_MATCH", None), ("EXPIRED", "OCO_TRIGGER"),
    ]  # fmt: skip


def test_orders_that_are_triggered_together_are_told_one_after_the_other() -> None:
    """Each with the balances after it, as if the others had not been triggered yet."""
    floor = Floor()
    floor.limit("bob", BUY, 80, 10_000)
    for lots in (1_000, 2_000):
        place(floor, SELL, OrderType.STOP_LOSS, lots, stop_ticks=90)
    ear = Ear(floor)
    floor.last(89)
    told = ear.hear()
    order = ["NEW NEW", "TRADE FILLED", "outboundAccountPosition"]
    assert short(told) == [*order, *order]
    assert held(told) == [
        {"BTC": ("9.97000000", "0.02000000"), "USDT": ("1000000.00799200", "0.00000000")},
        {"BTC": ("9.97000000", "0.00000000"), "USDT": ("1000000.02397600", "0.00000000")},
    ]


def test_orders_that_are_canceled_together_are_told_one_after_the_other() -> None:
    """CHANGELOG.md, 2019-08-15: a cancellation is an event. By the client or by the venue."""
    for cancel in (c.CancelAllOrders("alice", S), c.OperatorCancel()):
        floor = Floor()
        for lots in (1_000, 2_000):
            floor.limit("alice", SELL, 120, lots)
        ear = Ear(floor)
        floor.do(cancel)
        told = ear.hear()
        assert short(told) == ["CANCELED CANCELED", "outboundAccountPosition"] * 2
        assert [one["BTC"] for one in held(told)] == [
            ("9.98000000", "0.02000000"), ("10.00000000", "0.00000000"),
        ]  # fmt: skip


def test_a_replacement_is_a_cancellation_and_a_placement() -> None:
    """What the old order held is free in between."""
    floor = Floor()
    floor.limit("alice", SELL, 120, 1_000)
    ear = Ear(floor)
    new = c.PlaceOrder("alice", S, SELL, LIMIT, 2_000, ticks=120)
    floor.do(c.ReplaceOrder(c.CancelOrder("alice", S, 3), new))
    told = ear.hear()
    position = "outboundAccountPosition"
    assert short(told) == ["CANCELED CANCELED", position, "NEW NEW", position]
    assert [one["BTC"] for one in held(told)] == [
        ("10.00000000", "0.00000000"), ("9.98000000", "0.02000000"),
    ]  # fmt: skip


def test_one_order_that_meets_several_is_told_as_one_event() -> None:
    """faq, "market_orders": each TRADE, and one position for all of them."""
    floor = Floor()
    for ticks in (101, 102):
        floor.limit("alice", SELL, ticks, 1_000)
    ear = Ear(floor)
    floor.limit("bob", BUY, 102, 2_000)
    told = ear.hear()
    assert short(told) == ["TRADE FILLED", "TRADE FILLED", "outboundAccountPosition"]
    assert held(told)[0]["BTC"] == ("9.98000000", "0.00000000")


def test_a_replacement_that_is_refused_is_rejected() -> None:
    """enums.md, REJECTED: the cancel succeeded, the new order was never there."""
    floor = Floor()
    floor.limit("alice", BUY, 90, 1_000, client_id="old")
    ear = Ear(floor)
    new = c.PlaceOrder("alice", S, BUY, LIMIT, 10**12, ticks=90, client_id="new")
    replaced = floor.do(c.ReplaceOrder(c.CancelOrder("alice", S, 3), new))
    ear.not_placed = (new, replaced.placed)
    told = ear.hear()
    assert short(told) == ["CANCELED CANCELED", "REJECTED REJECTED", "outboundAccountPosition"]
    report = told[1]
    assert set(report) == set(REPORT) - {"W"}
    assert (report["c"], report["r"]) == ("new", "INSUFFICIENT_BALANCES")
    assert (report["i"], report["O"], report["w"]) == (-1, -1, False)
