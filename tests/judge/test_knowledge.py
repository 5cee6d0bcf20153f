"""What a bot could know: how much it traded unawares, for how long, and what nobody can tell."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

import pytest

from failing_exchange import FailingExchange, FailingExchangeError, simulate
from failing_exchange.faults.triggers import nth
from failing_exchange.judge.judge import Judge
from failing_exchange.judge.rule import Outcome
from failing_exchange.judge.verdict import Verdict
from failing_exchange.judge.wording import ordinal
from failing_exchange.runs.bot_process import JudgedRun

BTC = "BTC/USDT"


def judged(bot: Any, fault: str = "", **fields: Any) -> Verdict:
    """The verdict on a bot whose first order is struck."""

    async def main() -> Verdict:
        exchange = FailingExchange(seed=3)
        if fault:
            exchange.arm(fault, nth(1), operations="create_order", **fields)
        judge = Judge(exchange.venue)
        ending = await JudgedRun(bot=bot, exchange=exchange, seconds=1_800.0, judge=judge).play()
        return judge.verdict(crashed=ending.crashed, returned=ending.returned)

    return simulate(main(), seed=3)


async def buys_and_waits(exchange: Any) -> None:
    with suppress(FailingExchangeError):
        await exchange.create_order(BTC, "market", "buy", 0.1)
    await asyncio.sleep(1_500)


async def buys_and_reads_its_balance(exchange: Any) -> None:
    with suppress(FailingExchangeError):
        await exchange.create_order(BTC, "market", "buy", 0.1)
    await asyncio.sleep(60)
    await exchange.fetch_balance()
    await asyncio.sleep(1_500)


async def asks_after_ten_minutes(exchange: Any) -> None:
    with suppress(FailingExchangeError):
        await exchange.create_order(BTC, "market", "buy", 0.1, None, {"clientOrderId": "mine"})
    await asyncio.sleep(600)
    await exchange.fetch_order("", BTC, {"clientOrderId": "mine"})
    await asyncio.sleep(600)


async def polls_its_open_orders(exchange: Any) -> None:
    price = (await exchange.fetch_ticker(BTC))["last"]
    order = await exchange.create_order(BTC, "limit", "buy", 0.1, round(price * 0.9999, 2))
    while any(one["id"] == order["id"] for one in await exchange.fetch_open_orders(BTC)):
        await asyncio.sleep(5)
    await asyncio.sleep(1_200)


def test_what_was_traded_unawares_is_counted_in_coins_money_and_time() -> None:
    """From the fill until the client was told of it, to the second."""
    verdict = judged(asks_after_ten_minutes, "lose_answer")
    exposure = verdict.exposure[BTC]
    assert exposure["worst_amount"] == pytest.approx(0.1)
    assert exposure["worst"] == pytest.approx(5_000, rel=0.02)
    assert exposure["seconds"] == pytest.approx(600, abs=15)
    assert verdict.wrong_s == pytest.approx(600, abs=15)
    assert exposure["left"] == exposure["left_amount"] == 0
    assert verdict.as_dict()["wrong_s"] == verdict.wrong_s


@pytest.mark.parametrize(
    ("fault", "fields", "why"),
    [
        ("lose_answer", {}, "the answer to its first order (trip 2) was lost"),
        ("break_connection", {"executed": "before"},
         "the connection broke on its first order (trip 2)"),
        ("false_reject", {"why": "unavailable"},
         'its first order (trip 2), which was accepted, was answered "Service unavailable'),
        ("contradictory_order", {}, "the answer to its first order (trip 2) was not the truth"),
    ],
)  # fmt: skip
def test_a_fill_nobody_learned_of_is_told_with_its_reason(
    fault: str, fields: dict[str, Any], why: str
) -> None:
    """The trip that shows it, and what the client heard of it."""
    result = judged(buys_and_waits, fault, **fields).result("converges")
    assert result.outcome is Outcome.FAIL, result.why
    assert result.why.startswith("never learned that it bought 0.1 BTC, because ")
    assert why in result.why
    assert result.breaches[0].trips == (2,)
    assert result.breaches[0].operation == "create_order"


def test_who_reads_balances_is_not_called_ignorant() -> None:
    """It may have understood: that is not judged without a probe, and neither is it passed."""
    result = judged(buys_and_reads_its_balance, "lose_answer").result("converges")
    assert result.outcome is Outcome.NOT_JUDGED
    assert "give it a probe" in result.why


def test_who_misses_its_order_in_a_list_is_not_called_ignorant() -> None:
    """A bot of a grid sees its fills so, and in no other way."""
    result = judged(polls_its_open_orders).result("converges")
    assert result.outcome in (Outcome.NOT_JUDGED, Outcome.PASS), result.why


def test_who_sends_nothing_keeps_no_rule() -> None:
    """A verdict of passes for a bot that did nothing would be a lie."""

    async def idle(exchange: Any) -> None:
        await asyncio.sleep(1_500)

    assert not [r for r in judged(idle).results if r.outcome is Outcome.PASS]


def test_places_in_a_row_have_words() -> None:
    """First, second, 11th, 22nd: as people say it."""
    words = [ordinal(n) for n in (1, 2, 3, 10, 11, 12, 13, 21, 22, 23, 111)]
    assert words == ["first", "second", "third", "tenth", "11th", "12th", "13th", "21st", "22nd",
                     "23rd", "111th"]  # fmt: skip
