"""What a server asks of a venue: how requests are read and answered, limits, and connections.

The server carries out what a dialect decides. A dialect does no I/O, and keeps no connection: what
it is asked about comes as an argument. Each venue in `venues/` has one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    from failing_exchange.core.events import Event
    from failing_exchange.journal.trip import Trip
    from failing_exchange.server.api_keys import Key, Keyring
    from failing_exchange.server.messages import Reply, Request
    from failing_exchange.server.rest_api import Rest
    from failing_exchange.server.websocket_connection import WebSocketRoute
    from failing_exchange.venue.venue import RunningVenue


class Used(NamedTuple):
    """How much of a limit is used: whose it is, what it counts, and over which time.

    `until`: the end of a ban (nanoseconds since the epoch), where there is one.
    """

    who: str
    what: str
    interval: str
    used: int
    limit: int
    until: int | None = None


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

    def banned(self, at: int) -> int:
        """How many addresses are banned at an instant. Any thread may ask at any time."""
        return 0

    def used(self, at: int) -> list[Used]:
        """What is used of each limit, of some addresses and all accounts."""
        return []

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
    def routes(self) -> dict[str, WebSocketRoute]:
        """What is spoken at which WebSocket path; one that ends with a slash is a beginning."""

    def refuse_connection(
        self, request: Request, route: WebSocketRoute | None, at: int
    ) -> Reply | None:
        """Why a client may not open a WebSocket here and now; None when it may."""


class Speaker(Protocol):
    """As much of a venue as its server needs (see `venues.base.Venue`)."""

    name: str
    title: str
    about: str
    places: tuple[tuple[str, int], ...]
    fallback_places: tuple[tuple[str, int], ...]
    paths: tuple[str, ...]
    kinds: tuple[str, ...]
    beside: tuple[str, ...]
    ccxt_ids: tuple[str, ...]

    def served(self) -> Sequence[Speaker]:
        """Itself, and the products that are served beside it on the same exchange."""

    def all_places(self) -> tuple[tuple[str, int], ...]:
        """The production hosts and ports of all of them."""

    def hosts(self) -> tuple[str, ...]:
        """All hosts under which it may answer."""

    def day_of(self, day: str | None) -> str | None:
        """The day of its API where it is served beside another: not before the first known one."""

    def check_key(self, key: Key) -> None:
        """Raise ConfigurationError for an API key that this venue can't have."""

    def speak(
        self, venue: RunningVenue, keys: Keyring, limits: Any = None, **switches: bool
    ) -> Dialect:
        """Its protocol, bound to one running venue."""
