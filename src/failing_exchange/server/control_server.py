"""The control API's server: HTTP on a port of its own, so that no fault touches it.

It stands on the same HTTP server as a venue. Where time is real it has a thread of its own: it
answers while the venue is busy, and what it reads and writes does not keep the venue from its
clients. What touches the venue is handed to the venue's loop.
"""

from __future__ import annotations

import asyncio
import hmac
import ipaddress
import json
import re
import time
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import orjson

from failing_exchange.core.reject import Reject
from failing_exchange.core.units import SECOND
from failing_exchange.errors import ConfigurationError
from failing_exchange.server.control_api import ControlApi
from failing_exchange.server.control_route import (
    Job,
    NotFound,
    Turn,
    Unavailable,
    check_nesting,
)
from failing_exchange.server.http_connection import HttpConnection, HttpServer, ServerClock, logger
from failing_exchange.server.loop_thread import LoopThread
from failing_exchange.server.messages import Reply, Request
from failing_exchange.server.page_server import PageServer, file_reply
from failing_exchange.virtual.loop import BEHIND_THE_SCENES

if TYPE_CHECKING:
    from failing_exchange.server.venue_server import VenueServer
    from failing_exchange.venue.venue_clock import Cancelable

ERROR_LETTERS_MAX = 2_000  # of an error's text; the rest is cut off
WAITING_MAX = 100  # requests that wait for a turn of the venue; further ones are refused with 503
BUSY_AFTER = 0.25  # seconds in which a busy venue's loop runs nothing of ours
GRACE = 0.1  # seconds for answers under way when it closes
LOCAL = ("localhost", "127.0.0.1", "::1")
TOKEN = re.compile(r"[!-~]+")  # what a header can carry
# Host, or what follows the scheme of Origin: a name or an address, and a port.
PLACE = re.compile(r"(?:\[([0-9a-f:.]+)\]|([^\s:/@\[\]?#]+))(?::\d{1,5})?", re.IGNORECASE)


