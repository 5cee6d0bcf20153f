"""A judged run of a bot on an exchange that has Spot and a perpetual."""

from __future__ import annotations

from typing import Any

from failing_exchange import FailingExchange, simulate
from failing_exchange.faults.triggers import parse
from failing_exchange.judge.judge import Judge
from failing_exchange.judge.verdict import Verdict
from failing_exchange.runs.bot_process import JudgedRun

SPOT, CONTRACT = "BTC/USDT", "BTC/USDT:USDT"
Fault = tuple[str, str, tuple[str, ...], dict[str, Any]]  # kind, trigger, operations, fields


def judged(
    bot: Any,
    *faults: Fault,
    seconds: float = 1_200.0,
    calm: float = 0.0,
    fee_asset: str | None = None,
) -> Verdict:
    """The verdict on a bot after twenty minutes; no fault strikes in the last `calm` seconds."""

    async def main() -> Verdict:
        exchange = FailingExchange(
            seed=3, markets=[SPOT, CONTRACT, "BNB/USDT"], balances={"USDT": 100_000, "BNB": 10},
            fee_asset=fee_asset, connection_timeout=5,
        )  # fmt: skip
        for kind, when, operations, fields in faults:
            exchange.arm(kind, parse(when), operations=operations, **fields)
        judge = Judge(exchange.venue)
        ending = await JudgedRun(
            bot=bot, exchange=exchange, seconds=seconds, judge=judge, calm=calm
        ).play()
        return judge.verdict(crashed=ending.crashed, returned=ending.returned)

    return simulate(main(), seed=3)


def loses(when: str) -> Fault:
    """The answers to some orders are lost."""
    return ("lose_answer", when, ("create_order",), {})
