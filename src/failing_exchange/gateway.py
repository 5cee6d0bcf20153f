"""The pass: one road for every message. Faults decide, the engine acts, the journal keeps both."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

from failing_exchange.clock import VenueClock
from failing_exchange.core.chance import key
from failing_exchange.core.engine import Engine
from failing_exchange.core.events import Event
from failing_exchange.core.reject import Reject
from failing_exchange.errors import InternalError
from failing_exchange.faults.plan import (
    Answer,
    Cause,
    Delay,
    Drop,
    FaultPlan,
    HangUp,
    Repeat,
    Replace,
)
from failing_exchange.journal import Journal
from failing_exchange.latency import Latency, halves
from failing_exchange.trip import Stage, Trip

KINDS_COUNTED_MAX = 100_000  # (client, operation, symbol) combinations; then counting begins anew

Decode = Callable[[Trip], Any]


class Gate(Protocol):
    """What stands before the engine for every request: limits, bans, maintenance. Raises Reject."""

    def __call__(self, trip: Trip, at: int, /) -> None: ...


class Lost(Exception):
    """The trip ends here, and its client hears no answer."""


class Gateway:
    """Carries trips. A road is a generator: it yields how long (in nanoseconds) the trip waits now.

    A waiting trip is a timer of the venue, never a task of the client's loop: a client that gives
    up or is canceled undoes nothing.
    """

    def __init__(
        self,
        *,
        engine: Engine,
        plan: FaultPlan,
        journal: Journal,
        clock: VenueClock,
        decode: Decode,
        latency: Latency | None = None,
    ) -> None:
        self.engine = engine
        self.plan = plan
        self.journal = journal
        self.clock = clock
        self.decode = decode
        self.latency = latency
        self.gates: list[Gate] = []
        self.listeners: list[Callable[[tuple[Event, ...], int], None]] = []
        self.failure: BaseException | None = None
        self._counts: Counter[tuple[str, str, str]] = Counter()
        self._line: dict[str, int] = {}  # when the last push to each client arrives
        plan.look = self._look

    def receive(
        self,
        account: str,
        operation: str,
        message: Any,
        symbol: str,
        reply: Callable[[Trip], None] | None = None,
        *,
        echo_of: int = 0,
    ) -> Trip:
        """Start a trip. `reply` is called once, with the trip, unless its answer is lost."""
        if self.failure is not None:
            raise InternalError("an earlier trip failed inside the venue") from self.failure
        at = self.clock.now()
        trip = self.journal.open(at, account, operation, message, symbol)
        trip.reply = reply
        trip.echo_of = echo_of
        self._count(trip)
        try:
            self._set_out(trip, at)
        except Exception as bug:
            self._fail(trip, bug)
            raise
        return trip

    def _count(self, trip: Trip) -> None:
        kind = (trip.account, trip.operation, trip.symbol)
        counts = self._counts
        counts[kind] = trip.nth = counts.get(kind, 0) + 1
        if trip.nth == 1 and len(counts) > KINDS_COUNTED_MAX:
            counts.clear()

    def _set_out(self, trip: Trip, at: int) -> None:
        """Read the request and ask the faults; where nothing has to wait, go straight through."""
        try:
            trip.command = self.decode(trip)
        except Reject as refused:
            trip.answer = refused
        if self.plan.rules and not trip.echo_of:
            self.plan.match(trip, at)
        if self.latency is not None or trip.active:
            self._go_on(trip, self._road(trip))
            return
        try:
            self._arrive(trip, at)
            self._act(trip, (), at)
        except Reject as refused:
            trip.answer = refused
        trip.told = trip.answer
        self._end(trip, at)

    def _fail(self, trip: Trip, bug: Exception) -> None:
        """A bug of ours: nothing may go on as if it had not been."""
        self.failure = bug
        self.clock.fail(InternalError(f"a bug in the venue, on {trip!r}"))

    def push(
        self, account: str, operation: str, symbol: str, answer: Any, reply: Callable[[Trip], None]
    ) -> Trip:
        """Send something that nobody asked for just now: a trip that begins behind the engine."""
        trip = self.journal.open(self.clock.now(), account, operation, None, symbol)
        trip.reply, trip.answer, trip.is_push = reply, answer, True
        self._count(trip)
        self._go_on(trip, self._way_out(trip))
        return trip

    def _way_out(self, trip: Trip) -> Iterator[int]:
        """The way of a push. The line keeps its order; a delay at ANSWER lets others pass."""
        try:
            if self.plan.rules:
                self.plan.match(trip, self.clock.now())
                if trip.active:
                    yield from self._strike(Stage.ANSWER, trip)
            if self.latency is not None:
                yield self._in_line(trip)
            if trip.active:
                yield from self._strike(Stage.WIRE, trip)
            trip.told = trip.answer
        except Lost:
            trip.told = None
        self._end(trip, self.clock.now())

    def _in_line(self, trip: Trip) -> int:
        """How long a push travels: never so short that it would overtake the one before it."""
        assert self.latency is not None
        now = self.clock.now()
        back = self._travel(self.latency, trip)[1]
        arrival = max(now + back, self._line.get(trip.account, 0))
        self._line[trip.account] = arrival
        return arrival - now

    def _go_on(self, trip: Trip, road: Iterator[int]) -> None:
        """Follow a road to its next wait, or to its end."""
        try:
            wait = next(road, None)
        except Exception as bug:
            self._fail(trip, bug)
            raise
        if wait is not None:
            self.clock.call_at(self.clock.now() + wait, self._go_on, trip, road)

    def _road(self, trip: Trip) -> Iterator[int]:
        """The way of one message; yields each time it has to wait."""
        there = back = 0
        if self.latency is not None:
            there, back = self._travel(self.latency, trip)
        try:
            if there:
                yield there
            try:
                self._arrive(trip, self.clock.now())
                yield from self._struck_before(trip)
                if trip.active:
                    yield from self._strike(Stage.ANSWER, trip)
            except Reject as refused:
                trip.answer = refused
            if back:
                yield back
            if trip.active:
                yield from self._strike(Stage.WIRE, trip)
            trip.told = trip.answer
        except Lost:
            trip.told = None
        self._end(trip, self.clock.now())

    def _travel(self, latency: Latency, trip: Trip) -> tuple[int, int]:
        """The times of the way there and back: a draw of this very request, like a fault's."""
        of_kind = key(self.plan.seed, "latency", trip.account, trip.operation, trip.symbol)
        return halves(latency, of_kind, trip.nth)

    def _arrive(self, trip: Trip, at: int) -> None:
        """At the venue's door: limits and maintenance first, then what could not be read."""
        for gate in self.gates:
            gate(trip, at)
        if trip.command is None:
            raise trip.answer

    def _act(self, trip: Trip, causes: Sequence[Cause], at: int) -> None:
        """The engine's turn: what was due before, the command, and the incidents around it."""
        if at >= self.engine.wake_at:
            self.settle(at)
        for cause in causes:
            if not cause.after:
                trip.happened += self.engine.execute(cause.command, at)[0]
        try:
            events, trip.answer = self.engine.execute(trip.command, at)
            trip.happened = (*trip.happened, *events) if trip.happened else events
        except Reject as refused:  # the venue's honest no; faults may still make it another answer
            trip.answer = refused
        if causes:
            self._act_after(trip, causes, at)
        if trip.happened and self.listeners:
            self._publish(trip.happened, at)

    def _act_after(self, trip: Trip, causes: Sequence[Cause], at: int) -> None:
        """Incidents behind the command; the answer then shows the state after them."""
        for cause in causes:
            if cause.after:
                trip.happened += self.engine.execute(cause.command, at)[0]
        if hasattr(trip.answer, "order"):
            trip.answer = trip.answer.order.snapshot()

    def _struck_before(self, trip: Trip) -> Iterator[int]:
        """The REQUEST faults, then the engine, unless a fault has answered in its place."""
        causes: list[Cause] = []
        for verdict in self.plan.verdicts(Stage.REQUEST, trip):
            match verdict:
                case Cause():
                    causes.append(verdict)
                case Answer(value):
                    trip.answer = value
                    return
                case Replace(value):
                    trip.command = value
                case _:
                    yield from self._obey(verdict, trip)
        self._act(trip, causes, self.clock.now())

    def _strike(self, stage: Stage, trip: Trip) -> Iterator[int]:
        """The faults behind the engine; a refusal here is what the client is told."""
        for verdict in self.plan.verdicts(stage, trip):
            if isinstance(verdict, Replace):
                trip.answer = verdict.value
            elif isinstance(verdict, Reject):
                trip.answer = verdict
                return
            else:
                yield from self._obey(verdict, trip)

    def _obey(self, verdict: object, trip: Trip) -> Iterator[int]:
        match verdict:
            case Delay(nanoseconds):
                yield nanoseconds
            case Reject():
                raise verdict
            case Drop():
                raise Lost
            case HangUp():
                trip.hung_up = True
                raise Lost
            case Repeat(nanoseconds):
                self.clock.call_at(self.clock.now() + nanoseconds, self._repeat, trip, trip.reply)
            case _:
                raise InternalError(f"no such verdict: {verdict!r}")

    def _repeat(self, trip: Trip, reply: Callable[[Trip], None] | None) -> None:
        """The same request arrives again, its answer unheard; or the same push once more."""
        if trip.is_push:
            again = self.journal.open(
                self.clock.now(), trip.account, trip.operation, None, trip.symbol
            )
            again.echo_of, again.told, again.reply = trip.number, trip.answer, reply
            self._end(again, self.clock.now())
            return
        self.receive(trip.account, trip.operation, trip.message, trip.symbol, echo_of=trip.number)

    def _end(self, trip: Trip, at: int) -> None:
        self.journal.end(trip, at)
        if trip.reply is not None:
            if trip.told is not None or trip.hung_up:
                trip.reply(trip)
            trip.reply = None

    def settle(self, at: int) -> None:
        """Let the market do what was due; it is journalled as an entry of its own."""
        events = self.engine.advance(at)
        if events:
            self.journal.note(events, at)
            if self.listeners:
                self._publish(events, at)

    def operate(self, command: Any) -> Any:
        """An operator command outside any trip: an incident, journalled as such."""
        at = self.clock.now()
        self.settle(at)
        events, answer = self.engine.execute(command, at)
        entry = self.journal.note(events, at)
        entry.command = command
        self._publish(events, at)
        return answer

    def _publish(self, events: tuple[Event, ...], at: int) -> None:
        for listener in self.listeners:
            listener(events, at)

    def _look(self, query: Any) -> Any:
        """The first column as a fault sees it: what was due has happened."""
        at = self.clock.now()
        if at >= self.engine.wake_at:
            self.settle(at)
        return self.engine.execute(query, at)[1]
