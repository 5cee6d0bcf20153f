"""A world contains only what its venue can do, and often enough what breaks most bots."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from failing_exchange.core.events import OrderAccepted
from failing_exchange.core.order import Status
from failing_exchange.core.reject import Reason, Reject
from failing_exchange.explorer import targets
from failing_exchange.explorer.recipes import IMPOSSIBLE, kinds_of
from failing_exchange.explorer.trial import TrialResult
from failing_exchange.explorer.world import FaultSpec, World, check, draw
from failing_exchange.faults.known_incidents import KNOWN_INCIDENTS
from failing_exchange.venues.base import venue_of

VENUES = ("", "binance")
ASKS = """
import asyncio

async def main(exchange):
    while True:
        try:
            await exchange.fetch_balance()
        except Exception:
            pass
        await asyncio.sleep(60)
"""
QUOTES = """
import asyncio

async def main(exchange):
    while True:
        order = await exchange.create_order("BTC/USDT", "limit", "buy", 0.1, 20_000)
        await asyncio.sleep(30)
        try:
            await exchange.cancel_order(order["id"], "BTC/USDT")
        except Exception:
            pass
"""
ON_BINANCE = """
import asyncio
import ccxt.async_support as ccxt

async def main():
    client = ccxt.binance({"apiKey": "myKey", "secret": "mine"})
    try:
        while True:
            try:
                await client.create_order("BTC/USDT", "market", "buy", 1_000)
            except ccxt.BaseError:
                pass
            await asyncio.sleep(1)
    finally:
        await client.close()
"""


def run(folder: Path, text: str, *faults: FaultSpec, seconds: float = 600.0) -> TrialResult:
    """A bot of that text in a world."""
    path = folder / "mybot.py"
    path.write_text(text)
    world = World(seed=1, seconds=seconds, faults=faults)
    outcome = targets.load(f"{path}:main").run(world)
    assert outcome.verdict is not None, outcome.error
    return outcome


def impossible_on(venue: str) -> Mapping[str, str]:
    """The incidents that it can't have, with why."""
    return venue_of(venue).impossible if venue else IMPOSSIBLE


def arms(venue: str) -> Iterator[FaultSpec]:
    """All that a venue's worlds are drawn from."""
    kinds = kinds_of(venue)
    yield from kinds.recipes
    for one in kinds.common:
        yield from one


@pytest.mark.parametrize("venue", VENUES)
def test_all_that_is_drawn_can_be_armed_and_is_told_in_the_venues_words(venue: str) -> None:
    """A nonce on Binance, or words of Kraken's, send an author looking for what is not there."""
    for arm in arms(venue):
        check(arm)
        assert "message" not in arm.fields, arm
    assert impossible_on(venue).keys() <= {row.name for row in KNOWN_INCIDENTS}


def test_what_a_venue_cannot_have_is_not_drawn() -> None:
    """Each with the reason beside it."""
    here, there = ({arm.kind for arm in arms(venue)} for venue in VENUES)
    gone = {"null_answer", "error_in_success", "list_twice", "null_ticker", "cross_ticker"}
    assert gone <= here
    assert not gone & there
    assert "html_page" in there - here
    overtaken = [[arm for arm in arms(venue) if arm.fields.get("overtaken")] for venue in VENUES]
    assert overtaken[0]
    assert not overtaken[1], "events of one kind keep their order on a connection of Binance"


@pytest.mark.parametrize("venue", VENUES)
def test_worlds_often_fill_a_part_of_an_order_and_end_it(venue: str) -> None:
    """Bots that book such an order whole, or not at all, are found in tens of worlds."""
    worlds = [draw(seed, seconds=3_600.0, venue=venue) for seed in range(300)]
    drawn = [{arm.kind for arm in world.faults} for world in worlds]
    ends = {"expire_order", "cancel_by_hand", "partial_fill_beats_cancel"}
    assert sum("partial_fill" in one and bool(ends & one) for one in drawn) >= 30
    assert sum("expire_order" in one for one in drawn) >= 30
    assert sum("thin_book" in one for one in drawn) >= 30  # a market order that finds nothing


def test_an_order_ends_partly_filled_in_such_a_world(tmp_path: Path) -> None:
    """The pair does what it is drawn for."""
    part = next(one for one in kinds_of("").common if len(one) == 2)
    found = run(tmp_path, QUOTES, *(arm._replace(when="") for arm in part))
    assert found.exchange is not None
    engine = found.exchange.venue.engine
    assert engine is not None
    account = engine.state.accounts["main"]
    placed = [e.order_id for t in found.trips for e in t.happened if isinstance(e, OrderAccepted)]
    orders = [order for number in placed if (order := account.find(number)) is not None]
    assert any(one.status is not Status.OPEN and 0 < one.filled < one.lots for one in orders)


def test_a_symbol_is_not_refused_where_none_is_named(tmp_path: Path) -> None:
    """ "Symbol not found: ''" is no answer to a question about a balance."""
    fields = {"why": "unknown_symbol", "lasts": None}
    found = run(tmp_path, ASKS, FaultSpec("reject_request", "", (), fields))
    assert not any(isinstance(trip.told, Reject) for trip in found.trips)


def test_a_sentence_quotes_what_the_bot_has_read(tmp_path: Path) -> None:
    """On Binance it is Binance's text, whoever refuses: our own words are in no log of the bot."""
    pytest.importorskip("ccxt")
    found = run(tmp_path, ON_BINANCE, seconds=60.0)
    refused = next(trip for trip in found.trips if isinstance(trip.told, Reject))
    assert refused.told.reason is Reason.INSUFFICIENT_FUNDS
    assert found.verdict is not None
    said = found.verdict.result("no_hot_loop").why
    assert "Account has insufficient balance for requested action" in said
