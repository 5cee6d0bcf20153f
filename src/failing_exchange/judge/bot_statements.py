"""What a bot states about itself (`intend`, `probe`), delivered to the judge of its account."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Protocol

from failing_exchange.errors import ConfigurationError

UNCLAIMED_MAX = 100  # statements of one task that wait for their client; the oldest is dropped


class StatementListener(Protocol):
    """A judge: it receives the statements of the bot of one account of one venue."""

    account: str
    venue: Any

    def receive(self, what: Any) -> None:
        """The bot of this account has stated something."""

    def missed(self) -> None:
        """Some bot has stated something, and nothing has shown which."""


@dataclass(slots=True, eq=False)
class Statement:
    """A statement of a bot whose account is not known yet: its next request shows it."""

    what: Any
    claimed: bool = False


Listeners = tuple[StatementListener, ...]
LISTENERS: ContextVar[Listeners] = ContextVar("failing_exchange_listeners", default=())
UNCLAIMED: ContextVar[tuple[Statement, ...]] = ContextVar("failing_exchange_unclaimed", default=())


def listen(listener: StatementListener) -> None:
    """Deliver statements of this task, and of tasks that it starts, to a judge.

    Judges of an earlier event loop are over: they receive nothing any more.
    """
    loop = listener.venue.loop
    others = (one for one in LISTENERS.get() if one is not listener and one.venue.loop is loop)
    LISTENERS.set((*others, listener))


def stop_listening(listener: StatementListener) -> None:
    """Deliver no more statements to a judge."""
    LISTENERS.set(tuple(one for one in LISTENERS.get() if one is not listener))


def deliver(what: Any, account: str | None) -> Statement | None:
    """Deliver a statement to the judge of the bot that makes it; do nothing without a judge.

    Where several clients are judged and no `account` is named, the statement waits for the first
    request of this task, which shows whose it is; it is then returned.
    Raises ConfigurationError for an account that is not judged.
    """
    judges = LISTENERS.get()
    if not judges:
        return None
    if account is not None:
        judges = tuple(judge for judge in judges if judge.account == account)
        if not judges:
            known = ", ".join(dict.fromkeys(judge.account for judge in LISTENERS.get()))
            raise ConfigurationError(f"account={account!r} is not judged; judged are {known}")
    if len(_same_bot(judges[0], judges)) == len(judges):
        for judge in judges:
            judge.receive(what)
        return None
    statement = Statement(what)
    UNCLAIMED.set((*UNCLAIMED.get(), statement)[-UNCLAIMED_MAX:])
    return statement


def claim(listener: StatementListener, fits: Callable[[Any], bool]) -> None:
    """Deliver the statements that wait in this task to the judge of a client that sends from it."""
    waiting = UNCLAIMED.get()
    if not waiting:
        return
    for statement in waiting:
        if not statement.claimed and fits(statement.what):
            statement.claimed = True
            for judge in _same_bot(listener, LISTENERS.get()) or [listener]:
                judge.receive(statement.what)
    UNCLAIMED.set(tuple(statement for statement in waiting if not statement.claimed))


def give_up(statement: Statement) -> None:
    """Stop waiting for the client of a statement; the judges then know that they missed one."""
    if not statement.claimed:
        for judge in LISTENERS.get():
            judge.missed()
    UNCLAIMED.set(tuple(one for one in UNCLAIMED.get() if one is not statement))


def _same_bot(
    one: StatementListener, judges: Iterable[StatementListener]
) -> list[StatementListener]:
    """The judges of the same account of the same venue."""
    return [other for other in judges if other.account == one.account and other.venue is one.venue]
