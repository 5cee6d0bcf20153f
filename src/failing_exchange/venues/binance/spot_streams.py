"""Connections to the market streams of Spot."""

from __future__ import annotations

from typing import TYPE_CHECKING

from failing_exchange.server.conversation import Leave
from failing_exchange.venues.binance.connecting import is_micro_in
from failing_exchange.venues.binance.stream_names import feature_of, parse
from failing_exchange.venues.binance.stream_topics import topic
from failing_exchange.venues.binance_common.market_streams import StreamSession

if TYPE_CHECKING:
    from failing_exchange.feeds.market_feeds import Feeds, Topic
    from failing_exchange.server.conversation import Opened
    from failing_exchange.venue.api_changes import Features
    from failing_exchange.venues.binance_common.connection_query import Given
    from failing_exchange.venues.binance_common.listen_keys import ListenKeys


class SpotStreams(StreamSession):
    """A connection to /ws or /stream."""

    def __init__(
        self, feeds: Feeds, keys: ListenKeys | None, features: Features, opened: Opened
    ) -> None:
        self.features = features
        super().__init__(feeds, keys, opened)
        features.watch(self._follow)

    def _follow(self) -> None:
        """The API has changed: streams that are no more fall silent."""
        gone = [name for name in self.streams if not self._has(name)]
        if gone:
            self.opened_as.do([Leave((name, self.micro)) for name in gone])

    def _has(self, name: str) -> bool:
        needs = feature_of(name)
        return needs is None or self.features.has(needs)

    def is_micro(self, query: Given) -> bool:
        """As `timeUnit` says, where there are microseconds."""
        return self.features.has("microseconds") and is_micro_in(query)

    def tells_shutdown(self) -> bool:
        """As the API has it."""
        return self.features.has("server_shutdown")

    def closed(self, at: int) -> None:
        """Changes of the API concern it no more."""
        self.features.unwatch(self._follow)
        super().closed(at)

    def topic(self, name: str) -> Topic | None:
        """The topic of a stream of Spot."""
        if not self._has(name):
            return None
        return topic(name, self.feeds.venue.markets, micro=self.micro)

    def exists(self, name: str) -> bool:
        """Whether a stream of Spot has this name."""
        return parse(name) is not None
