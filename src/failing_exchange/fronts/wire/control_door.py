"""The control door: the operator's desk over HTTP, on a port of its own that no fault touches."""

from __future__ import annotations

import asyncio
import hmac
import ipaddress
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

import orjson
from aiohttp import web

from failing_exchange.core.reject import Reject
from failing_exchange.errors import ConfigurationError
from failing_exchange.fronts.wire import expectation
from failing_exchange.fronts.wire.desk import Desk, NotFound
from failing_exchange.fronts.wire.plain import logger
from failing_exchange.virtual.loop import BEHIND_THE_SCENES

if TYPE_CHECKING:
    from failing_exchange.fronts.wire.binance import Binance

BODY_BYTES_MAX = 1 << 20  # a longer body is refused with 413
GRACE = 0.1  # seconds for answers under way when it closes
LOCAL = ("localhost", "127.0.0.1", "::1")


class ControlDoor:
    """Listens for the operator.

    With a token each request needs `Authorization: Bearer TOKEN`; without one it only listens on
    loopback. A request whose Host or Origin is another machine's name is refused, so that no web
    page can reach the door through its visitor's browser. Where others may reach it, they know it
    by whatever name they have for it: there the token guards alone against a foreign Host.
    """

    def __init__(self, venue: Binance, *, token: str | None = None) -> None:
        self.desk = Desk(venue)
        self._token = token
        self._hosts: tuple[str, ...] = LOCAL
        self._any_host = False
        self._server: web.Server | None = None
        self._listener: asyncio.AbstractServer | None = None

    async def listen(self, host: str, port: int) -> int:
        """Listen at a place; the port, which for 0 is a free one.

        Raises ConfigurationError without a token on an address that others can reach, and OSError
        for a place that is taken.
        """
        if self._token is None and not is_loopback(host):
            raise ConfigurationError(
                f"the control door at {host} can be reached by others: give it a token, or listen "
                "at 127.0.0.1"
            )
        self._hosts = (*LOCAL, host.lower())
        self._any_host = not is_loopback(host)
        loop = asyncio.get_running_loop()
        behind = BEHIND_THE_SCENES.set(True)
        try:
            self._server = web.Server(self._handle, access_log=None, logger=logger)
            self._listener = await loop.create_server(self._server, host, port)
        finally:
            BEHIND_THE_SCENES.reset(behind)
        return int(self._listener.sockets[0].getsockname()[1])

    async def close(self) -> None:
        """Stop listening; bots of other processes are asked once more."""
        for asking in self.desk.asked.values():
            await asking.close()
        if self._listener is not None and self._server is not None:
            self._listener.close()
            await self._server.shutdown(timeout=GRACE)

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        refused = self._refusal(request)
        if refused is not None:
            return refused
        if (request.content_length or 0) > BODY_BYTES_MAX:
            return _answer(413, {"error": f"the body is longer than {BODY_BYTES_MAX} bytes"})
        if not await expectation.is_met(request):
            return _answer(417, {"error": "expected nothing, or Expect: 100-continue"})
        try:
            body = await request.read() if request.can_read_body else b""
        except web.RequestPayloadError:
            return _answer(400, {"error": "the body can't be read"})
        path, _, query = request.raw_path.partition("?")
        try:
            asked = dict(parse_qsl(query, keep_blank_values=True)) | _json(body)
            answer = self.desk.answer(request.method, path, asked)
            durable = self.desk.exchange.venue.durable
            if durable is not None and not await durable.outbox.written():
                return _answer(503, {"error": "the journal can't be written"})
            return _answer(200, answer)
        except NotFound as error:
            return _answer(404, {"error": str(error)})
        except (ConfigurationError, Reject, TypeError, ValueError) as error:
            return _answer(400, {"error": str(error)})

    def _refusal(self, request: web.BaseRequest) -> web.Response | None:
        origin = request.headers.get("Origin")
        host = [] if self._any_host else [_name(request.headers.get("Host", ""))]
        names = [*host, *([_name(origin)] if origin else [])]
        if any(name not in self._hosts for name in names):
            return _answer(403, {"error": f"{', '.join(names)}: not a name of this machine"})
        given = request.headers.get("Authorization", "").encode()
        if self._token is not None and not hmac.compare_digest(
            given, f"Bearer {self._token}".encode()
        ):
            return _answer(401, {"error": "expected the header Authorization: Bearer TOKEN"})
        return None


def is_loopback(host: str) -> bool:
    """Whether an address is only reached from this machine."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:  # a name: who knows where it leads
        return False


def _name(text: str) -> str:
    """The host of a Host or Origin header, without its port."""
    try:
        return (urlsplit(text if "//" in text else f"//{text}").hostname or "").lower()
    except ValueError:  # no address at all: it is no name of this machine either
        return text


def _json(body: bytes) -> dict[str, Any]:
    if not body:
        return {}
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise ConfigurationError(f"the body is no JSON: {error}") from error
    if not isinstance(found, dict):
        raise ConfigurationError("the body must be a JSON object")
    return found


def _answer(status: int, body: Any) -> web.Response:
    data = orjson.dumps(body, default=str, option=orjson.OPT_NON_STR_KEYS)
    return web.Response(status=status, body=data, content_type="application/json")
