"""Start the program of `serve -- COMMAND`, in any language, so that it reaches the venue."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import shutil
import signal
import ssl
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from failing_exchange.errors import ConfigurationError
from failing_exchange.system import end_processes

if TYPE_CHECKING:
    from failing_exchange.server.proxy import Proxy
    from failing_exchange.server.venue_server import VenueServer

STARTUP = "failing_exchange.cli.child_startup.sitecustomize"  # imported by Python programs at start
STOP_S_MAX = 10.0  # seconds for a program to end when it is asked to; then it is killed
LOCAL = "127.0.0.1,localhost,::1"
PROXIES = ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "WSS_PROXY", "wss_proxy")
TRUST = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS")


class ChildProgram:
    """A program beside a served venue.

    Its environment names the venue (EXCHANGE_URL, EXCHANGE_WS_URL, EXCHANGE_API_KEY,
    EXCHANGE_SECRET), and a proxy (HTTPS_PROXY and the like) under which production's names lead
    there; the certificates that it needs to trust are in EXCHANGE_CA and the usual variables. In
    Python ccxt and aiohttp, which do not look there by themselves, are told to.
    """

    def __init__(self, command: Sequence[str], served: VenueServer) -> None:
        self.command = list(command)
        self._served = served
        self._process: asyncio.subprocess.Process | None = None
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._proxy: Proxy | None = None

    async def start(self, url: str, environment: Mapping[str, str]) -> None:
        """Start the program; `url` is the venue's.

        Raises:
            ConfigurationError: there is no such program, or it can't be run.
        """
        from failing_exchange.server.certificate import self_signed
        from failing_exchange.server.proxy import Proxy

        self._folder = tempfile.TemporaryDirectory(prefix="failing-exchange-")
        whole, certificate = (Path(self._folder.name) / name for name in ("own.pem", "ca.pem"))
        venue = self._served.venue
        hosts = venue.hosts()
        pem = self_signed((*hosts, "localhost"))
        whole.touch(mode=0o600)
        whole.write_bytes(pem)
        certificate.write_bytes(pem[pem.index(b"-----BEGIN CERTIFICATE") :])
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(whole)
        whole.unlink()
        self._proxy = Proxy(self._served.protocol, tls, hosts, venue.about)
        proxy = f"http://127.0.0.1:{await self._proxy.open()}"
        led = {
            "EXCHANGE_URL": url,
            "EXCHANGE_WS_URL": f"ws{url.removeprefix('http')}",
            "EXCHANGE_PROXY": proxy,
            "EXCHANGE_CA": str(certificate),
            **dict.fromkeys(PROXIES, proxy),
            **dict.fromkeys(TRUST, str(certificate)),
            "NO_PROXY": LOCAL,
            "no_proxy": LOCAL,
            "NODE_USE_ENV_PROXY": "1",
            "PYTHONPATH": _python_path(),
        }
        try:
            self._process = await asyncio.create_subprocess_exec(
                *self.command,
                env={**os.environ, **led, **environment},
                start_new_session=True,  # so that what it starts itself can be ended with it
            )
        except OSError as error:
            raise ConfigurationError(
                f"{self.command[0]!r} can't be started: {error.strerror or error}"
            ) from error

    async def wait(self) -> int:
        """Wait until the program has ended; its exit code."""
        assert self._process is not None
        return await self._process.wait()

    async def close(self) -> None:
        """Stop the program if it still runs, and remove its proxy and certificates."""
        if self._process is not None:
            end_processes(self._process, kill=False)
            with suppress(TimeoutError):  # it is killed then, with all that it has started
                await asyncio.wait_for(self._process.wait(), STOP_S_MAX)
            end_processes(self._process, kill=True)
            await self._process.wait()
        if self._proxy is not None:
            self._proxy.close()
        if self._folder is not None:
            self._folder.cleanup()


def check_program(command: Sequence[str]) -> None:
    """Raise ConfigurationError if there is no such program."""
    if shutil.which(command[0]) is None:
        raise ConfigurationError(
            f"{command[0]!r} can't be started: no such program; give its path, or one that is on "
            "PATH, after --"
        )


def how_ended(command: str, code: int) -> str:
    """Say how a program has ended; empty if it succeeded.

    >>> how_ended("python", 3), how_ended("python", -9), how_ended("python", 0)
    ('python ended with exit code 3', 'python was ended by SIGKILL', '')
    """
    if code < 0:
        return f"{command} was ended by {signal.Signals(-code).name}"
    return f"{command} ended with exit code {code}" if code else ""


def _python_path() -> str:
    spec = importlib.util.find_spec(STARTUP)
    assert spec is not None
    assert spec.origin is not None
    before = os.environ.get("PYTHONPATH")
    folder = str(Path(spec.origin).parent)
    return f"{folder}{os.pathsep}{before}" if before else folder
