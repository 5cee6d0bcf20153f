"""The engine whose commands are written down, and the engine that carries them out again."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, get_args

from failing_exchange.core import commands as c
from failing_exchange.core.codec import from_text, to_text
from failing_exchange.core.engine import LAST, Engine
from failing_exchange.core.reject import Reason, Reject
from failing_exchange.durable.store import Stored

if TYPE_CHECKING:
    from failing_exchange.core.background import Background
    from failing_exchange.core.events import Event
    from failing_exchange.core.market import Market
    from failing_exchange.durable.outbox import Outbox

SCHEDULED = "schedule "  # how a command begins that was put on the agenda for later
ACTING = frozenset((*get_args(c.Action), *get_args(c.Operator)))


class RecordedEngine(Engine):
    """Writes down each command that may change something, before it is carried out."""

    def __init__(self, markets: list[tuple[Market, Background | None]], outbox: Outbox) -> None:
        super().__init__(markets)
        self._outbox = outbox

    def execute(
        self, command: c.Command, at: int, number: int = LAST
    ) -> tuple[tuple[Event, ...], Any]:
        """Carry out a command; while the journal can't be written, only questions."""
        if command.__class__ in ACTING:
            if self._outbox.halted:
                raise Reject(Reason.UNAVAILABLE, "Service unavailable: the journal is full")
            self._outbox.command(at, to_text(command))
        return super().execute(command, at, number)

    def schedule(self, due: int, command: c.Operator, at: int) -> None:
        """Have an operator command executed at a later instant."""
        self._outbox.command(at, f"{SCHEDULED}{due} {to_text(command)}")
        super().schedule(due, command, at)

    def replay(self, stored: Iterable[Stored]) -> tuple[int, int]:
        """Carry out again what was written down; how many commands, and the last instant."""
        count, at = 0, 0
        for _, at, text in stored:
            count += 1
            if at >= self.wake_at:
                self.advance(at)
            try:
                self._again(at, text)
            except Reject:  # as it was refused the first time
                continue
        return count, at

    def _again(self, at: int, text: str) -> None:
        if text.startswith(SCHEDULED):
            due, _, command = text.removeprefix(SCHEDULED).partition(" ")
            super().schedule(int(due), from_text(command), at)
        else:
            super().execute(from_text(text), at)
