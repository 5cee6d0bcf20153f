"""Rules of conduct judge a kind of market that they have never seen: contracts, long and short."""

from __future__ import annotations

import ast
import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest

from failing_exchange import FailingExchange, FailingExchangeError, Judge, Verdict, simulate
from failing_exchange.core.market import Market
from failing_exchange.explorer.trial import TrialResult, summary_of
from failing_exchange.explorer.world import World
from failing_exchange.judge.intents import intend
from failing_exchange.judge.probe import probe
from failing_exchange.judge.rule import Outcome
from failing_exchange.report.recorder import Recorder
from failing_exchange.report.text import summary
from failing_exchange.runs.bots import Notebook
from tests.core.contracts import IN_BTC, PERPETUAL
from tests.sources import check, modules, place, tree

SHORT = "BTC/USDT:USDT"
BALANCES = {"USDT": 100_000, "BTC": 10}
Bot = Callable[[Any], Awaitable[None]]


def judged(
    bot: Bot,
    *,
    markets: tuple[Market, ...] = (PERPETUAL,),
    price: float = 50_000,
    booked: dict[str, float] | None = None,
) -> Verdict:
    """The verdict on a bot after ten minutes, with somebody who buys and sells at a price."""
    found: list[Verdict] = []

    async def main() -> None:
        exchange = FailingExchange(
            seed=3, markets=list(markets), balances=BALANCES, background=False
        )
        maker = exchange.client("maker", balances=BALANCES)
        await exchange.ready()
        for one in markets:
            await maker.create_order(one.symbol, "limit", "buy", 1, price)
            await maker.create_order(one.symbol, "limit", "sell", 1, price * 1.001)
        judge = Judge(exchange.venue)
        judge.attach()
        judge.booked = None if booked is None else lambda: booked
        with suppress(FailingExchangeError):
            await bot(exchange)
        await asyncio.sleep(600)
        found.append(judge.verdict())

    simulate(main())
    return found[0]


def shorts(stop: str = "") -> Bot:
    """A bot that sells a tenth of what nobody holds, and stops it by an order of one side."""

    async def bot(exchange: Any) -> None:
        with intend(SHORT, "sell", 0.1, covered_within=60):
            await exchange.create_order(SHORT, "market", "sell", 0.1)
        if stop:
            price = {"stopLossPrice": 60_000 if stop == "buy" else 40_000}
            await exchange.create_order(SHORT, "market", stop, 0.1, None, price)

    return bot


@pytest.mark.parametrize(
    ("stop", "outcome"), [("", Outcome.FAIL), ("sell", Outcome.FAIL), ("buy", Outcome.PASS)]
)
def test_a_short_position_needs_a_stop_that_buys(stop: str, outcome: Outcome) -> None:
    """One that sells does not end it."""
    result = judged(shorts(stop)).result("covered")
    assert result.outcome is outcome, result.why
    if outcome is Outcome.FAIL:
        assert result.why.startswith(f"left a position in {SHORT} without its stop for 10 min")
        assert result.money == pytest.approx(5_000)


def test_a_position_is_what_its_fills_make_of_it() -> None:
    """Short is below zero, whatever is in the ledger; the other way round is wrong twice over."""

    async def knows(exchange: Any) -> None:
        await shorts("buy")(exchange)
        probe(positions=lambda: {SHORT: -0.1}, balances=lambda: {"USDT": 99_997.5})

    async def errs(exchange: Any) -> None:
        await shorts("buy")(exchange)
        probe(positions=lambda: {SHORT: 0.1})

    verdict = judged(knows)
    assert verdict.clean, str(verdict)
    assert verdict.holdings is not None and verdict.holdings[SHORT].true == -0.1
    verdict = judged(errs)
    assert verdict.result("converges").why == "believes to hold 0.1 BTC and holds -0.1"
    assert verdict.wrong == verdict.money == pytest.approx(10_000)


