"""freqtrade 2026.9, unmodified and in live mode, in an environment of its own.

Where the market moves away while it sells, it cancels the sale and tries again: several are fine.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from failing_exchange import redirect
from tests.clients.freqtrade.bot import PYTHON, installed, trading
from tests.clients.venue import KEYS, SPOT, Served, serving

ccxt = pytest.importorskip("ccxt")

pytestmark = pytest.mark.skipif(
    not installed(), reason=f"needs freqtrade at {PYTHON}: make clients installs it"
)
MONEY = 10_000.0  # all that the bot owns: what it sells it must have bought
SCENARIO = f"[accounts.main]\nbalances = {{ USDT = {MONEY} }}\n"


@pytest.fixture
def venue(tmp_path: Path) -> Iterator[Served]:
    """A venue where the bot owns dollars and nothing else."""
    scenario = tmp_path / "money.toml"
    scenario.write_text(SCENARIO)
    with serving("--scenario", str(scenario)) as served:
        yield served


def test_freqtrade_opens_and_closes_a_trade(venue: Served, tmp_path: Path) -> None:
    """Without a fault: what it believes to have traded and lost is what the venue knows."""
    with trading(venue.url, tmp_path) as bot:
        trade = bot.closed_trade()
    orders = bot.orders()
    assert (orders[0].side, orders[-1].side, orders[-1].status) == ("buy", "sell", "closed")
    assert sold(orders) > bought(orders) * 0.99  # the fee was taken from it
    assert told(orders) == true(venue)
    assert trade["close_profit_abs"] == pytest.approx(money(venue) - MONEY, abs=0.01)


def test_freqtrade_sells_the_part_that_it_got(venue: Served, tmp_path: Path) -> None:
    """A purchase that the market runs away from is canceled; the part that filled is sold."""
    venue.control.arm("jump_price", "nth(1)", operations=["create_order"], by=0.02)
    venue.control.arm("fill_order", "nth(1)", operations=["fetch_order"], fill_ratio=0.4)
    low = {"price_side": "same", "use_order_book": True, "order_book_top": 20}
    patience = {"entry": 3, "exit": 60, "unit": "seconds"}
    with trading(venue.url, tmp_path, entry_pricing=low, unfilledtimeout=patience) as bot:
        bot.closed_trade()
    orders = bot.orders()
    assert (orders[0].side, orders[0].status) == ("buy", "canceled")
    assert 0 < orders[0].filled < orders[0].amount
    assert bought(orders) * 0.99 < sold(orders) < bought(orders)
    assert told(orders) == true(venue)


def test_freqtrade_waits_for_the_rest(venue: Served, tmp_path: Path) -> None:
    """A purchase that fills in two parts becomes one trade of the whole."""
    venue.control.arm("partial_fill", "nth(1)", sides=["buy"], fill_ratio=0.4, complete_after=4)
    with trading(venue.url, tmp_path) as bot:
        bot.closed_trade()
    orders = bot.orders()
    assert (orders[0].status, orders[0].filled) == ("closed", orders[0].amount)
    assert sold(orders) > bought(orders) * 0.99
    assert told(orders) == true(venue)


def test_freqtrade_finds_the_sale_whose_answer_was_lost(venue: Served, tmp_path: Path) -> None:
    """It asks what became of coins that are gone, and books the order it never heard of."""
    venue.control.arm("lose_answer", "nth(1)", operations=["create_order"], sides=["sell"])
    with trading(venue.url, tmp_path) as bot:
        trade = bot.closed_trade()
    assert trade["exit_reason"] == "sold_on_exchange"
    assert told(bot.orders()) == true(venue)
    assert trade["close_profit_abs"] == pytest.approx(money(venue) - MONEY, abs=0.01)


def test_freqtrade_buys_again_when_the_answer_was_lost(venue: Served, tmp_path: Path) -> None:
    """It lives on, and never learns of what it bought first: the venue knows of three orders."""
    venue.control.arm("lose_answer", "nth(1)", operations=["create_order"], sides=["buy"])
    with trading(venue.url, tmp_path) as bot:
        trade = bot.closed_trade()
    unknown, *known = true(venue)
    assert told(bot.orders()) == known
    assert unknown[1] == "buy"
    assert unknown[2] == pytest.approx(known[0][2], rel=0.01)  # bought twice
    assert money(venue) - MONEY < trade["close_profit_abs"] - 900


def bought(orders: list[Any]) -> float:
    """How much it bought in all."""
    return float(sum(order.filled for order in orders if order.side == "buy"))


def sold(orders: list[Any]) -> float:
    """How much it sold in all."""
    return float(sum(order.filled for order in orders if order.side == "sell"))


def told(orders: list[Any]) -> list[tuple[str, str, float]]:
    """Orders as the bot's database has them: id, side, filled."""
    return [(order.id, order.side, order.filled) for order in orders]


def true(venue: Served) -> list[tuple[str, str, float]]:
    """All orders of the account, as the venue has them."""
    orders = redirect(ccxt.binance({**KEYS, **SPOT}), venue.url).fetch_orders("BTC/USDT")
    return [(order["id"], order["side"], order["filled"]) for order in orders]


def money(venue: Served) -> float:
    """The dollars of the account."""
    held = venue.control.account()["balances"]["USDT"]
    return float(held["free"]) + float(held["used"])
