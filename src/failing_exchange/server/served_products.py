"""The products of a served venue: which of them a request is meant for."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from failing_exchange.server.dispatcher import Dispatcher

if TYPE_CHECKING:
    from collections.abc import Iterable

    from failing_exchange.core.events import Event
    from failing_exchange.server.dialect import Dialect, Speaker
    from failing_exchange.server.dispatcher import Client
    from failing_exchange.server.messages import Reply, Request
    from failing_exchange.venue.venue import RunningVenue


class ServedProduct(NamedTuple):
    """What is spoken of one product, and the part of the exchange that its clients see."""

    speaker: Speaker
    view: RunningVenue
    dialect: Dialect
    dispatcher: Dispatcher

    def begin(self) -> None:
        """Go on with the orders of an earlier process; the venue has started."""
        engine = self.view.engine
        assert engine is not None
        orders = engine.state.orders.values()
        own = (one for one in orders if one.symbol in self.view.listed)
        self.dialect.limits.started(order.id for order in own if not order.filled)

    def heard(self, events: tuple[Event, ...], at: int) -> None:
        """Let the limits hear what concerns this product."""
        self.dialect.limits.heard(self.view.own(events), at)


class ServedProducts:
    """Hands requests to the product that they are meant for.

    That is the one whose production host they ask for, else one whose paths they ask for, else the
    first.
    """

    def __init__(self, products: Iterable[ServedProduct]) -> None:
        self.all = tuple(products)
        self.first = self.all[0]
        self._by_host = {host: one for one in reversed(self.all) for host, _ in one.speaker.places}
        self._by_path = tuple((path, one) for one in self.all[1:] for path in one.speaker.paths)

    def of(self, request: Request) -> ServedProduct:
        """The product that a request is meant for."""
        if not self._by_path:
            return self.first
        found = self._by_host.get(request.host.partition(":")[0])
        if found is not None:
            return found
        for path, one in self._by_path:
            if request.path.startswith(path):
                return one
        return self.first

    # ---- as `http_connection.Handler`

    def handle(self, request: Request, client: Client) -> None:
        """Answer a request."""
        self.of(request).dispatcher.handle(request, client)

    def refusal(self, status: int, reason: str) -> Reply:
        """The venue's reply to bytes that are not a request."""
        return self.first.dispatcher.refusal(status, reason)

    def failed(self, bug: Exception, client: Client) -> None:
        """Journal a bug of ours; it ends a simulation."""
        self.first.dispatcher.failed(bug, client)

    async def ask(self, request: Request) -> Reply | None:
        """Answer a request that has no connection; see `Dispatcher.ask`."""
        return await self.of(request).dispatcher.ask(request)
