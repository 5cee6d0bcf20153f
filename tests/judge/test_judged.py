"""One story at three doors: the judge says the same of it."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from typing import Any

import pytest

from failing_exchange import Control, FailingExchange, simulate
from failing_exchange.errors import ConfigurationError
from failing_exchange.faults.triggers import nth
from failing_exchange.judge.judge import Judge
from failing_exchange.judge.probe import probe, sample_of
from failing_exchange.judge.verdict import Verdict
from failing_exchange.server.belief_poller import Asking
from tests.venues.binance.client import Client, on_the_wire

INTENT = {"symbol": "BTC/USDT", "side": "buy", "amount": 0.1}


def broken(verdict: Verdict) -> list[str]:
    """The rules that were broken, in order."""
    return sorted(result.rule for result in verdict.failures)


def in_process() -> Verdict:
    """A bot whose first answer is lost, and which sends the order again."""

    async def story() -> Verdict:
        exchange = FailingExchange(seed=3, latency=None, connection_timeout=5)
        exchange.arm("lose_answer", nth(1), operations="create_order")
        await exchange.ready()
        judge = Judge(exchange.venue, intent=INTENT)
        judge.attach()
        for _ in range(2):
            try:
                await exchange.create_order("BTC/USDT", "limit", "buy", 0.1, 60_000)
            except TimeoutError:
                continue
        return judge.verdict(returned=True)

    return simulate(story(), seed=3)


def on_binance() -> Verdict:
    """The same on the wire, in a simulation."""

    async def story(client: Client) -> Verdict:
        client.venue.exchange.arm("lose_answer", nth(1), operations="create_order")
        judge = Judge(client.venue.exchange.venue, intent=INTENT)
        judge.attach()
        for _ in range(2):
            try:
                await asyncio.wait_for(client.order(price="60000"), 5)
            except TimeoutError:
                continue
        return judge.verdict(returned=True)

    return on_the_wire(story, seed=3)


def test_the_verdict_is_the_same_in_process_and_on_the_wire() -> None:
    """What a bot did does not depend on the door it came through."""
    one, other = in_process(), on_binance()
    assert {"once", "resolves"} <= set(broken(one))
    assert broken(one) == broken(other)
    assert one.result("once").why == other.result("once").why


def test_the_verdict_may_be_asked_for_again() -> None:
    """Looking does not change what is seen."""

    async def story() -> tuple[Any, Any]:
        exchange = FailingExchange(seed=3, latency=None)
        await exchange.ready()
        judge = Judge(exchange.venue, intent=INTENT)
        judge.attach()
        for _ in range(2):
            await exchange.create_order("BTC/USDT", "limit", "buy", 0.1, 60_000)
        return judge.verdict().as_dict(), judge.verdict().as_dict()

    first, again = simulate(story(), seed=3)
    assert first == again
    assert first["outcome"] == "fail"


def test_a_served_venue_judges_bots_of_any_language() -> None:
    """By the control API while it runs, and by its exit code at the end."""
    command = [sys.executable, "-m", "failing_exchange", "serve", "binance", "--port", "0",
               "--control-port", "0", "--judge", "--seed", "3"]  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            url, control = _addresses(server.stdout)
            door = Control(control)
            door.intend("BTC/USDT", "buy", 0.1)
            for _ in range(2):
                _order(url)
            said = door.verdict()
        finally:
            server.send_signal(signal.SIGTERM)
            rest = server.stdout.read() if server.stdout is not None else ""
            code = server.wait(timeout=10)
    assert said["outcome"] == "fail"
    assert "bought 0.2" in said["sentence"]
    assert "bought 0.2" in rest
    assert code == 1


def _addresses(lines: Any) -> tuple[str, str]:
    url = control = ""
    for line in lines:
        if "binance at " in line:
            url = line.split("binance at ")[1].split(",")[0]
        if "control API: " in line:
            control = line.split("control API: ")[1].split("/openapi")[0]
            break
    return url, control


def _order(url: str) -> None:
    import hmac
    import time
    from hashlib import sha256
    from urllib.parse import urlencode
    from urllib.request import Request, urlopen

    from failing_exchange.server.api_keys import DEFAULT_KEY, DEFAULT_SECRET

    order = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.1",
             "timestamp": int(time.time() * 1000)}  # fmt: skip
    text = urlencode(order)
    signature = hmac.new(DEFAULT_SECRET.encode(), text.encode(), sha256).hexdigest()
    asked = Request(f"{url}/api/v3/order?{text}&signature={signature}", method="POST")
    asked.add_header("X-MBX-APIKEY", DEFAULT_KEY)
    with urlopen(asked, timeout=10) as answer:
        assert answer.status == 200


@pytest.mark.parametrize("url", ["https://127.0.0.1/", "http://example.com/", "file:///x", ""])
def test_only_bots_of_this_machine_are_asked(url: str) -> None:
    """Whoever may use the control API must not reach others through it."""
    with pytest.raises(ConfigurationError, match="this machine"):
        Asking(None, url)  # type: ignore[arg-type]


def test_a_probe_that_makes_no_sense_is_refused() -> None:
    """Before the run, or when the answer comes."""
    with pytest.raises(ConfigurationError, match="function"):
        probe(positions={"BTC/USDT": 1.0})  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="amounts"):
        sample_of({"positions": 3}, 0)


def test_the_log_of_a_bot_that_does_not_answer_keeps_its_secrets(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A log is handed around; an address may hold a password or a token."""
    url = "http://me:hidden@127.0.0.1:9/belief?token=hidden"
    asking = Asking(None, url)  # type: ignore[arg-type]
    asyncio.run(asking.once())
    (record,) = caplog.records
    assert "the bot at http://127.0.0.1:9/belief can't be asked: " in record.getMessage()
    assert "hidden" not in record.getMessage()
