"""The two columns in words."""

from __future__ import annotations

from failing_exchange import FailingExchange, simulate
from failing_exchange.core import queries
from failing_exchange.faults.triggers import nth
from failing_exchange.report.words import SAYS, answer_text, told_text


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
    assert said["fetch_order"] == "order 1 open: 0 of 0.1 filled; with status = 'closed'"
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
    }
    elsewhere = {queries.Orders, queries.Fills}
    assert answers - elsewhere <= set(SAYS)
    assert answer_text(object(), None) == "object"
