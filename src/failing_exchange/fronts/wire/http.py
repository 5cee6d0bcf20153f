"""The HTTP front: aiohttp requests to trips, what they were told to responses."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from aiohttp import web

from failing_exchange.fronts.wire import damage
from failing_exchange.fronts.wire.connection import Place
from failing_exchange.fronts.wire.door import NOT_FOUND, Door, Reply, Request

if TYPE_CHECKING:
    from failing_exchange.fronts.wire.websocket import WebSocketFront
    from failing_exchange.gateway import Gateway
    from failing_exchange.trip import Trip

BODY_BYTES_MAX = 1 << 20  # a longer body is refused by aiohttp with 413
JSON = "application/json;charset=UTF-8"


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
        body = await request.read() if request.can_read_body else b""
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
        refused = self.sockets.refusal(place, gateway.clock.now())
        if refused is not None:
            return _response(refused)
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


def _response(reply: Reply) -> web.Response:
    response = web.Response(status=reply.status, body=reply.body)
    headers: Any = response.headers
    headers["Content-Type"] = JSON
    for name, value in reply.headers:
        headers[name] = value
    return response
