"""What a chart marks: each order, fill, liquidation, fault and incident once, and in bounds."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import pytest

from failing_exchange import FailingExchange, simulate
from failing_exchange.errors import ConfigurationError, FailingExchangeError
from failing_exchange.page import marks as m
from failing_exchange.server.control_api import ControlApi
from failing_exchange.venues.binance.venue import Binance

S, PERPETUAL = "BTC/USDT", "BTC/USDT:USDT"
Ask = Callable[..., Any]
Story = Callable[[FailingExchange, Ask], Awaitable[Any]]


def told(story: Story) -> Any:
    """Run a story in virtual time; `ask` looks at the control API beside it."""

    async def main() -> Any:
        x = FailingExchange(latency=None)
        venue = Binance(x)
        await venue.listen_in_simulation()
        api = ControlApi(venue)

        def ask(path: str, **asked: Any) -> Any:
            return api.answer("POST" if "do" in asked else "GET", path, asked)

        found = await story(x, ask)
        await venue.close()
        return found

    return simulate(main())


def kinds(answer: Any) -> list[str]:
    """The kinds of the marks, in their order."""
    return [mark["kind"] for mark in answer["marks"]]


def test_all_that_is_done_in_a_market_is_marked_once() -> None:
    """A chart that asks again is told what is new; an order's trip tells its story."""

    async def story(x: FailingExchange, ask: Ask) -> None:
        await x.create_order(S, "market", "buy", 0.1)
        order = await x.create_order(S, "limit", "sell", 0.2, 60_000)
        first = ask("/marks", symbol=S)
        assert kinds(first) == ["order", "buy", "order"]
        bought, placed = first["marks"][1:]
        assert (placed["price"], placed["client"]) == ("60000", "main")
        assert placed["text"] == "order 2: sell 0.2 at 60000"
        assert bought["n"] == placed["n"] - 1
        await x.cancel_order(order["id"], S)
        x.arm("reject_request", operations=["fetch_order"])
        with suppress(FailingExchangeError):
            await x.fetch_order(order["id"], S)
        ask("/incidents", do="halt", symbol=S)
        later = ask("/marks", symbol=S, after=first["last"])
        assert kinds(later) == ["end", "fault", "incident"]
        assert "reject_request" in later["marks"][1]["text"]
        assert kinds(ask("/marks", symbol=S, after=later["last"])) == []
        assert kinds(ask("/marks", symbol="ETH/USDT")) == []

    told(story)


def test_a_fault_at_the_answer_is_marked_though_its_order_was_before() -> None:
    """The order is on the book at once; that its answer is lost shows only later."""

    async def story(x: FailingExchange, ask: Ask) -> None:
        x.arm("unknown_outcome", executed="before", after=1, operations=["create_order"])
        with suppress(FailingExchangeError):
            await x.create_order(S, "limit", "buy", 0.1, 30_000)
        assert sorted(kinds(ask("/marks", symbol=S))) == ["fault", "order"]

    told(story)


def test_a_liquidation_and_what_concerns_all_markets_are_marked() -> None:
    """A restart is an incident in each market."""

    async def story(x: FailingExchange, ask: Ask) -> None:
        await x.create_order(PERPETUAL, "market", "buy", 0.1)
        ask("/incidents", do="restart")
        ask("/incidents", do="liquidate", symbol=PERPETUAL)
        found = kinds(ask("/marks", symbol=PERPETUAL))
        assert found[:3] == ["order", "buy", "incident"]
        assert "liquidation" in found
        assert kinds(ask("/marks", symbol=S)) == ["incident"]

    told(story)


def test_where_a_bot_is_too_fast_faults_and_incidents_are_marked_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A look reads so many requests; of how many there is no mark, it says."""
    monkeypatch.setattr(m, "READ_MAX", 10)

    async def story(x: FailingExchange, ask: Ask) -> None:
        begun = ask("/marks", symbol=S)
        await asyncio.sleep(1)  # the bound is one of a second
        for what in ("halt", "resume"):
            ask("/incidents", do=what, symbol=S)
        for _ in range(15):
            await x.create_order(S, "limit", "buy", 0.1, 30_000)
        found = ask("/marks", symbol=S)
        assert kinds(found) == ["incident"] * 2 + ["order"] * 8
        assert found["skipped"] - begun["skipped"] == 7

    told(story)


def test_marks_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A long run costs no more memory than that, and no answer more time."""
    monkeypatch.setattr(m, "MARKS_MAX", 6)

    async def story(x: FailingExchange, ask: Ask) -> None:
        for _ in range(9):
            await x.create_order(S, "limit", "buy", 0.1, 30_000)
        texts = [mark["text"][:8] for mark in ask("/marks", symbol=S)["marks"]]
        assert texts == [f"order {n}:" for n in range(4, 10)]
        monkeypatch.setattr(m, "SHOWN_MAX", 4)
        assert len(ask("/marks", symbol=S)["marks"]) == 4

    told(story)


def test_who_looks_changes_nothing() -> None:
    """No read makes a trip, moves the market or changes a byte of the journal."""

    async def run(x: FailingExchange, ask: Ask, paths: tuple[str, ...]) -> list[str]:
        for price in (30_000, 31_000, 32_000):
            await x.create_order(S, "limit", "buy", 0.1, price)
            await x.create_order(PERPETUAL, "market", "buy", 0.01)
            await asyncio.sleep(1.7)
            for path in paths:
                for symbol in (S, PERPETUAL):
                    ask(path, **({"symbol": symbol} if path in ("/market", "/marks") else {}))
        return list(x.journal.lines())

    looked = told(lambda x, ask: run(x, ask, ("/market", "/marks", "/limits", "/accounts/main")))
    assert looked == told(lambda x, ask: run(x, ask, ()))


def test_an_unknown_market_is_refused() -> None:
    """With the name that was meant."""

    async def story(x: FailingExchange, ask: Ask) -> None:
        with pytest.raises(ConfigurationError, match="BTC/USDT"):
            ask("/marks", symbol="BTC/USDX")

    told(story)
