"""serve as a new user starts and stops it: options, environment, TLS, wrong values, signals."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from failing_exchange.cli.main import main as command
from failing_exchange.server.api_keys import DEFAULT_KEY

SERVE = [sys.executable, "-m", "failing_exchange", "serve"]
STOPPED = "stopped after 1 requests: 1 struck by faults, 0 refused by the venue's limits\n"
SECONDS = 30.0


class Served:
    """A running server: where it is, and what it has said."""

    def __init__(self, process: asyncio.subprocess.Process, lines: list[str]) -> None:
        self.process = process
        self.lines = lines

    def url_of(self, beginning: str) -> str:
        """The address in the line that begins so."""
        line = next(line for line in self.lines if line.startswith(beginning))
        return next(w for w in line.replace(",", " ").split() if w.startswith("http"))

    async def stop(self, sign: signal.Signals = signal.SIGTERM) -> tuple[int, str]:
        """Its exit code, and its last words."""
        self.process.send_signal(sign)
        assert self.process.stdout is not None
        said = (await self.process.stdout.read()).decode()
        return await self.process.wait(), said


@asynccontextmanager
async def served(*options: str, last: str = "", **environment: str) -> AsyncIterator[Served]:
    """Start a server and read what it says, up to a line that begins with `last`."""
    process = await asyncio.create_subprocess_exec(
        *SERVE, *options, env=os.environ | environment,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    lines: list[str] = []
    assert process.stdout is not None
    try:
        async with asyncio.timeout(SECONDS):
            while line := (await process.stdout.readline()).decode():
                lines.append(line.rstrip())
                if line.startswith(last or "failing-exchange: binance at"):
                    break
        yield Served(process, lines)
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()


async def time_at(url: str, **options: Any) -> int:
    """The venue's clock."""
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{url}/api/v3/time", **options) as got,
    ):
        return int((await got.json())["serverTime"])


async def struck(session: aiohttp.ClientSession, control: str) -> int:
    """How many requests a fault has struck."""
    async with session.get(control.replace("openapi.json", "statistics")) as got:
        return int((await got.json())["total"])


@pytest.mark.parametrize(
    ("sign", "options"),
    [
        (signal.SIGTERM, ()),
        (signal.SIGINT, ("--uvloop", "--tls")),
        *(
            pytest.param(sign, options, marks=pytest.mark.slow)
            for sign, options in (
                (signal.SIGINT, ()),
                (signal.SIGINT, ("--tls",)),
                (signal.SIGTERM, ("--tls",)),
                (signal.SIGTERM, ("--uvloop", "--tls")),
            )
        ),
    ],
)
def test_it_stops_gracefully_with_open_sockets_and_waiting_requests(
    sign: signal.Signals, options: tuple[str, ...]
) -> None:
    """Streams are told and closed in order, nobody waits for an answer that will never come."""
    if "--uvloop" in options:
        pytest.importorskip("uvloop")

    async def main() -> None:
        async with served("--port", "0", "--control-port", "0", *options, last="page") as venue:
            url, control = venue.url_of("failing-exchange"), venue.url_of("control API")
            async with aiohttp.ClientSession() as session:
                stream = await session.ws_connect(f"{url}/ws/btcusdt@kline_1d", ssl=False)
                account = await session.ws_connect(f"{url}/ws-api/v3", ssl=False)
                rule = {"kind": "lose_answer"}
                await session.post(control.replace("openapi.json", "rules"), json=rule)
                waiting = asyncio.create_task(time_at(url, ssl=False))
                async with asyncio.timeout(SECONDS):
                    while not await struck(session, control):
                        pass
                code, said = await venue.stop(sign)
                assert (code, said) == (0, STOPPED)
                for opened in (stream, account):
                    while "serverShutdown" not in (message := await opened.receive()).data:
                        assert message.type is aiohttp.WSMsgType.TEXT
                    message = await opened.receive()
                    assert (message.type, message.data) == (aiohttp.WSMsgType.CLOSE, 1001)
                with pytest.raises(aiohttp.ClientError):
                    await waiting

    asyncio.run(main())


