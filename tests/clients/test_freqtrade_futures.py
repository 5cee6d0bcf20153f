"""freqtrade 2026.9 in live futures mode, unmodified, with positions isolated and cross."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from failing_exchange import redirect
from failing_exchange.server.api_keys import DEFAULT_KEY, DEFAULT_SECRET
from tests.clients.freqtrade.bot import PATIENCE, PYTHON, Bot, installed, trading
from tests.clients.test_freqtrade import told
from tests.clients.venue import KEYS, Served, serving

ccxt = pytest.importorskip("ccxt")

pytestmark = pytest.mark.skipif(
    not installed(), reason=f"needs freqtrade at {PYTHON}: make clients installs it"
)
BTC = "BTC/USDT:USDT"
MONEY = 1_100.0  # a cross position of five times 1,000 can be liquidated


@pytest.fixture
def venue() -> Iterator[Served]:
    """A venue of Spot and perpetuals, where the bot owns 1,100 USDT."""
    with served() as one:
        yield one


def served(*options: str) -> Any:
    """`serve binance`, both of its products, with the bot's money in each wallet."""
    return serving("--balance", f"USDT={MONEY:.0f}", *options)


def trades(
    venue: Served, folder: Path, margin: str, side: str, *, hold: bool = True, stop: bool = True
) -> Any:
    """freqtrade opens 1,000 USDT at fivefold leverage; `stop`: it rests at the venue."""
    return trading(
        venue.url,
        folder,
        "Perpetual",
        trading_mode="futures",
        margin_mode=margin,
        perpetual={"side": side, "hold": hold},
        order_types={
            "entry": "market", "exit": "market", "stoploss": "market",
            "stoploss_on_exchange": stop,
        },
        exchange={
            "name": "binance", "key": DEFAULT_KEY, "secret": DEFAULT_SECRET,
            "pair_whitelist": [BTC], "ccxt_config": {"timeout": 3_000},
        },
    )  # fmt: skip


@pytest.mark.parametrize(
    ("margin", "side", "closing"), [("isolated", "long", "sell"), ("cross", "short", "buy")]
)
def test_freqtrade_opens_protects_and_closes_a_position(
    venue: Served, tmp_path: Path, margin: str, side: str, closing: str
) -> None:
    """What it believes to have traded and lost is what the venue knows; no stop stays behind."""
    with trades(venue, tmp_path, margin, side, hold=False) as bot:
        trade = bot.closed_trade()
        until(lambda: bot.orders()[1].status == "canceled", bot)
    assert resting(venue, 0) == []
    entry, protection, out = bot.orders()
    assert (protection.side, protection.status, out.side) == ("stoploss", "canceled", closing)
    assert told([entry, out]) == true(venue)
    assert trade["close_profit_abs"] == pytest.approx(money(venue) - MONEY, abs=0.01)


@pytest.mark.parametrize(
    ("margin", "side", "percent"), [("isolated", "short", 4), ("cross", "long", -4)]
)
def test_the_stop_of_freqtrade_rests_as_a_conditional_order_and_fires(
    venue: Served, tmp_path: Path, margin: str, side: str, percent: float
) -> None:
    """It has another id than the order that it places, and freqtrade follows it there."""
    with trades(venue, tmp_path, margin, side) as bot:
        (stop,) = resting(venue, 1)
        assert (stop["type"], stop["reduce_only"]) == ("stop_loss", True)
        assert positions(venue) == [(side, margin)]
        venue.control.incident("move_price", symbol=BTC, percent=percent)
        trade = bot.closed_trade()
    assert trade["exit_reason"] == "stoploss_on_exchange"
    assert (positions(venue), resting(venue, 0)) == ([], [])
    entry, fired = bot.orders()
    assert fired.id == str(stop["id"])
    opened, placed = true(venue)
    assert told([entry]) == [opened]
    assert (placed[0] != fired.id, placed[2]) == (True, fired.filled)
    assert trade["close_profit_abs"] == pytest.approx(money(venue) - MONEY, abs=0.01)


