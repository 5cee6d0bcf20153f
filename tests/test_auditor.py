"""The auditor finds what must not be, and nothing else."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from failing_exchange import FailingExchange, InternalError, simulate
from failing_exchange.auditor import audit
from failing_exchange.core.engine import Engine
from failing_exchange.core.order import Status


async def some_life() -> Engine:
    exchange = FailingExchange(seed=3, base_failure_rate=0.2)
    for n in range(60):
        try:
            price = 50_025 + (n % 7 - 3) * 20
            await exchange.create_order("BTC/USDT", "limit", "sell" if n % 2 else "buy", 0.1, price)
        except Exception:
            continue
    engine = exchange.venue.engine
    assert engine is not None
    return engine


def steal(engine: Engine) -> None:
    engine.state.ledger._free["main"]["BTC"] -= 1


def overdraw(engine: Engine) -> None:
    engine.state.ledger._free["main"]["SOL"] -= 10**16
    engine.state.ledger._free["(world)"]["SOL"] += 10**16


def forget_a_reservation(engine: Engine) -> None:
    next(iter(engine.state.orders.values())).reserved -= 1


def overfill(engine: Engine) -> None:
    order = next(iter(engine.state.orders.values()))
    order.filled = order.lots + 1


def end_without_leaving(engine: Engine) -> None:
    next(iter(engine.state.orders.values())).status = Status.CANCELED


def test_a_failing_exchange_is_sound() -> None:
    """Faults act on messages; the books balance through all of them."""
    audit(simulate(some_life()))


@pytest.mark.parametrize(
    ("crime", "found"),
    [
        (steal, "came from nowhere"),
        (overdraw, "main has"),
        (forget_a_reservation, "orders and locks hold"),
        (overfill, "has filled"),
        (end_without_leaving, "is among the open ones"),
    ],
)
def test_each_crime_is_found(crime: Callable[[Engine], None], found: str) -> None:
    """An auditor that never complains is none."""
    engine = simulate(some_life())
    crime(engine)
    with pytest.raises(InternalError, match=found):
        audit(engine)
