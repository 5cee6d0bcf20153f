"""What a client watches: each push is a trip of its own, so that faults reach it too."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from failing_exchange.core.reject import Reason, Reject
from failing_exchange.core.units import SECOND
from failing_exchange.errors import BadRequestError, ConnectionLostError, OperationFailedError
from failing_exchange.feeds.wakeup import Alarm
from failing_exchange.journal.trip import ENDED, Damaged
from failing_exchange.unified.errors import error_of

if TYPE_CHECKING:
    from failing_exchange.core.events import Event
    from failing_exchange.journal.trip import Trip
    from failing_exchange.venue.gateway import Gateway
    from failing_exchange.venue.venue import RunningVenue
    from failing_exchange.venue.venue_clock import Cancelable

PUSHES_WAITING_MAX = 1_000  # pushes that a slow client has not taken; the oldest are dropped
STATES = (  # feeds whose pushes tell how things stand, not what has changed
    "watch_ticker", "watch_tickers", "watch_bids_asks", "watch_order_book", "watch_ohlcv",
)  # fmt: skip
STREAMS_MAX = 1_024  # streams of one client, as on real venues; one more is refused

Look = Callable[[int], Any]


class Channel(NamedTuple):
    """What is subscribed to; `detail` tells streams of one operation apart, as by depth."""

    operation: str
    symbol: str
    detail: Any = None


class Wanted(NamedTuple):
    """A channel, and for market data how a push is made: `look(at)`, None = nothing new."""

    channel: Channel
    look: Look | None = None


class Batch:
    """Pushes that have arrived together; all who wait for them share it."""

    def __init__(self) -> None:
        self.pushes: deque[Any] = deque(maxlen=PUSHES_WAITING_MAX)


class Stream:
    """One subscription: the pushes that have arrived, and those who wait for the next."""

    def __init__(self, wanted: Wanted) -> None:
        self.channel, self.look = wanted
        self.batch = Batch()
        self.waiters: list[asyncio.Future[None]] = []
        self.pushed_at = -1  # the second of the last push of market data
        self.timer: Cancelable | None = None  # of market data, while somebody waits
        self.broken: Exception | None = None

    def forget_before(self, second: int) -> None:
        """Drop a state of the market that nobody took before this second: it is out of date."""
        if self.look is not None and self.pushed_at < second and self.channel.operation in STATES:
            self.batch.pushes.clear()

    def hear(self, trip: Trip) -> None:
        """A push has arrived, or the connection broke."""
        told = _without_bytes(trip.told) if trip.told.__class__ is Damaged else trip.told
        if trip.hung_up or told.__class__ is Damaged or told == ENDED:
            self.end(
                ConnectionLostError(
                    f"connection lost: the stream {trip.operation} {trip.symbol} has ended; "
                    "call it again to subscribe anew",
                    reason=Reason.CONNECTION_LOST.value,
                )
            )
        else:
            self.batch.pushes.append(told)
            self.wake()

    def end(self, why: Exception) -> None:
        """There will be no more; who waits is told why."""
        self.broken = why
        self.wake()

    def wake(self) -> None:
        """Let all who wait look again."""
        for waiter in self.waiters:
            if not waiter.done():
                waiter.set_result(None)


def _without_bytes(told: Damaged) -> Any:
    """A damaged push, or the push itself where the damage does not matter in process."""
    return told.answer if told.damage.kind.in_process is None else told


class Streams:
    """The subscriptions of one client."""

    def __init__(self, venue: RunningVenue, account: str) -> None:
        self.venue = venue
        self.account = account
        self._streams: dict[Channel, Stream] = {}
        self._listens_to: Gateway | None = None
        self._alarm = Alarm(venue, self._set_alarm)

    async def next(self, *wanted: Wanted) -> tuple[Channel, list[Any]]:
        """What has arrived since the last call on one of several channels; waits for it."""
        loop = asyncio.get_running_loop()
        gateway = self.venue.start(loop)
        streams = [self._stream(one, gateway) for one in wanted]
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
                if stream.look is not None and stream.timer is None:
                    self._tick(stream)
            self._set_alarm()
            await waiter
        finally:
            for stream in streams:
                stream.waiters.remove(waiter)
                if not stream.waiters and stream.timer is not None:
                    stream.timer.cancel()
                    stream.timer = None

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

    def _stream(self, wanted: Wanted, gateway: Gateway) -> Stream:
        if self._listens_to is not gateway:
            self._listens_to = gateway
            gateway.listeners.append(self._on_events)
        stream = self._streams.get(wanted.channel)
        if stream is None:
            if len(self._streams) >= STREAMS_MAX:
                raise BadRequestError(
                    f"{STREAMS_MAX:,} streams are open, and one client may have no more: end some "
                    "with un_watch_…",
                    reason=Reason.BAD_REQUEST.value,
                )
            stream = self._streams[wanted.channel] = Stream(wanted)
        return stream

    # ---- market data: one push a second, made while somebody waits for it

    def _tick(self, stream: Stream) -> None:
        """Push what is new this second; then again each second, until nobody waits any more."""
        stream.timer = None
        if not stream.waiters:
            return
        gateway, now = self.venue.gateway, self.venue.clock.now()
        second = now // SECOND
        stream.timer = gateway.later((second + 1) * SECOND, self._tick, stream)
        if second > stream.pushed_at:
            gateway.settle(now)
            stream.pushed_at = second
            answer = self._look(stream, now)
            if answer is not None:
                operation, symbol, _ = stream.channel
                gateway.push(self.account, operation, symbol, answer, stream.hear)

    def _look(self, stream: Stream, at: int) -> Any:
        assert stream.look is not None
        try:
            return stream.look(at)
        except Reject as refused:  # the venue says no on this way, too
            return refused

    # ---- account data: pushed when it happens

    def _on_events(self, events: tuple[Event, ...], at: int) -> None:
        """Something happened on the venue: tell the client what concerns it."""
        if any(stream.look is None for stream in self._streams.values()):
            self._tell(events, at)
            self._set_alarm()

    def _tell(self, events: tuple[Event, ...], at: int) -> None:
        from failing_exchange.core.queries import FetchBalance, FetchOrder

        execute = self.venue.gateway.engine.execute
        orders: dict[int, None] = {}
        concerned = False
        for event in events:
            fill = getattr(event, "fill", None)
            if getattr(fill or event, "account", None) != self.account:
                continue
            concerned = True
            if fill is not None:
                self._push("watch_my_trades", fill.symbol, (fill,))
            if order_id := getattr(event, "order_id", 0):
                orders[order_id] = None
        for order_id in orders:
            snapshot = execute(FetchOrder(self.account, "", order_id), at)[1]
            self._push("watch_orders", snapshot.order.symbol, (snapshot,))
        if concerned and Channel("watch_balance", "") in self._streams:
            self._push("watch_balance", "", execute(FetchBalance(self.account), at)[1])

    def _push(self, operation: str, symbol: str, answer: Any) -> None:
        for name in dict.fromkeys((symbol, "")):
            stream = self._streams.get(Channel(operation, name))
            if stream is not None:
                self.venue.gateway.push(self.account, operation, symbol, answer, stream.hear)

    def _set_alarm(self) -> None:
        """While somebody waits for account data, wake up when the market may touch an order."""
        waited = any(s.waiters and s.look is None for s in self._streams.values())
        state = self.venue.gateway.engine.state
        keeps_running = waited and bool(
            state.account(self.account).open
        )  # else it can't concern them
        self._alarm.set(waited, keeps_running=keeps_running)
