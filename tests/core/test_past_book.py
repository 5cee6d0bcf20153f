"""A book of some time ago, for views that lag: the same as the one that was read then."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from hypothesis import given, strategies as st

from failing_exchange.core.commands import AmendOrder, CancelOrder
from failing_exchange.core.order import Side
from failing_exchange.core.queries import FetchBook
from failing_exchange.core.reject import Reject
from failing_exchange.core.units import SECOND
from tests.core.floor import Floor, S
from tests.examples import examples

STEPS = st.lists(
    st.tuples(
        st.sampled_from(["place", "place", "place", "cancel", "amend"]),
        st.sampled_from(["alice", "bob"]),
        st.sampled_from([Side.BUY, Side.SELL]),
        st.integers(96, 104),
        st.integers(1, 9),
        st.integers(0, 3),
    ),
    min_size=4,
    max_size=30,
)


def step(floor: Floor, what: str, who: str, side: Side, ticks: int, lots: int, back: int) -> None:
    """Place an order, or end or lessen one of the last that are open."""
    floor.at += back * SECOND // 2
    known = list(floor.engine.state.account(who).open)
    with suppress(Reject):
        if what == "place":
            floor.limit(who, side, ticks, lots)
        elif known and what == "cancel":
            floor.do(CancelOrder(who, S, known[-1 - back % len(known)]))
        elif known:
            floor.do(AmendOrder(who, S, known[-1 - back % len(known)], lots))


@examples(150)
@given(STEPS)
def test_a_look_back_shows_what_was_seen(steps: list[Any]) -> None:
    """And its number is never newer than it was, or a client would join updates to it."""
    floor, seen = Floor(), []
    for one in steps:
        step(floor, *one)
        seen.append(floor.do(FetchBook("alice", S)))
    for then in seen[:-1]:
        now = floor.engine.execute(FetchBook("alice", S, as_of=then.at), floor.at)[1]
        assert (now.bids, now.asks) == (then.bids, then.asks)
        assert now.sequence <= then.sequence