@pytest.mark.parametrize(
    ("margin", "side", "sign"), [("isolated", "long", -1), ("cross", "short", 1)]
)
def test_freqtrade_learns_of_a_liquidation_when_it_tries_to_exit(
    venue: Served, tmp_path: Path, margin: str, side: str, sign: int
) -> None:
    """Until its exit is refused it holds what is gone; it never books what the liquidation cost."""
    with trades(venue, tmp_path, margin, side, stop=False) as bot:
        until(lambda: positions(venue) == [(side, margin)], bot)
        until(lambda: bool(bot.orders()) and bot.orders()[0].status == "closed", bot)
        venue.control.incident("move_mark", symbol=BTC, percent=25 * sign)
        until(lambda: positions(venue) == [], bot)
        assert bot.trade()["is_open"]
        venue.control.incident("move_price", symbol=BTC, percent=4 * sign)  # to its own stop
        trade = bot.closed_trade()
    assert trade["exit_reason"] == "sold_on_exchange"
    assert told(bot.orders()) == true(venue)
    (fee,) = incomes(venue, "INSURANCE_CLEAR")
    assert fee < -50
    assert trade["close_profit_abs"] == pytest.approx(money(venue) - MONEY - fee, abs=0.01)


def test_freqtrade_finds_the_exit_whose_answer_was_lost(venue: Served, tmp_path: Path) -> None:
    """The position is gone, and it books the order that it never heard of."""
    venue.control.arm("lose_answer", "nth(1)", operations=["create_order"], sides=["buy"])
    with trades(venue, tmp_path, "cross", "short", hold=False, stop=False) as bot:
        trade = bot.closed_trade()
    assert trade["exit_reason"] == "sold_on_exchange"
    assert told(bot.orders()) == true(venue)
    assert trade["close_profit_abs"] == pytest.approx(money(venue) - MONEY, abs=0.01)


def test_freqtrade_places_a_second_stop_when_the_answer_was_lost(
    venue: Served, tmp_path: Path
) -> None:
    """Two conditional orders rest, and it knows of one."""
    venue.control.arm("lose_answer", "nth(1)", operations=["create_order"], sides=["sell"])
    with trades(venue, tmp_path, "isolated", "long") as bot:
        first, second = resting(venue, 2)
        until(lambda: len(bot.orders()) == 2, bot)
    assert [order.id for order in bot.orders()][1] == str(second["id"])
    assert first["client_id"] != second["client_id"]


def test_a_migration_day_leaves_freqtrade_without_a_stop(tmp_path: Path) -> None:
    """A release for the new API on the old one: no stop until the venue has changed, then one."""
    with (
        served("--as-of", "2025-12-01") as venue,
        trades(venue, tmp_path, "isolated", "long") as bot,
    ):
        until(lambda: "Unable to place a stoploss" in " ".join(bot.log().split()), bot)
        assert positions(venue) == [("long", "isolated")]
        assert venue.control.account()["conditional_orders"] == []
        venue.control.incident("venue_changes", change="algo_orders")
        resting(venue, 1)
        for change in ("bare_acknowledgements", "pairs_in_history", "shorter_trade_history"):
            venue.control.incident("venue_changes", change=change)
        venue.control.incident("move_price", symbol=BTC, percent=-4)
        trade = bot.closed_trade()
        assert trade["exit_reason"] == "stoploss_on_exchange"
        assert trade["close_profit_abs"] == pytest.approx(money(venue) - MONEY, abs=0.01)


def until(happened: Callable[[], bool], bot: Bot) -> None:
    """Wait for something; fails with the bot's log when it takes too long."""
    end = time.monotonic() + PATIENCE
    while not happened():
        assert time.monotonic() < end and bot.process.poll() is None, bot.log()
        time.sleep(0.2)


def resting(venue: Served, count: int) -> list[dict[str, Any]]:
    """The conditional orders that wait at the venue, once there are so many."""
    end = time.monotonic() + PATIENCE
    while True:
        found = venue.control.account()["conditional_orders"]
        if len(found) == count or time.monotonic() > end:
            assert len(found) == count, found
            return list(found)
        time.sleep(0.2)


def client(venue: Served) -> Any:
    """ccxt at this venue."""
    return redirect(ccxt.binanceusdm(KEYS), venue.url, venue="binance-usdm")


def positions(venue: Served) -> list[tuple[str, str]]:
    """Side and margin mode of what the account holds, as the venue has it."""
    held = client(venue).fetch_positions()
    return [(position["side"], position["marginMode"]) for position in held]


def true(venue: Served) -> list[tuple[str, str, float]]:
    """All orders of the account, as the venue has them."""
    orders = client(venue).fetch_orders(BTC)
    return [(order["id"], order["side"], order["filled"]) for order in orders]


def incomes(venue: Served, kind: str) -> list[float]:
    """What was paid for one reason."""
    rows = client(venue).fapiPrivateGetIncome({"incomeType": kind})
    return [float(row["income"]) for row in rows]


def money(venue: Served) -> float:
    """The futures wallet."""
    return float(venue.control.account()["futures"]["balances"]["USDT"]["wallet"])