class ControlServer:
    """Listens for the operator, and hands requests to the `ControlApi`.

    With a token each request needs `Authorization: Bearer TOKEN`; without one it only listens on
    loopback. A request whose Host or Origin is another machine's name is refused, so that no web
    page can reach it through its visitor's browser. Where others may reach it, they know it by
    whatever name they have for it: there the token guards alone against a foreign Host.
    """

    def __init__(self, venue: VenueServer, *, token: str | None = None) -> None:
        check_token(token)
        self.api = ControlApi(venue)
        self.page = PageServer(self.api, self._on_venue)
        self._clock = venue.exchange.venue.clock
        self._token = token
        self._hosts: tuple[str, ...] = LOCAL
        self._any_host = False
        self._server: HttpServer | None = None
        self._listener: asyncio.AbstractServer | None = None
        self._venue_loop: asyncio.AbstractEventLoop | None = None  # the venue's loop
        self._thread: LoopThread | None = None  # None in virtual time: then all is on the venue's
        self._waiting = 0
        self._tasks: dict[asyncio.Task[None], None] = {}
        self._now = time.time_ns

    async def listen(self, host: str, port: int) -> int:
        """Listen; return the port, which for 0 is a free one.

        Raises ConfigurationError without a token on an address that others can reach, and OSError
        for a place that is taken.
        """
        if self._token is None and not is_loopback(host):
            raise ConfigurationError(
                f"others can reach the control API at {host}: give it a token, or listen "
                "at 127.0.0.1"
            )
        self._hosts = (*LOCAL, host.lower())
        self._any_host = not is_loopback(host)
        self._venue_loop = asyncio.get_running_loop()
        if self._clock.is_virtual:
            found = await self._open(host, port)
        else:
            found = await self._open_beside(host, port)
        self.api.metrics.begin()
        self.api.exchange.venue.gateway.sent = self.api.frames
        return found

    async def _open_beside(self, host: str, port: int) -> int:
        """Listen in a thread of its own."""
        thread = LoopThread("failing-exchange control")
        try:
            found = await thread.run(self._open(host, port))
        except BaseException:
            await thread.close()
            raise
        self._thread = thread
        return found

    async def _open(self, host: str, port: int) -> int:
        loop = asyncio.get_running_loop()
        behind = BEHIND_THE_SCENES.set(True)
        try:
            clock: ServerClock = self._clock if self._clock.is_virtual else WallClock()
            self._server, self._now = HttpServer(self, clock), clock.now
            self._listener = await loop.create_server(self._server, host, port)
        finally:
            BEHIND_THE_SCENES.reset(behind)
        return int(self._listener.sockets[0].getsockname()[1])

    async def close(self) -> None:
        """Stop listening, after asking the bots of other processes once more."""
        self.api.metrics.end()
        for asking in self.api.asked.values():
            await asking.close()
        if self._thread is None:
            await self._stop()
        else:
            thread, self._thread = self._thread, None
            await thread.run(self._stop())
            await thread.close()

    async def _stop(self) -> None:
        if self._listener is not None and self._server is not None:
            self._listener.close()
            self.page.close()
            await self._server.close(GRACE)
            for task in list(self._tasks):  # whose clients got no answer
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    # ---- requests, as the HTTP server hands them on

    def handle(self, request: Request, connection: HttpConnection) -> None:
        """Answer a request in a task of its own, whether its client stays or not."""
        behind = BEHIND_THE_SCENES.set(True)
        try:
            task = asyncio.get_running_loop().create_task(self._answer(request, connection))
        finally:
            BEHIND_THE_SCENES.reset(behind)
        self._tasks[task] = None
        task.add_done_callback(self._tasks.pop)

    def refusal(self, status: int, reason: str) -> Reply:
        """The reply to a request that can't be read."""
        return _error(status, reason)

    def failed(self, bug: Exception, connection: HttpConnection) -> None:
        """Log a bug of ours."""
        logger.error("Error handling request from %s", connection.peer, exc_info=bug)

    async def _answer(self, request: Request, connection: HttpConnection) -> None:
        try:
            reply = self._foreign(request) or file_reply(request) or self._without_token(request)
            if reply is None and self.page.streams(request) and not self._clock.is_virtual:
                reply = await self.page.stream(connection)
                if reply is None:
                    return
            reply = reply or await self._reply(request)
        except Exception as bug:
            connection.fail(bug)
        else:
            connection.respond(reply, self._now())

    async def _reply(self, request: Request) -> Reply:
        try:
            found = await self._asked(request)
            return found if isinstance(found, Reply) else _json_reply(200, found)
        except NotFound as error:
            return _error(404, str(error))
        except Unavailable as error:
            return _error(503, str(error))
        except (ConfigurationError, Reject, TypeError, ValueError) as error:
            return _error(400, str(error))

    async def _asked(self, request: Request) -> Any:
        """The answer to a request, as JSON can hold it."""
        asked = dict(parse_qsl(request.query, keep_blank_values=True)) | _json(request.body)
        job = self.api.job(request.method, request.path, asked)
        if job.route.turn is Turn.BESIDE:
            found = self.api.carry_out(job)
            if job.route.path == "/health":
                found["busy"] = await self._is_busy()
        elif self._thread is None:
            found = await self._carry_out(job)
        else:
            found = await self._carry_out_on_venue(job)
        return self.api.show(job, found)

    async def _carry_out_on_venue(self, job: Job) -> Any:
        """Carry it out on the venue's loop, from this one."""
        if self._waiting >= WAITING_MAX:
            raise Unavailable(f"the venue is busy: {WAITING_MAX} requests wait for it already")
        self._waiting += 1
        try:
            return await self._there(self._carry_out(job))
        finally:
            self._waiting -= 1

    async def _there(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Run something on the venue's loop."""
        assert self._venue_loop is not None
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self._venue_loop))

    async def _on_venue(self, call: Callable[[], Any]) -> Any:
        """Call something on the venue's loop."""

        async def work() -> Any:
            return call()

        return await self._there(work())

    async def _carry_out(self, job: Job) -> Any:
        """Carry it out, and wait until what has changed is written. On the venue's loop."""
        found = self.api.carry_out(job)
        durable = self.api.exchange.venue.durable
        if job.changes and durable is not None and not await durable.commits.written():
            raise Unavailable(
                f"it was done, and can't be written to the journal ({durable.commits.status}): "
                "after a restart it would be undone"
            )
        return found

    async def _is_busy(self) -> bool:
        """Whether the venue's loop runs nothing for `BUSY_AFTER` seconds."""
        if self._thread is None or self._venue_loop is None:
            return False
        own, turn = self._thread.loop, asyncio.Event()
        self._venue_loop.call_soon_threadsafe(own.call_soon_threadsafe, turn.set)
        try:
            async with asyncio.timeout(BUSY_AFTER):
                await turn.wait()
        except TimeoutError:
            return True
        return False

    # ---- access

    def _foreign(self, request: Request) -> Reply | None:
        """Refuse a request under the name of another machine, and one of another's page.

        Where any Host is let in, the page's own Origin is the same.
        """
        host, origin = _name(request.host), request.headers.get("origin")
        known = (*self._hosts, host) if self._any_host else self._hosts
        names = [host, *([_name(origin)] if origin else [])]
        if any(name not in known for name in names):
            return _error(403, f"{', '.join(names)}: not a name of this machine")
        return None

    def _without_token(self, request: Request) -> Reply | None:
        given = request.headers.get("authorization", "").encode("utf-8", "surrogateescape")
        if self._token is not None and not hmac.compare_digest(
            given, f"Bearer {self._token}".encode()
        ):
            return _error(401, "expected the header Authorization: Bearer TOKEN")
        return None


