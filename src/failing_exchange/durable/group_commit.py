"""Group commit: changes are gathered and written together; replies wait for the write."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from failing_exchange.core.units import MILLISECOND
from failing_exchange.durable.sqlite_store import (
    BUSY_SECONDS,
    SqliteStore,
    Trouble,
    WriteBatch,
    WriteFailed,
)

if TYPE_CHECKING:
    from failing_exchange.venue.request_counter import RequestCounter
    from failing_exchange.venue.venue_clock import Cancelable, VenueClock

COMMIT_EVERY = 2 * MILLISECOND  # how long an answer waits at most for others to go with
TRY_AGAIN = 1_000 * MILLISECOND  # how often a full disk is tried again
TRY_LOCKED = 20 * MILLISECOND  # how often a locked file is tried again
BATCH_ROWS_MAX = 10_000  # then it is written at the next turn of the loop
HELD_TRIPS_MAX = 100_000  # trips kept while the disk is full; further ones are counted, not kept

WAY_OUT = {  # what has to happen before it can be written again
    Trouble.FULL: "there is room",
    Trouble.GONE: "the same file is back",
    Trouble.LOCKED: "the other program lets go of it",
    Trouble.BROKEN: "it can be written",
}

logger = logging.getLogger("failing_exchange")


class WhenFull(StrEnum):
    """What a venue does when its journal can't be written.

    HALT: it refuses all requests as unavailable until there is room. GO_ON: it goes on without.
    """

    HALT = "halt"
    GO_ON = "go-on"


class Runtime(Protocol):
    """A venue on its loop: its time, and how many requests of each kind there were."""

    clock: VenueClock
    counter: RequestCounter

    def later(self, at: int, callback: Callable[[], None], /, *, keeps_running: bool) -> Cancelable:
        """Have something called at an instant. `keeps_running`: a client waits for it."""


class GroupCommit:
    """What is not yet written, and the replies that wait for it.

    `ahead` is called before each writing, to add what has changed besides; `on_halt` each time the
    venue has to stop, or may go on.
    """

    def __init__(self, store: SqliteStore, *, full: WhenFull, every: int = COMMIT_EVERY) -> None:
        self.store: SqliteStore | None = store
        self.full = full
        self.every = every
        self.halted = False
        self.trouble: Trouble | None = None  # why it can't be written; None: it can
        self.lost_trips = 0  # that were not kept while the disk was full
        self.number = store.last_command()
        self.ahead: Callable[[WriteBatch], None] = _nothing
        self.on_halt: list[Callable[[], None]] = []
        self._batch = WriteBatch()
        self._waiting: list[Callable[[bool], None]] = []
        self._gateway: Runtime | None = None
        self._timer: Cancelable | None = None
        self._dirty = False
        self._dirty_since = 0  # when the oldest unwritten change came
        self._locked_since: int | None = None

    @property
    def has_pending(self) -> bool:
        """Whether something is unwritten, so that a reply has to wait."""
        return self._dirty and not self.halted

    @property
    def status(self) -> str:
        """ "written"; "full", "gone", "locked" or "broken"; "given up".

        It only reads attributes, so that any thread may ask at any time.
        """
        if self.store is None:
            return "given up"
        return "written" if self.trouble is None else str(self.trouble)

    @property
    def unwritten(self) -> tuple[int, int]:
        """The rows that are not written yet, and when the oldest of them came; 0 without any.

        It only reads attributes, so that any thread may ask at any time.
        """
        return (len(self._batch), self._dirty_since) if self._dirty else (0, 0)

    def bind(self, gateway: Runtime) -> None:
        """Use the timers of a running venue; what was gathered before is written soon."""
        self._gateway = gateway
        if self.store is not None:  # where time is virtual nobody waits meanwhile
            self.store.be_patient(gateway.clock.is_virtual)
        self._stop_timer()
        if self._dirty:
            self._set_timer(self.every)

    # ---- gathering

    def command(self, at: int, events: int, text: str) -> None:
        """Add a command that is about to execute; `events` came before it."""
        if self.store is not None:
            self.number += 1
            self._batch.commands.append((self.number, at, events, _writable(text)))
            self.touch()

    def trip(self, number: int, text: str, kind: tuple[str, str, str], count: int) -> None:
        """Add a trip that has ended; `count`: requests of its kind so far, 0 if not counted."""
        if self.store is None:
            return
        if self.halted and len(self._batch.trips) >= HELD_TRIPS_MAX:
            self.lost_trips += 1
            return
        self._batch.trips.append((number, _writable(text)))
        if count:
            account, operation, symbol = kind
            self._batch.kinds[_writable(account), operation, _writable(symbol)] = count
        self.touch()

    def forget_kinds(self) -> None:
        """Forget all earlier kinds."""
        self._batch.kinds.clear()
        self._batch.kinds_reset = True

    def touch(self) -> None:
        """Note a change that the next commit writes."""
        if self.store is None:
            return
        if not self._dirty:
            self._dirty = True
            self._dirty_since = 0 if self._gateway is None else self._gateway.clock.now()
            self._set_timer(self.every)
        elif len(self._batch) == BATCH_ROWS_MAX and not self.halted:
            self._stop_timer()
            self._set_timer(0)

    def after_commit(self, callback: Callable[[bool], None]) -> None:
        """Call when everything gathered so far is written: with True, or False if it never was."""
        if self.has_pending:
            self._waiting.append(callback)
        else:
            callback(True)

    async def written(self) -> bool:
        """Wait until everything gathered so far is written; return whether it is."""
        if not self.has_pending:
            return not self.halted
        heard: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

        def hear(written: bool) -> None:
            if not heard.done():
                heard.set_result(written)

        self.after_commit(hear)
        return await heard

    # ---- writing

    def _set_timer(self, wait: int) -> None:
        if self._gateway is not None and self._timer is None:
            at = self._gateway.clock.now() + wait
            self._timer = self._gateway.later(at, self._on_time, keeps_running=not self.halted)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _on_time(self) -> None:
        self._timer = None
        self.commit()

    def commit(self) -> None:
        """Write what was gathered now, and call those that wait."""
        store = self.store
        if store is None or not self._dirty:
            return
        self._stop_timer()
        self.ahead(self._batch)
        try:
            store.write(self._batch)
        except WriteFailed as error:
            if not self._may_be_free_soon(error):
                self._not_written(error)
            return
        self._batch = WriteBatch()
        self._dirty, self._locked_since, self.trouble = False, None, None
        if self.halted:
            self._room_again()
        self._tell(True)

    def _may_be_free_soon(self, error: WriteFailed) -> bool:
        """Whether another program's lock may end soon; if so, a retry is scheduled.

        Meanwhile answers wait, and nothing else does.
        """
        if error.trouble is not Trouble.LOCKED or self.halted or self._gateway is None:
            return False
        now = self._gateway.clock.now()
        if self._locked_since is None:
            self._locked_since = now
        if now - self._locked_since >= BUSY_SECONDS * 1_000 * MILLISECOND:
            return False
        self._set_timer(TRY_LOCKED)
        return True

    def _not_written(self, error: WriteFailed) -> None:
        """Log the trouble, and halt or go on as configured."""
        assert self.store is not None
        self.trouble, self._locked_since = error.trouble, None
        if self.full is WhenFull.GO_ON:
            logger.error(
                "the journal %s can't be written any more: %s; going on WITHOUT a journal, as "
                "configured: what happens from now on is lost when this process ends",
                self.store.path, error,
            )  # fmt: skip
            self.store.close()
            self.store = None
            self._batch, self._dirty = WriteBatch(), False
            self._tell(True)
            return
        if not self.halted:
            logger.error(
                "the journal %s can't be written: %s; every request is refused until %s "
                "(or start with --journal-full go-on)",
                self.store.path, error, WAY_OUT[error.trouble],
            )  # fmt: skip
            self.halted = True
            self._tell(False)
            self._tell_of_halt()
        self._set_timer(TRY_AGAIN)

    def _room_again(self) -> None:
        assert self.store is not None
        logger.warning(
            "the journal %s can be written again; %d trips of meanwhile are missing in it",
            self.store.path, self.lost_trips,
        )  # fmt: skip
        self.halted, self.lost_trips = False, 0
        self._tell_of_halt()

    def _tell(self, written: bool) -> None:
        waiting, self._waiting = self._waiting, []
        for callback in waiting:
            callback(written)

    def _tell_of_halt(self) -> None:
        for callback in self.on_halt:
            callback()

    def close(self) -> None:
        """Write what is left, and close the file."""
        if self.store is not None:
            self.store.be_patient(True)
        self._gateway = None
        self.commit()
        self.drop()

    def drop(self) -> None:
        """Close the file as it is; what is not written never will be."""
        self._stop_timer()
        if self.store is not None:
            self.store.close()
            self.store = None


def _writable(text: str) -> str:
    """JSON text as a database takes it: bytes that are not UTF-8 become JSON escapes."""
    if text.isascii():
        return text
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _nothing(batch: WriteBatch) -> None:
    return None
