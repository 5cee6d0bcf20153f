"""`serve -- COMMAND`: a program beside the venue, led to it by production's names, and judged."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from failing_exchange import Binance, FailingExchange
from failing_exchange.cli.main import main, split
from failing_exchange.server.certificate import context
from failing_exchange.server.proxy import HEAD_BYTES_MAX, Proxy
from failing_exchange.venues.binance.places import SIMULATED

SERVE = [sys.executable, "-m", "failing_exchange", "serve", "--port", "0", "--"]
SECONDS = 60

# The standard library alone: it reads the proxy and the certificate from the environment.
BOT = """
import hmac, json, os, sys, time, urllib.request
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode

def ask(url, method="GET", **headers):
    with urllib.request.urlopen(urllib.request.Request(url, None, headers, method=method)) as got:
        return json.load(got)

print("time", ask("https://api.binance.com/api/v3/time")["serverTime"] > 0)
print("url", ask(os.environ["EXCHANGE_URL"] + "/api/v3/ping"))
query = urlencode({"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC",
                   "quantity": "0.1", "price": "40000", "timestamp": int(time.time() * 1000)})
sign = hmac.new(os.environ["EXCHANGE_SECRET"].encode(), query.encode(), "sha256").hexdigest()
order = ask(f"https://api.binance.com/api/v3/order?{query}&signature={sign}", "POST",
            **{"X-MBX-APIKEY": os.environ["EXCHANGE_API_KEY"]})
print("order", order["status"])
try:
    ask("https://api.kraken.com/0/public/Time")
except (HTTPError, URLError) as error:
    print("elsewhere", error)
sys.exit(int(sys.argv[1]))
"""


@pytest.mark.parametrize(
    ("code", "ends", "verdict"),
    [
        (0, 0, "main: The bot keeps"),
        pytest.param(3, 1, "ended with exit code 3", marks=pytest.mark.slow),
    ],
)
def test_a_bot_in_any_language_is_led_here_and_judged(
    code: int, ends: int, verdict: str, tmp_path: Path
) -> None:
    """It is not changed, and reaches nothing else; the exit code is the verdict's."""
    (tmp_path / "bot.py").write_text(BOT, encoding="utf-8")
    ran = subprocess.run(
        [*SERVE, sys.executable, "bot.py", str(code)], cwd=tmp_path, capture_output=True,
        text=True, timeout=SECONDS, check=False,
    )  # fmt: skip
    assert ran.returncode == ends, ran.stdout + ran.stderr
    for line in ("time True", "url {}", "order NEW", "elsewhere ", verdict):
        assert line in ran.stdout
    assert "Tunnel connection failed: 403" in ran.stdout


# Nothing in it knows of us: clients that do not read the environment by themselves.
UNCHANGED = """
import asyncio, os
import aiohttp, ccxt, ccxt.async_support

KEYS = {"apiKey": os.environ["EXCHANGE_API_KEY"], "secret": os.environ["EXCHANGE_SECRET"]}
print("ccxt", ccxt.binance(KEYS).create_order("BTC/USDT", "limit", "buy", 0.1, 40_000)["status"])

async def main():
    client = ccxt.async_support.binance(KEYS)
    print("async", len(await client.fetch_open_orders("BTC/USDT")))
    await client.close()
    async with aiohttp.ClientSession() as session:
        async with session.get("https://api.binance.com/api/v3/ping") as got:
            print("aiohttp", got.status)
        url = "wss://stream.binance.com:9443/ws/btcusdt@bookTicker"
        async with session.ws_connect(url) as socket:
            print("socket", (await socket.receive_json())["s"])

asyncio.run(main())
"""


