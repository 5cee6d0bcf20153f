"""Copy as a test: what was seen on the page once fails in the bot's own suite from then on."""

from __future__ import annotations

from typing import Any

import pytest

from failing_exchange import FailingExchange, simulate
from failing_exchange.errors import FailingExchangeError
from failing_exchange.page.copied_test import copied_test

S = "BTC/USDT"


def copied(operation: str, *args: Any, kind: str = "lose_answer", **fields: Any) -> tuple[str, str]:
    """The test of a struck request, and what the exchange did."""

    async def main() -> tuple[str, str]:
        x = FailingExchange(latency=None)
        order = await x.create_order(S, "limit", "buy", 0.1, 10_000)
        x.arm(kind, operations=[operation], **fields)
        told = ""
        try:
            await getattr(x, operation)(*(order["id"] if one == "ID" else one for one in args))
        except FailingExchangeError as error:
            told = type(error).__name__
        return copied_test(x.journal.trips[-1], x.venue.markets), told

    return simulate(main())


@pytest.mark.parametrize(
    ("operation", "args"),
    [
        ("create_order", (S, "limit", "buy", 0.1, 20_000)),
        ("create_order", (S, "market", "buy", 1)),
        ("fetch_order", ("ID", S)), ("cancel_order", ("ID", S)), ("fetch_balance", ()),
        ("fetch_open_orders", (S,)),
    ],
)  # fmt: skip
def test_the_copied_test_meets_the_same_failure(operation: str, args: tuple[Any, ...]) -> None:
    """It runs as it is; a naive request dies of it as it did on the page."""
    text, told = copied(operation, *args)
    assert told == "RequestTimeoutError"
    space: dict[str, Any] = {}
    exec(compile(text, "copied", "exec"), space)
    [test] = [one for name, one in space.items() if name.startswith("test_")]

    async def main() -> None:
        await test(FailingExchange())

    with pytest.raises(FailingExchangeError) as caught:
        simulate(main())
    assert type(caught.value).__name__ == told


def test_a_copied_test_arms_the_fields_of_its_fault() -> None:
    """Only those that were changed."""
    text, _ = copied("fetch_balance", kind="reject_request", why="maintenance", message='a "b" \\')
    assert (
        """arm('reject_request', nth(1), operations=['fetch_balance'], why='maintenance',""" in text
    )
    compile(text, "copied", "exec")


def test_where_nothing_struck_there_is_no_test() -> None:
    """A healthy request proves nothing."""

    async def main() -> str:
        x = FailingExchange(latency=None)
        await x.fetch_balance()
        return copied_test(x.journal.trips[-1], x.venue.markets)

    assert simulate(main()) == ""
