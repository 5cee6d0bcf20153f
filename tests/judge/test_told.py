"""What a message tells truly, where a fault has changed some of its fields."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from failing_exchange import FailingExchange, simulate
from failing_exchange.core.order import Status
from failing_exchange.core.queries import Balances, Ticker
from failing_exchange.journal.trip import Edited
from failing_exchange.judge.answers import balances_of, fills_of, orders_of, quotes_of, totals_of


def told(operation: str) -> Any:
    """The answer of a venue that has sold 0.1 BTC for its client, as the journal keeps it."""

    async def main() -> Any:
        x = FailingExchange(seed=3, latency=None)
        order = await x.create_order("BTC/USDT", "market", "sell", 0.1)
        await x.fetch_order(order["id"], "BTC/USDT")
        await x.fetch_my_trades("BTC/USDT")
        await x.fetch_ticker("BTC/USDT")
        return next(trip.told for trip in x.journal.trips if trip.operation == operation)

    return simulate(main())


@pytest.mark.parametrize(
    ("field", "status", "is_filled"),
    [
        ("price", Status.FILLED, True),
        ("status", Status.OPEN, True),
        ("filled", Status.FILLED, False),
        ("remaining", Status.FILLED, False),
    ],
)
def test_of_a_changed_field_nothing_is_learned(field: str, status: Status, is_filled: bool) -> None:
    """The other fields of the order are told all the same."""
    [order] = orders_of(Edited(told("fetch_order"), ((field, "x"),)))
    assert order.status is status
    known = (order.filled > 0, order.cost > 0, order.fills > 0)
    assert known == (is_filled,) * 3


@pytest.mark.parametrize("field", ["*", "id", "clientOrderId"])
def test_an_order_without_its_name_tells_nothing(field: str) -> None:
    """Nobody could say which one it is."""
    assert not list(orders_of(Edited(told("fetch_order"), ((field, "x"),))))


def test_fills_are_told_one_by_one_also_in_a_list() -> None:
    """In an answer, in an edited one, and several answers in one push."""
    answer = told("fetch_my_trades")
    [fill] = fills_of(answer)
    assert list(fills_of(Edited(answer, (("price", 1),)))) == [fill]
    assert list(fills_of((answer, fill))) == [fill, fill]
    assert not list(fills_of(told("fetch_ticker")))


def test_balances_are_read_from_answers_and_from_pushes() -> None:
    """The one holds a table, the other rows."""
    answer = Balances("main", 5, {"BTC": (3, 4)})
    push: Any = SimpleNamespace(at=5, assets=[("BTC", 3, 4)])
    for one in (answer, push):
        assert balances_of(one) == (5, {"BTC": 3})
        assert totals_of(one) == {"BTC": 7}
    assert balances_of(Edited(answer, (("x", 1),))) == (5, {"BTC": 3})
    for nothing in (SimpleNamespace(), SimpleNamespace(assets=dict.copy)):
        assert (balances_of(nothing), totals_of(nothing)) == (None, None)


@pytest.mark.parametrize(
    ("edits", "sound"),
    [
        ((("bid", 1.0),), True),
        ((("volume", None),), True),
        ((("bid", None),), False),
        ((("ask", 0),), False),
        ((("last", 0.0),), False),
        ((("*", None),), False),
    ],
)
def test_a_price_that_is_missing_or_zero_is_not_sound(edits: Any, sound: bool) -> None:
    """Nobody can trade on it, and nobody may be blamed for what it hid."""
    [quote] = quotes_of(Edited(told("fetch_ticker"), edits))
    assert (quote.symbol, quote.sound) == ("BTC/USDT", sound)


@pytest.mark.parametrize(
    ("bid", "ask", "sound"),
    [((5, 1), (6, 1), True), ((6, 1), (6, 1), False), ((7, 1), (6, 1), False),
     ((0, 1), (6, 1), False), (None, (6, 1), False), ((5, 1), None, False)],
)  # fmt: skip
def test_a_crossed_or_empty_market_is_not_sound(bid: Any, ask: Any, sound: bool) -> None:
    """Bid and ask are there, above zero, and apart."""
    answer: Ticker = told("fetch_ticker")
    [quote] = quotes_of(answer._replace(bid=bid, ask=ask))
    assert (quote.at, quote.sound) == (answer.at, sound)
