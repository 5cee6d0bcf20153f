"""Where in the bot each request was sent: the file and line, as the venue's door sees them."""

from __future__ import annotations

import asyncio
import os
import sys
from contextvars import ContextVar, copy_context
from types import FrameType
from typing import TYPE_CHECKING, Any

from failing_exchange.text.tracebacks import is_theirs
from failing_exchange.virtual.loop import RUN_ONCE, VirtualLoop

if TYPE_CHECKING:
    from failing_exchange.journal.trip import Trip
    from failing_exchange.venue.venue import Venue

PLACES_KEPT_MAX = 200_000  # requests whose place is remembered; then the oldest is forgotten
FILES_KNOWN_MAX = 10_000  # files of which it is known whose they are; then it is found out again

# The place that has sent what is under way. It goes with the context: from the code of a bot to the
# tasks that its libraries make, and from the bytes that they write to the venue's side of the line.
_caller: ContextVar[str] = ContextVar("caller", default="")
_files: dict[str, str] = {}  # by file name: how it is shown; empty: it is not a bot's


class Places:
    """The place of each request of a run, by the number of its trip.

    A place is the innermost line of the bot on the stack at the moment of sending, as
    "mybot.py:16". It is kept beside the journal, whose bytes do not depend on it.
    """

    def __init__(self, venue: Venue) -> None:
        self._venue = venue
        self._of: dict[int, str] = {}
        self._written = (0, 0, "")  # the last instant and turn in which clients wrote; who, if one
        venue.on_start.append(self._attach)

    def of(self, number: int) -> str:
        """The place of a request; empty where it is not known."""
        return self._of.get(number, "")

    def _attach(self) -> None:
        self._venue.gateway.watchers.append(self._note)
        loop = asyncio.get_running_loop()
        if isinstance(loop, VirtualLoop):
            loop.network.on_write = self._mark
            follow_tasks(loop)

    def _note(self, trip: Trip) -> None:
        place = _seen_from(sys._getframe(1)) or _caller.get()
        if not place and trip.born_at == self._written[0]:  # a WebSocket is read in its own task
            place = self._written[2]
        if place:
            self._of[trip.number] = place
            if len(self._of) > PLACES_KEPT_MAX:
                del self._of[next(iter(self._of))]

    def _mark(self) -> None:
        """Let the place that writes now, if it is a bot's, go with the bytes."""
        place = _seen_from(sys._getframe(1)) or _caller.get()
        if place:
            _caller.set(place)
            loop: Any = asyncio.get_running_loop()
            now, (at, turn, last) = (loop.now_ns(), loop.turns), self._written
            self._written = (*now, place if now != (at, turn) or last == place else "")


def follow_tasks(loop: VirtualLoop) -> None:
    """Let each task of a loop know the place that has made it: libraries write from tasks."""
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
