"""Where lists of orders, fills, trades and candles begin and end."""

from __future__ import annotations

from typing import Any

import pytest

from failing_exchange.core import commands as c
from failing_exchange.core.candles import Print
from failing_exchange.core.engine import Engine
from failing_exchange.core.liquidity import Liquidity
from failing_exchange.core.order import OrderType
from failing_exchange.core.queries import FetchCandles, FetchFills, FetchOrders, FetchTrades
from failing_exchange.core.tape import TRADES_KEPT_MAX, Tape
from failing_exchange.core.units import ATOMS
from failing_exchange.venue.default_world import MARKETS, background_of
from tests.core.floor import BUY, SELL, START, Floor, S

SECOND = 10**9


@pytest.fixture
def busy(floor: Floor) -> list[Any]:
    """Five orders of alice, a second apart, each filled at once."""
    found = []
    for ticks in range(101, 106):
        floor.at += SECOND
        floor.limit("bob", SELL, ticks, 1)
        found.append(floor.limit("alice", BUY, ticks, 1).order)
    return found


def test_orders_begin_and_end_where_asked(floor: Floor, busy: list[Any]) -> None:
    """From an id or an instant on the first ones, up to an instant the last ones."""

    def ids(**wanted: Any) -> list[int]:
        answer = floor.do(FetchOrders("alice", S, "all", **wanted))
        return [busy.index(one.order) for one in answer.orders]

    assert ids(from_id=busy[2].id) == [2, 3, 4]
    assert ids(from_id=busy[1].id, limit=2) == [1, 2]
    assert ids(until=busy[2].created_at) == [0, 1, 2]
    assert ids(until=busy[3].created_at, limit=2) == [2, 3]
    assert ids(since=busy[1].created_at, until=busy[3].created_at) == [1, 2, 3]
    assert ids(since=busy[1].created_at, until=busy[3].created_at, limit=1) == [1]


def test_fills_begin_and_end_where_asked(floor: Floor, busy: list[Any]) -> None:
    """The same, by the ids of trades."""

    def ids(**wanted: Any) -> list[int]:
        answer = floor.do(FetchFills("alice", S, **wanted))
        return [[one.id for one in busy].index(fill.order_id) for fill in answer.fills]

    fills = [order.fills[0] for order in busy]
    assert ids(from_id=fills[2].trade_id) == [2, 3, 4]
    assert ids(from_id=fills[1].trade_id + 1, limit=1) == [2]
    assert ids(until=fills[2].at) == [0, 1, 2]
    assert ids(until=fills[2].at, limit=2) == [1, 2]
    assert ids(order_id=busy[3].id, from_id=1) == [3]


def test_trades_begin_and_end_where_asked(floor: Floor, busy: list[Any]) -> None:
    """The public record of the same."""

    def ticks(**wanted: Any) -> list[int]:
        answer = floor.do(FetchTrades("bob", S, **wanted))
        return [trade.ticks for trade in answer.trades]

    fills = [order.fills[0] for order in busy]
    assert ticks(from_id=fills[3].trade_id) == [104, 105]
    assert ticks(from_id=fills[1].trade_id, limit=2) == [102, 103]
    assert ticks(until=fills[1].at) == [100, 101, 102]
    assert ticks(until=fills[1].at, limit=1) == [102]
    assert ticks(since=fills[0].at, until=fills[1].at) == [101, 102]


def test_ids_of_trades_only_grow() -> None:
    """Even of more trades in one second than are kept."""
    engine = Engine([(MARKETS[S], None)])
    tape = engine.state.markets[S].tape
    ids = [tape.add(100, 1, "buy", at=START) for _ in range(TRADES_KEPT_MAX + 3)]
    ids.append(tape.add(100, 1, "buy", at=START + SECOND))
    assert ids == sorted(dict.fromkeys(ids))


# ---- with a background


@pytest.fixture
def market() -> Any:
    """An engine with a background, three hours old, and its clock."""
    engine = Engine([(MARKETS[S], background_of(S, seed=5, birth=START // SECOND))])
    engine.execute(c.OpenAccount("alice", (("USDT", 10**6 * ATOMS),)), START)
    at = START + 10_800 * SECOND + 1
    engine.advance(at)
    return engine, at


def test_the_background_is_found_by_ids_as_well(market: Any) -> None:
    """One after the other, without a gap or an overlap; a client's trade among them."""
    engine, at = market
    engine.execute(c.PlaceOrder("alice", S, BUY, OrderType.MARKET, 1_000), at)
    whole = engine.execute(FetchTrades("alice", S, limit=300), at)[1].trades
    ids = [trade.id for trade in whole]
    assert ids == sorted(dict.fromkeys(ids))
    found: list[Any] = []
    start = ids[0]
    while len(found) < 300:
        found += engine.execute(FetchTrades("alice", S, limit=70, from_id=start), at)[1].trades
        start = found[-1].id + 1
    assert found[:300] == list(whole)
    assert engine.execute(FetchTrades("alice", S, from_id=ids[-1] + 1), at)[1].trades == ()


def test_candles_end_where_asked(market: Any) -> None:
    """The last ones up to an instant, each of them whole."""
    engine, at = market

    def opened(**wanted: Any) -> Any:
        return engine.execute(FetchCandles("alice", S, 60, **wanted), at)[1].bars

    whole = opened(limit=180)
    minute = at // SECOND // 60 * 60
    until = (minute - 600) * SECOND
    assert opened(until=until, limit=3) == whole[-13:-10]
    assert opened(since=until, until=until + 120 * SECOND) == whole[-11:-8]
    assert opened(until=at + 10**12, limit=2) == whole[-2:]


@pytest.mark.parametrize("wanted", [{"seconds": 300}, {"seconds": 60, "edges": (0, 60, 120)}])
def test_who_looks_in_the_last_second_of_a_candle_changes_nothing(wanted: dict[str, Any]) -> None:
    """What is traded later in that second belongs to it all the same."""

    def bars(*, looks: bool) -> Any:
        engine = Engine([(MARKETS[S], background_of(S, seed=5, birth=START // SECOND))])
        engine.execute(c.OpenAccount("alice", (("USDT", 10**6 * ATOMS),)), START)
        opens = START // SECOND // 300 * 300 + 600
        query = FetchCandles("alice", S, **wanted)
        query = query._replace(edges=tuple(opens + 180 + edge for edge in query.edges))
        order = c.PlaceOrder("alice", S, BUY, OrderType.MARKET, 10_000)
        engine.execute(order, (opens + 299) * SECOND + 1)
        if looks:
            engine.execute(query, (opens + 299) * SECOND + 2)
        engine.execute(order, (opens + 299) * SECOND + 3)
        return engine.execute(query, (opens + 600) * SECOND)[1].bars

    assert bars(looks=True) == bars(looks=False)


def test_a_crowded_second_of_a_recording_has_ids_in_order() -> None:
    """More prints than there are ids below the clients' own."""

    class Crowd:
        """Many prints in every second."""

        def prints(self, second: int, /) -> Any:
            return tuple(Print(100 + n % 3, 1, "buy") for n in range(150))

    liquidity: Any = Liquidity(None)
    liquidity.background = Crowd()
    tape = Tape(liquidity)
    own = tape.add(101, 1, "sell", at=START)
    ids = [trade.id for trade in tape.prints(START // SECOND)]
    assert len(ids) == 151
    assert ids == sorted(dict.fromkeys(ids))
    assert own in ids
