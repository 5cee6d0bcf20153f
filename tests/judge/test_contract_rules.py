"""Rules of positions beyond their stories: what excuses a bot, both sides, and wrong options."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from failing_exchange import FailingExchange, Judge, Verdict, simulate
from failing_exchange.core import commands as c, queries as q
from failing_exchange.core.collateral import SetMultiAssets
from failing_exchange.core.order import BUY, SELL, OrderType, PositionSide
from failing_exchange.core.positions import MarginMode
from failing_exchange.errors import ConfigurationError, NoChangeError, RateLimitError
from failing_exchange.judge.catalogue import make
from failing_exchange.judge.intents import intend
from failing_exchange.judge.rule import Outcome
from failing_exchange.runs.bot_process import JudgedRun
from tests.judge.position_stories import Bot, P, order, send, stop

LONG, SHORT = PositionSide.LONG, PositionSide.SHORT


def judged(
    bot: Bot, *faults: dict[str, Any], rate_limit: int | None = None, **options: dict[str, Any]
) -> Verdict:
    """The verdict on a bot in half an hour; `options` of the rules."""

    async def main() -> Verdict:
        exchange = FailingExchange(seed=3, markets=["BTC/USDT", P])
        if rate_limit is not None:
            exchange.set_rate_limit(rate_limit)
        for fault in faults:
            exchange.arm(**fault)
        judge = Judge(exchange.venue, options=options)
        await JudgedRun(bot=bot, exchange=exchange, seconds=1_800, judge=judge).play()
        return judge.verdict()

    return simulate(main(), seed=3)


@pytest.mark.parametrize(
    ("name", "options"),
    [("modes", {"margin_mode": "portfolio"}), ("one_exit", {"sides": "flat"})],
)
def test_an_option_that_no_account_can_have_is_refused(name: str, options: dict[str, Any]) -> None:
    """It would accuse every bot, or none."""
    with pytest.raises(ConfigurationError, match=str(next(iter(options.values())))):
        make([name], {name: options})


def test_to_ask_for_a_mode_before_each_entry_is_no_hot_loop() -> None:
    """A refusal that says that nothing has to change tells the bot that all is well."""

    async def sure(exchange: Any) -> None:
        isolated = c.SetMarginMode("main", P, MarginMode.ISOLATED)
        await send(exchange, "set_margin_mode", isolated)
        for _ in range(20):
            with pytest.raises(NoChangeError):
                await send(exchange, "set_margin_mode", isolated)
            await asyncio.sleep(5)

    assert judged(sure).result("no_hot_loop").outcome is Outcome.PASS


@pytest.mark.parametrize(("wanted", "outcome"), [(True, Outcome.PASS), (False, Outcome.FAIL)])
def test_the_asset_mode_is_a_mode_that_a_bot_can_mean(wanted: bool, outcome: Outcome) -> None:
    """In multi-assets mode all assets of the wallet answer for a position that goes wrong."""

    async def trades(exchange: Any) -> None:
        await send(exchange, "set_multi_assets_mode", SetMultiAssets("main", True))
        await order(exchange, BUY)
        await asyncio.sleep(60)

    found = judged(trades, modes={"multi_assets": wanted}).result("modes")
    assert found.outcome is outcome
    if not wanted:
        assert "its asset mode was not as intended: it is multi-assets" in found.why


async def hedged(exchange: Any, *stops: tuple[Any, PositionSide, float]) -> None:
    await send(exchange, "set_position_mode", c.SetPositionMode("main", True))
    await order(exchange, BUY, position_side=LONG)
    await order(exchange, SELL, position_side=SHORT)
    for side, of, price in stops:
        command = c.PlaceConditional(
            "main", P, side, OrderType.STOP_LOSS, 0, round(price * 10), close_position=True,
            position_side=of,
        )  # fmt: skip
        await send(exchange, "create_order", command)
    await asyncio.sleep(900)


@pytest.mark.parametrize("both", [True, False])
def test_each_side_of_a_hedged_position_needs_its_stop(both: bool) -> None:
    """Net they are nothing, and each can be liquidated by itself."""
    stops = [(SELL, LONG, 10_000.0), (BUY, SHORT, 200_000.0)][: 1 + both]

    async def bot(exchange: Any) -> None:
        await hedged(exchange, *stops)

    result = judged(bot, protected={"within_s": 60}).result("protected")
    assert result.outcome is (Outcome.PASS if both else Outcome.FAIL), result.why
    if not both:
        assert result.money == pytest.approx(5_000, rel=0.01), "the whole position, not its margin"


def test_a_take_profit_is_no_stop() -> None:
    """It ends a position where it wins."""

    async def bot(exchange: Any) -> None:
        await order(exchange, BUY)
        command = c.PlaceConditional(
            "main", P, SELL, OrderType.TAKE_PROFIT, 0, 900_000, close_position=True
        )
        await send(exchange, "create_order", command)
        await asyncio.sleep(600)

    assert judged(bot, protected={"within_s": 60}).result("protected").outcome is Outcome.FAIL


def test_a_conditional_stop_covers_an_intent() -> None:
    """It is no order of the book, and protects from the instant that it stands."""

    async def bot(exchange: Any) -> None:
        with intend(P, "buy", 0.1, covered_within=60):
            await order(exchange, BUY)
        await stop(exchange)
        await asyncio.sleep(600)
        await order(exchange, SELL, reduce_only=True)
        await asyncio.sleep(60)

    assert judged(bot).result("covered").outcome is Outcome.PASS


def test_a_stop_for_a_part_leaves_the_rest_without() -> None:
    """The money is that of what it did not cover."""

    async def bot(exchange: Any) -> None:
        await order(exchange, BUY)
        await stop(exchange, 60)
        await asyncio.sleep(600)

    result = judged(bot, protected={"within_s": 60}).result("protected")
    assert result.money == pytest.approx(2_000, rel=0.01)


def test_what_it_was_told_falsely_of_its_leverage_excuses_it() -> None:
    """The answer said yes, and nothing had changed."""

    async def bot(exchange: Any) -> None:
        await send(exchange, "set_leverage", c.SetLeverage("main", P, 3))
        await order(exchange, BUY)
        await asyncio.sleep(60)

    assert judged(bot).result("modes").outcome is Outcome.PASS
    lie = {"fault": "null_answer", "operations": "set_leverage"}
    assert judged(bot, lie).result("modes").outcome is not Outcome.FAIL


@pytest.mark.parametrize("sides", ["long", "both"])
def test_a_short_accuses_only_a_bot_that_means_to_be_long(sides: str) -> None:
    """To turn round by an order of twice the size is a strategy."""

    async def bot(exchange: Any) -> None:
        await order(exchange, BUY)
        await order(exchange, SELL, 200)
        await asyncio.sleep(60)

    result = judged(bot, one_exit={"sides": sides}).result("one_exit")
    assert result.outcome is (Outcome.FAIL if sides == "long" else Outcome.PASS), result.why


def test_a_forced_close_of_which_it_never_heard_is_not_in_its_books() -> None:
    """Without a probe: it asked for nothing since."""

    async def deaf(exchange: Any) -> None:
        await order(exchange, BUY)
        await asyncio.sleep(60)
        await exchange.operate(c.LiquidatePosition("main", P))
        await asyncio.sleep(900)

    async def looks(exchange: Any) -> None:
        await deaf(exchange)
        await exchange.fetch_positions()
        await asyncio.sleep(60)

    result = judged(deaf).result("books_forced")
    assert result.why.startswith("never learned of the forced close of 0.1 in BTC/USDT:USDT")
    assert judged(looks).result("books_forced").outcome is Outcome.NOT_JUDGED


@pytest.mark.parametrize("looks", [True, False])
def test_a_look_at_conditional_orders_tells_what_their_orders_traded(looks: bool) -> None:
    """The order that a stop has placed has another id; the stop itself shows what became of it."""

    async def bot(exchange: Any) -> None:
        await order(exchange, BUY)
        await stop(exchange, price=49_000, reduce_only=True)
        await exchange.operate(c.MovePrice(P, ppm=-30_000))
        await asyncio.sleep(60)
        if looks:
            await send(exchange, "fetch_orders", q.FetchConditionals("main", P, "all"))
        await asyncio.sleep(900)

    result = judged(bot).result("converges")
    assert result.outcome is (Outcome.PASS if looks else Outcome.FAIL), result.why


def exits_after(seconds: float) -> Bot:
    """A bot that has used up its limit, is refused its exit, and sends it again after a wait."""

    async def bot(exchange: Any) -> None:
        await order(exchange, BUY)
        for _ in range(9):
            await exchange.fetch_ticker(P)
        with pytest.raises(RateLimitError):
            await order(exchange, SELL, reduce_only=True)
        await asyncio.sleep(seconds)
        await order(exchange, SELL, reduce_only=True)
        await asyncio.sleep(1_800)

    return bot


@pytest.mark.parametrize(("seconds", "outcome"), [(2, "pass"), (30, "fail")])
def test_an_exit_may_wait_a_second_for_a_limit(seconds: float, outcome: str) -> None:
    """`keeps_reserve`: a position that is closed a second later was never stuck."""
    found = judged(exits_after(seconds), rate_limit=60).result("keeps_reserve")
    assert str(found.outcome) == outcome, found.why
