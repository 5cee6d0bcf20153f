"""What a bot believes beside what is true: shown while it runs, without asking it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from failing_exchange import FailingExchange, FailingExchangeError, Judge, simulate
from failing_exchange.judge.believed import ComparedBeliefs, beliefs_of
from failing_exchange.judge.probe import Probe, Sample

S = "BTC/USDT"


def believed(story: Callable[[FailingExchange, Judge], Awaitable[None]]) -> ComparedBeliefs:
    """What is shown at the end of a story."""

    async def main() -> ComparedBeliefs:
        x = FailingExchange(latency=None)
        await x.ready()
        judge = Judge(x.venue)
        judge.attach()
        await story(x, judge)
        return beliefs_of(judge)

    return simulate(main())


def test_a_belief_is_compared_with_what_is_true_now() -> None:
    """A position that has changed since is not wrong yet: the bot has a minute to notice."""

    async def story(x: FailingExchange, judge: Judge) -> None:
        await x.create_order(S, "limit", "buy", 0.1, 30_000)
        said = {"ETH/USDT": 2.0, S: 0.0}
        judge.sampled(Sample(x.venue.clock.now(), said, ("7",), {"USDT": 1.0}))
        await x.create_order(S, "market", "buy", 0.1)
        await asyncio.sleep(30)

    found = believed(story)
    wrong, lately = found.positions
    assert (wrong.name, wrong.true, wrong.agrees, wrong.late) == ("ETH/USDT", 0.0, False, False)
    assert (lately.agrees, lately.late, lately.true > 0.09) == (False, True, True)
    assert [(one.name, one.agrees) for one in found.balances] == [("USDT", False)]
    assert found.open_orders == (1, 1, ("1",), ("7",))
    assert found.source == "probe"


def test_what_it_was_not_told_needs_no_probe() -> None:
    """The answer was lost: the order is real, and its client has never heard of it."""

    async def story(x: FailingExchange, judge: Judge) -> None:
        x.arm("unknown_outcome", executed="before", after=0, operations=["create_order"])
        with suppress(FailingExchangeError):
            await x.create_order(S, "limit", "buy", 0.1, 30_000)

    found = believed(story)
    assert (found.source, found.positions, found.open_orders) == ("", (), None)
    [lost] = found.untold
    assert (lost.id, lost.status, lost.told_status) == ("1", "open", "")


def test_nobody_is_asked() -> None:
    """A look from outside must not be a sample by which the bot is judged."""
    asked = []

    def positions() -> dict[str, float]:
        asked.append(S)
        return {S: 0.0}

    async def story(x: FailingExchange, judge: Judge) -> None:
        judge.take(Probe(positions=positions))
        beliefs_of(judge)

    believed(story)
    assert not asked
