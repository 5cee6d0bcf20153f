"""What a server asks of a venue's REST API: which call a request is, and how it is answered."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from failing_exchange.core.units import SECOND
from failing_exchange.server.messages import Reply

if TYPE_CHECKING:
    from failing_exchange.core.reject import Reject
    from failing_exchange.journal.trip import Trip
    from failing_exchange.server.messages import Request


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

    def has_sent(self, trip: Trip) -> bool:
        """Whether a trip is a request of this API, so that `write` can write its answer again."""
        return False

    def stand_in(self, trip: Trip) -> bytes:
        """The body of an answer that does not exist, of which only a part will arrive."""
        return b'{"status": "ok", "result": {'

    def absent(self, request: Request, at: int) -> Reply:
        """What stands at a path where there is nothing."""
        return Reply(404, b"")

    def malformed(self, status: int) -> Reply:
        """Answer bytes that are not a request; `status` is HTTP's own."""
        return Reply(status, b"")

    def steps(self, request: Request) -> Iterator[None]:
        """Make in steps what a costly request will ask for; it is found made then."""
        return iter(())
