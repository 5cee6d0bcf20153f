"""The pass: one road for every message. Faults decide, the engine acts, the journal keeps both."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NoReturn, Protocol, get_args

from failing_exchange.core.engine import Engine
from failing_exchange.core.events import Event, OperationRefused
from failing_exchange.core.queries import Query
from failing_exchange.core.reject import Reason, Reject
from failing_exchange.errors import ConfigurationError, InternalError
from failing_exchange.faults.plan import Cause, FaultPlan
from failing_exchange.journal.journal import Journal
from failing_exchange.journal.trip import Trip
from failing_exchange.text.tracebacks import own_call
from failing_exchange.venue import road
from failing_exchange.venue.clock import Cancelable, VenueClock
from failing_exchange.venue.latency import Latency
from failing_exchange.venue.push_order import Lines
from failing_exchange.venue.request_counter import Kind, Kinds

Decode = Callable[[Trip], Any]
Reply = Callable[[Trip], None]
Listener = Callable[[tuple[Event, ...], int], None]
QUESTIONS = frozenset(get_args(Query))
TRACEBACKS_MAX = 100  # of answers that could not be written; later ones are a line in the log

logger = logging.getLogger("failing_exchange")


class Gate(Protocol):
    """What stands before the engine for every request: limits, bans, maintenance. Raises Reject."""

    def __call__(self, trip: Trip, at: int, /) -> None: ...


class UnreadError(InternalError):
    """A bug of ours in reading a request, in real time: it is journalled, the venue goes on."""


class Gateway:
    """Carries trips: those that are struck along a road (`road.py`), the others straight.

    A waiting trip is a timer of the venue, never a task of the client's loop: a client that gives
    up or is canceled undoes nothing.

    A bug of ours in a trip is kept in `failure`: it ends a simulation, and in real time every
    later call raises it. One in reading a request or in writing an answer, where the exchange has
    not acted or is whole again, costs that answer in real time (`unanswered`).
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
        self.listeners: list[Listener] = []
        self.watchers: list[Reply] = []  # called with each request as it arrives, once it is read
        self.failure: Exception | None = None
        self.unanswered_count = 0  # answers lost to bugs of ours
        self.kinds = Kinds(plan.seed)
        self.lines = Lines()
        plan.look = self.look

    # ---- requests

    def receive(
        self,
        account: str,
        operation: str,
        message: Any,
        symbol: str,
        reply: Reply | None = None,
        read: Decode | None = None,
        expires_at: int = 0,
        waits: int = 0,
    ) -> Trip:
        """Start a trip. `reply` is called once, with the trip, unless its answer is lost.

        `read` makes a command of the message, where it is no unified call. `waits`: for how many
        nanoseconds the task that calls would now wait for the answer; where nothing can happen in
        between the clock jumps, and the trip has ended when this returns.
        """
        if self.failure is not None:
            raise self.broken()
        at = self.clock.now()
        trip = self.journal.open(at, account, operation, message, symbol)
        if reply is not None:
            trip.reply = reply
        if read is not None:
            trip.read, trip.expires_at = read, expires_at
        try:
            self._set_out(trip, at, self.kinds.count(trip), waits)
        except UnreadError:
            raise
        except Exception as bug:
            self.fail(bug, trip)
        return trip

    def _set_out(self, trip: Trip, at: int, kind: Kind, waits: int = 0) -> None:
        """Read the request and ask the faults; where nothing has to wait, go straight through."""
        try:
            trip.command = (trip.read or self.decode)(trip)
        except Reject as refused:
            trip.answer = refused.settled()
        except Exception as bug:
            self._unread(bug, trip, at)
        if self.watchers and not trip.echo_of:
            for watcher in self.watchers:
                watcher(trip)
        if self.plan.rules and not trip.echo_of:
            self.match(trip, at)
        if self.latency is not None:
            there, back = kind.halves(self.latency, trip.request_number)
            if not trip.active:
                trip.due_at = due = at + there + back
                self._travel(trip, at + there, due, due - at < waits)
                return
        elif trip.active:
            there = back = 0
        else:
            self._serve(trip, at)
            trip.told = trip.answer
            self.end(trip, at)
            return
        self._go_on(road.there_and_back(self, trip, there, back))

    def _travel(self, trip: Trip, arrival: int, due: int, waited_for: bool) -> None:
        """The way of a trip that meets nothing but latency. Where it may, it takes no timer."""
        jump = self.clock.jump
        asks = trip.command.__class__ in QUESTIONS and not (self.gates or self.listeners)
        if waited_for and asks and jump(due):
            self._serve(trip, arrival)
            trip.told = trip.answer
            self.end(trip, due)
        elif waited_for and jump(arrival):
            self._serve(trip, arrival)
            if jump(due):
                trip.told = trip.answer
                self.end(trip, due)
            else:
                self.clock.call_at(due, self._deliver, trip)
        else:
            self.clock.call_at(arrival, self._arrive_late, trip, due - arrival)

    def _serve(self, trip: Trip, at: int) -> None:
        """The venue's whole part in a trip without faults."""
        engine = self.engine
        try:
            if at >= engine.state.wake_at:
                self._settle(at)
            if self.gates or trip.command is None:
                self.arrive(trip, at)
            if trip.expires_at:
                _check_age(trip, at)
            trip.happened, trip.answer = engine.execute(trip.command, at)
        except Reject as refused:
            trip.answer = refused.settled()
            return
        if self.listeners and trip.happened:
            self._publish(trip.happened, at)

    def _arrive_late(self, trip: Trip, back: int) -> None:
        try:
            at = self.clock.now()
            self._serve(trip, at)
            self.clock.call_at(at + back, self._deliver, trip)
        except Exception as bug:
            self.fail(bug, trip)

    def _deliver(self, trip: Trip) -> None:
        try:
            trip.told = trip.answer
            self.end(trip, self.clock.now())
        except Exception as bug:
            self.fail(bug, trip)

    def arrive(self, trip: Trip, at: int) -> None:
        """Check limits and maintenance, then refuse what could not be read.

        The state is settled, since a limit may look at it: a filled order no longer counts.
        """
        for gate in self.gates:
            gate(trip, at)
        if trip.command is None:
            raise trip.answer

    def act(self, trip: Trip, at: int, causes: Sequence[Cause]) -> None:
        """The engine's turn: what was due before, the command, and the incidents around it.

        Raises `Reject` for a request that comes too late: then none of it happens.
        """
        self.catch_up(at)
        if trip.expires_at:
            _check_age(trip, at)
        before = self._cause(trip, (c for c in causes if not c.after), at)
        try:
            trip.happened, trip.answer = self.engine.execute(trip.command, at)
        except Reject as refused:  # the venue's honest no; faults may still make it another answer
            trip.answer = refused.settled()
        if causes:  # the answer shows the state after all of them
            after = self._cause(trip, (c for c in causes if c.after), at)
            trip.happened = before + trip.happened + after
            if hasattr(trip.answer, "order"):
                trip.answer = trip.answer.order.snapshot()
        if self.listeners and trip.happened:
            self._publish(trip.happened, at)

    def _cause(self, trip: Trip, causes: Iterable[Cause], at: int) -> tuple[Event, ...]:
        """Have incidents happen. One that the engine refuses, or that changes nothing, is no
        strike; why it was refused stands in the first column."""
        found: list[Event] = []
        for cause in causes:
            events = self.engine.attempt(cause.command, at)
            found += events
            if not events or isinstance(events[-1], OperationRefused):
                self.plan.withdraw(trip, cause)
        return tuple(found)

    def give_up(self, trip: Trip, causes: Iterable[Cause]) -> None:
        """The request has not reached the engine: the incidents around it don't happen."""
        for cause in causes:
            self.plan.withdraw(trip, cause)

    def end(self, trip: Trip, at: int) -> None:
        """The trip is over; who waits for it is told, unless its answer was lost."""
        self.journal.end(trip, at)
        reply = trip.reply
        if reply is not None:
            trip.reply = None
            if trip.told is not None or trip.hung_up:
                reply(trip)

    def repeat(self, trip: Trip, reply: Reply | None) -> None:
        """The same request arrives again, its answer unheard; or the same push once more."""
        at = self.clock.now()
        again = self.journal.open_echo(trip, at)
        if trip.is_push:
            again.told, again.reply = trip.as_told(), reply
            self.end(again, at)
        else:
            with contextlib.suppress(UnreadError):
                self._set_out(again, at, self.kinds.of_echo(trip))

    def match(self, trip: Trip, at: int) -> None:
        """Ask the rules about a trip; they see all that the market has done until now."""
        self.catch_up(at)
        self.plan.match(trip, at)

    # ---- pushes

    def is_straight(self, operation: str, at: int) -> bool:
        """Whether a push meets nothing on its way: no latency, rule, watcher, no line held up."""
        if self.watchers:  # who watches sees every message
            return False
        free = self.latency is None and self.lines.are_free(at)
        return free and not self.plan.concerns(operation)

    def push(self, account: str, operation: str, symbol: str, answer: Any, reply: Reply) -> Trip:
        """Send something that nobody asked for just now: a trip that begins behind the engine."""
        at = self.clock.now()
        trip = self.journal.open_push(at, account, operation, symbol)
        trip.reply, trip.answer = reply, answer
        kind = self.kinds.count(trip)
        if self.plan.rules:
            self.match(trip, at)
        if self.latency is None and not trip.active and self.lines.held_until(account) <= at:
            trip.told = answer
            self.end(trip, at)
        else:
            back = (
                kind.halves(self.latency, trip.request_number)[1] if self.latency is not None else 0
            )
            self._go_on(road.out(self, trip, back))
        return trip

    # ---- the market and the operator

    def settle(self, at: int) -> None:
        """Let the market do what was due; it is journalled as an entry of its own."""
        self.run(self._settle, at)

    def catch_up(self, at: int) -> None:
        """The same before anything looks at the state: a rule, a limit, the engine."""
        if at >= self.engine.state.wake_at:
            self._settle(at)

    def _settle(self, at: int) -> None:
        events = self.engine.advance(at)
        if events:
            self.journal.note(events, at)
            self._publish(events, at)

    def operate(self, command: Any) -> Any:
        """An operator command outside any trip: an incident, journalled as such.

        Raises `Reject` for a command that makes no sense as things are.
        """
        at = self.clock.now()
        self.settle(at)
        events, answer = self.engine.execute(command, at)
        self.journal.note(events, at).command = command
        self.run(self._publish, events, at)
        return answer

    def _publish(self, events: tuple[Event, ...], at: int) -> None:
        for listener in self.listeners:
            listener(events, at)

    def look(self, query: Any) -> Any:
        """Read the first column without a trip, with the state of this instant.

        Raises `Reject` as the engine does.
        """
        at = self.clock.now()
        self.catch_up(at)  # the trip may have waited since it was matched
        return self.engine.execute(query, at)[1]

    # ---- waiting, and bugs of ours

    def later(
        self, at: int, callback: Callable[..., None], *args: Any, counts: bool = True
    ) -> Cancelable:
        """Have something of the venue called at an instant. `counts`: a client waits for it."""
        return self.clock.call_at(at, self.run, callback, *args, counts=counts)

    def _go_on(self, way: Iterator[int]) -> None:
        """Follow a road to its next wait, or to its end."""
        wait = next(way, None)
        if wait is not None:
            self.later(self.clock.now() + wait, self._go_on, way)

    def run(self, callback: Callable[..., None], *args: Any) -> None:
        """Call something of the venue; a bug in it must not go unheard."""
        try:
            callback(*args)
        except Exception as bug:
            trip = next((arg for arg in args if isinstance(arg, Trip)), None)
            self.fail(bug, trip)

    def fail(self, bug: Exception, trip: Trip | None) -> NoReturn:
        """A bug of ours: nothing may go on as if it had not been."""
        if self.failure is None:
            self.failure = bug
            self.clock.fail(self.broken())
        if trip is not None and trip.reply is not None:
            trip.reply(trip)  # who waits for it is raised the failure
        raise self.broken()

    def _unread(self, bug: Exception, trip: Trip, at: int) -> NoReturn:
        """A bug of ours in reading a request, before anything has acted on it."""
        self.unanswered(bug, trip)
        trip.reply = None
        self.journal.end(trip, at)
        raise UnreadError(
            f"a bug in the venue: the request could not be read ({type(bug).__name__}: {bug})"
        ) from bug

    def unanswered(self, bug: Exception, trip: Trip | None) -> None:
        """A bug of ours in reading a request or writing an answer. The exchange is whole.

        It ends a simulation; in real time it costs this answer, and is journalled and logged, once.
        Raises the failure where the venue is broken already.
        """
        if isinstance(bug, UnreadError):
            return
        if self.failure is not None:
            raise self.broken()
        if self.clock.is_virtual:
            self.fail(bug, trip)
        self.journal.note_bug(bug, trip, self.clock.now())
        self.unanswered_count += 1
        shown = self.unanswered_count <= TRACEBACKS_MAX
        logger.error(
            "a bug in the venue: %s could not be answered (%s: %s)%s",
            trip or "a message", type(bug).__name__, bug, "" if shown else "; see the journal",
            exc_info=bug if shown else None,
        )  # fmt: skip

    def broken(self) -> Exception:
        """What each call is raised after a bug of ours; a full disk says so itself."""
        bug = self.failure
        if isinstance(bug, (ConfigurationError, InternalError)):
            return bug
        error: Exception
        if bug is not None and (theirs := own_call(bug)):
            error = ConfigurationError(f"your code, which the venue calls, has failed: {theirs}")
        else:
            error = InternalError(f"a bug in the venue ended the run: {type(bug).__name__}: {bug}")
        error.__cause__ = bug
        return error


def _check_age(trip: Trip, at: int) -> None:
    """Raise `Reject` for a request that arrives later than it allows."""
    if at > trip.expires_at:
        raise Reject(Reason.CLOCK_SKEW, "the request is older than its window allows")
