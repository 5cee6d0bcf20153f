"""Copy as a test: what was seen on the page once is a test from then on, and passes as it is."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

import pytest

from failing_exchange import FailingExchange, simulate
from failing_exchange.errors import FailingExchangeError
from failing_exchange.faults.catalogue import CATALOGUE
from failing_exchange.faults.triggers import nth
from failing_exchange.page.copied_test import copied_test

S, P = "BTC/USDT", "BTC/USDT:USDT"
ORDER, ID = (S, "limit", "buy", 0.1, 20_000), "of an open order"
CALLS: dict[str, tuple[Any, ...]] = {
    "create_order": ORDER, "cancel_order": (ID, S), "fetch_order": (ID, S), "fetch_balance": (),
    "fetch_open_orders": (S,), "fetch_my_trades": (S,), "fetch_ticker": (S,),
    "cancel_all_orders": (S,), "fetch_order_book": (S,), "set_leverage": (5, P),
    "transfer": ("USDT", 1, "spot", "future"),
}  # fmt: skip
OVER = 600  # seconds until all that a fault delays has come


def copied(operation: str, *args: Any, kind: str = "lose_answer", **fields: Any) -> str:
    """The test of a request that was struck; empty where the fault did not strike."""

    async def main() -> str:
        x = FailingExchange(latency=None)
        order = await x.create_order(S, "limit", "buy", 1, 30_000)
        x.arm(kind, nth(1), operations=[operation], **fields)
        with suppress(FailingExchangeError):
            await getattr(x, operation)(*(order["id"] if one == ID else one for one in args))
        await asyncio.sleep(OVER)
        struck = (trip for trip in x.journal.trips if trip.operation == operation and trip.struck)
        return "".join(copied_test(trip, x.venue.markets) for trip in list(struck)[:1])

    return simulate(main())


def passes(text: str) -> None:
    """Run a pasted test; raises what it raises."""
    space: dict[str, Any] = {}
    exec(compile(text, "copied", "exec"), space)
    [test] = [one for name, one in space.items() if name.startswith("test_")]

    async def main() -> None:
        await test(FailingExchange())

    simulate(main())


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("lose_answer", "raises(errors.RequestTimeoutError)"),
        ("lose_request", "raises(errors.OrderNotFoundError)"),
        ("time_out", "raises(errors.RequestTimeoutError)"),
        ("unknown_outcome", "raises(errors.RequestTimeoutError)"),
        ("reject_request", "raises(errors.ExchangeUnavailableError)"),
        ("false_reject", "# The order is there, whatever the bot was told."),
        ("phantom_success", "# The order has never been there, whatever the bot was told."),
        ("rate_limited", "asyncio.sleep(told.value.retry_after or "),
        ("delay_answer", "    await exchange.create_order("),
        ("delay_request", "except errors.RequestTimeoutError:"),
        ("repeat_request", "    await exchange.create_order("),
        ("garble_answer", "raises(errors.MalformedResponseError)"),
        ("cut_body", "raises(errors.ConnectionLostError)"),
        ("break_connection", "raises(errors.ConnectionLostError)"),
    ],
)
def test_a_copied_test_passes_as_it_is(kind: str, expected: str) -> None:
    """Lost, refused, late, doubled, malformed, cut: it expects that, and finds the truth."""
    text = copied("create_order", *ORDER, kind=kind)
    assert expected in text
    passes(text)


@pytest.mark.parametrize("operation", CALLS)
def test_every_kind_of_request_can_be_copied(operation: str) -> None:
    """Reads are asked for again, cancels and orders are looked up."""
    text = copied(operation, *CALLS[operation])
    assert operation in text
    passes(text)


@pytest.mark.slow
@pytest.mark.parametrize("kind", CATALOGUE)
def test_every_fault_can_be_copied(kind: str) -> None:
    """Whatever was seen on the page: nobody has to edit a test before it runs."""
    for operation, args in CALLS.items():
        text = copied(operation, *args, kind=kind)
        if text:
            passes(text)


def test_a_copied_test_fails_without_its_fault() -> None:
    """Else it would prove nothing: the bot must be told what it was told there."""
    text = copied("create_order", *ORDER)
    assert "failing_exchange.arm(" in text
    with pytest.raises(BaseException, match="DID NOT RAISE"):
        passes(text.replace("failing_exchange.arm(", "(lambda *a, **k: None)("))


def test_a_copied_test_is_written_as_people_write() -> None:
    """Double quotes, no line above 100 letters, no import that is not used."""
    text = copied("fetch_order_book", S, kind="cross_book")
    assert "import asyncio" not in text and "pytest" not in text.split("async def test_")[0]
    for one in (text, copied("create_order", *ORDER)):
        assert "'" not in one.split('"""')[2]
        assert max(map(len, one.splitlines())) <= 100


def test_a_copied_test_arms_the_fields_of_its_fault() -> None:
    """Only those that were changed."""
    text = copied("fetch_balance", kind="reject_request", why="maintenance", message='a "b" \\')
    assert """why="maintenance", message="a \\"b\\" \\\\\"""" in text
    passes(text)


def test_where_nothing_struck_there_is_no_test() -> None:
    """A healthy request proves nothing, nor does one that is still under way."""

    async def main() -> list[str]:
        x = FailingExchange(latency=None)
        await x.fetch_balance()
        x.arm("delay_answer", seconds=60, operations=["fetch_ticker"])
        with suppress(FailingExchangeError):
            await x.fetch_ticker(S)
        return [copied_test(trip, x.venue.markets) for trip in x.journal.trips]

    assert set(simulate(main())) == {""}
