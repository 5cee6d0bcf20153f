"""A question that meets nothing on its way waits in the engine, and is told what it would be."""

from __future__ import annotations

import asyncio
from typing import Any, get_args

import pytest

from failing_exchange import FailingExchange, simulate
from failing_exchange.core.queries import Query
from failing_exchange.venue.latency import LogNormal

S = "BTC/USDT"


def test_a_question_is_answered_as_of_its_arrival() -> None:
    """It sees what arrived before it and nothing that came after, though it is told later."""

    async def main() -> None:
        x = FailingExchange(latency=100)
        order = await x.create_order(S, "limit", "buy", 0.01, 40_000)
        early = asyncio.create_task(x.fetch_order(order["id"], S))  # arrives at 50 ms
        await asyncio.sleep(0.02)
        cancel = asyncio.create_task(x.cancel_order(order["id"], S))  # at 70 ms
        await asyncio.sleep(0.02)
        late = asyncio.create_task(x.fetch_order(order["id"], S))  # at 90 ms
        assert [(await told)["status"] for told in (early, cancel, late)] == [
            "open", "canceled", "canceled",
        ]  # fmt: skip

    simulate(main())


@pytest.mark.parametrize("watched", [False, True])
def test_of_one_instant_what_was_sent_first_happens_first(watched: bool) -> None:
    """With a constant latency all that is sent together arrives together, in its order."""

    async def main() -> tuple[Any, ...]:
        x = FailingExchange(latency=40)
        if watched:
            x.set_rate_limit(100_000)  # which never strikes
        order = await x.create_order(S, "limit", "buy", 1, 40_000)
        seen, canceled, left, bought, trades = await asyncio.gather(
            x.fetch_open_orders(S), x.cancel_order(order["id"], S), x.fetch_open_orders(S),
            x.create_order(S, "market", "buy", 0.5), x.fetch_my_trades(S),
        )  # fmt: skip
        return len(seen), canceled["status"], len(left), bought["status"], len(trades) > 0

    assert simulate(main()) == (1, "canceled", 0, "closed", True)


async def busy(listened: bool) -> str:
    """A bot whose orders, cancels and questions overtake each other; its journal."""
    x = FailingExchange(seed=5, latency=LogNormal(median_ms=400))
    await x.ready()
    if listened:  # then every question has a timer of its own
        x.venue.gateway.listeners.append(lambda events, at: None)

    async def trade(n: int) -> None:
        await asyncio.sleep(n * 0.37)
        ticker = await x.fetch_ticker(S)
        price = ticker["bid"] * (1.0001 if n % 3 else 0.9995)
        order = await x.create_order(S, "limit", "buy", 0.5, price)
        await asyncio.gather(
            x.fetch_order(order["id"], S), x.fetch_balance(), x.fetch_open_orders(S),
            x.fetch_order_book(S), x.fetch_my_trades(S), x.cancel_all_orders(S),
            x.fetch_ohlcv(S, "1s", limit=3),
        )  # fmt: skip

    await asyncio.gather(*(trade(n) for n in range(60)))
    trips = [t for t in x.venue.journal.trips if t.operation != "(market)"]
    assert any(t.command.__class__ in get_args(Query) for t in trips)
    return "\n".join(f"{t.account} {t.operation} {t.born_at} {t.ended_at} {t.told}" for t in trips)


def test_whoever_listens_nobody_is_told_anything_else() -> None:
    """With and without a timer at the venue's door every answer is the same, at the same time."""
    assert simulate(busy(False)) == simulate(busy(True))