def test_every_option_can_stand_in_the_environment(tmp_path: Path) -> None:
    """As compose files and CI want it."""
    environment = {
        "FAILING_EXCHANGE_PORT": "0",
        "FAILING_EXCHANGE_HOST": "localhost",
        "FAILING_EXCHANGE_SEED": "77",
        "FAILING_EXCHANGE_SCENARIO": "html_5xx",
        "FAILING_EXCHANGE_JOURNAL": str(tmp_path / "run.jsonl"),
        "FAILING_EXCHANGE_JOURNAL_FULL": "go-on",
        "FAILING_EXCHANGE_CONTROL_PORT": "0",
        "FAILING_EXCHANGE_CONTROL_TOKEN": "s3cret",
        "FAILING_EXCHANGE_TLS": "true",
        "FAILING_EXCHANGE_JUDGE": "yes",
        "FAILING_EXCHANGE_UVLOOP": "0",
        "FAILING_EXCHANGE_ACCELERATE": "100",
        "FAILING_EXCHANGE_LEGACY_LISTEN_KEYS": "on",
        "FAILURE_MODE": "TIMEOUT",
        "FAILURE_RATE": "0.25",
    }

    async def main() -> None:
        async with served(last="control API", **environment) as venue:
            assert "seed 77" in venue.lines[0]
            url = venue.url_of("failing-exchange: binance")
            assert url.startswith("https://localhost:")
            control = venue.url_of("control API").removesuffix("/openapi.json")
            token = {"Authorization": "Bearer s3cret"}
            async with aiohttp.ClientSession() as session:
                async with session.get(f"{control}/rules") as got:
                    assert got.status == 401
                async with session.get(f"{control}/rules", headers=token) as got:
                    rules = await got.json()
                async with session.get(f"{control}/verdict", headers=token) as got:
                    assert "outcome" in await got.json()
            assert [rule["kind"] for rule in rules] == ["html_page", "time_out"]
            assert rules[1]["when"] == "chance(0.25)"
            await venue.stop()
        assert (tmp_path / "run.jsonl").read_text().startswith('{"journal": ')

    asyncio.run(main())


def test_what_the_venue_lacks_is_named_where_its_user_looks() -> None:
    """In what the server says, without any log being set up."""

    async def main() -> None:
        async with served("--port", "0") as venue:
            url = venue.url_of("failing-exchange")
            async with (
                aiohttp.ClientSession() as session,
                session.get(f"{url}/sapi/v1/some/unknown/call?signature=abc") as got,
            ):
                assert got.status == 404
            _, said = await venue.stop()
        assert "failing-exchange: GET /sapi/v1/some/unknown/call: no such endpoint" in said
        assert "abc" not in said

    asyncio.run(main())


@pytest.mark.parametrize("by", ["options", "environment"])
def test_limits_can_be_accelerated_and_listen_keys_had_back(by: str) -> None:
    """A test that needs an hour of orders to be refused is not written."""
    options = ["--accelerate", "200", "--legacy-listen-keys"] if by == "options" else []
    environment = {
        "FAILING_EXCHANGE_ACCELERATE": "200", "FAILING_EXCHANGE_LEGACY_LISTEN_KEYS": "on",
    } if by == "environment" else {}  # fmt: skip

    async def main() -> None:
        async with (
            served("--port", "0", *options, **environment) as venue,
            aiohttp.ClientSession(venue.url_of("failing-exchange")) as session,
        ):
            async with session.get("/api/v3/exchangeInfo") as got:
                limits = [row["limit"] for row in (await got.json())["rateLimits"]]
            assert limits == [30, 1, 1_000, 1_500]
            key = {"X-MBX-APIKEY": DEFAULT_KEY}
            async with session.post("/api/v3/userDataStream", headers=key) as got:
                assert "listenKey" in await got.json()
            async with session.get("/api/v3/exchangeInfo") as got:
                assert got.status == 429
            await venue.stop()

    asyncio.run(main())


