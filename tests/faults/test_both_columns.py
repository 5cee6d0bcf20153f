"""Every fault of the catalogue, armed and disarmed: both columns are as its sentence says."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from failing_exchange import FailingExchange, simulate
from failing_exchange.faults.catalogue import CATALOGUE
from failing_exchange.faults.triggers import nth, parse
from tests.faults import contract_stories as p, stories as s
from tests.faults.stories import Story

Both = tuple[Any, Any]  # (happened, told)
ACCEPTED = ["OrderAccepted"]
TWO = ["OrderAccepted", "OrderAccepted"]
PLACED: Both = (ACCEPTED, "open")
LISTED: Both = ([], ["open", "open"])
CANCELED: Both = (["OrderCanceled"], ("canceled", 0.0))
FOUND: Both = (ACCEPTED, ("open", True, "open"))
AMOUNTS: Both = (ACCEPTED, ("open", 0.0, 0.01))
AT_ONCE: Both = (ACCEPTED, ("open", 0.0))
RICH: Both = ([], (10_000_000.0, 0.0))
STILL_OPEN: Both = ([], "open")
ALL_TAKEN: Both = (7, ("open", "open", "open"))
HEALTHY: Both = ([], ("ok",) * 5)
UNCROSSED: Both = ([], ("bid below ask", True))
CANDLES: Both = ([], (20, [1], True))
PUSHED: Both = (TWO, [1, 2])

OF_CONTRACTS: dict[str, Story] = {
    "force_close": Story(
        p.hold_and_ask,
        (["OrderAccepted", "PositionLiquidated", "PositionChanged", "OrderFilled",
          "FuturesBalanceChanged"], 0),
        ([], 1),
        when="nth(1)",
    ),
    "hide_forced_close": Story(
        p.liquidated, (["OrderAccepted", "OrderFilled"], False),
        (["OrderAccepted", "OrderFilled"], True),
    ),
    "lose_trigger": Story(
        p.stopped, (["OrderAccepted", "OrderFilled"], False),
        (["OrderAccepted", "OrderFilled"], True),
    ),
    "pay_funding_now": Story(
        p.cash_over_a_read, (["FundingPaid", "FuturesBalanceChanged"], True), ([], False),
        when="nth(1)",
    ),
    "delay_funding": Story(p.funding_told, (["FundingPaid"], [0, 1]), (["FundingPaid"], [1, 1])),
    "repeat_funding": Story(p.funding_told, (["FundingPaid"], [2, 2]), (["FundingPaid"], [1, 1])),
    "spike_mark": Story(p.mark_over_last, (["MarkMoved"], True), ([], False), when="nth(1)"),
    "cache_reads": Story(p.position_after_a_trade, (1, [0, 0, 1]), (1, [0, 1, 1])),
    "list_position_twice": Story(
        p.how_many_positions, (["OrderFilled"], 2), (["OrderFilled"], 1)
    ),
    "refuse_leverage": Story(
        p.leverage, ([], (["BadRequestError", "OperationRejectedError"], 20.0)),
        (["MarginSettingsChanged", "MarginSettingsChanged"], (["done", "done"], 5.0)),
    ),
    "refuse_stop": Story(
        p.stop, (["OrderAccepted", "PositionChanged", "OrderFilled"], ("NotSupportedError",
                                                                     "closed")),
        (["ConditionalChanged", "OrderAccepted", "PositionChanged", "OrderFilled"],
         ("open", "closed")),
    ),
    "refuse_reduce_only": Story(p.leave, (1, "InvalidOrderError"), (0, "closed")),
    "overload": Story(
        p.enter_and_leave, (2, ["ExchangeUnavailableError", "closed"]),
        (2, ["closed", "closed"]), {"executed": "before"},
    ),
}  # fmt: skip
STORIES: dict[str, Story] = {
    "lose_request": Story(s.place, ([], "RequestTimeoutError"), PLACED),
    "delay_request": Story(
        s.place_and_wait, (([], ACCEPTED), "RequestTimeoutError"), ((ACCEPTED, ACCEPTED), "open"),
        {"seconds": 30}, on=("create_order",),
    ),
    "repeat_request": Story(s.place_twice, (TWO, ("open", 2)), (ACCEPTED, ("open", 1))),
    "time_out": Story(s.place, (ACCEPTED, "RequestTimeoutError"), PLACED, {"executed": "before"}),
    "break_connection": Story(
        s.place_timed, ([], ("ConnectionLostError", 0.0)), AT_ONCE, {"executed": "after"}
    ),
    "unknown_outcome": Story(
        s.place_timed, (ACCEPTED, ("ExchangeUnavailableError", 7.0)), AT_ONCE,
        {"executed": "before", "why": "unavailable", "after": 7},
    ),
    "reject_request": Story(
        s.place, ([], "InsufficientBalanceError"), PLACED, {"why": "insufficient_funds"}
    ),
    "refuse_replacement": Story(
        s.rest_and_edit, (["OrderCanceled"], ("InsufficientBalanceError", ["canceled"])),
        (["OrderCanceled", "OrderAccepted"], ("open", ["canceled", "open"])),
    ),
    "rate_limited": Story(s.place, ([], "RateLimitError"), PLACED),
    "ban": Story(
        s.ask_over_time,
        ([], ("RateLimitError", "RateLimitError", "BannedError", "BannedError", "ok")), HEALTHY,
        {"refusals": 3, "shortest": 600}, when="nth(1)",
    ),
    "maintenance": Story(
        s.ask_over_time, ([], (*["ExchangeMaintenanceError"] * 4, "ok")), HEALTHY,
        {"duration": 600}, when="nth(1)",
    ),
    "clock_skew": Story(s.what_time, ([], (2.0, "ClockSkewError")), (ACCEPTED, (0.0, "open"))),
    "lose_answer": Story(s.place, (ACCEPTED, "RequestTimeoutError"), PLACED),
    "delay_answer": Story(s.place_timed, (ACCEPTED, ("open", 5.0)), AT_ONCE, {"seconds": 5}),
    "false_reject": Story(s.place, (ACCEPTED, "ExchangeUnavailableError"), PLACED),
    "phantom_success": Story(
        s.place_and_find, ([], ("open", True, "OrderNotFoundError")), FOUND
    ),
    "phantom_cancel": Story(s.rest_and_cancel, ([], ("canceled", 0.0)), CANCELED),
    "phantom_id": Story(
        s.place_and_find, (ACCEPTED, ("open", True, "OrderNotFoundError")), FOUND
    ),
    "error_in_success": Story(
        s.place_and_find, ([], (None, False, "OrderNotFoundError")), FOUND
    ),
    "contradictory_order": Story(s.place_amounts, (ACCEPTED, ("closed", 0.0, 0.01)), AMOUNTS),
    "garble_answer": Story(s.place, (ACCEPTED, "MalformedResponseError"), PLACED),
    "null_answer": Story(s.place_answer, (ACCEPTED, None), (ACCEPTED, "a structure")),
    "reply_without_id": Story(
        s.place_and_find, (ACCEPTED, ("open", False, "OrderNotFoundError")), FOUND
    ),
    "bare_reply": Story(
        s.rest_and_cancel_bare, (["OrderCanceled"], (True, False)),
        (["OrderCanceled"], (True, True)),
    ),
    "drop_fields": Story(s.place_amounts, (ACCEPTED, ("open", "missing", "missing")), AMOUNTS),
    "null_fields": Story(s.place_amounts, (ACCEPTED, ("open", None, None)), AMOUNTS),
    "set_field": Story(s.place_amounts, (ACCEPTED, ("expired_in_match", 0.0, 0.01)), AMOUNTS),
    "stale_read": Story(
        s.how_old, (ACCEPTED, (10_000, 0.0, "OrderNotFoundError", 0)),
        (ACCEPTED, (0, 400.0, "open", 1)), {"seconds": 10},
    ),
    "hide_new_orders": Story(
        s.look_soon_and_later, (ACCEPTED, (("OrderNotFoundError", 0), ("open", 1))),
        (ACCEPTED, (("open", 1), ("open", 1))), {"seconds": 10},
    ),
    "hide_orders": Story(s.rest_and_list, ([], ["open"]), LISTED, {"part": 0.5}),
    "list_twice": Story(s.rest_and_list, ([], ["open", "open", "canceled"]), LISTED),
    "zero_wallet": Story(s.money, ([], (0.0, 0.0)), RICH),
    "fill_beats_cancel": Story(
        s.rest_and_cancel, (["OrderFilled"], "OrderNotFoundError"), CANCELED
    ),
    "partial_fill_beats_cancel": Story(
        s.rest_and_cancel, (["OrderFilled", "OrderCanceled"], ("canceled", 0.005)), CANCELED
    ),
    "canceled_but_filled": Story(
        s.rest_and_cancel, (["OrderFilled"], ("canceled", 0.0)), CANCELED
    ),
    "hold_after_cancel": Story(
        s.cancel_and_look_at_funds,
        (["OrderCanceled", "BalanceChanged", "BalanceChanged"], ("canceled", 400.0, 0.0)),
        (["OrderCanceled"], ("canceled", 0.0, 0.0)), {"lasts": 60},
    ),
    "partial_fill": Story(
        s.partly,
        (["FillCapped", "OrderAccepted", "OrderFilled", "OrderFilled"],
         ("open", 0.3, "closed", 1.0)),
        (ACCEPTED, ("open", 0.0, "open", 0.0)),
    ),
    "slip_price": Story(
        s.buy_at_market, ("LiquidityPulled", ("closed", True)),
        ("OrderAccepted", ("closed", False)),
        {"least": 0.005, "max_slippage": 0.02},
    ),
    "fill_at_once": Story(
        s.place, (["FillCapped", "OrderAccepted", "OrderFilled"], "closed"), PLACED
    ),
    "fill_order": Story(s.rest_and_look, (["OrderFilled"], "closed"), STILL_OPEN),
    "expire_order": Story(s.rest_and_look, (["OrderExpired"], "expired"), STILL_OPEN),
    "cancel_by_hand": Story(s.rest_and_look, (["OrderCanceled"], "canceled"), STILL_OPEN),
    "venue_restart": Story(
        s.place, (["OrderAccepted", "OrderCanceled", "VenueRestarted"], "ConnectionLostError"),
        PLACED, {"orders": "lost"},
    ),
    "halt_market": Story(s.place, (["MarketChanged"], "MarketClosedError"), PLACED),
    "jump_price": Story(
        s.price_after_the_next_print, (["PriceMoved"], True), ([], False), {"by": -0.05},
        when="nth(1)",
    ),
    "thin_book": Story(
        s.thin, (["LiquidityPulled", "OrderAccepted", "OrderExpired"], "expired"),
        (["OrderAccepted", "OrderFilled"], "closed"),
    ),
    "change_steps": Story(
        s.place_one_of_each, (6, ("InvalidOrderError", "open", "open")), ALL_TAKEN
    ),
    "raise_minimum": Story(
        s.place_one_of_each, (6, ("open", "InvalidOrderError", "open")), ALL_TAKEN
    ),
    "narrow_band": Story(
        s.place_one_of_each, (5, ("InvalidOrderError", "InvalidOrderError", "open")), ALL_TAKEN
    ),
    "limit_orders": Story(
        s.place_one_of_each, (5, ("open", "open", "InvalidOrderError")), ALL_TAKEN, {"most": 5}
    ),
    "change_fees": Story(
        s.fees_paid, ("MarketChanged", 0.004), ("OrderAccepted", 0.001), {"taker": 0.004}
    ),
    "lock_funds": Story(
        s.money, (["BalanceChanged"], (5_000_000.0, 5_000_000.0)), RICH, {"part": 0.5}
    ),
    "take_funds": Story(s.money, (["BalanceChanged"], (9_000_000.0, 0.0)), RICH, {"part": 0.1}),
    "bust_last_trade": Story(
        s.trade_and_count, (["OrderFilled", "TradeBusted"], 0.0), (["OrderFilled"], 0.000999)
    ),
    **{name: one._replace(markets=p.MARKETS) for name, one in OF_CONTRACTS.items()},
    "null_ticker": Story(s.ticker, ([], (None, None, None)), UNCROSSED),
    "zero_price": Story(s.ticker, ([], (0.0, 0.0, 0.0)), UNCROSSED),
    "cross_ticker": Story(s.ticker, ([], ("bid below ask", False)), UNCROSSED),
    "hide_tickers": Story(s.how_many_tickers, ([], 1), ([], 2), {"part": 0.5}),
    "freeze_market_data": Story(s.is_it_moving, ([], [0, 0, 0]), ([], [0, 5_000, 10_000])),
    "cross_book": Story(s.book, ([], ("bid below ask", False)), UNCROSSED),
    "empty_book": Story(s.book, ([], (0, 0)), UNCROSSED),
    "ghost_levels": Story(
        s.book_after_a_jump, (["PriceMoved"], True), (["PriceMoved"], False), {"seconds": 60}
    ),
    "hide_candles": Story(s.candle_steps, ([], (17, [1, 4], True)), CANDLES, {"count": 3}),
    "late_candle": Story(s.candle_steps, ([], (19, [1], False)), CANDLES),
    "lose_push": Story(s.watch_two_orders, (TWO, [2]), PUSHED, when="nth(1)"),
    "delay_push": Story(
        s.watch_two_orders, (TWO, [2, 1]), PUSHED, {"overtaken": True}, when="nth(1)"
    ),
    "repeat_push": Story(s.watch_two_orders, (TWO, [1, 2, 1]), PUSHED, when="nth(1)"),
    "merge_pushes": Story(s.watch_two_orders, (TWO, [2]), PUSHED),
    "silence_feed": Story(s.watch_two_orders, (TWO, []), PUSHED, when="nth(1)"),
    "end_subscription": Story(
        s.watch_two_orders, (TWO, "ConnectionLostError"), PUSHED, when="nth(1)"
    ),
    "break_feed": Story(s.watch_two_orders, (TWO, "ConnectionLostError"), PUSHED, when="nth(1)"),
}  # fmt: skip


def columns(name: str, story: Story, *, armed: bool) -> tuple[Any, Any]:
    """Both columns of a fault's story."""

    async def main() -> tuple[Any, Any]:
        async with FailingExchange(latency=None, markets=list(story.markets)) as x:
            await x.fetch_time()

            def arm() -> None:
                if armed:
                    x.arm(name, parse(story.when), operations=story.on, **story.fields)

            return await story.tell(x, arm)

    return simulate(main())


