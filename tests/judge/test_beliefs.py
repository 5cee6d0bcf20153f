"""What a bot says that it believes: how old it may be, and what is no answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from failing_exchange import ConfigurationError
from failing_exchange.core.ledger import WORLD, Ledger
from failing_exchange.explorer.trial import run
from failing_exchange.explorer.world import World
from failing_exchange.judge.probe import probe
from failing_exchange.judge.rule import Outcome, Result

BTC = "BTC/USDT"
SECONDS = 1_800.0


def converged(bot: Any) -> Result:
    """What the rule says of a bot after half an hour without a fault."""
    verdict = run(bot, World(seed=1, seconds=SECONDS)).verdict
    assert verdict is not None
    return verdict.result("converges")


async def trades_late(exchange: Any, ago: float) -> dict[str, Any]:
    """An order that trades at once, so long before the end; the account as it was before."""
    await asyncio.sleep(SECONDS - ago)
    before = dict((await exchange.fetch_balance())["total"])
    await exchange.create_order(BTC, "market", "buy", 0.01)
    return before


async def cancels_late(exchange: Any, ago: float) -> str:
    order = await exchange.create_order(BTC, "limit", "buy", 0.01, 40_000)
    await asyncio.sleep(SECONDS - ago)
    await exchange.cancel_order(order["id"], BTC)
    return str(order["id"])


def believes_the_old_balances(ago: float) -> Callable[[Any], Any]:
    async def bot(exchange: Any) -> None:
        before = await trades_late(exchange, ago)
        probe(balances=lambda: before)
        await asyncio.sleep(SECONDS)

    return bot


def believes_the_canceled_order_open(ago: float) -> Callable[[Any], Any]:
    async def bot(exchange: Any) -> None:
        order_id = await cancels_late(exchange, ago)
        probe(open_orders=lambda: [order_id])
        await asyncio.sleep(SECONDS)

    return bot


def has_not_listed_its_new_order(ago: float) -> Callable[[Any], Any]:
    async def bot(exchange: Any) -> None:
        await asyncio.sleep(SECONDS - ago)
        await exchange.create_order(BTC, "limit", "buy", 0.01, 40_000)
        probe(open_orders=lambda: ())
        await asyncio.sleep(SECONDS)

    return bot


@pytest.mark.parametrize(
    ("bot", "why"),
    [
        (believes_the_old_balances, "believes to own 10000000 USDT and owns"),
        (believes_the_canceled_order_open, "believes that order 1 is open, and it is not"),
        (has_not_listed_its_new_order, "does not know of its open order 1"),
    ],
)
def test_what_has_just_changed_may_be_believed_as_it_was(bot: Any, why: str) -> None:
    """Who looks every minute is right, though most of a minute behind; later it is wrong."""
    assert converged(bot(40.0)).outcome is Outcome.PASS
    late = converged(bot(100.0))
    assert late.outcome is Outcome.FAIL
    assert late.why.startswith(why)


def test_a_ledger_tells_what_has_changed_since_an_instant() -> None:
    """Newest first; what is only reserved is still owned, what moves between wallets as well."""
    ledger = Ledger()
    ledger.open("alice")
    for at in (1, 2, 3):
        ledger.transfer(WORLD, "alice", "USDT", 100, at=at)
    ledger.reserve("alice", "USDT", 50, at=4)
    assert ledger.total(("alice",), "USDT") == 300
    assert list(ledger.changes(("alice",), "USDT", since=1)) == [(3, 100), (2, 100)]
    assert list(ledger.changes(("alice",), "USDT", since=3)) == []
    assert list(ledger.changes(("alice", WORLD), "USDT", since=0)) == []
    assert ledger.total(("alice",), "BTC") == 0


def broken() -> Any:
    """A function of a bot that does not work."""
    raise ZeroDivisionError("division by zero")


@pytest.mark.parametrize(
    ("asks", "text"),
    [
        ({"positions": lambda: {"BTC": 0.0}}, "gave 'BTC', which is not a market here; expected"),
        ({"positions": lambda: {BTC: float("nan")}}, "gave {'BTC/USDT': nan}; expected amounts"),
        ({"balances": lambda: {"USDT": float("inf")}}, "gave {'USDT': inf}; expected amounts"),
        ({"positions": lambda: {BTC: None}}, "gave {'BTC/USDT': None}; expected amounts"),
        ({"positions": broken}, "positions raised ZeroDivisionError: division by zero; expected"),
        ({"open_orders": lambda: 7}, "gave 7; expected a list"),
        ({"open_orders": lambda: "order-1"}, "gave 'order-1'; expected a list"),
        ({"open_orders": lambda: (broken() for _ in range(3))}, "expected a list"),
    ],
)  # fmt: skip
def test_a_wrong_answer_is_an_error_of_the_probe(asks: Any, text: str) -> None:
    """It names what was said and what is expected; the venue has no bug."""

    async def bot(exchange: Any) -> None:
        probe(**asks)
        await asyncio.sleep(600)

    with pytest.raises(ConfigurationError, match="probe: ") as error:
        run(bot, World(seed=1, seconds=600.0))
    assert text in str(error.value)
