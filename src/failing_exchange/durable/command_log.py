"""An engine that logs its commands, and can execute a log again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, get_args

from failing_exchange.core import commands as c
from failing_exchange.core.engine import Engine
from failing_exchange.core.reject import Reason, Reject
from failing_exchange.core.state import NEVER
from failing_exchange.durable.serialize import from_text, to_text
from failing_exchange.durable.sqlite_store import Stored

if TYPE_CHECKING:
    from failing_exchange.core.collateral import Collateral
    from failing_exchange.core.events import Event
    from failing_exchange.core.liquidity import Background
    from failing_exchange.core.market import Market
    from failing_exchange.durable.group_commit import GroupCommit

SCHEDULED = "schedule "  # how a command begins that was scheduled for later
PLANNED = frozenset(get_args(c.Operator))
ACTING = PLANNED | frozenset(get_args(c.Action))


class LoggedEngine(Engine):
    """Logs each command that may change something, before it executes."""

    def __init__(
        self,
        markets: list[tuple[Market, Background | None]],
        collateral: Mapping[str, Collateral],
        commits: GroupCommit,
    ) -> None:
        super().__init__(markets, collateral)
        self._commits = commits

    def execute(self, command: c.Command, at: int) -> tuple[tuple[Event, ...], Any]:
        """Execute a command; while the journal can't be written, only queries."""
        if command.__class__ in ACTING:
            if self._commits.halted:
                raise Reject(Reason.UNAVAILABLE, "Service unavailable: the journal is full")
            self._commits.command(at, self.state.executions, to_text(command))
        return super().execute(command, at)

    def schedule(self, due: int, command: c.Operator, at: int) -> None:
        """Have an operator command executed at a later instant."""
        text = f"{SCHEDULED}{due} {to_text(command)}"
        self._commits.command(at, self.state.executions, text)
        super().schedule(due, command, at)

    def replay(self, stored: Iterable[Stored], until: int = NEVER) -> int:
        """Execute what was logged up to an instant again; return how many commands.

        Raises ValueError for an entry that is not a command, or that meets another state than it
        did.
        """
        count, before = 0, 0
        for number, at, events, text in stored:
            count += 1
            if not before <= at <= until:
                raise ValueError(f"command {number} is from {at}, not from {before} to {until}")
            before = at
            if at >= self.wake_at:
                self.advance(at)
            if self.state.executions != events:
                raise ValueError(
                    f"{events} events came before command {number}, and now "
                    f"{self.state.executions}: another version of the code has written it"
                )
            try:
                self._again(at, text)
            except Reject:  # as it was refused the first time
                continue
        return count

    def _again(self, at: int, text: str) -> None:
        if text.startswith(SCHEDULED):
            due, _, command = text.removeprefix(SCHEDULED).partition(" ")
            super().schedule(int(due), _command(command, PLANNED), at)
        else:
            super().execute(_command(text, ACTING), at)


def _command(text: str, kinds: frozenset[type]) -> Any:
    found = from_text(text)
    if found.__class__ not in kinds:
        raise ValueError(f"{text[:60]!r} is not a command")
    return found