@pytest.mark.parametrize("name", [n for n, e in CATALOGUE.items() if e.scope == "process"])
def test_an_armed_fault_changes_just_the_columns_that_it_names(name: str) -> None:
    """A fault without a story, or one that changes nothing, would be a line in a list."""
    story = STORIES[name]
    assert story.armed != story.calm
    assert columns(name, story, armed=False) == story.calm
    assert columns(name, story, armed=True) == story.armed


def test_no_story_is_left_of_a_fault_that_is_gone() -> None:
    """The table is the catalogue's, row for row."""
    assert list(STORIES) == [n for n, e in CATALOGUE.items() if e.scope == "process"]


@pytest.mark.parametrize("name", ["time_out", "break_connection", "unknown_outcome"])
def test_lost_before_and_lost_after_look_the_same_to_the_client(name: str) -> None:
    """The one difference between the two must be on the exchange, or a bot could cheat."""
    found = {}
    for executed in ("before", "after", False, True):
        story = STORIES[name]._replace(tell=s.place_timed)
        story = story._replace(fields={**story.fields, "executed": executed})
        found[executed] = columns(name, story, armed=True)
    assert found["after"][0] == found[False][0] == []
    assert found["before"][0] == found[True][0] == ACCEPTED
    assert len({told for _, told in found.values()}) == 1


