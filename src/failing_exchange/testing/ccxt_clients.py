"""Redirect unmodified ccxt clients to a simulated venue, over a socket or without one."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import date
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from failing_exchange.errors import ConfigurationError

if TYPE_CHECKING:
    from failing_exchange.client.exchange import FailingExchange
    from failing_exchange.server.venue_server import VenueServer
    from failing_exchange.venues.base import Venue

TIMEOUT = 60.0  # seconds until a session without a socket gives up, where its client sets no limit


def redirect(exchange: Any, url: str, *, venue: str | Venue = "binance") -> Any:
    """Lead every request of a ccxt exchange (async, sync or pro) to a venue; returns the exchange.

    `venue` is the one that is served there.

    Its URLs stay production's, so that all of ccxt's tables hold; only the transport is moved. The
    real exchange can't be reached through it any more, not even after `close()`. Nobody trusts the
    certificate of a venue served with `--tls`: such an exchange needs `"verify": False`.

    >>> import ccxt
    >>> redirect(ccxt.binance(), "http://127.0.0.1:8080").id
    'binance'

    Raises:
        ConfigurationError: not a ccxt exchange; one of another venue or product; not an http URL.
    """
    from failing_exchange.venues.base import venue_of

    base, served = _base(url), venue_of(venue)
    if not hasattr(exchange, "describe") or not hasattr(exchange, "session"):
        raise ConfigurationError(f"redirect({exchange!r}): expected an exchange of ccxt")
    _check_product(exchange, served)
    if hasattr(exchange, "own_session"):
        _redirect_async(exchange, base, served)
    else:
        _redirect_sync(exchange, base, served)
    return exchange


def ccxt_session(
    venue: VenueServer | FailingExchange | str | Venue = "binance",
    *,
    as_of: str | date | None = None,
) -> Any:
    """A session for a real ccxt class, with our venue behind it and no socket between.

    `ccxt.binance({"session": ccxt_session(), "apiKey": …, "secret": …})`; by its name a venue is a
    new one of seed 0, and an exchange is put behind Binance's protocol. Times are the client's, in
    milliseconds; a client without a `timeout` gives up after 60 s. `as_of`: the day of the API of a
    venue that is given by its name; an exchange has its own.

    >>> import ccxt.async_support as ccxt
    >>> from failing_exchange import FailingExchange
    >>> async def main():
    ...     session = ccxt_session(FailingExchange(latency=None))
    ...     client = ccxt.binance({"session": session, "apiKey": "any", "secret": "any"})
    ...     try:
    ...         return (await client.fetch_ticker("BTC/USDT"))["symbol"]
    ...     finally:
    ...         await client.close()
    >>> asyncio.run(main())
    'BTC/USDT'

    Raises ConfigurationError for a venue that is unknown, or a day on which its API is not known.
    """
    from failing_exchange.client.exchange import FailingExchange
    from failing_exchange.server.venue_server import VenueServer
    from failing_exchange.venues.base import DEFAULT, like_production, serve

    if isinstance(venue, FailingExchange | VenueServer) and as_of is not None:
        raise ConfigurationError(
            f"as_of={as_of!r} is for a venue by its name; give it to the FailingExchange"
        )
    if isinstance(venue, FailingExchange):
        venue = serve(DEFAULT, venue)
    elif not isinstance(venue, VenueServer):
        venue = like_production(venue, as_of=as_of)
    venue.accept_any_key()
    return _DirectSession(venue)


def _check_product(exchange: Any, venue: Venue) -> None:
    """Raise ConfigurationError for a ccxt class or a product that the venue does not serve."""
    wanted = str(getattr(exchange, "options", {}).get("defaultType") or venue.products[0])
    if exchange.id not in venue.ccxt_ids:
        expected = " or ".join(f"ccxt.{one}" for one in venue.ccxt_ids) or "none: ccxt has no class"
        raise ConfigurationError(
            f"redirect(ccxt.{exchange.id}()): expected {expected} (async, sync or pro). "
            f"{venue.about}"
        )
    if wanted not in venue.products:
        raise ConfigurationError(
            f"redirect(): the exchange trades {wanted!r} (its option defaultType); expected "
            f"{' or '.join(map(repr, venue.products))}. {venue.about}"
        )


def _check_host(host: str, venue: Any) -> None:
    """Raise ConfigurationError for a request that is meant for what is not simulated."""
    if host not in venue.hosts():
        raise ConfigurationError(f"{host} can't be reached through this client. {venue.about}")


def _base(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.path.strip("/"):
        raise ConfigurationError(
            f"{url!r} is not the URL of a venue; expected for example http://127.0.0.1:8080"
        )
    return url.rstrip("/")


def _moved(base: str, url: Any, venue: Venue) -> str:
    """The same path and query at the venue."""
    parts = urlsplit(str(url))
    _check_host(parts.hostname or "", venue)
    query = f"?{parts.query}" if parts.query else ""
    return f"{base}{parts.path}{query}"


def _host(url: Any) -> str:
    """The host and port of a URL, as the Host header says it."""
    return urlsplit(str(url)).netloc


# ---- asynchronous: REST and WebSocket


def _redirect_async(exchange: Any, base: str, venue: Venue) -> None:
    opened = exchange.open

    def reopen(lazy: bool = False) -> None:
        if exchange.session is None:
            exchange.session = _RedirectedSession(base, exchange, venue)
        opened(lazy)

    exchange.open = reopen
    exchange.session = _RedirectedSession(base, exchange, venue)


class _RedirectedSession:
    """An aiohttp session that is made at its first use, and only knows the venue.

    It trusts whom its exchange trusts: ccxt's `verify` and `cafile` hold, as in ccxt's own session.
    """

    def __init__(self, base: str, exchange: Any, venue: Venue) -> None:
        self._base = base
        self._venue = venue
        self._exchange = exchange
        self._session: Any = None

    def _real(self) -> Any:
        if self._session is None:
            import aiohttp

            trust = self._exchange.ssl_context or bool(self._exchange.verify)
            self._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=trust))
        return self._session

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._real(), name)
        if name not in METHODS:
            return method

        def send(url: Any, *, proxy: Any = None, **options: Any) -> Any:
            from yarl import URL

            where = _moved(self._base, url, self._venue)
            # the host that it asks for still says which of a venue's products it means
            options["headers"] = {**(options.get("headers") or {}), "Host": _host(url)}
            if name == "ws_connect":
                where = "ws" + where.removeprefix("http")
            return method(URL(where, encoded=True), **options)

        return send

    @property
    def closed(self) -> bool:
        return self._session is not None and bool(self._session.closed)

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()


METHODS = ("get", "post", "put", "delete", "patch", "ws_connect")


# ---- synchronous


def _redirect_sync(exchange: Any, base: str, venue: Venue) -> None:
    from requests.adapters import HTTPAdapter

    class Redirected(HTTPAdapter):
        def send(self, request: Any, *args: Any, **options: Any) -> Any:
            request.headers["Host"] = _host(request.url)
            request.url = _moved(base, request.url, venue)
            options["proxies"] = {}
            return super().send(request, *args, **options)

    exchange.session.trust_env = False
    for scheme in ("http://", "https://"):
        exchange.session.mount(scheme, Redirected())


# ---- without a socket


class _DirectSession:
    """As much of an aiohttp session as ccxt uses, answered by the venue itself."""

    def __init__(self, venue: VenueServer) -> None:
        self.venue = venue
        self.headers: dict[str, str] = {}
        self.closed = False

    def get(self, url: Any, **options: Any) -> _Exchange:
        return _Exchange(self.venue, "GET", url, options)

    def post(self, url: Any, **options: Any) -> _Exchange:
        return _Exchange(self.venue, "POST", url, options)

    def put(self, url: Any, **options: Any) -> _Exchange:
        return _Exchange(self.venue, "PUT", url, options)

    def delete(self, url: Any, **options: Any) -> _Exchange:
        return _Exchange(self.venue, "DELETE", url, options)

    def close(self) -> _Closed:
        self.closed = True
        return _Closed()

    def __getattr__(self, name: str) -> Any:
        if name in SYNCHRONOUS:
            raise ConfigurationError(
                "ccxt_session() is for the classes of ccxt.async_support and ccxt.pro. A class of "
                "synchronous ccxt needs a socket: start `failing-exchange serve binance` and call "
                "redirect(exchange, url)"
            )
        raise AttributeError(f"a session of ccxt_session() has no {name!r}")


class _Closed:
    """The result of `close()`, which synchronous ccxt classes do not await."""

    def __await__(self) -> Iterator[None]:
        return iter(())


SYNCHRONOUS = ("cookies", "request", "mount", "proxies", "verify", "trust_env")  # of `requests`


class _Exchange:
    """One request and its response: `async with session.get(url) as response`."""

    def __init__(self, venue: VenueServer, method: str, url: Any, options: dict[str, Any]) -> None:
        self._venue = venue
        self._method = method
        self._url = urlsplit(str(url))
        self._options = options

    async def __aenter__(self) -> _Response:
        from failing_exchange.server.messages import Request

        given = {"host": _host(self._url.geturl()), **(self._options.get("headers") or {})}
        headers = {name.lower(): str(value) for name, value in given.items()}
        body = self._options.get("data") or b""
        parts = self._url
        _check_host(parts.hostname or "", self._venue.venue)
        asked = Request(self._method, parts.path, parts.query, headers, body, "127.0.0.1")
        limit = getattr(self._options.get("timeout"), "total", None) or TIMEOUT
        async with asyncio.timeout(limit):
            reply = await self._venue.ask(asked)
        if reply is None:
            from aiohttp import ServerDisconnectedError

            raise ServerDisconnectedError
        if reply.damage is not None and reply.damage.kind.in_process is not None:
            from aiohttp import ClientPayloadError

            raise ClientPayloadError(f"the answer was damaged: {reply.damage.kind}")
        return _Response(reply)

    async def __aexit__(self, *exc_info: object) -> None:
        pass


class _Response:
    def __init__(self, reply: Any) -> None:
        self._reply = reply
        self.status: int = reply.status
        self.reason = HTTPStatus(reply.status).phrase
        self.headers = {"Content-Type": "application/json;charset=UTF-8", **dict(reply.headers)}

    async def text(self, **_: Any) -> str:
        return str(self._reply.body.decode("utf-8", "replace"))