def test_tls_is_real() -> None:
    """With a certificate that nobody trusts unasked, for the names of this machine."""

    async def main() -> None:
        async with served("--port", "0", "--tls") as venue:
            url = venue.url_of("failing-exchange")
            with pytest.raises(aiohttp.ClientConnectorCertificateError):
                await time_at(url)
            port = int(url.rpartition(":")[2])
            text = ssl.get_server_certificate(("127.0.0.1", port))
            trusting = ssl.create_default_context(cadata=text)
            assert await time_at(url, ssl=trusting) > 0
            assert await time_at(url.replace("127.0.0.1", "localhost"), ssl=trusting) > 0
            await venue.stop()

    asyncio.run(main())


@pytest.mark.parametrize(
    ("options", "environment", "words"),
    [
        (["--port", "70000"], {}, "--port: 70000; expected a whole number from 0 to 65535"),
        (["--port", "x"], {}, "argument --port: x; expected a whole number"),
        ([], {"FAILING_EXCHANGE_PORT": "x"}, "--port: FAILING_EXCHANGE_PORT=x; expected a whole"),
        ([], {"FAILURE_RATE": "2"}, "--rate: FAILURE_RATE='2' is not a probability from 0 to 1"),
        (["--mode", "SLOW"], {}, "--mode 'SLOW'; expected one of NONE"),
        ([], {"FAILURE_MODE": "SLOW"}, "--mode 'SLOW'; expected one of NONE"),
        (["--rate", "2"], {}, "--rate: '2' is not a probability from 0 to 1"),
        ([], {"FAILING_EXCHANGE_TLS": "perhaps"}, "FAILING_EXCHANGE_TLS=perhaps; expected 1 or 0"),
        ([], {"FAILING_EXCHANGE_LEGACY_LISTEN_KEYS": "x"}, "LISTEN_KEYS=x; expected 1 or 0"),
        (["--accelerate", "0"], {}, "--accelerate: 0; expected a whole number from 1"),
        (["--scenario", "html_5x"], {}, "no scenario 'html_5x'; did you mean 'html_5xx'"),
        (["--keys", "/no/such"], {}, "--keys /no/such: "),
        (["--journal", "/no/such/run.db"], {}, "can't be written: No such file"),
        (["--journal-full", "x"], {}, "expected halt or go-on"),
        (["--journal-keep", "-1"], {}, "--journal-keep: -1; expected a whole number from 0"),
        (["--host", "192.0.2.1"], {}, "can't be listened at: "),
        (["--host", "0.0.0.0", "--control-port", "0"], {}, "give it a --control-token"),
        (["--prot=1"], {}, "unrecognized arguments: --prot=1"),
        (["kraken"], {}, "no venue is called 'kraken' (known: binance, binance-usdm;"),
    ],
)
def test_a_bad_option_is_one_clear_line(
    options: list[str],
    environment: dict[str, str],
    words: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Exit 2, and nothing has begun."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    try:
        code = command(["serve", *options])
    except SystemExit as left:
        code = left.code  # type: ignore[assignment]
    found = capsys.readouterr()
    assert code == 2
    assert words in found.err
    assert len(found.err.splitlines()) == 1
    assert found.out == ""


@pytest.mark.parametrize("option", ["--port", "--control-port"])
def test_an_occupied_port_is_one_clear_line(option: str) -> None:
    """It names the option that is to be changed."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        more = ["--port", "0"] if option == "--control-port" else []
        found = subprocess.run(
            [*SERVE, *more, option, str(port)], capture_output=True, text=True, timeout=SECONDS,
            check=False,
        )  # fmt: skip
    assert (found.returncode, found.stdout) == (2, "")
    (line,) = found.stderr.splitlines()
    assert f"127.0.0.1:{port} can't be listened at: Address already in use" in line
    assert f"give another {option}" in line
