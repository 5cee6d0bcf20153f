"""The pass: one pipeline for every message. Faults decide, the engine acts, the journal records."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from typing import Any, NoReturn, Protocol
from weakref import WeakMethod

from failing_exchange.core.conditional_order import ConditionalSnapshot
from failing_exchange.core.engine import Engine
from failing_exchange.core.events import Event, OperationRefused
from failing_exchange.core.order import OrderSnapshot
from failing_exchange.core.queries import QUERIES
from failing_exchange.core.reject import Reason, Reject
from failing_exchange.errors import ConfigurationError, InternalError
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
from failing_exchange.journal.journal import Journal
from failing_exchange.journal.trip import Stage, Trip
from failing_exchange.text.tracebacks import own_call
from failing_exchange.venue.latency import Latency
from failing_exchange.venue.push_order import PushOrder
from failing_exchange.venue.request_counter import RequestCounter, RequestKind
from failing_exchange.venue.venue_clock import Cancelable, VenueClock

Decode = Callable[[Trip], Any]
Reply = Callable[[Trip], None]
Listener = Callable[[tuple[Event, ...], int], None]
TRACEBACKS_MAX = 100  # of answers that could not be written; later ones are a line in the log

logger = logging.getLogger("failing_exchange")


class Gate(Protocol):
    """An admission check before the engine, for every request: limits, bans, maintenance.

    Raises `Reject` to refuse the request. Returns None, or another command to execute instead.
    """

    def __call__(self, trip: Trip, at: int, /) -> Any: ...


class SentLog(Protocol):
    """Keeps what is sent while a trip is told."""

    def begin(self, trip: Trip, /) -> None:
        """What is sent from now on tells this trip."""

    def end(self) -> None:
        """The trip is told."""

    def note(self, connection: str, data: bytes, /) -> None:
        """These bytes are sent to a connection."""


class UnreadError(InternalError):
    """A bug of ours in reading a request, in real time: it is journalled, and the venue goes on."""


class _Lost(Exception):
    """The trip ends here, and its client receives no answer."""


class Gateway:
    """Carries trips through the pass, one generator for each (`_carry`).

    A trip that nothing delays or alters needs none (`_at_once`). A waiting trip is a timer of the
    venue, never a task of the client's loop: a client that gives up or is canceled undoes nothing.

    A bug of ours in a trip is kept in `failure`: it ends a simulation, and in real time every
    later call raises it. A bug in reading a request or in writing an answer, where the exchange has
    not acted or is whole again, costs only that answer in real time (`unanswered`).
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
        self.watchers: list[Reply] = []  # called with each request, once it is read
        self.sent: SentLog | None = None  # of a venue with a control server
        self.failure: Exception | None = None
        self.unanswered_count = 0  # answers lost because of bugs of ours
        self.counter = RequestCounter(plan.seed)
        self.push_order = PushOrder()
        plan.look = WeakMethod(self.look)

    # ---- requests and pushes

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
        """Start the trip of a request. `reply` is called once, with the trip, when it is answered.

        `read` decodes the message where it is not a unified call. `waits` is how long, in
        nanoseconds, the calling task would wait for the answer: the clock then jumps where nothing
        else can happen before, and the trip may have ended when this returns.
        """
        if self.failure is not None:
            raise self.broken()
        now = self.clock.now  # an attribute: called as a method it is looked up at length
        at = now()
        trip = self.journal.open(at, account, operation, message, symbol)
        if reply is not None:
            trip.reply = reply
        if read is not None:
            trip.read, trip.expires_at = read, expires_at
        kind = self.counter.count(trip)
        try:
            self._read(trip, at)
            if self.plan.rules:
                self.match(trip, at)
            if not self._at_once(trip, at, kind, waits):
                self._advance(trip, self._carry(trip, at, kind), waits)
        except UnreadError:
            raise
        except Exception as bug:
            self.fail(bug, trip)
        return trip

    def push(self, account: str, operation: str, symbol: str, answer: Any, reply: Reply) -> Trip:
        """Start the trip of a message that nobody has requested: it begins behind the engine."""
        at = self.clock.now()
        trip = self.journal.open_push(at, account, operation, symbol)
        trip.reply, trip.answer = reply, answer
        kind = self.counter.count(trip)
        if self.plan.rules:
            self.match(trip, at)
        self._advance(trip, self._carry(trip, at, kind))
        return trip

    def tell(self, trip: Trip, hear: Reply) -> None:
        """Have a receiver told of a trip on its connections, and keep what is sent to them."""
        sent = self.sent
        if sent is None:
            hear(trip)
            return
        sent.begin(trip)
        try:
            hear(trip)
        finally:
            sent.end()

    def is_straight(self, operation: str, at: int) -> bool:
        """Whether nothing can delay, alter or watch a push now, so that it needs no trip."""
        if self.watchers:  # they see every message
            return False
        free = self.latency is None and self.push_order.is_free(at)
        return free and not self.plan.concerns(operation)

    def repeat(self, trip: Trip, reply: Reply | None) -> None:
        """Have a message arrive a second time; nobody receives the answer to a second request."""
        at = self.clock.now()
        again = self.journal.open_echo(trip, at)
        if trip.is_push:
            again.reply = reply
            self.journal.tell(again, at, trip.as_told())
            self._answer(again)
        else:
            with contextlib.suppress(UnreadError):
                self._read(again, at)
                self._advance(again, self._carry(again, at, self.counter.of_echo(trip)))

    def match(self, trip: Trip, at: int) -> None:
        """Have the fault plan match a trip, with the market settled up to now."""
        self.catch_up(at)
        self.plan.match(trip, at)

    def leave(self, trip: Trip, told: Any = None) -> None:
        """Stop waiting for an answer; the trip goes on without its client.

        `told`: what a server that does not wait for the engine tells the client in its place.
        """
        if not trip.ended_at:
            said = trip.told if told is None else told
            self.journal.tell(trip, self.clock.now(), said, ended=False)
        if told is None:
            trip.reply = None
        else:
            self._answer(trip)

    # ---- the pass

    def _at_once(self, trip: Trip, at: int, kind: RequestKind, waits: int) -> bool:
        """Carry a trip to its end, where nothing delays or alters it: what `_carry` comes to then.

        False where something does. With a latency the clock moves to the answer of a query, not
        first to its arrival, where its caller waits and nothing happens before: a query changes
        nothing, and is answered as of its arrival.
        """
        command, latency = trip.command, self.latency
        if trip.active or self.gates or command is None:
            return False
        due = at
        if latency is not None:
            if command.__class__ not in QUERIES:
                return False
            there, back = kind.one_way(latency, trip.request_number)
            due, arrival, wake_at = at + there + back, at + there, self.engine.state.wake_at
            if due - at >= waits or arrival >= wake_at or not self.clock.jump(due):
                return False
            trip.due_at, at = due, arrival
        try:
            self._execute(trip, at, ())
        except Reject as refused:
            trip.answer = refused.settled()
        self.journal.tell(trip, due, trip.answer)
        if trip.reply is not None:
            self._answer(trip)
        return True

    def _carry(self, trip: Trip, at: int, kind: RequestKind) -> Iterator[int]:
        """Carry a trip from its sender to the engine and to its receiver; a push starts behind it.

        Yields each instant until which it waits. Faults strike at three stages.
        """
        latency, is_push, there, back = self.latency, trip.is_push, 0, 0
        struck = trip.active
        if latency is not None:
            there, back = kind.one_way(latency, trip.request_number)
            if not (struck or is_push):
                trip.due_at = at + there + back
        try:
            try:
                if not is_push:
                    if there:
                        yield at + there
                        at = self.clock.now()
                    if struck or self.gates or trip.command is None:
                        self._admit(trip, at)
                    causes = (yield from self._before_engine(trip)) if struck else ()
                    if causes is not None:
                        self._execute(trip, self.clock.now() if struck else at, causes)
                if struck:
                    yield from self._behind_engine(Stage.ANSWER, trip)
            except Reject as refused:
                trip.answer = refused.settled()
            if struck or is_push:
                yield from self._to_client(trip, back)
            elif back:
                yield at + back
            told = trip.as_told() if struck else trip.answer
        except _Lost:
            told, now = None, self.clock.now()
            if back and trip.hung_up and not is_push and now < trip.born_at + there + back:
                yield now + back  # the time must not tell where the connection broke
        if struck:
            told = self._conclude(trip, told)
        if struck or is_push or latency is not None:
            at = self.clock.now()
        self.journal.tell(trip, at, told)
        if trip.reply is not None:
            self._answer(trip)

    def _read(self, trip: Trip, at: int) -> None:
        """Decode the message into a command, and show the request to the watchers."""
        try:
            trip.command = (trip.read or self.decode)(trip)
        except Reject as refused:
            trip.answer = refused.settled()
        except Exception as bug:
            self._unread(bug, trip, at)
        if self.watchers and not trip.echo_of:
            for watcher in self.watchers:
                watcher(trip)

    def _advance(self, trip: Trip, way: Iterator[int], waits: int = 0) -> None:
        """Take a trip to its next wait, or to its end.

        Where its caller would wait for it (`waits` nanoseconds from its start), the clock may jump.
        """
        for until in way:
            if until - trip.born_at >= waits or trip.active or not self.clock.jump(until):
                self.clock.call_at(until, self._resume, trip, way)
                return

    def _resume(self, trip: Trip, way: Iterator[int]) -> None:
        try:
            self._advance(trip, way)
        except Exception as bug:
            self.fail(bug, trip)

    def _admit(self, trip: Trip, at: int) -> None:
        """Check limits and maintenance, then refuse what could not be read.

        The state is settled first, since a limit may look at it: a filled order no longer counts.
        """
        if at >= self.engine.state.wake_at:
            self._settle(at)
        for gate in self.gates:
            command = gate(trip, at)
            if command is not None:
                trip.command = command
        if trip.command is None:
            raise trip.answer

    def _execute(self, trip: Trip, at: int, causes: Sequence[Cause]) -> None:
        """Execute the command, with what was due before and the incidents around it.

        Raises `Reject` for a request that arrives too late: then none of it happens.
        """
        if at >= self.engine.state.wake_at:
            self._settle(at)
        if trip.expires_at and at > trip.expires_at:
            self._withdraw(trip, causes)
            raise Reject(Reason.CLOCK_SKEW, "the request is older than its window allows")
        before = self._cause(trip, causes, at, after=False) if causes else ()
        try:
            trip.happened, trip.answer = self.engine.execute(trip.command, at)
        except Reject as refused:  # faults may still turn a refusal into another answer
            trip.answer = refused.settled()
        if causes:  # the answer shows the state after all of them
            trip.happened = before + trip.happened + self._cause(trip, causes, at, after=True)
            if isinstance(trip.answer, OrderSnapshot):
                trip.answer = trip.answer.order.snapshot()
            elif isinstance(trip.answer, ConditionalSnapshot):
                account = self.engine.state.accounts[trip.answer.command.account]
                found = account.find_conditional(trip.answer.id)
                trip.answer = trip.answer if found is None else found.snapshot()
        if self.listeners and trip.happened:
            self._publish(trip.happened, at)

    def _cause(
        self, trip: Trip, causes: Iterable[Cause], at: int, *, after: bool
    ) -> tuple[Event, ...]:
        """Execute the incidents before the command, or those after it.

        An incident that the engine refuses, or that changes nothing, does not count as a strike;
        the first column says why it was refused.
        """
        found: list[Event] = []
        for cause in causes:
            if cause.after is after:
                events = self.engine.attempt(cause.command, at)
                found += events
                if not events or isinstance(events[-1], OperationRefused):
                    self.plan.withdraw(trip, cause)
        return tuple(found)

    def _withdraw(self, trip: Trip, causes: Iterable[Cause]) -> None:
        """Take back incidents whose request does not reach the engine."""
        for cause in causes:
            self.plan.withdraw(trip, cause)

    def _to_client(self, trip: Trip, back: int) -> Iterator[int]:
        """Travel back, through the WIRE faults; pushes of one connection keep their order."""
        order, now = self.push_order, self.clock.now
        if not trip.is_push:
            if back:
                yield now() + back
        else:
            if self.latency is not None:
                yield order.arrival(trip.account, now() + back)
            while (held := order.held_until(trip.account)) > now():
                yield held
        if trip.active:
            yield from self._behind_engine(Stage.WIRE, trip)

    def _before_engine(self, trip: Trip) -> Generator[int, None, list[Cause] | None]:
        """Carry out the REQUEST faults in their order; return the incidents around the command.

        None if a fault answers in the engine's place.
        """
        causes: list[Cause] = []
        try:
            for verdict in self.plan.verdicts(Stage.REQUEST, trip):
                match verdict:
                    case Cause():
                        causes.append(verdict)
                    case Answer(value):
                        trip.replace_answer(value)
                        self._withdraw(trip, causes)
                        return None
                    case Replace(value):
                        trip.command = value
                    case _:
                        yield from self._obey(verdict, trip)
        except (Reject, _Lost):
            self._withdraw(trip, causes)
            raise
        return causes

    def _behind_engine(self, stage: Stage, trip: Trip) -> Iterator[int]:
        """Carry out the faults of a later stage; a refusal here is what the client is told."""
        for verdict in self.plan.verdicts(stage, trip):
            match verdict:
                case Replace(value):
                    trip.replace_answer(value)
                case Reject():
                    trip.answer = verdict
                    return
                case Delay(nanoseconds) if trip.is_push and stage is Stage.WIRE:
                    until = self.clock.now() + nanoseconds
                    self.push_order.hold(trip.account, until)
                    yield until
                case _:
                    yield from self._obey(verdict, trip)

    def _obey(self, verdict: object, trip: Trip) -> Iterator[int]:
        """Carry out a verdict that means the same at every stage."""
        match verdict:
            case Delay(nanoseconds):
                yield self.clock.now() + nanoseconds
            case Reject():
                raise verdict
            case Drop():
                raise _Lost
            case HangUp():
                trip.hung_up = True
                raise _Lost
            case Repeat(nanoseconds):
                self.later(self.clock.now() + nanoseconds, self.repeat, trip, trip.reply)
            case _:
                raise InternalError(f"a fault at this stage may not return {verdict!r}")

    def _conclude(self, trip: Trip, told: Any) -> Any:
        """Let the fault plan look back on a trip; what was told first (`leave`) stays."""
        self.plan.conclude(trip)
        return told if trip.told is None else trip.told

    def _answer(self, trip: Trip) -> None:
        """Call `reply` of a trip, unless its answer was lost."""
        reply, trip.reply = trip.reply, None
        if reply is not None and (trip.told is not None or trip.hung_up):
            reply(trip)

    # ---- the market and the operator

    def settle(self, at: int) -> None:
        """Advance the market to an instant; what happens is journalled as an entry of its own."""
        self.run(self._settle, at)

    def catch_up(self, at: int) -> None:
        """The same, called within a trip: a bug is left to the caller."""
        if at >= self.engine.state.wake_at:
            self._settle(at)

    def _settle(self, at: int) -> None:
        events = self.engine.advance(at)
        if events:
            self.journal.note(events, at)
            self._publish(events, at)

    def operate(self, command: Any) -> Any:
        """Execute an operator command outside any trip, and return its answer. It is journalled.

        Raises `Reject` for a command that is not possible now.
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
        """Answer a query without a trip, from the state of this instant.

        Raises `Reject` as the engine does.
        """
        at = self.clock.now()
        self.catch_up(at)  # the trip may have waited since it was matched
        return self.engine.execute(query, at)[1]

    # ---- waiting, and bugs of ours

    def later(
        self, at: int, callback: Callable[..., None], *args: Any, keeps_running: bool = True
    ) -> Cancelable:
        """Set a timer of the venue, at an instant. `keeps_running`: a client waits for it."""
        return self.clock.call_at(at, self.run, callback, *args, keeps_running=keeps_running)

    def run(self, callback: Callable[..., None], *args: Any) -> None:
        """Call a function of the venue; a bug in it is a failure of the venue (`fail`)."""
        try:
            callback(*args)
        except Exception as bug:
            trip = next((arg for arg in args if isinstance(arg, Trip)), None)
            self.fail(bug, trip)

    def fail(self, bug: Exception, trip: Trip | None) -> NoReturn:
        """Stop the venue because of a bug of ours, and raise it."""
        if self.failure is None:
            self.failure = bug
            self.clock.fail(self.broken())
        if trip is not None and trip.reply is not None:
            trip.reply(trip)  # who waits for it is raised the failure
        raise self.broken()

    def _unread(self, bug: Exception, trip: Trip, at: int) -> NoReturn:
        """End a trip that could not be read because of a bug of ours. Raises UnreadError."""
        self.unanswered(bug, trip)
        trip.reply = None
        self.journal.tell(trip, at, None)
        raise UnreadError(
            f"a bug in the venue: the request could not be read ({type(bug).__name__}: {bug})"
        ) from bug

    def unanswered(self, bug: Exception, trip: Trip | None) -> None:
        """Record a bug of ours in reading a request or writing an answer; the exchange is whole.

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
        """The error that each later call raises; an error of our own classes stays as it is."""
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
