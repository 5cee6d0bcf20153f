"""Connections to the streams of USD-M: which path serves what.

"Websocket Market Streams", "Connect", 2026-09-18. Since 2026-03-06 the first part of a path says
which streams it serves; paths without one serve those of /public alone since 2026-04-23. There, a
subscription to another stream is confirmed, and nothing comes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from failing_exchange.core.units import DAY, MILLISECOND, MINUTE
from failing_exchange.server.websocket_connection import ConnectionPolicy, Goodbye
from failing_exchange.server.websocket_frames import Code
from failing_exchange.venues.binance_common.connection_query import given
from failing_exchange.venues.binance_common.market_streams import StreamSession
from failing_exchange.venues.binance_usdm.contract_streams import StreamRoute, parse, topic

if TYPE_CHECKING:
    from failing_exchange.feeds.market_feeds import Feeds, Topic
    from failing_exchange.server.conversation import Opened
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


def served(route: StreamRoute) -> frozenset[StreamRoute]:
    """The routes whose streams a path serves."""
    return frozenset({StreamRoute.PUBLIC if route is StreamRoute.NONE else route})


class UsdmStreams(StreamSession):
    """A connection to /ws or /stream, behind a route or not.

    /private takes a listen key in the path or as `listenKey`, and tells the `events` asked for.
    """

    def __init__(self, route: StreamRoute, feeds: Feeds, keys: ListenKeys, opened: Opened) -> None:
        self.serves = served(route)
        private = StreamRoute.PRIVATE in self.serves
        super().__init__(feeds, keys if private else None, opened, route.value)
        query = given(opened.request.query)
        if private:
            self.names += query.get("listenKey", [])
            asked = query.get("events", [""])[0]
            self.events = frozenset(name for name in asked.split("/") if name)

    def topic(self, name: str) -> Topic | None:
        """The topic of a stream; None for one that this path does not serve."""
        stream = parse(name)
        if stream is None or stream.route not in self.serves:
            return None
        return topic(name, stream, self.feeds.venue.markets)

    def exists(self, name: str) -> bool:
        """Whether a stream of USD-M has this name."""
        return parse(name) is not None
