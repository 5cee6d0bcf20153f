"""Find the file and line of the bot that sent each request."""

from __future__ import annotations

import asyncio
import os
import sys
from contextvars import ContextVar, copy_context
from functools import partial
from types import FrameType
from typing import TYPE_CHECKING, Any

from failing_exchange.text.tracebacks import is_theirs
from failing_exchange.virtual.loop import RUN_ONCE, VirtualLoop

if TYPE_CHECKING:
    from failing_exchange.journal.trip import Trip
    from failing_exchange.venue.venue import RunningVenue

PLACES_KEPT_MAX = 200_000  # requests whose call site is kept; then the oldest is dropped
FILES_KNOWN_MAX = 10_000  # files known to be a bot's or not; beyond it the cache is emptied

# The call site of the request in progress. It travels with the context: from the code of a bot to
# the tasks that its libraries start, and with the bytes that they write to the venue.
_caller: ContextVar[str] = ContextVar("caller", default="")
_files: dict[str, str] = {}  # by file name: how it is shown; empty if it is not a bot's


class CallSites:
    """The call site of each request of a run, by the number of its trip.

    A call site is the innermost line of the bot on the stack when it sends, as "mybot.py:16". It is
    kept outside the journal, whose bytes do not depend on it.
    """

    def __init__(self, venue: RunningVenue) -> None:
        self._venue = venue
        self._of: dict[int, str] = {}
        # the last instant and turn in which clients wrote, and the call site if it was only one
        self._written = (0, 0, "")
        venue.on_start.append(self._attach)

    def of(self, number: int) -> str:
        """The call site of a request; empty if unknown."""
        return self._of.get(number, "")

    def _attach(self) -> None:
        self._venue.gateway.watchers.append(self._note)
        loop = asyncio.get_running_loop()
        if isinstance(loop, VirtualLoop):
            loop.network.on_write = partial(self._mark, loop)
            follow_tasks(loop)

    def _note(self, trip: Trip) -> None:
        place = _seen_from(sys._getframe(1)) or _caller.get()
        if not place and trip.born_at == self._written[0]:  # a WebSocket is read in its own task
            place = self._written[2]
        if place:
            self._of[trip.number] = place
            if len(self._of) > PLACES_KEPT_MAX:
                del self._of[next(iter(self._of))]

    def _mark(self, loop: VirtualLoop) -> None:
        """Attach the current call site, if it is a bot's, to the bytes that are written."""
        place = _seen_from(sys._getframe(1)) or _caller.get()
        if place:
            _caller.set(place)
            now, (at, turn, last) = (loop.now_ns(), loop.turns), self._written
            self._written = (*now, place if now != (at, turn) or last == place else "")


def follow_tasks(loop: VirtualLoop) -> None:
    """Give each task of a loop the call site that started it: libraries write from tasks."""
    make: Any = loop.create_task

    def create_task(coro: Any, **options: Any) -> asyncio.Task[Any]:
        place = _seen_from(sys._getframe(1))
        if place:
            context = options.get("context") or copy_context()
            context.run(_caller.set, place)
            options["context"] = context
        task: asyncio.Task[Any] = make(coro, **options)
        return task

    loop.create_task = create_task  # type: ignore[method-assign]


def _seen_from(frame: FrameType | None) -> str:
    """The innermost line of a bot on a stack, up to the loop that runs it; empty: none."""
    while frame is not None and frame.f_code is not RUN_ONCE:
        file = frame.f_code.co_filename
        name = _files.get(file)
        if name is None:
            name = _noted(file)
        if name:
            return f"{name}:{frame.f_lineno}"
        frame = frame.f_back
    return ""


def shown_file(file: str) -> str:
    """A bot's file as it is shown: from the folder in which Python finds it; else its name."""
    path = os.path.realpath(file)
    above = [os.path.join(os.path.realpath(one or "."), "") for one in sys.path]
    found = max((one for one in above if path.startswith(one)), key=len, default="")
    return path.removeprefix(found) if found else os.path.basename(path)


def _noted(file: str) -> str:
    if len(_files) >= FILES_KNOWN_MAX:
        _files.clear()
    is_a_bots = not file.startswith("<") and is_theirs(file)
    _files[file] = name = shown_file(file) if is_a_bots else ""
    return name
