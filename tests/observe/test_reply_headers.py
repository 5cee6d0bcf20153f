"""serve --reply-headers: a reply names its request and the faults, for who debugs a bot."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import aiohttp
import pytest

from failing_exchange import FailingExchange, simulate
from failing_exchange.cli.main import parser
from failing_exchange.cli.serve import _venue
from failing_exchange.server.messages import Request
from failing_exchange.server.reply_headers import FAULT, NAMES_MAX, REQUEST
from failing_exchange.venues.binance.venue import Binance

TIME = Request("GET", "/api/v3/time")


def answered(*faults: Mapping[str, Any], marks: bool = True) -> dict[str, str]:
    """The headers of one reply on the wire, whatever it says."""
    found: dict[str, str] = {}

    async def main() -> None:
        venue = Binance(FailingExchange(latency=None))
        if marks:
            venue.mark_replies()
        await venue.listen("venue", 80)
        for fault in faults:
            venue.exchange.arm(**fault)
        async with aiohttp.ClientSession() as session:
            try:
                async with session.get("http://venue/api/v3/time") as reply:
                    found.update(reply.headers)
                    await reply.read()
            except aiohttp.ClientError:
                assert found, "the head has arrived"
        await venue.close()

    simulate(main())
    return found


def test_a_reply_names_its_request_and_no_fault_where_there_was_none() -> None:
    """The number is that of the journal, of `--verbose` and of the page."""
    found = answered()
    assert int(found[REQUEST]) == 2  # 1 is what the market did before
    assert FAULT not in found


def test_the_faults_are_named_in_their_order() -> None:
    """Two that strike one request are two names."""
    found = answered(
        {"fault": "delay_answer", "seconds": 1}, {"fault": "delay_request", "seconds": 1}
    )
    assert found[FAULT] == "delay_request, delay_answer"


@pytest.mark.parametrize(
    "fault", ["truncate_json", "html_page", "drip_body", "cut_body", "empty_answer"]
)
def test_damaged_replies_and_pages_in_their_place_carry_them(fault: str) -> None:
    """Where a head arrives, it says why the rest is odd."""
    assert answered({"fault": fault})[FAULT] == fault


def test_without_the_switch_a_bot_can_not_tell() -> None:
    """They are off by default, and nothing else differs."""
    fault = {"fault": "delay_answer", "seconds": 1}
    plain, marked = answered(fault, marks=False), answered(fault)
    assert not any(name.lower().startswith("x-failing") for name in plain)
    assert {name: marked[name] for name in plain} == plain


def test_no_name_of_a_fault_forges_a_header() -> None:
    """A mode's or a plan's label is anybody's, and a header is a line."""

    async def main() -> None:
        venue = Binance(FailingExchange(latency=None))
        venue.mark_replies()
        await venue.exchange.ready()
        for n in range(NAMES_MAX + 1):
            armed = venue.exchange.arm("delay_answer", seconds=0.1, name=f"{n}")
            armed.rule.label = f"{n}\r\nSet-Cookie: é, x\ud800" + "x" * 200
        reply = await venue.ask(TIME)
        assert reply is not None
        names = dict(reply.headers)[FAULT]
        assert names.isascii()
        assert names.isprintable()
        assert len(names.split(", ")) == NAMES_MAX
        assert len(names) < 8_000

    simulate(main())


def test_serve_has_a_switch_for_it() -> None:
    """For every product that is served."""
    on = _venue(parser().parse_args(["serve", "--reply-headers"]))
    off = _venue(parser().parse_args(["serve"]))
    assert [one.dispatcher.marks_replies for one in on.products.all] == [True, True]
    assert [one.dispatcher.marks_replies for one in off.products.all] == [False, False]