@pytest.mark.slow
def test_ccxt_and_aiohttp_are_led_here_unchanged(tmp_path: Path) -> None:
    """They take no proxy from the environment by themselves: they would trade for real."""
    (tmp_path / "bot.py").write_text(UNCHANGED, encoding="utf-8")
    (tmp_path / "sitecustomize.py").write_text("print('the other')", encoding="utf-8")
    ran = subprocess.run(
        [*SERVE, sys.executable, "bot.py"], cwd=tmp_path, capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": str(tmp_path)}, timeout=SECONDS, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stdout + ran.stderr
    for line in ("the other", "ccxt open", "async 1", "aiohttp 200", "socket BTCUSDT"):
        assert line in ran.stdout.splitlines()


def test_a_program_that_never_came_is_not_called_clean(capfd: pytest.CaptureFixture[str]) -> None:
    """A bot that is not led here would be green in CI for ever."""
    assert main(["serve", "--port", "0", "--", "true"]) == 2
    assert "true has sent no request to the venue that could be judged" in capfd.readouterr().out


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGINT to a child there")
def test_ctrl_c_ends_both(tmp_path: Path) -> None:
    """The bot is not left behind, though it does not hear the signal itself."""
    sleeps = "import os, time; print('pid', os.getpid(), flush=True); time.sleep(600)"
    wrapped = f'"{sys.executable}" -c "{sleeps}"; true'  # a shell, whose child is the bot
    process = subprocess.Popen(
        [*SERVE, "sh", "-c", wrapped], cwd=tmp_path, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        pid = next(int(line.split()[1]) for line in process.stdout if line.startswith("pid "))
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=SECONDS)
    finally:
        process.kill()
    assert process.returncode == 130
    until = time.monotonic() + SECONDS
    while lives(pid) and time.monotonic() < until:
        time.sleep(0.01)  # another process is waited for: there is no clock of ours in it
    assert not lives(pid)


def lives(pid: int) -> bool:
    """Whether a process runs; one that nobody has waited for yet does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.parametrize(
    ("program", "says"),
    [
        (["no-such-program"], "'no-such-program' can't be started: no such program"),
        ([], "-- is followed by nothing"),
    ],
)
def test_a_program_that_is_not_there_is_one_clear_line(
    program: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit 2, and the server has ended."""
    assert main(["serve", "--port", "0", "--", *program]) == 2
    told = capsys.readouterr()
    (line,) = told.err.splitlines()
    assert says in line
    assert told.out == ""  # nothing has begun


def test_only_serve_starts_a_program() -> None:
    """Arguments of a script that is simulated may hold two dashes."""
    assert split(["serve", "--", "a", "--", "b"]) == (["serve"], ["a", "--", "b"])
    assert split(["simulate", "x.py", "--", "b"]) == (["simulate", "x.py", "--", "b"], None)


@pytest.mark.parametrize(
    ("request_", "status", "says"),
    [
        (b"CONNECT api.kraken.com:443 HTTP/1.1\r\n\r\n", b"403", SIMULATED.encode()),
        (b"GET http://api.binance.com/ HTTP/1.1\r\n\r\n", b"405", b"CONNECT only"),
        (b"\x16\x03\x01\r\n\r\n", b"405", b"CONNECT only"),
        (b"CONNECT " + b"a" * HEAD_BYTES_MAX, b"431", b"too long"),
        (b"CONNECT api.binance.com:443 HTTP/1.1\r\n\r\nearly", b"400", b"before the tunnel"),
    ],
)
def test_the_proxy_refuses_what_it_does_not_serve(
    request_: bytes, status: bytes, says: bytes
) -> None:
    """Nothing that a program sends reaches the real world, or ends the venue."""

    async def run() -> None:
        venue = Binance(FailingExchange())
        await venue.listen("127.0.0.1", 0)
        proxy = Proxy(venue.protocol, context(), venue.venue.hosts(), SIMULATED)
        try:
            port = await proxy.open()
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(request_)
            answer = await asyncio.wait_for(reader.read(), SECONDS)
            assert answer.split()[1] == status
            assert says in answer
            writer.close()
        finally:
            proxy.close()
            await venue.close()

    asyncio.run(run())
