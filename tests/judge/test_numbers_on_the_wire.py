"""How a bot of the wire writes its numbers is a matter of the market's rules."""

from __future__ import annotations

import time

import aiohttp
import pytest

from failing_exchange.explorer.trial import run
from failing_exchange.explorer.world import World
from failing_exchange.judge.rule import Outcome, Result

URL = "https://api.binance.com/api/v3/order"
ORDER = {
    "symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.001",
    "price": "40000",
}  # fmt: skip


def judged(**sent: str) -> Result:
    """What the rule says of a bot that sends one order with some parameters of its own."""

    async def bot() -> None:
        order = {**ORDER, "timestamp": str(int(time.time() * 1_000)), **sent, "signature": "any"}
        async with (
            aiohttp.ClientSession(headers={"X-MBX-APIKEY": "any"}) as session,
            session.post(URL, params=order) as response,
        ):
            await response.read()

    verdict = run(bot, World(seed=1, seconds=60.0)).verdict
    assert verdict is not None
    return verdict.result("obeys_filters")


@pytest.mark.parametrize(
    ("sent", "why"),
    [
        ({"quantity": "1e-3"}, "Illegal characters found in parameter 'quantity'"),
        ({"price": "4E4"}, "Illegal characters found in parameter 'price'"),
        ({"quantity": "0.00123456789"}, "Parameter 'quantity' has too much precision"),
        ({"price": "40000.000000001"}, "Parameter 'price' has too much precision"),
        ({"quantity": "1000000000000"}, "Parameter 'quantity' overflowed"),
        ({"quantity": "0.0012345"}, "Filter failure: LOT_SIZE"),
    ],
)
def test_a_number_that_the_venue_cannot_read_breaks_its_rules(
    sent: dict[str, str], why: str
) -> None:
    """As one between two steps does."""
    result = judged(**sent)
    assert result.outcome is Outcome.FAIL
    assert why in result.why
    assert not result.why.endswith(".")


@pytest.mark.parametrize(
    "sent", [{}, {"timestamp": "1e12"}, {"newClientOrderId": "a b"}, {"recvWindow": "1e3"}]
)
def test_other_parameters_are_not_about_the_market(sent: dict[str, str]) -> None:
    """Who misspells its clock or a name has broken no step, minimum or band."""
    assert judged(**sent).outcome is Outcome.PASS
