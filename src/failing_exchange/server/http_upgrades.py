"""The part of HTTP that aiohttp speaks: upgrades, and requests that are not plain.

It is loaded when the first such request comes.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from aiohttp import HttpVersion11, web
from aiohttp.http_exceptions import HttpProcessingError

from failing_exchange.faults.connection import ConnectionDamage
from failing_exchange.server import expectation
from failing_exchange.server.closing import close
from failing_exchange.server.damage import DamagedResponse, false_handshake, steps_of
from failing_exchange.server.dispatcher import BROKEN
from failing_exchange.server.http_connection import logger
from failing_exchange.server.messages import Reply, Request
from failing_exchange.server.request_parser import SERVER
from failing_exchange.venue.connection_events import harm

if TYPE_CHECKING:
    from failing_exchange.journal.trip import Damage
    from failing_exchange.server.dispatcher import Dispatcher
    from failing_exchange.server.websocket import WebSocketFront

SOCKET_KEY = re.compile(r"[A-Za-z0-9+/]{22}==")  # RFC 6455, section 4.1: 16 bytes in base64
NOTHING = Reply(200, b"")
UNEXPECTED = Reply(417, b"")


class _InOneLine(logging.Filter):
    """What is no HTTP is its sender's mistake: a line, without our frames and its bytes."""

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        if isinstance(error, (HttpProcessingError, web.RequestPayloadError)):
            record.exc_info, record.exc_text = None, None
            record.levelno, record.levelname = logging.INFO, "INFO"
            record.msg, record.args = "a malformed request: %s", (type(error).__name__,)
        return True


logger.addFilter(_InOneLine())


class HttpFront:
    """Answers requests that aiohttp has read. Bound to the loop that it is started in."""

    def __init__(self, answering: Dispatcher, sockets: WebSocketFront) -> None:
        self._answering = answering
        self._sockets = sockets

    def server(self) -> web.Server:
        """What makes an aiohttp protocol for a connection."""
        server = _Server(self.handle, handler_cancellation=True, access_log=None, logger=logger)
        server.malformed = self._answering.rest.malformed
        return server

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """One request; a bug of ours costs its answer, or ends the simulation."""
        try:
            return await self._handle(request)
        except (web.HTTPException, OSError):  # a body that is too long, a client that has left
            raise
        except Exception as bug:
            self._answering.gateway.unanswered(bug, None)
            return _response(BROKEN, close=True)

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """One request: a trip, an upgrade, or the venue's 404."""
        await asyncio.sleep(
            0
        )  # a turn for each: from Python 3.12 on, aiohttp's tasks begin at once
        path, _, query = request.raw_path.partition("?")
        headers = {name.lower(): value for name, value in request.headers.items()}
        if headers.get("upgrade", "").lower() == "websocket":
            upgrade = Request(request.method, path, query, headers, b"", request.remote or "")
            return await self._upgrade(request, upgrade)
        if not await expectation.is_met(request):
            return _response(UNEXPECTED, close=True)
        try:
            body = await request.read() if request.can_read_body else b""
        except web.RequestPayloadError:  # chunks or a compression that can't be read
            return _response(self._answering.rest.malformed(400), close=True)
        asked = Request(request.method, path, query, headers, body, request.remote or "")
        reply = await self._answering.ask(asked)
        if reply is None:
            assert request.transport is not None
            request.transport.abort()
        elif reply.damage is not None:
            return await self._damaged(request, reply.steps)
        return _response(reply or NOTHING, close=reply is BROKEN)

    async def _upgrade(self, request: web.BaseRequest, upgrade: Request) -> web.StreamResponse:
        gateway = self._answering.gateway
        if not _is_handshake(request, upgrade):
            return _response(self._answering.rest.malformed(400), close=True)
        refused = self._sockets.refusal(upgrade, gateway.clock.now())
        if refused is not None:
            return _response(refused, close=True)
        harmed = harm(gateway, self._sockets.moment(upgrade.path))
        if harmed is not None:
            return await self._harmed(request, upgrade.headers["sec-websocket-key"], harmed)
        await self._sockets.handle(request, upgrade, gateway)
        return _Silent()

    async def _harmed(
        self, request: web.BaseRequest, key: str, damage: Damage
    ) -> web.StreamResponse:
        """No WebSocket: a page, a handshake that no client accepts, or a broken line."""
        transport = request.transport
        if transport is None or damage.kind is not ConnectionDamage.UPGRADE:
            return await self._damaged(request, steps_of(NOTHING, damage))
        transport.write(false_handshake(key, damage, self._answering.gateway.clock.now()))
        close(transport)
        return _Silent()

    async def _damaged(self, request: web.BaseRequest, steps: Sequence[Any]) -> web.StreamResponse:
        transport = request.transport
        if transport is not None:  # else the client has gone already
            over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            later = self._answering.later
            course = DamagedResponse(transport, steps, later, lambda: over.set_result(None))
            try:
                await over
            finally:
                course.stop()
        return _Silent()


def _is_handshake(request: web.BaseRequest, upgrade: Request) -> bool:
    """Whether it is one that RFC 6455, section 4.2.1 allows."""
    headers = upgrade.headers
    options = [option.strip().lower() for option in headers.get("connection", "").split(",")]
    return (
        request.method == "GET"
        and request.version >= HttpVersion11
        and "upgrade" in options
        and headers.get("sec-websocket-version") == "13"
        and SOCKET_KEY.fullmatch(headers.get("sec-websocket-key", "")) is not None
    )


class _Server(web.Server):
    """Makes protocols that answer what they can't read in the venue's words, under its name."""

    malformed: Callable[[int], Reply]

    def __call__(self) -> _Protocol:
        """The protocol of a connection."""
        return _Protocol(self.malformed, self, loop=self._loop, **self._kwargs)


class _Protocol(web.RequestHandler):
    """Reads HTTP."""

    __slots__ = ("_malformed",)

    def __init__(self, malformed: Callable[[int], Reply], *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._malformed = malformed

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer a request that can't be read, or whose handling failed."""
        super().handle_error(request, status, exc, message)  # it logs
        reply = BROKEN if status == 500 else self._malformed(status)
        return _response(reply, close=True)


class _Silent(web.StreamResponse):
    """A response that adds nothing to what was written."""

    @property
    def keep_alive(self) -> bool:
        """The damage itself says how the connection ends."""
        return True

    async def prepare(self, request: web.BaseRequest) -> Any:
        """Nothing."""
        return None

    async def write_eof(self, data: Any = b"") -> None:
        """Nothing."""


def _response(reply: Reply, *, close: bool = False) -> web.Response:
    response = web.Response(status=reply.status, body=reply.body)
    headers: Any = response.headers
    headers["Content-Type"] = reply.kind
    headers["Server"] = SERVER
    for name, value in reply.headers:
        headers[name] = value
    if close:
        response.force_close()
    return response
