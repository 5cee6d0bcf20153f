"""A bot of another process is asked what it believes: over HTTP, now and then."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
from urllib.parse import urlsplit

import aiohttp
import orjson

from failing_exchange.conduct.judge import SAMPLE_S, Judge
from failing_exchange.conduct.probing import sample_of
from failing_exchange.errors import ConfigurationError

ANSWER_BYTES_MAX = 1_000_000  # of an answer; a longer one is not read
WAIT_S = 5.0  # for an answer

logger = logging.getLogger("failing_exchange")


class Asking:
    """Asks one bot, at an address of this machine that answers all it believes as JSON.

    `{"positions": {"BTC/USDT": 0.1}, "open_orders": ["id"], "balances": {"USDT": 100.0}}`; each
    may be left out. A bot that does not answer is asked again later, and it is logged.
    """

    def __init__(self, judge: Judge, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme != "http" or not _is_here(parts.hostname or ""):
            raise ConfigurationError(
                f"probe {url!r}: expected an http:// address of this machine, like "
                "http://127.0.0.1:9000/belief"
            )
        self.url = url
        place = parts.netloc.rpartition("@")[2]
        self._shown = f"{parts.scheme}://{place}{parts.path}"  # without its secrets
        self._judge = judge
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Ask from now on."""
        self._task = asyncio.get_running_loop().create_task(self._again_and_again())

    async def close(self) -> None:
        """Ask once more, for the verdict, and stop."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            await self.once()

    async def _again_and_again(self) -> None:
        while True:
            await self.once()
            await asyncio.sleep(SAMPLE_S)

    async def once(self) -> None:
        """Ask now."""
        timeout = aiohttp.ClientTimeout(total=WAIT_S)
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout) as session,
                session.get(self.url) as answer,
            ):
                text = await answer.content.read(ANSWER_BYTES_MAX)
            found = orjson.loads(text)
            if not isinstance(found, dict):
                raise ConfigurationError("expected a JSON object")
            self._judge.sampled(sample_of(found, self._judge.venue.clock.now()))
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            logger.warning("the bot at %s can't be asked: %s", self._shown, error)


def _is_here(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:  # a name: who knows where it leads
        return False
