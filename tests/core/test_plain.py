"""Plain limit orders take a shorter way through the exchange, to the same end."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from failing_exchange.core import commands as c
from failing_exchange.core import engine as engines
from failing_exchange.core import placing
from failing_exchange.core.auditor import audit
from failing_exchange.core.engine import Engine
from failing_exchange.core.order import LIMIT, Side
from failing_exchange.core.reject import Reject
from failing_exchange.venue.default_world import MARKETS, background_of

S = "BTC/USDT"
BIRTH = 1_767_225_600
SECOND = 10**9

Step = tuple[str, Side, int, int]  # who, side, distance from the price in ticks, lots
steps: st.SearchStrategy[list[Step]] = st.lists(
    st.tuples(
        st.sampled_from(["alice", "bob", "carol"]),
        st.sampled_from(list(Side)),
        st.integers(-6_000_000, 6_000),
        st.integers(0, 3_000_000),
    ),
    min_size=1,
    max_size=20,
)


def play(seed: int, story: list[Step]) -> list[Any]:
    """All that is answered, happens and is owned; carol has next to nothing."""
    engine = Engine([(MARKETS[S], background_of(S, seed=seed, birth=BIRTH))])
    at, said = BIRTH * SECOND, list[Any]()
    for name, btc, usdt in (("alice", 10**12, 10**16), ("bob", 10**12, 10**16), ("carol", 5, 9)):
        engine.execute(c.OpenAccount(name, (("BTC", btc), ("USDT", usdt))), at)
    for who, side, away, lots in story:
        at += SECOND // 3
        said.append(engine.advance(at))
        try:
            events, answer = engine.execute(
                c.PlaceOrder(who, S, side, LIMIT, lots, 5_000_000 + away), at
            )
            said += [events, answer[1:], repr(answer.order)]
        except Reject as refused:
            said.append(refused)
    audit(engine)
    said += [engine.state.next_order_id, engine.wake_at, engine.executions]
    return said + [engine.state.ledger.balances(name) for name in ("alice", "bob", "carol")]


@settings(max_examples=40)
@given(st.integers(0, 3), steps)
def test_the_shorter_way_leads_to_the_same_end(seed: int, story: list[Step]) -> None:
    """Answers, events, refusals, numbers and balances: nobody can tell which way was taken."""
    short = play(seed, story)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(engines.HANDLERS, c.PlaceOrder, placing.place)
        assert play(seed, story) == short