def check_token(token: str | None) -> None:
    """Raise ConfigurationError for a token that is empty, or that no header can carry."""
    if token is not None and TOKEN.fullmatch(token) is None:
        raise ConfigurationError(
            "the control token is empty or has other characters than letters, digits and signs of "
            "ASCII; give a token like the output of `openssl rand -hex 16`, or none"
        )


def is_loopback(host: str) -> bool:
    """Whether an address is only reached from this machine."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:  # a name, which may resolve to any address
        return False


def _name(text: str) -> str:
    """The host of a Host or Origin header, without its port; the whole text for no address."""
    found = PLACE.fullmatch(re.sub(r"^https?://", "", text, flags=re.IGNORECASE))
    return text if found is None else (found[1] or found[2]).lower()


def _json(body: bytes) -> dict[str, Any]:
    if not body:
        return {}
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise ConfigurationError(f"the body is not JSON: {error}") from error
    if not isinstance(found, dict):
        raise ConfigurationError("the body must be a JSON object")
    check_nesting(found)
    return found


def _error(status: int, text: str) -> Reply:
    return _json_reply(status, {"error": text[:ERROR_LETTERS_MAX]})


def _json_reply(status: int, body: Any) -> Reply:
    """Reply in ASCII JSON: strings of clients may not be valid UTF-8, and are escaped."""
    data = json.dumps(body, allow_nan=False, separators=(",", ":")).encode()
    return Reply(status, data, kind="application/json")


class WallClock:
    """Real time, and timers of the running loop, whichever that is."""

    def now(self) -> int:
        """Nanoseconds since the epoch."""
        return time.time_ns()

    def call_at(self, at: int, callback: Callable[..., None], *args: Any) -> Cancelable:
        """Call something at an instant."""
        wait = max(0, at - self.now()) / SECOND
        return asyncio.get_running_loop().call_later(wait, callback, *args)