def test_profit_is_what_the_ledger_says() -> None:
    """It comes with the closing trade, and no fill says how much it is."""

    async def opens_and_closes(exchange: Any) -> None:
        await exchange.create_order(SHORT, "market", "buy", 0.1)
        await exchange.create_order(SHORT, "market", "sell", 0.1)

    lost = -5.0 - 2.5025 - 2.5  # the spread, and a fee for each trade
    assert judged(opens_and_closes, booked={SHORT: 0.0, "USDT": lost}).clean
    notebook = Notebook()

    async def books(exchange: Any) -> None:
        for side in ("buy", "sell"):
            notebook.book(await exchange.create_order(SHORT, "market", side, 0.1))

    assert judged(books, booked=notebook.believed).clean
    assert notebook.holds("USDT") == pytest.approx(lost)
    verdict = judged(opens_and_closes, booked={SHORT: 0.0, "USDT": 0.0})
    assert verdict.wrong == pytest.approx(-lost)


def test_an_intent_to_sell_short_is_executed_once() -> None:
    """Shorts are counted as longs are, and named with the asset of the contract."""

    async def sells_twice(exchange: Any) -> None:
        with intend(SHORT, "sell", 0.1):
            await exchange.create_order(SHORT, "market", "sell", 0.1)
            await exchange.create_order(SHORT, "market", "sell", 0.1)

    verdict = judged(sells_twice)
    assert verdict.result("once").why == "sold 0.2 BTC (trips 5 and 6) instead of 0.1"
    assert verdict.result("once").money == pytest.approx(5_000)


def test_a_contract_may_be_sold_by_who_has_none() -> None:
    """Too little margin is no sale of what is not there."""

    async def sells_too_much(exchange: Any) -> None:
        await exchange.fetch_balance()
        for _ in range(3):
            with suppress(FailingExchangeError):
                await exchange.create_order(SHORT, "limit", "sell", 900, 50_000)

    assert judged(sells_too_much).result("sells_free").outcome is Outcome.PASS


def test_a_venue_that_settles_in_other_assets_is_judged_in_one_of_them() -> None:
    """A sum in a currency that nothing leads to would be no sum at all."""

    async def sells_twice(exchange: Any) -> None:
        with intend(IN_BTC.symbol, "sell", 0.5):
            await exchange.create_order(IN_BTC.symbol, "market", "sell", 0.5)
            await exchange.create_order(IN_BTC.symbol, "market", "sell", 0.5)

    verdict = judged(sells_twice, markets=(IN_BTC,), price=0.04)
    assert verdict.currency == verdict.as_dict()["currency"] == "BTC"
    assert verdict.money == pytest.approx(0.02)
    assert verdict.sentence.endswith("; 0.02 BTC are lost or at risk.")
    assert "0.02 BTC lost or at risk" in summary("short", verdict)[0]
    assert summary_of(TrialResult(world=World(seed=1, seconds=60.0), verdict=verdict)).currency == (
        "BTC"
    )
    both = judged(sells_twice, markets=(PERPETUAL, IN_BTC), price=0.04)
    assert (both.currency, "currency" in both.as_dict()) == ("USDT", False)


def test_a_recording_shows_a_position_and_its_cash() -> None:
    """What is owned of a contract is its position, and its cash the asset that it settles in."""
    samples: list[Any] = []

    async def main() -> None:
        exchange = FailingExchange(seed=3, markets=[PERPETUAL], balances=BALANCES, background=False)
        maker = exchange.client("maker", balances=BALANCES)
        await exchange.ready()
        recorder = Recorder(exchange.venue)
        recorder.attach()
        await maker.create_order(SHORT, "limit", "buy", 1, 50_000)
        await exchange.create_order(SHORT, "market", "sell", 0.1)
        samples.append(recorder.recording(None)["samples"][-1])

    simulate(main())
    assert samples[0][2:4] == (-0.1, -2.5), "the position, and the fee"


KNOWS_KINDS = ("judge.products",)


def test_one_module_of_the_judge_knows_kinds_of_markets() -> None:
    """Another kind is then a class there, and no other change in rules and reports."""

    def complaints() -> Iterator[str]:
        for name, path in modules().items():
            if name.split(".")[0] not in ("judge", "report") or name in KNOWS_KINDS:
                continue
            for node in ast.walk(tree(path)):
                if isinstance(node, ast.Constant) and node.value in ("USDT", "BTC", "/"):
                    yield f"{place(path, node.lineno)}: {node.value!r}: ask judge.products"
                if isinstance(node, ast.Attribute) and node.attr in ("kind", "settle"):
                    owner = node.value.attr if isinstance(node.value, ast.Attribute) else ""
                    if owner == "market":
                        yield f"{place(path, node.lineno)}: .{node.attr}: ask judge.products"

    check(complaints())