@pytest.mark.parametrize("name", ["time_out", "break_connection", "unknown_outcome"])
def test_either_means_now_one_and_now_the_other(name: str) -> None:
    """By default nobody knows; over some orders, both must come."""

    async def main() -> int:
        async with FailingExchange(latency=None) as x:
            x.arm(name, operations="create_order")
            for _ in range(40):
                await s.said(s.buy(x))
            x.disarm(name)
            return len(await x.fetch_open_orders())

    assert 8 <= simulate(main()) <= 32


def test_a_late_push_holds_up_those_of_its_kind_behind_it() -> None:
    """One connection keeps its order, as Binance promises; others, and other events, go on."""

    async def main() -> list[tuple[str, float]]:
        async with FailingExchange(latency=None) as x:
            seen: list[tuple[str, float]] = []
            began = asyncio.get_running_loop().time()

            async def hear(name: str, watch: Any) -> None:
                while True:
                    for one in await watch():
                        now = asyncio.get_running_loop().time() - began
                        seen.append((f"{name} {one['amount']}", round(now, 1)))

            x.arm("delay_push", nth(1), operations="watch_orders", seconds=10)
            feeds = [asyncio.create_task(hear("order", x.watch_orders)),
                     asyncio.create_task(hear("trade", x.watch_my_trades))]  # fmt: skip
            await asyncio.sleep(0)
            for amount in (0.01, 0.02):
                await s.buy(x, None, amount)
                await asyncio.sleep(1)
            await asyncio.sleep(20)
            await s.buy(x, None, 0.03)
            await asyncio.sleep(1)
            for feed in feeds:
                feed.cancel()
            return seen

    seen = simulate(main())
    assert [one for one in seen if one[0].startswith("trade")] == [
        ("trade 0.01", 0.0), ("trade 0.02", 1.0), ("trade 0.03", 22.0),
    ]  # fmt: skip
    assert [one for one in seen if one[0].startswith("order")] == [
        ("order 0.01", 10.0), ("order 0.02", 10.0), ("order 0.03", 22.0),
    ]  # fmt: skip
