"""The auditor finds what must not be, and nothing else."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from failing_exchange import FailingExchange, InternalError, simulate
from failing_exchange.core.auditor import audit
from failing_exchange.core.engine import AUDIT_EVERY, Engine
from failing_exchange.core.events import Event, OrderAccepted, OrderAmended, OrderCanceled
from failing_exchange.core.order import Order, Status


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
        (forget_a_reservation, "orders, positions and locks hold"),
        (overfill, "has filled"),
        (end_without_leaving, "is among the open ones"),
    ],
)
def test_each_crime_is_found(crime: Callable[[Engine], None], found: str) -> None:
    """An auditor that never complains is none."""
    engine = simulate(some_life())
    engine.auditor = None
    crime(engine)
    with pytest.raises(InternalError, match=found):
        audit(engine)


def hide_an_event(engine: Engine) -> None:
    engine.state.executions += 1


def accept_again(engine: Engine) -> None:
    tell(engine, OrderAccepted(an_order(engine).id, "main", "again", 0))


def cancel_twice(engine: Engine) -> None:
    for _ in range(2):
        tell(engine, OrderCanceled(an_order(engine).id, "main", 0))


def cancel_in_word_only(engine: Engine) -> None:
    tell(engine, OrderCanceled(an_order(engine).id, "main", 0))


def fill_by_more_than_was_told(engine: Engine) -> None:
    order = an_order(engine)
    engine.state.markets[order.symbol].book.reduce(order, 1)
    order.filled += 1
    tell(engine, OrderAmended(order.id, "main", order.lots, 0))


def change_a_book_in_silence(engine: Engine) -> None:
    order = an_order(engine)
    engine.state.markets[order.symbol].book.remove(order)
    engine.state.markets[order.symbol].book.add(order)
    next(iter(engine.state.markets[order.symbol].book._levels[order.side].values())).lots += 1


def an_order(engine: Engine) -> Order:
    return next(iter(engine.state.orders.values()))


def tell(engine: Engine, event: Event) -> None:
    """Have something told that did not happen."""
    engine.state.events.append(event)
    engine._numbered()


@pytest.mark.parametrize(
    ("crime", "found"),
    [
        (hide_an_event, "events are numbered"),
        (accept_again, "was accepted twice"),
        (cancel_twice, "was not open"),
        (cancel_in_word_only, "is over by what was told"),
        (fill_by_more_than_was_told, "has filled 0"),
    ],
)
def test_what_is_told_has_to_be_what_happened(crime: Callable[[Engine], None], found: str) -> None:
    """The first column is what everything else is judged by."""
    engine = simulate(some_life())
    engine.have_audited()
    crime(engine)
    with pytest.raises(InternalError, match=found):
        engine.have_audited()


def test_a_book_that_changes_in_silence_is_found() -> None:
    """A snapshot and the updates since make the next snapshot."""
    engine = simulate(some_life())
    change_a_book_in_silence(engine)
    with pytest.raises(InternalError, match="events make it"):
        audit(engine)


def test_the_auditor_is_always_on() -> None:
    """A breach ends the run by itself, not at somebody's question."""

    async def main() -> None:
        exchange = FailingExchange(latency=None)
        await exchange.create_order("BTC/USDT", "limit", "buy", 0.1, 40_000)
        engine = exchange.venue.engine
        assert engine is not None
        hide_an_event(engine)
        for _ in range(2 * AUDIT_EVERY):
            await exchange.create_order("BTC/USDT", "limit", "buy", 0.001, 40_000)

    with pytest.raises(InternalError, match="events are numbered"):
        simulate(main())
