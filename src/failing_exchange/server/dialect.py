"""What a server asks of a venue: how requests are read and answered, limits, and connections.

The server carries out what a dialect decides. A dialect does no I/O, and keeps no connection: what
it is asked about comes as an argument. Each venue in `venues/` has one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from failing_exchange.core.units import SECOND
from failing_exchange.server.messages import Reply

if TYPE_CHECKING:
    from failing_exchange.core.events import Event
    from failing_exchange.core.reject import Reject
    from failing_exchange.journal.trip import Trip
    from failing_exchange.server.api_keys import Key, Keyring
    from failing_exchange.server.messages import Request
    from failing_exchange.server.websocket import Route
    from failing_exchange.venue.venue import Venue


class RoutedCall(NamedTuple):
    """A request that its venue has recognised: what the pass needs to carry it.

    `operation` and `symbol` are unified names; `message` is the venue's own form of the request,
    which the journal keeps. After `expires_at` (nanoseconds, 0: never) it is refused as too old.
    """

    account: str
    operation: str
    symbol: str
    message: Any
    expires_at: int = 0
    read: Callable[[Trip], Any] | None = None  # in place of the dialect's own, for this call


class Rest:
    """A venue's REST API. A request is routed, read at its place in the pass, and answered.

    What is wrong with a request (its key, its signature, a parameter) is kept in the message by
    `route` and raised by `read`, so that limits count it first, as a venue's do.
    """

    engine_time_max = 10 * SECOND  # then a client is told that the outcome is unknown
    costly: frozenset[str] = frozenset()  # paths whose requests are made in `steps`

    def route(self, request: Request) -> RoutedCall | None:
        """The call that a request is; None where the venue has nothing at this path."""
        raise NotImplementedError

    def read(self, trip: Trip) -> Any:
        """The command of a call; raises `Reject`."""
        raise NotImplementedError

    def write(self, trip: Trip, answer: Any, edits: Iterable[tuple[str, Any]]) -> Reply:
        """An answer as its client is told it; `edits` change unified fields of it."""
        raise NotImplementedError

    def refuse(self, trip: Trip, refused: Reject) -> Reply:
        """A refusal as its client is told it."""
        raise NotImplementedError

    def stand_in(self, trip: Trip) -> bytes:
        """The body of an answer that does not exist, of which only a part will arrive."""
        return b'{"status": "ok", "result": {'

    def absent(self, request: Request, at: int) -> Reply:
        """What stands at a path where there is nothing."""
        return Reply(404, b"")

    def malformed(self, status: int) -> Reply:
        """What stands in answer to bytes that are no request; the status is HTTP's own."""
        return Reply(status, b"")

    def steps(self, request: Request) -> Iterator[None]:
        """Make in steps what a costly request will ask for; it is found made then."""
        return iter(())


class LimitPolicy:
    """What addresses, keys and accounts may do, and what they have used of it: here, anything.

    A venue's limits derive from it, and say what they count.
    """

    def __init__(self) -> None:
        self.changed: Callable[[], None] = _nothing  # called when usage changes outside of a trip

    def gate(self, trip: Trip, at: int, /) -> None:
        """Count a request; raises `Reject` for one too many. In-process calls come here, too."""

    def ended(self, trip: Trip) -> None:
        """A trip is over."""

    def heard(self, events: tuple[Event, ...], at: int) -> None:
        """Something happened on the exchange."""

    def started(self, unfilled: Iterable[int]) -> None:
        """The venue starts; these orders of an earlier process have no fill yet."""

    def changes(self) -> dict[str, str | None]:
        """Usage that has changed since the last call, by whose it is; None for who is forgotten."""
        return {}

    def restore(self, used: Mapping[str, str]) -> None:
        """Go on from an earlier process; raises ValueError for what it can't have written."""
        if used:
            raise ValueError("nothing of these limits is kept")


def _nothing() -> None:
    return None


class Dialect(Protocol):
    """A venue's protocol, bound to one running venue."""

    @property
    def rest(self) -> Rest:
        """Its REST API."""

    @property
    def limits(self) -> LimitPolicy:
        """Its limits."""

    @property
    def routes(self) -> dict[str, Route]:
        """What is spoken at which WebSocket path; one that ends with a slash is a beginning."""

    def refuse_connection(self, request: Request, route: Route | None, at: int) -> Reply | None:
        """Why a client may not open a WebSocket here and now; None when it may."""


class Speaker(Protocol):
    """As much of a venue as its server needs (see `venues.base.Venue`)."""

    about: str
    places: tuple[tuple[str, int], ...]
    ccxt_ids: tuple[str, ...]

    def check_key(self, key: Key) -> None:
        """Raise ConfigurationError for an API key that this venue can't have."""

    def speak(self, venue: Venue, keys: Keyring, limits: Any = None, **switches: bool) -> Dialect:
        """Its protocol, bound to one running venue."""
