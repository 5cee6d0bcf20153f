"""The two columns in words."""

from __future__ import annotations

from contextlib import suppress

from failing_exchange import FailingExchange, FailingExchangeError, simulate
from failing_exchange.core import queries
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
    happened_text,
    summary,
    told_text,
)


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
        for name, one in vars(queries).items()
        if isinstance(one, type) and one.__module__ == queries.__name__ and name[0].isupper()
        if not name.startswith("Fetch")
    }
    elsewhere = {queries.Orders, queries.Fills}
    assert answers - elsewhere <= set(SAYS)
    assert answer_text(object(), None) == "object"


def test_the_answers_of_contracts_say_what_is_held() -> None:
    """A position that the bot was told of differently is seen in the two columns."""
    market = FailingExchange().venue.markets["BTC/USDT"]

    def held(lots: int) -> queries.PositionReport:
        mode, zeros = MarginMode.CROSS, [0] * 9
        return queries.PositionReport(market, PositionSide.BOTH, lots, 0, 0, mode, *zeros)

    assert answer_text(queries.Positions(()), None) == "no positions"
    assert answer_text(queries.Positions((held(-25_000),)), None) == "short 0.25 BTC/USDT"
    assert answer_text(held(100_000), None) == "long 1 BTC/USDT"
    assert answer_text(held(0), None) == "no position in BTC/USDT"
    assert answer_text(queries.MarkPrice(market, 42 * ATOMS, 0), None) == "mark 42"
    assert answer_text(queries.Leverage("BTC/USDT:USDT", 20, 0), None) == "leverage 20"
    wallets = queries.Margins({"USDT": MarginStatus(5 * ATOMS)}, False, False)
    assert answer_text(wallets, None) == "wallets: USDT 5"


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
