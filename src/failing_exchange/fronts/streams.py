"""What a client watches: each push is a trip of its own, so that faults reach it too."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any

from failing_exchange.core import commands as c
from failing_exchange.core import events as ev
from failing_exchange.core.market import SECOND
from failing_exchange.core.reject import Reject
from failing_exchange.dialects.unified.errors import error_of
from failing_exchange.errors import ConnectionLostError
from failing_exchange.trip import Trip
from failing_exchange.venue import Venue

PUSHES_WAITING_MAX = 1_000  # pushes that a slow client has not taken; the oldest are dropped
STREAMS_MAX = 1_024  # streams of one client, as on real venues; one more is refused

Look = Callable[[int], Any]


class Stream:
    """One subscription: the pushes that have arrived, and whoever waits for the next."""

    def __init__(self, operation: str, symbol: str) -> None:
        self.operation = operation
        self.symbol = symbol
        self.arrived: deque[Any] = deque(maxlen=PUSHES_WAITING_MAX)
        self.waiter: asyncio.Future[None] | None = None
        self.pushed_at = -1  # the second of the last push of market data
        self.broken = False

    def hear(self, trip: Trip) -> None:
        """A push has arrived, or the connection broke."""
        if trip.hung_up:
            self.broken = True
        else:
            self.arrived.append(trip.told)
        if self.waiter is not None and not self.waiter.done():
            self.waiter.set_result(None)


class Streams:
    """The subscriptions of one client."""

    def __init__(self, venue: Venue, account: str) -> None:
        self.venue = venue
        self.account = account
        self._streams: dict[tuple[str, str], Stream] = {}
        self._listening = False
        self._alarm_at = 0

    async def next(self, operation: str, symbol: str, look: Look | None) -> list[Any]:
        """The pushes that have arrived since the last call; waits for one if there are none.

        `look(at)` makes a push of market data; account data (None) is pushed when it happens.
        """
        loop = asyncio.get_running_loop()
        if self.venue.loop is not loop:
            self.venue.start(loop)
        stream = self._stream(operation, symbol)
        while not stream.arrived and not stream.broken:
            stream.waiter = loop.create_future()
            timer = None
            if look is None:
                self._set_alarm()
            else:
                timer = self._tick(stream, look)
            try:
                if not stream.arrived and not stream.broken:
                    await stream.waiter
            finally:
                stream.waiter = None
                if timer is not None:
                    timer.cancel()
        return self._take(stream)

    def forget(self, operation: str, symbol: str) -> None:
        """End a subscription."""
        self._streams.pop((operation, symbol), None)

    def _take(self, stream: Stream) -> list[Any]:
        if stream.broken:
            self.forget(stream.operation, stream.symbol)
            raise ConnectionLostError(
                f"connection lost: the stream {stream.operation} {stream.symbol} has ended; "
                "call it again to subscribe anew",
                reason="connection_lost",
            )
        taken = list(stream.arrived)
        stream.arrived.clear()
        for told in taken:
            if isinstance(told, Reject):
                raise error_of(told, self.venue.clock.now())
        return taken

    def _stream(self, operation: str, symbol: str) -> Stream:
        key = (operation, symbol)
        if key not in self._streams:
            if len(self._streams) >= STREAMS_MAX:
                raise ConnectionLostError(f"more than {STREAMS_MAX} streams of one client")
            self._streams[key] = Stream(operation, symbol)
            if not self._listening:
                self._listening = True
                self.venue.gateway.listeners.append(self._on_events)
        return self._streams[key]

    # ---- market data: one push a second, made when somebody waits for it

    def _tick(self, stream: Stream, look: Look) -> Any:
        """Push what is new this second, else wait for the next."""
        clock = self.venue.clock
        now = clock.now()
        if now // SECOND > stream.pushed_at:
            self._push_market(stream, look)
            return None
        return clock.call_at((now // SECOND + 1) * SECOND, self._push_market, stream, look)

    def _push_market(self, stream: Stream, look: Look) -> None:
        gateway = self.venue.gateway
        now = self.venue.clock.now()
        gateway.settle(now)
        stream.pushed_at = now // SECOND
        answer = look(now)
        if answer is None:  # nothing new: look again in a second
            at = (now // SECOND + 1) * SECOND
            self.venue.clock.call_at(at, self._push_if_awaited, stream, look)
            return
        trip = gateway.push(self.account, stream.operation, stream.symbol, answer, stream.hear)
        if trip.ended_at and trip.told is None and not trip.hung_up:  # lost: the next one follows
            at = (now // SECOND + 1) * SECOND
            self.venue.clock.call_at(at, self._push_if_awaited, stream, look)

    def _push_if_awaited(self, stream: Stream, look: Look) -> None:
        if stream.waiter is not None and not stream.waiter.done():
            self._push_market(stream, look)

    # ---- account data: pushed when it happens

    def _on_events(self, events: tuple[ev.Event, ...], at: int) -> None:
        """Something happened on the venue: tell the client what concerns it."""
        engine = self.venue.engine
        assert engine is not None
        orders: dict[int, str] = {}
        concerned = False
        for event in events:
            fill = getattr(event, "fill", None)
            account = fill.account if fill is not None else getattr(event, "account", None)
            if account != self.account:
                continue
            concerned = True
            if fill is not None:
                self._push_account("watch_my_trades", fill.symbol, (fill,))
            if order_id := getattr(event, "order_id", 0):
                orders[order_id] = ""
        for order_id in orders:
            snapshot = engine.execute(c.FetchOrder(self.account, "", order_id), at)[1]
            self._push_account("watch_orders", snapshot.order.symbol, (snapshot,))
        if concerned and ("watch_balance", "") in self._streams:
            balances = engine.execute(c.FetchBalance(self.account), at)[1]
            self._push_account("watch_balance", "", balances)
        self._set_alarm()

    def _push_account(self, operation: str, symbol: str, answer: Any) -> None:
        for key in dict.fromkeys(((operation, symbol), (operation, ""))):
            stream = self._streams.get(key)
            if stream is not None:
                self.venue.gateway.push(self.account, operation, symbol, answer, stream.hear)

    def _set_alarm(self) -> None:
        """While somebody waits for account data, wake up when the market may touch an order."""
        engine, clock = self.venue.engine, self.venue.clock
        assert engine is not None
        awaited = any(s.waiter is not None and s.pushed_at < 0 for s in self._streams.values())
        wake_at = engine.wake_at
        if not awaited or wake_at >= 1 << 61 or self._alarm_at == wake_at:
            return
        self._alarm_at = wake_at
        counts = bool(engine.state.account(self.account).open)
        clock.call_at(max(wake_at, clock.now()), self._alarm, counts=counts)

    def _alarm(self) -> None:
        self._alarm_at = 0
        self.venue.gateway.settle(self.venue.clock.now())
        self._set_alarm()
