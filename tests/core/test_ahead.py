"""What steady askers are told was found ahead; it is what they would be told without."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from failing_exchange.core import commands as c
from failing_exchange.core.ahead import Ahead
from failing_exchange.core.engine import Engine
from failing_exchange.core.market import MarketStatus
from failing_exchange.core.order import OrderType, Side
from failing_exchange.core.reject import Reject
from failing_exchange.venue.default_world import MARKETS, background_of

S = "BTC/USDT"
BIRTH = 1_767_225_600 + 37
SECOND = 10**9
OPEN = ("BTC", 10**12), ("USDT", 10**16)

Step = tuple[int, str, Side, int, int]  # seconds in which somebody asks, then what, side, …
steps: st.SearchStrategy[list[Step]] = st.lists(
    st.tuples(
        st.sampled_from((0, 1, 2, 3, 5, 9, 20, 45, 130)),
        st.sampled_from(["limit", "market", "move", "push", "pull", "halt", "resume", "pause"]),
        st.sampled_from(list(Side)),
        st.integers(-3_000, 3_000),
        st.integers(1, 2_000_000),
    ),
    min_size=1,
    max_size=10,
)


def engine(seed: int) -> Engine:
    made = Engine([(MARKETS[S], background_of(S, seed=seed, birth=BIRTH))])
    made.execute(c.OpenAccount("alice", OPEN), BIRTH * SECOND)
    return made


def command(what: str, side: Side, away: int, lots: int) -> Any:
    order = c.PlaceOrder("alice", S, side, OrderType.LIMIT, lots, 5_002_000 + away)
    return {
        "limit": order,
        "market": order._replace(kind=OrderType.MARKET, ticks=0),
        "move": c.MovePrice(S, ticks=away),
        "push": c.MovePrice(S, ticks=away, nanoseconds=7 * SECOND),
        "pull": c.PullLiquidity(S, side, ppm=200, lots=lots),
        "halt": c.SetMarketStatus(S, MarketStatus.HALTED),
        "resume": c.SetMarketStatus(S, MarketStatus.TRADING),
        "pause": c.SetMarketStatus(S, MarketStatus.HALTED, nanoseconds=4 * SECOND),
    }[what]


def do(venue: Engine, asked: Any, at: int) -> object:
    venue.advance(at)
    try:
        return venue.execute(asked, at)[1]
    except Reject as refused:
        return str(refused)


@given(st.integers(0, 10**6), steps)
@settings(deadline=None, max_examples=80)
def test_who_asks_each_second_is_told_what_others_are_told(seed: int, done: list[Step]) -> None:
    """Clients and the operator stir the market at any time, within a second that was asked for."""
    one, other = engine(seed), engine(seed)
    at = BIRTH * SECOND
    for asks, what, side, away, lots in done:
        for n in range(asks):
            at += SECOND
            told = do(one, c.FetchTicker("alice", S), at + n)
            other.state.markets[S].ahead = Ahead(0, 0, 0, [])
            assert told == do(other, c.FetchTicker("alice", S), at + n)
        stirring = command(what, side, away, lots)
        do(one, stirring, at + 500)
        do(other, stirring, at + 500)
        assert do(one, c.FetchTicker("alice", S), at + 600) == do(
            other, c.FetchTicker("alice", S), at + 600
        )


def test_little_is_found_in_vain() -> None:
    """Whoever trades each few seconds does not pay for minutes; who only looks does."""
    venue = engine(7)
    ms = venue.state.markets[S]
    found = []
    for n in range(150):
        at = (BIRTH + n) * SECOND
        do(venue, c.FetchTicker("alice", S), at)
        found.append(len(ms.ahead.rows))
        if n < 30 and n % 5 == 4:
            do(venue, command("market", Side.BUY, 0, 1_000), at + 5)
    assert max(found[:30]) <= 8
    assert max(found) == 60
