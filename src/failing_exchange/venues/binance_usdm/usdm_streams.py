"""Connections to the streams of USD-M: which path serves what.

"Websocket Market Streams", "Connect", 2026-09-18. The first part of a path says which streams it
serves (feature `routed_streams`). Paths without one serve all with the feature `unrouted_streams`,
else those of /public: a subscription to another stream is confirmed, and nothing comes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from failing_exchange.core.units import DAY, MILLISECOND, MINUTE
from failing_exchange.server.conversation import Leave
from failing_exchange.server.websocket_connection import ConnectionPolicy, Goodbye
from failing_exchange.server.websocket_frames import Code
from failing_exchange.venues.binance_common.connection_query import given
from failing_exchange.venues.binance_common.hidden_fields import bare
from failing_exchange.venues.binance_common.market_streams import StreamSession
from failing_exchange.venues.binance_usdm.contract_streams import Pushed, StreamRoute, parse, topic

if TYPE_CHECKING:
    from failing_exchange.feeds.market_feeds import Feeds, Topic
    from failing_exchange.server.conversation import Opened
    from failing_exchange.venue.api_changes import Features
    from failing_exchange.venues.binance_common.listen_keys import ListenKeys

# "Connect", 2026-09-18; what is said on closing is that of Spot
STREAMS = ConnectionPolicy(
    messages=10,
    ping_every=3 * MINUTE,
    ping_payload=lambda at: b"%d" % (at // MILLISECOND),
    pong_within=10 * MINUTE,
    lifetime=DAY,
    too_many=Goodbye(Code.POLICY, "Too many requests"),
    no_pong=Goodbye(Code.POLICY, "Pong timeout"),
    too_old=Goodbye(Code.GOING_AWAY, "24 hours are over"),
)


# Fields that pushes have only with a feature, and the kinds of stream that this is about.
FIELDS = {"rpi_quantities": ("nq",), "average_marks": ("ap",), "um_cm_integration": ("st", "ps")}
KINDS = {"rpi_quantities": {Pushed.AGG_TRADE}, "average_marks": {Pushed.MARK_PRICE}}
OTHERS = frozenset(Pushed) - {Pushed.CONTINUOUS}  # whose `ps` is the pair, and older


def served(route: StreamRoute, features: Features) -> frozenset[StreamRoute]:
    """The routes whose streams a path serves."""
    if route is not StreamRoute.NONE:
        return frozenset({route})
    return frozenset(StreamRoute if features.has("unrouted_streams") else {StreamRoute.PUBLIC})


class UsdmStreams(StreamSession):
    """A connection to /ws or /stream, behind a route or not.

    /private takes a listen key in the path or as `listenKey`, and tells the `events` asked for.
    """

    def __init__(
        self,
        route: StreamRoute,
        feeds: Feeds,
        keys: ListenKeys,
        features: Features,
        opened: Opened,
    ) -> None:
        self.features = features
        self.route = route
        self.serves = served(route, features)
        private = StreamRoute.PRIVATE in self.serves
        super().__init__(feeds, keys if private else None, opened, route.value)
        query = given(opened.request.query)
        if private:
            self.names += query.get("listenKey", [])
            asked = query.get("events", [""])[0]
            self.events = frozenset(name for name in asked.split("/") if name)

        features.watch(self._follow)

    def _follow(self) -> None:
        """The API has changed: streams that this path serves no more fall silent."""
        before, self.serves = self.serves, served(self.route, self.features)
        gone = [name for name in self.streams if not self._serves(name)]
        if gone:
            self.opened_as.do([Leave((name, self.micro)) for name in gone])
        if self.keys is not None and StreamRoute.PRIVATE in before - self.serves:
            self.keys.leave(self.names, self.opened_as.name)

    def _serves(self, name: str) -> bool:
        stream = parse(name)
        return stream is not None and stream.route in self.serves

    def closed(self, at: int) -> None:
        """Changes of the API concern it no more."""
        self.features.unwatch(self._follow)
        super().closed(at)

    def topic(self, name: str) -> Topic | None:
        """The topic of a stream; None for one that this path does not serve."""
        stream = parse(name)
        if stream is None or not self._serves(name):
            return None
        found = topic(name, stream, self.feeds.venue.markets)
        return (
            None if found is None else found._replace(write=self._as_of(stream.kind, found.write))
        )

    def _as_of(self, kind: Pushed, write: Callable[..., Any]) -> Callable[..., Any]:
        """What writes the pushes of a stream with the fields that they have now."""
        wanted = {
            name: fields for name, fields in FIELDS.items() if kind in KINDS.get(name, OTHERS)
        }

        def wrote(answer: Any, at: int) -> Any:
            hidden = {one for name in wanted if not self.features.has(name) for one in wanted[name]}
            found = write(answer, at)
            return bare(found, hidden) if hidden else found

        return wrote

    def exists(self, name: str) -> bool:
        """Whether a stream of USD-M has this name."""
        return parse(name) is not None
