"""The base class of rules of conduct: each watches one client from outside."""

from __future__ import annotations

from copy import copy
from enum import StrEnum
from typing import TYPE_CHECKING, ClassVar, NamedTuple, Self

from failing_exchange.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from failing_exchange.core.events import Event
    from failing_exchange.journal.trip import Trip
    from failing_exchange.judge.facts import Facts
    from failing_exchange.judge.intents import Intents
    from failing_exchange.judge.probe import Sample

CLIENT_UNKNOWN = "several clients are judged, and which of them sent a public request is not known"
BREACHES_KEPT_MAX = 100  # per rule; more are counted, and not kept


class Outcome(StrEnum):
    """What a rule says of a run; NOT_JUDGED where it could not know."""

    PASS = "pass"
    FAIL = "fail"
    NOT_JUDGED = "not judged"


class Severity(StrEnum):
    """How bad a breach is: it costs money, it may cost money, or it burdens the venue."""

    MONEY = "money"
    DANGER = "danger"
    MANNERS = "manners"


class Breach(NamedTuple):
    """One breach: the trips that show it, a row of the first column, and the money at risk.

    `at` is in nanoseconds since the epoch, `money` in the verdict's currency (None: none, or not
    known); `operation` is that of the message that broke the rule.
    """

    rule: str
    at: int
    text: str
    trips: tuple[int, ...] = ()
    row: str = ""
    money: float | None = None
    operation: str = ""
    symbol: str = ""


class Result(NamedTuple):
    """What a rule found: `times` breaches, of which the first are kept."""

    rule: str
    outcome: Outcome
    why: str
    severity: Severity
    times: int = 0
    breaches: tuple[Breach, ...] = ()
    money: float = 0.0


class RunEnd(NamedTuple):
    """How a run ended. Instants are nanoseconds; `crashed` is the bot's last word, if it died."""

    at: int
    last_fault_at: int
    crashed: str | None = None
    returned: bool = False
    outside: bool = False  # the bot is a program of its own: whether it lives is not seen


class RuleContext(NamedTuple):
    """What all rules of a client share."""

    facts: Facts
    intents: Intents
    now: Callable[[], int]  # the venue's clock, in nanoseconds since the epoch
    believed: Callable[[], Sample | None] = lambda: None  # by the bot's notebook, else its probe


class Rule:
    """One rule: its methods are called with what a run shows, in order, and `conclude` at the end.

    A rule of your own sets `name`, `sentence` and `severity`, calls `breach` for each breach, and
    sets `unknown` to the reason while it can't judge. Parameters are keyword arguments with units
    in the name.
    """

    name: ClassVar[str]
    sentence: ClassVar[str]
    severity: ClassVar[Severity] = Severity.DANGER
    care: ClassVar[str] = ""  # what a careful bot does; goes on "A careful bot …"
    invariant: ClassVar[str] = ""  # as in the reference: I1 to I14

    def __init__(self) -> None:
        self.context: RuleContext
        self.breaches: list[Breach] = []
        self.count = 0
        self.money = 0.0
        self.unknown = ""  # why it can't judge; empty: it can

    def begin(self, context: RuleContext) -> None:
        """Called once, before the first message."""
        self.context = context

    def sent(self, trip: Trip) -> None:
        """Called for each request, as it leaves the client."""

    def happened(self, events: Sequence[Event], at: int) -> None:
        """Called for what happened on the exchange; the facts include it already."""

    def told(self, trip: Trip) -> None:
        """Called when a message has ended: its client was told, or never will be."""

    def overheard(self, trip: Trip) -> None:
        """Called when a public message to one of several clients has ended; it is not known which.

        It may excuse this client, or make the rule `unknown`. It must not accuse.
        """

    def restarted(self) -> None:
        """Called when the bot was killed and started again: its memory is lost."""

    def sampled(self, sample: Sample) -> None:
        """Called with what the bot believes, each minute, where it has a probe."""

    def ended(self, end: RunEnd) -> None:
        """Called once, when the run is over."""

    def breach(
        self,
        text: str,
        *trips: Trip | int,
        at: int | None = None,
        row: str = "",
        money: float | None = None,
        of: Trip | None = None,
    ) -> None:
        """Note a breach; `text` goes on the sentence "your bot …".

        `trips` (or their numbers) show it, the last one first of all. `at`: when, in nanoseconds
        since the epoch; None = now. `row`: what the first column says. `money`: at risk, in the
        verdict's currency.
        `of`: the trip that broke the rule, where that is not the last.
        """
        if not isinstance(text, str) or not text:
            raise ConfigurationError(
                f'rule {self.name}: breach({text!r}, …): expected a string after "your bot"'
            )
        at = self.context.now() if at is None else at
        self.count += 1
        self.money += money or 0.0
        if len(self.breaches) < BREACHES_KEPT_MAX:
            numbers = tuple(t if isinstance(t, int) else t.number for t in trips)
            last = of or next((t for t in reversed(trips) if not isinstance(t, int)), None)
            operation, symbol = ("", "") if last is None else (last.operation, last.symbol)
            text = text.rstrip(".")  # of a venue's words; the sentence ends later
            self.breaches.append(
                Breach(self.name, at, text, numbers, row, money, operation, symbol)
            )

    def copied(self) -> Self:
        """A copy of its state, so that concluding does not change the rule itself."""
        other = copy(self)
        other.breaches = list(self.breaches)
        return other

    def conclude(self, end: RunEnd) -> Result:
        """Conclude the run, and return the result."""
        self.ended(end)
        if self.count:
            outcome, why = Outcome.FAIL, self.breaches[0].text
        elif self.unknown:
            outcome, why = Outcome.NOT_JUDGED, self.unknown
        else:
            outcome, why = Outcome.PASS, self.sentence
        return Result(
            self.name, outcome, why, self.severity, self.count, tuple(self.breaches), self.money
        )
