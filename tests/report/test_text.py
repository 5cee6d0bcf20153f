"""The two columns in words."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from failing_exchange import FailingExchange, FailingExchangeError, simulate
from failing_exchange.core import contract_queries, queries
from failing_exchange.core.commands import Credit, MovePrice, PayFunding
from failing_exchange.core.events import MarginCalled
from failing_exchange.core.ledger import Wallet
from failing_exchange.core.order import PositionSide
from failing_exchange.core.positions import MarginMode, MarginStatus
from failing_exchange.core.units import ATOMS
from failing_exchange.faults.triggers import nth
from failing_exchange.journal.trip import Edited
from failing_exchange.judge.rule import Breach, Outcome, Result, Severity
from failing_exchange.judge.verdict import Verdict
from failing_exchange.report.text import (
    NAMED_MAX,
    SAYS,
    answer_text,
    asked_text,
    event_text,
    happened_text,
    summary,
    told_text,
)

# Records that an answer holds, and that are none by themselves.
PARTS = (
    contract_queries.FundingRate, contract_queries.Income, contract_queries.CollateralRow,
    contract_queries.ContractStatistics, contract_queries.InsuredContract,
)  # fmt: skip


def test_told_says_what_was_told() -> None:
    """ "An answer" would hide a stale price, a missing order, or a balance that is not true."""
    exchange = FailingExchange(seed=7, balances={"USDT": 10_000})
    exchange.arm("set_field", nth(1), operations="fetch_order", field="status", value="closed")
    said: dict[str, str] = {}

    async def main() -> None:
        order = await exchange.create_order("BTC/USDT", "limit", "buy", 0.1, 40_000)
        await exchange.fetch_ticker("BTC/USDT")
        await exchange.fetch_balance()
        await exchange.fetch_order(order["id"], "BTC/USDT")
        await exchange.fetch_open_orders("BTC/USDT")
        await exchange.fetch_my_trades("BTC/USDT")
        await exchange.fetch_order_book("BTC/USDT")
        await exchange.fetch_time()
        for trip in exchange.journal.trips:
            said[trip.operation] = told_text(trip, exchange.venue.markets)

    simulate(main(), start="2026-01-05T00:00:00Z")
    assert said["create_order"] == "order 1 open: 0 of 0.1 filled"
    assert said["fetch_ticker"].startswith("bid 4") or said["fetch_ticker"].startswith("bid 5")
    assert said["fetch_balance"] == "USDT 6000 free, 4000 used"
    assert said["fetch_order"] == 'order 1 open: 0 of 0.1 filled; with status = "closed"'
    assert said["fetch_open_orders"] == "order 1 open: 0 of 0.1 filled"
    assert said["fetch_my_trades"] == "no fills"
    assert said["fetch_order_book"].startswith("book: bid ")
    assert said["fetch_time"].startswith("the time: 2026-01-05T00:00:0")


def test_every_answer_of_the_core_has_words() -> None:
    """A new one is told by its name at least; those that there are say more."""
    answers = {
        one
        for module in (queries, contract_queries)
        for name, one in vars(module).items()
        if isinstance(one, type) and one.__module__ == module.__name__ and issubclass(one, tuple)
        if not name.startswith("Fetch")
    }
    elsewhere = {queries.Orders, queries.Fills, *PARTS}
    assert answers - elsewhere <= set(SAYS)
    assert answer_text(object(), None) == "object"


def test_the_answers_of_contracts_say_what_is_held() -> None:
    """A position that the bot was told of differently is seen in the two columns."""
    market = FailingExchange().venue.markets["BTC/USDT"]

    def held(lots: int) -> queries.PositionReport:
        mode, zeros = MarginMode.CROSS, [0] * 9
        return queries.PositionReport(market, PositionSide.BOTH, lots, 0, 0, mode, *zeros)

    assert answer_text(queries.Positions(()), None) == "no positions"
    short = answer_text(queries.Positions((held(-25_000),)), None)
    assert short == "short 0.25 BTC/USDT at 0, unrealised +0"
    assert answer_text(held(100_000), None) == "long 1 BTC/USDT at 0, unrealised +0"
    assert answer_text(held(0), None) == "no position in BTC/USDT"
    assert answer_text(queries.MarkPrice(market, 42 * ATOMS, 0), None) == "mark 42"
    assert answer_text(queries.Leverage("BTC/USDT:USDT", 20, 0), None) == "leverage 20"
    status = {"USDT": MarginStatus(5 * ATOMS, 2 * ATOMS), "BNB": MarginStatus(0)}
    wallets = queries.Margins(status, False, False)
    assert answer_text(wallets, None) == "futures wallet: USDT 7, 5 available"
    both = queries.FuturesAccount(wallets, (held(0),))
    assert answer_text(both, None) == "futures wallet: USDT 7, 5 available; no positions"


def test_what_happened_to_a_position_is_said_in_words() -> None:
    """A reader of a liquidation looks for wallet and position, not for names of events."""
    swap = "BTC/USDT:USDT"
    exchange = FailingExchange(seed=7, markets=[swap], balances={"USDT": 2_000}, latency=None)

    async def main() -> None:
        await exchange.operate(Credit("main", "USDT", 5 * ATOMS, Wallet.FUTURES))
        await exchange.set_leverage(25, swap)
        await exchange.create_order(swap, "market", "buy", 0.5)
        stop = {"stopLossPrice": 20_000, "closePosition": True}
        await exchange.create_order(swap, "market", "sell", None, None, stop)
        await exchange.operate(PayFunding(swap, 10_000))
        await exchange.operate(MovePrice(swap, ppm=-100_000))
        await asyncio.sleep(60)
        await exchange.fetch_positions()

    simulate(main())
    markets = exchange.venue.markets
    happened = "; ".join(happened_text(trip, markets) for trip in exchange.journal.trips)
    for said in (
        "main: futures wallet +5 USDT (credit)", "leverage 25 in BTC/USDT:USDT",
        "main: long 0.5 BTC/USDT:USDT (order)", "conditional order 4000000000000001 new",
        "funding of BTC/USDT:USDT at 0.01 %", "(funding)",
        "main: position in BTC/USDT:USDT is liquidated by order 2",
        "main: no position in BTC/USDT:USDT (order, realised -",
    ):  # fmt: skip
        assert said in happened, said
    called = MarginCalled("main", "USDT", "", 5 * ATOMS, 4 * ATOMS, 0)
    assert event_text(called, markets) == (
        "main: margin call, 5 USDT for a maintenance margin of 4"
    )
    placed = [asked_text(t, markets.get(t.symbol)) for t in exchange.journal.trips]
    assert "create_order: sell the position of BTC, stop loss at 20000" in placed


def test_an_answer_that_is_replaced_is_told_as_it_was_sent() -> None:
    """As JSON, for it is what came over the wire; not as Python writes it."""
    told = Edited(queries.Clock(0), (("*", {"id": None}),))
    assert answer_text(told, None).endswith('; with {"id": null} in its place')


def test_long_lists_are_counted_and_their_first_ones_told() -> None:
    """Fifty orders in a row of the page hide the row below."""
    exchange = FailingExchange(seed=7)
    said: list[str] = []

    async def main() -> None:
        for n in range(NAMED_MAX):
            await exchange.create_order("BTC/USDT", "limit", "buy", 0.1, 40_000 + n)
        await exchange.fetch_open_orders("BTC/USDT")
        await exchange.create_order("BTC/USDT", "limit", "buy", 0.1, 39_000)
        await exchange.fetch_open_orders("BTC/USDT")
        asked = [trip for trip in exchange.journal.trips if trip.operation == "fetch_open_orders"]
        said.extend(told_text(trip, exchange.venue.markets) for trip in asked)

    simulate(main(), start="2026-01-05T00:00:00Z")
    one = "order {} open: 0 of 0.1 filled"
    named = "; ".join(one.format(n) for n in range(1, NAMED_MAX + 1))
    assert said == [f"{NAMED_MAX} orders: {named}", f"{NAMED_MAX + 1} orders: {named}; …"]


def test_balances_that_are_empty_are_left_out_and_many_are_cut() -> None:
    """A venue lists hundreds of assets; a client owns a few."""

    def told(**assets: tuple[int, int]) -> str:
        return answer_text(queries.Balances("main", 0, assets), None)

    assert told(A=(10**8, 0), B=(0, 0)) == "A 1 free, 0 used"
    assert told(B=(0, 0)) == "no balances"
    many = {f"A{n}": (10**8, 5 * 10**7) for n in range(NAMED_MAX + 1)}
    named = "; ".join(f"A{n} 1 free, 0.5 used" for n in range(NAMED_MAX))
    assert told(**many) == f"{named}; …"


def test_both_columns_of_a_request_in_words() -> None:
    """What was asked, what happened, and what the client heard: each says its own."""
    exchange = FailingExchange(seed=7)
    rows: list[tuple[str, str, str]] = []

    async def main() -> None:
        exchange.arm("lose_answer", nth(2), operations="create_order")
        await exchange.create_order("BTC/USDT", "market", "sell", 0.1)
        with suppress(FailingExchangeError):
            await exchange.create_order("BTC/USDT", "limit", "buy", 0.1, 40_000)
        await exchange.create_order("BTC/USDT", "market", "buy", None, None, {"cost": 100})
        with suppress(FailingExchangeError):
            await exchange.cancel_order("77", "BTC/USDT")
        markets = exchange.venue.markets
        for trip in exchange.journal.trips:
            if trip.account == "main":
                asked = asked_text(trip, markets.get(trip.symbol))
                rows.append((asked, happened_text(trip, markets), told_text(trip, markets)))

    simulate(main(), start="2026-01-05T00:00:00Z")
    sold, lost, bought, unknown = rows
    assert sold[0] == "create_order: sell 0.1 BTC"
    assert sold[1].startswith("order 1 accepted; order 1: sell 0.1 at ")
    assert sold[2] == "order 1 filled: 0.1 of 0.1 filled"
    assert lost == ("create_order: buy 0.1 BTC at 40000", "order 2 accepted", "nothing")
    assert bought[0] == "create_order: buy for its cost BTC"
    assert unknown[:2] == ("cancel_order BTC/USDT", "nothing")
    assert unknown[2].startswith("no: ")


def test_the_name_of_a_rule_may_be_of_any_length() -> None:
    """The columns of a table are as wide as its names: a new rule changes nothing in a report."""
    names = ("short", "a_rule_with_a_very_long_name")
    results = tuple(
        Result(name, Outcome.FAIL, "lies", Severity.DANGER, 1, (Breach(name, 0, "lies"),))
        for name in names
    )
    verdict = Verdict(account="main", results=results, at=0)
    lines = [*summary("naive", verdict), *str(verdict).splitlines()]
    shown = [line for line in lines if line.startswith("  ")]
    assert len(shown) == 4
    assert len({line.index("lies") for line in shown[:2]}) == 1
    assert len({line.index("lies") for line in shown[2:]}) == 1
