"""Each rule keeps its documented time to the second: a moment sooner it does not accuse."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

import pytest

from failing_exchange import FailingExchangeError, probe
from failing_exchange.judge.false_reads import HORIZON_S
from failing_exchange.judge.rule import Outcome
from tests.judge.test_refusals import BTC, Fault, judged

PASS, FAIL, NOT_JUDGED = Outcome.PASS, Outcome.FAIL, Outcome.NOT_JUDGED
LOST: Fault = ("lose_request", "nth(1)", ("create_order",), {})


def failing(requests: int) -> Fault:
    """So many requests in vain; one each ten seconds, they last ten times as long."""
    return ("rate_limited", f"first({requests})", ("fetch_balance",), {"retry_after": 0.0})


async def ends_silent(exchange: Any, until: int) -> None:
    """Asks each ten seconds until then, and never again."""
    probe(positions=lambda: {BTC: 1.0})
    for _ in range(until // 10):
        with suppress(FailingExchangeError):
            await exchange.fetch_balance()
        await asyncio.sleep(10)
    await asyncio.sleep(10_000)


@pytest.mark.parametrize(("rule", "last", "outcome"), [
    ("alive", 3_290, FAIL), ("alive", 3_310, NOT_JUDGED),
    ("converges", 3_290, FAIL), ("converges", 3_310, NOT_JUDGED),
])  # fmt: skip
def test_a_bot_has_five_minutes_to_recover(rule: str, last: int, outcome: Outcome) -> None:
    """The run lasts an hour; what was wrong before the last fault is not its own until then."""

    async def bot(exchange: Any) -> None:
        await ends_silent(exchange, last + 10)

    assert judged(rule, bot, failing(last // 10 + 1), latency=None).outcome is outcome


@pytest.mark.parametrize(("seconds", "outcome"), [(29, PASS), (31, FAIL)])
def test_a_price_is_fresh_for_half_a_minute(seconds: int, outcome: Outcome) -> None:
    """A bot that looks each half minute is right; one that looks less often trades on the past."""

    async def bot(exchange: Any) -> None:
        await exchange.fetch_ticker(BTC)
        await asyncio.sleep(seconds)
        await exchange.create_order(BTC, "limit", "buy", 0.1, 40_000)

    assert judged("fresh", bot, latency=None).outcome is outcome


@pytest.mark.parametrize(("more", "outcome"), [(-0.5, FAIL), (0.5, PASS)])
def test_not_found_is_a_proof_only_after_the_horizon(more: float, outcome: Outcome) -> None:
    """Sooner the order may still be on its way, and a second one would be one too many."""

    async def bot(exchange: Any) -> None:
        with suppress(FailingExchangeError):
            await exchange.create_order(BTC, "limit", "buy", 0.1, 40_000, {"clientOrderId": "a"})
        await asyncio.sleep(HORIZON_S + more - exchange.connection_timeout)
        with suppress(FailingExchangeError):
            await exchange.fetch_order("", BTC, {"clientOrderId": "a"})
        await exchange.create_order(BTC, "limit", "buy", 0.1, 40_000, {"clientOrderId": "b"})

    told = judged("resolves", bot, LOST, latency=None, connection_timeout=1.0)
    assert told.outcome is outcome
