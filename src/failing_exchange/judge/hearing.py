"""Who hears what a bot says about itself (`intend`, `probe`), where one or several are judged."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextvars import ContextVar
from typing import Any, Protocol

from failing_exchange.errors import ConfigurationError

UNHEARD_MAX = 100  # statements of one task that wait for their client; the oldest is dropped


class Hearer(Protocol):
    """A judge: it listens to the bot of one account of one venue."""

    account: str
    venue: Any

    def heard(self, what: Any) -> None:
        """The bot of this account has said something."""

    def missed(self) -> None:
        """Some bot has said something, and nothing has shown which."""


class Statement:
    """Something said by a bot whose account is not known yet: its next request shows it."""

    __slots__ = ("claimed", "what")

    def __init__(self, what: Any) -> None:
        self.what = what
        self.claimed = False


LISTENING: ContextVar[tuple[Hearer, ...]] = ContextVar("failing_exchange_listening", default=())
UNHEARD: ContextVar[tuple[Statement, ...]] = ContextVar("failing_exchange_unheard", default=())


def listen(hearer: Hearer) -> None:
    """Have a judge hear the bots of this task and of the tasks that it starts, until `hush`.

    Judges of an earlier event loop are over: they hear nothing any more.
    """
    others = (h for h in LISTENING.get() if h is not hearer and h.venue.loop is hearer.venue.loop)
    LISTENING.set((*others, hearer))


def hush(hearer: Hearer) -> None:
    """Have a judge hear nothing more."""
    LISTENING.set(tuple(h for h in LISTENING.get() if h is not hearer))


def say(what: Any, account: str | None) -> Statement | None:
    """Tell the judge of the bot that speaks; without a judge nothing happens.

    Where several clients are judged and no `account` is named, the statement waits for the first
    request of this task, which shows whose it is; it is then returned.
    Raises ConfigurationError for an account that is not judged.
    """
    judges = LISTENING.get()
    if not judges:
        return None
    if account is not None:
        judges = tuple(judge for judge in judges if judge.account == account)
        if not judges:
            known = ", ".join(dict.fromkeys(judge.account for judge in LISTENING.get()))
            raise ConfigurationError(f"account={account!r} is not judged; judged are {known}")
    if len(_same_bot(judges[0], judges)) == len(judges):
        for judge in judges:
            judge.heard(what)
        return None
    statement = Statement(what)
    UNHEARD.set((*UNHEARD.get(), statement)[-UNHEARD_MAX:])
    return statement


def claim(hearer: Hearer, fits: Callable[[Any], bool]) -> None:
    """A client's request leaves this task: what its bot has said before belongs to it."""
    waiting = UNHEARD.get()
    if not waiting:
        return
    for statement in waiting:
        if not statement.claimed and fits(statement.what):
            statement.claimed = True
            for judge in _same_bot(hearer, LISTENING.get()) or [hearer]:
                judge.heard(statement.what)
    UNHEARD.set(tuple(statement for statement in waiting if not statement.claimed))


def forget(statement: Statement) -> None:
    """What was not claimed until now never will be; the judges know that they missed something."""
    if not statement.claimed:
        for judge in LISTENING.get():
            judge.missed()
    UNHEARD.set(tuple(one for one in UNHEARD.get() if one is not statement))


def _same_bot(one: Hearer, judges: Iterable[Hearer]) -> list[Hearer]:
    """The judges of the same account of the same venue."""
    return [other for other in judges if other.account == one.account and other.venue is one.venue]
