"""A bot of another process is asked what it believes: over HTTP, now and then."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
from http import HTTPStatus

import aiohttp
import orjson
from yarl import URL

from failing_exchange.errors import ConfigurationError
from failing_exchange.judge.judge import SAMPLE_S, Judge
from failing_exchange.judge.probe import sample_of
from failing_exchange.text.spelling import shown

ANSWER_BYTES_MAX = 1_000_000  # of an answer; a longer one is not read
URL_LETTERS_MAX = 2_000  # a longer address is refused
WAIT_S = 5.0  # for an answer

logger = logging.getLogger("failing_exchange")


class Asking:
    """Asks one bot, at an address of this machine that answers all it believes as JSON.

    `{"positions": {"BTC/USDT": 0.1}, "open_orders": ["id"], "balances": {"USDT": 100.0}}`; each
    may be left out. A bot that does not answer is asked again later, and it is logged.
    """

    def __init__(self, judge: Judge, url: str) -> None:
        self._url = _address_of(url)
        self.shown = str(self._url.with_user(None).with_query(None))  # without its secrets
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
                session.get(self._url, allow_redirects=False) as answer,
            ):
                if answer.status != HTTPStatus.OK:  # a redirect may lead anywhere
                    raise ConfigurationError(f"it answers {answer.status}; expected 200")
                text = b""
                async for piece in answer.content.iter_any():
                    text += piece
                    if len(text) > ANSWER_BYTES_MAX:
                        raise ConfigurationError(f"its answer has over {ANSWER_BYTES_MAX} bytes")
            found = orjson.loads(text)
            if not isinstance(found, dict):
                raise ConfigurationError("expected a JSON object")
            self._judge.sampled(sample_of(found, self._judge.venue.clock.now()))
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            logger.warning("the bot at %s can't be asked: %s", self.shown, error)


def _address_of(url: str) -> URL:
    """The address as the client will read it; ConfigurationError for one of another machine."""
    try:
        found = URL(url) if len(url) <= URL_LETTERS_MAX else None
    except ValueError:
        found = None
    if found is None or found.scheme != "http" or not _is_here(found):
        raise ConfigurationError(
            f"probe {shown(url)}: expected an http:// address of this machine, like "
            "http://127.0.0.1:9000/belief"
        )
    return found


def _is_here(url: URL) -> bool:
    """Whether a URL's host is this machine, spelled as such: `[::1].evil` is another one."""
    host = url.raw_host or ""
    place = (url.raw_authority or "").rpartition("@")[2]
    if place not in (f"{one}{port}" for one in (host, f"[{host}]") for port in _ports(url)):
        return False
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:  # a name: who knows where it leads
        return False


def _ports(url: URL) -> tuple[str, ...]:
    return ("", ":", f":{url.port}")
