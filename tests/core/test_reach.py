"""Between which prices an average lies is known without working it out."""

from __future__ import annotations

from hypothesis import given, strategies as st

from failing_exchange.core import commands as c
from failing_exchange.core.engine import Engine
from failing_exchange.core.order import OrderType, Side
from failing_exchange.core.reference_price import reach, reference
from failing_exchange.core.reject import Reject
from failing_exchange.venue.default_world import MARKETS, background_of
from tests.examples import examples

S = "BTC/USDT"
BIRTH = 1_767_225_600
SECOND = 10**9

Step = tuple[int, str, Side, int]  # seconds to wait, what, side, lots or ticks
steps: st.SearchStrategy[list[Step]] = st.lists(
    st.tuples(
        st.integers(0, 500),
        st.sampled_from(["market", "cheap", "move", "look"]),
        st.sampled_from(list(Side)),
        st.integers(1, 60_000_000),
    ),
    min_size=1,
    max_size=12,
)


def command(what: str, side: Side, size: int) -> c.Command:
    if what == "market":
        return c.PlaceOrder("alice", S, side, OrderType.MARKET, size)
    if what == "cheap":
        return c.PlaceOrder("alice", S, side, OrderType.LIMIT, size, 4_000_000)
    return c.MovePrice(S, size // 100 if side is Side.BUY else -size // 100)


@examples(40)
@given(st.integers(0, 3), steps)
def test_every_average_of_late_is_within_reach(seed: int, story: list[Step]) -> None:
    """Whatever clients and the operator do to the price; else a wrong order would be let in."""
    engine = Engine([(MARKETS[S], background_of(S, seed=seed, birth=BIRTH))])
    at = (BIRTH + 7) * SECOND
    engine.execute(c.OpenAccount("alice", (("BTC", 10**13), ("USDT", 10**18))), at)
    for wait, what, side, size in story:
        at += wait * SECOND + SECOND // 3
        engine.advance(at)
        if what != "look":
            try:
                engine.execute(command(what, side, size), at)
            except Reject:
                continue
        tape = engine.state.market(S, at).tape
        low, high = reach(tape, at) or (0, 0)
        ticks, weight = tape.average(5, at // SECOND)
        assert low * weight <= ticks <= high * weight
        ticks, weight = reference(tape, at)
        assert low * weight <= ticks <= high * weight
