"""The HTTP front: aiohttp requests to trips, what they were told to responses."""

from __future__ import annotations

import asyncio
import logging
import re
from typing import TYPE_CHECKING, Any

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from failing_exchange.fronts.wire import damage
from failing_exchange.fronts.wire.connection import Place
from failing_exchange.fronts.wire.door import NOT_FOUND, Door, Reply, Request
from failing_exchange.moments import harm

if TYPE_CHECKING:
    from failing_exchange.fronts.wire.websocket import WebSocketFront
    from failing_exchange.gateway import Gateway
    from failing_exchange.trip import Trip

BODY_BYTES_MAX = 1 << 20  # a longer body is refused by aiohttp with 413
JSON = "application/json;charset=UTF-8"
SOCKET_KEY = re.compile(r"[A-Za-z0-9+/]{22}==")  # RFC 6455, section 4.1: 16 bytes in base64
MALFORMED = Reply(400, b'{"code":-1000,"msg":"Bad request."}')

logger = logging.getLogger("failing_exchange.http")


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
    """Answers HTTP requests. Bound to the loop that it is started in."""

    def __init__(self, door: Door, sockets: WebSocketFront) -> None:
        self.door = door
        self.sockets = sockets

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """One request: a trip, an upgrade, or the venue's 404."""
        path, _, query = request.raw_path.partition("?")
        headers = {name.lower(): value for name, value in request.headers.items()}
        if headers.get("upgrade", "").lower() == "websocket":
            place = Place(path, query, request.remote or "", headers.get("host", ""), headers)
            return await self._upgrade(request, place)
        try:
            body = await request.read() if request.can_read_body else b""
        except web.RequestPayloadError:  # chunks or a compression that can't be read
            return _response(MALFORMED, close=True)
        asked = Request(request.method, path, query, body, headers, request.remote or "")
        reply = await self.ask(asked)
        if reply is None:
            assert request.transport is not None
            request.transport.abort()
        elif reply.damage is not None:
            return await damage.send(request, reply, reply.damage)
        return _response(reply or NOT_FOUND)

    async def _upgrade(self, request: web.BaseRequest, place: Place) -> web.StreamResponse:
        gateway = self._gateway()
        key = place.headers.get("sec-websocket-key", "")
        if request.method != "GET" or not SOCKET_KEY.fullmatch(key):
            return _response(MALFORMED)
        refused = self.sockets.refusal(place, gateway.clock.now())
        if refused is not None:
            return _response(refused)
        harmed = harm(gateway, self.sockets.moment(place.path))
        if harmed is not None:
            return await damage.refuse_upgrade(request, key, harmed)
        return await self.sockets.handle(request, place, gateway)

    async def ask(self, request: Request) -> Reply | None:
        """What a request is answered; None when the connection breaks instead.

        It waits for as long as the answer takes, which for a lost one is for ever.
        """
        gateway, loop = self._gateway(), asyncio.get_running_loop()
        trip = self.door.receive(gateway, request)
        if trip is None:
            return self.door.absent(request)
        if not trip.ended_at or (trip.told is None and not trip.hung_up):
            await self._answered(trip, loop)
        if gateway.failure is not None:
            raise gateway.broken()
        durable = self.door.venue.durable
        if durable is not None and not await durable.outbox.written():
            return self.door.unavailable(trip)
        if trip.told is None:
            return None
        try:
            return self.door.reply(trip)
        except Exception as bug:  # an answer that can't be written is a bug of ours, in any door
            gateway.fail(bug, trip)

    def _gateway(self) -> Gateway:
        venue, loop = self.door.venue, asyncio.get_running_loop()
        return venue.running if venue.loop is loop else venue.start(loop)

    async def _answered(self, trip: Trip, loop: asyncio.AbstractEventLoop) -> None:
        """Wait until the client is told something; where its answer is lost, until it leaves."""
        heard: asyncio.Future[None] = loop.create_future()

        def hear(_: Trip) -> None:
            if not heard.done():
                heard.set_result(None)

        trip.reply = hear
        try:
            await heard
        finally:
            trip.reply = None
            if not trip.ended_at:
                trip.gave_up_at = self.door.venue.clock.now()


def _response(reply: Reply, *, close: bool = False) -> web.Response:
    response = web.Response(status=reply.status, body=reply.body)
    headers: Any = response.headers
    headers["Content-Type"] = JSON
    for name, value in reply.headers:
        headers[name] = value
    if close:
        response.force_close()
    return response
