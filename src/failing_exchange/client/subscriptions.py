"""What a client watches: each push is a trip of its own, so that faults reach it too."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from failing_exchange.core.market import is_contract
from failing_exchange.core.queries import FetchBalance, FetchMargin
from failing_exchange.core.reject import Reason, Reject
from failing_exchange.core.units import SECOND
from failing_exchange.errors import BadRequestError, ConnectionLostError, OperationFailedError
from failing_exchange.feeds.account_events import AccountEvents, StepView
from failing_exchange.feeds.account_steps import Numbered, states, wallets_of
from failing_exchange.feeds.pushes import AwaitedFeed, send
from failing_exchange.feeds.sources import EngineView
from failing_exchange.journal.trip import ENDED, Damaged
from failing_exchange.unified.errors import error_of

if TYPE_CHECKING:
    from failing_exchange.feeds.sources import Source
    from failing_exchange.journal.trip import Trip
    from failing_exchange.venue.venue import RunningVenue

PUSHES_WAITING_MAX = 1_000  # pushes that a slow client has not taken; the oldest are dropped
STATES = (  # feeds whose pushes tell how things stand, not what has changed
    "watch_ticker", "watch_tickers", "watch_bids_asks", "watch_order_book", "watch_ohlcv",
    "watch_mark_price", "watch_mark_prices",
)  # fmt: skip
STREAMS_MAX = 1_024  # streams of one client, as on real venues; one more is refused


class Channel(NamedTuple):
    """What is subscribed to; `detail` tells streams of one operation apart, as by depth."""

    operation: str
    symbol: str
    detail: Any = None


SPOT_WALLET = Channel("watch_balance", "")
FUTURES_WALLET = Channel("watch_balance", "", "futures")


class Wanted(NamedTuple):
    """A channel, and for market data what finds its news."""

    channel: Channel
    source: Source | None = None


class Batch:
    """Pushes that have arrived together; all who wait for them share it."""

    def __init__(self) -> None:
        self.pushes: deque[Any] = deque(maxlen=PUSHES_WAITING_MAX)


class Stream:
    """One subscription: the pushes that have arrived, and those who wait for the next."""

    def __init__(self, wanted: Wanted, streams: Streams) -> None:
        self.channel = wanted.channel
        self.batch = Batch()
        self.waiters: list[asyncio.Future[None]] = []
        self.broken: Exception | None = None
        source = wanted.source
        self.feed = source and AwaitedFeed(streams.venue, streams.account, source, self)

    def forget_before(self, second: int) -> None:
        """Drop a state of the market that nobody took before this second: it is out of date."""
        if self.feed and self.feed.pushed_at < second and self.channel.operation in STATES:
            self.batch.pushes.clear()

    def end(self, why: Exception) -> None:
        """There will be no more; who waits is told why."""
        self.broken = why
        self.wake()

    def wake(self) -> None:
        """Let all who wait look again."""
        for waiter in self.waiters:
            if not waiter.done():
                waiter.set_result(None)

    # ---- as `pushes.Receiver`

    def hear(self, trip: Trip) -> None:
        """Keep a push for the next call. A damaged one breaks the stream, if that matters here."""
        told = trip.told
        if told.__class__ is Damaged and told.damage.kind.in_process is None:
            told = told.answer
        if told.__class__ is Damaged or told == ENDED:
            self.lose(trip)
        else:
            self.batch.pushes.append(told)
            self.wake()

    def lose(self, trip: Trip | None = None) -> None:
        """The connection breaks."""
        operation, symbol = (trip.operation, trip.symbol) if trip is not None else self.channel[:2]
        self.end(
            ConnectionLostError(
                f"connection lost: the stream {operation} {symbol} has ended; "
                "call it again to subscribe anew",
                reason=Reason.CONNECTION_LOST.value,
            )
        )

    fail = lose


class Streams(AccountEvents):
    """The subscriptions of one client."""

    def __init__(self, venue: RunningVenue, account: str) -> None:
        super().__init__(venue)
        self.account = account
        self._streams: dict[Channel, Stream] = {}
        self._world: EngineView | None = None

    def watched_events(self) -> EngineView:
        """A view of the engine that notes what sources look for among events."""
        gateway = self.venue.gateway
        if self._world is None or self._world.engine is not gateway.engine:
            self._world = EngineView(gateway.engine)
            gateway.listeners.append(self._world.note)
        return self._world

    async def next(self, *wanted: Wanted) -> tuple[Channel, list[Any]]:
        """What has arrived since the last call on one of several channels; waits for it."""
        loop = asyncio.get_running_loop()
        gateway = self.venue.start(loop)
        self.listen(gateway)
        streams = [self._stream(one) for one in wanted]
        second = gateway.clock.now() // SECOND
        for stream in streams:
            stream.forget_before(second - 1)
        batches = [stream.batch for stream in streams]
        while True:
            for stream, batch in zip(streams, batches, strict=True):
                if batch.pushes or stream.broken is not None:
                    return stream.channel, self._take(stream, batch)
            if gateway.failure is not None:
                raise gateway.broken()
            await self._wait(streams, loop.create_future())

    async def _wait(self, streams: Sequence[Stream], waiter: asyncio.Future[None]) -> None:
        for stream in streams:
            stream.waiters.append(waiter)
        try:
            for stream in streams:
                if stream.feed:
                    stream.feed.start()
            self.set_alarm()
            await waiter
        finally:
            for stream in streams:
                stream.waiters.remove(waiter)
                if stream.feed and not stream.waiters:
                    stream.feed.stop()

    def forget(self, operation: str, *symbols: str) -> bool:
        """End the subscriptions of an operation, of some symbols or of all; True, as in ccxt."""
        for channel in list(self._streams):
            if channel.operation == operation and (not symbols or channel.symbol in symbols):
                stream = self._streams.pop(channel)
                text = f"the stream {operation} {channel.symbol}".strip()
                stream.end(OperationFailedError(f"{text} was ended by un_{operation}"))
        return True

    def _take(self, stream: Stream, batch: Batch) -> list[Any]:
        """Those who waited for one batch get the same; the next call waits for the next one."""
        if stream.batch is batch:
            stream.batch = Batch()
        if not batch.pushes:
            if self._streams.get(stream.channel) is stream:
                del self._streams[stream.channel]
            assert stream.broken is not None
            raise stream.broken
        for told in batch.pushes:
            if isinstance(told, Reject):
                raise error_of(told, self.venue.clock.now())
        return list(batch.pushes)

    def _stream(self, wanted: Wanted) -> Stream:
        stream = self._streams.get(wanted.channel)
        if stream is None:
            if len(self._streams) >= STREAMS_MAX:
                raise BadRequestError(
                    f"{STREAMS_MAX:,} streams are open, and one client may have no more: end some "
                    "with un_watch_…",
                    reason=Reason.BAD_REQUEST.value,
                )
            stream = self._streams[wanted.channel] = Stream(wanted, self)
        return stream

    # ---- account data, as `account_events.AccountEvents`: pushed when it happens

    def followed(self) -> Collection[str]:
        """The client's account, if it has a stream of account data."""
        return [self.account] if any(not s.feed for s in self._streams.values()) else []

    def awaited(self) -> Collection[str]:
        """The same, if somebody waits for it."""
        waited = any(s.waiters and not s.feed for s in self._streams.values())
        return [self.account] if waited else []

    def tell(self, account: str, events: Numbered, look: StepView) -> None:
        """Push what unified feeds tell of a step, and the balances after it."""
        for operation, symbol, answer in states(events, look):
            self._push(operation, symbol, answer)
        if not (SPOT_WALLET in self._streams or FUTURES_WALLET in self._streams):
            return
        spot, futures = wallets_of(events, look)
        if spot and SPOT_WALLET in self._streams:
            self._push("watch_balance", "", look.ask(FetchBalance(account)))
        if futures and FUTURES_WALLET in self._streams:
            self._push("watch_balance", "", look.ask(FetchMargin(account)), FUTURES_WALLET.detail)

    def _push(self, operation: str, symbol: str, answer: Any, detail: Any = None) -> None:
        concerned = [Channel(operation, symbol, detail)]
        if symbol:
            concerned += Channel(operation, ""), Channel(operation, "", is_contract(symbol))
        for channel in concerned:
            stream = self._streams.get(channel)
            if stream is not None:
                send(self.venue.gateway, self.account, operation, symbol, answer, stream)
