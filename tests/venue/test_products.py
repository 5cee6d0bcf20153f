"""A running venue takes a kind of product that it has never seen: margin contracts, and shorts."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from failing_exchange import FailingExchange, FailingExchangeError, RateLimitError, simulate
from failing_exchange.core.units import MILLISECOND
from failing_exchange.faults.catalogue import CATALOGUE
from failing_exchange.faults.triggers import first
from failing_exchange.venue.operator_incidents import INCIDENTS, OF_SPOT, command_of
from tests.core.contracts import PERPETUAL

S = PERPETUAL.symbol
FIELDS = {"symbol": S, "percent": 1, "maker": 0.1, "cost_min": 1, "asset": "USDT", "amount": 1}
FIELDS |= {"hours": 4, "change": "listen_keys", "worth": 0.9, "seconds": 30}
FIELDS |= {"order": 3, "side": "sell", "depth": 1, "share": 50}
ONE_OF = {  # of these one is needed
    "change_fees": ("maker",), "change_rules": ("cost_min",), "change_funding": ("hours",),
    "change_collateral": ("worth",),
}  # fmt: skip
FAULTS = sorted(name for name, entry in CATALOGUE.items() if entry.scope == "process")


def exchange(**options: Any) -> FailingExchange:
    """Without a background: its clients trade with each other alone."""
    return FailingExchange(
        markets=[PERPETUAL], balances={"USDT": 10_000}, background=False, **options
    )


async def trade(x: FailingExchange) -> list[Any]:
    """Sell what nobody owns to another account, look, and buy it back; answers and refusals."""
    other = x.client("other")
    told: list[Any] = []

    async def call(asked: Any) -> Any:
        try:
            told.append(await asked)
        except FailingExchangeError as refused:
            told.append(refused)

    for side, opposite in (("sell", "buy"), ("buy", "sell")):
        await call(x.create_order(S, "limit", side, 0.01, 10_000))
        await call(other.create_order(S, "market", opposite, 0.005))
        await call(x.fetch_open_orders(S))
        await call(x.cancel_all_orders(S))
    await call(x.fetch_ticker(S))
    await call(x.fetch_order_book(S))
    await call(x.fetch_my_trades(S))
    await call(x.fetch_balance())
    await asyncio.sleep(60)
    return told


def test_latency_and_rate_limits_ask_for_no_product() -> None:
    """They know a message by its client, operation and symbol, whatever is traded."""

    async def main() -> list[Any]:
        x = exchange(latency=100)
        x.set_rate_limit(60)
        told = await trade(x)
        trips = [trip for trip in x.journal.trips if trip.symbol == S]
        assert all(trip.ended_at - trip.born_at == 100 * MILLISECOND for trip in trips)
        return told

    told = simulate(main())
    assert [one["filled"] for one in told[0:6:4]] == [0, 0]
    assert told[10] and all(one["symbol"] == S for one in told[10])
    assert any(isinstance(one, RateLimitError) for one in told)


@pytest.mark.parametrize("name", FAULTS)
def test_every_fault_can_strike_it(name: str) -> None:
    """A fault that takes a symbol apart, or thinks in coins held, would end the run."""

    async def main() -> int:
        x = exchange(latency=100)
        x.arm(name, first(20))
        return len(await trade(x))

    assert simulate(main()) == 12


@pytest.mark.parametrize("name", sorted(set(INCIDENTS) - OF_SPOT))
def test_every_incident_can_happen_to_it(name: str) -> None:
    """What an operator does to a market or an account is the same for all products."""
    needed = [*INCIDENTS[name].needs, *ONE_OF.get(name, ())]

    async def main() -> int:
        x = exchange(latency=None)
        await x.create_order(S, "limit", "buy", 0.02, 10_000)
        await x.client("seller").create_order(S, "market", "sell", 0.02)
        await x.create_order(S, "limit", "buy", 0.01, 9_000)
        fields = FIELDS | {"trade": int((await x.fetch_my_trades(S))[-1]["id"])}
        await x.operate(command_of(name, {one: fields[one] for one in needed}, x.venue.markets))
        return len(await trade(x))

    assert simulate(main()) == 12
