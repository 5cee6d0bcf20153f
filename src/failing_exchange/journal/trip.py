"""A trip (one request and its reply) and what faults can do to it; see `Trip`."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from failing_exchange.core.reject import Reason, Reject

if TYPE_CHECKING:
    from collections.abc import Callable

    from failing_exchange.core.events import Event

# Operations of entries without a request: what the market did by itself, and a message that could
# not be read or written because of a bug of ours.
MARKET, BUG = "(market)", "(bug)"

ENDED = "the venue has ended the subscription"  # told in place of an account's push


class Stage(StrEnum):
    """Where in the pass a fault strikes: before the engine, after it, or on the wire."""

    REQUEST = "request"
    ANSWER = "answer"
    WIRE = "wire"


class Decision(NamedTuple):
    """What a rule decided about a trip, as the journal keeps it."""

    rule: str
    label: str
    stage: Stage
    verdict: Any


class Limited(Decision):
    """A refusal by a limit of the venue, or a ban: caused by the client, and not a fault."""

    __slots__ = ()


class Edited(NamedTuple):
    """An answer with some fields changed, as (unified field name, value) pairs."""

    answer: Any
    edits: tuple[tuple[str, Any], ...]


class DamageKind(StrEnum):
    """What can happen to the bytes of an answer, or to a connection: members are in `faults`.

    `in_process` is the reason that a call in process is told, since it has no bytes; None if
    the answer arrives in the end. `server.damage` says what happens to the bytes.
    """

    in_process: Reason | None

    def __new__(cls, value: str, in_process: Reason | None = None) -> Self:
        """Make a member of its text and the reason told in process."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.in_process = in_process
        return member


class Damage(NamedTuple):
    """What happens to the bytes of an answer; the other fields are parameters of some kinds.

    `acted` is False if the exchange was never asked, so that it has no answer to damage.
    """

    kind: DamageKind
    share: float = 0.0
    size: int = 0
    seconds: float = 0.0
    text: str = ""
    acted: bool = True


class Damaged(NamedTuple):
    """An answer (or refusal) whose bytes are damaged on the wire; a call in process has none."""

    answer: Any
    damage: Damage


class Told(NamedTuple):
    """What a client is told, in its parts: an answer or refusal, its edits, its damage."""

    answer: Any
    edits: tuple[tuple[str, Any], ...] = ()
    damage: Damage | None = None


def parts_of(told: Any) -> Told:
    """The parts of what a trip is told."""
    damage: Damage | None = None
    if told.__class__ is Damaged:
        told, damage = told
    if told.__class__ is Edited:
        return Told(told.answer, told.edits, damage)
    return Told(told, (), damage)


def faults_of(trip: Trip) -> list[str]:
    """The labels of the faults that struck a trip, each once; a limit of the venue is not one."""
    faults = (decision.label for decision in trip.struck if not isinstance(decision, Limited))
    return list(dict.fromkeys(faults))


UNHEARD = frozenset({type(None), Reject, Damaged})  # the classes of what is told on a failure


@dataclass(slots=True, eq=False, repr=False)
class Trip:
    """One request and its reply (a round trip), or one push; the journal keeps both columns of it.

    The first column, `happened`, is what happened on the exchange: events, in their order. The
    second, `told`, is what the client was told: None until something was said, and for ever when
    the answer was lost. Without faults both say the same. Instants are nanoseconds since the epoch.

    The venue and the journal fill a trip in while it travels. Others only read it, except that the
    fault plan notes what its rules decided (`considered`, `active`, `struck`), and that a client or
    server sets `reply` to be called with the answer.

    Faults work on an answer in layers: `answer` is a value of the exchange, `edits` are fields of
    it that say something else, `damage` is what happens to its bytes. `as_told` joins them.
    """

    number: int
    born_at: int
    account: str
    operation: str
    message: Any
    symbol: str
    request_number: int = 0  # of this client, operation and symbol, from 1
    command: Any = None
    happened: tuple[Event, ...] = ()
    answer: Any = None
    edits: tuple[tuple[str, Any], ...] = ()
    damage: Damage | None = None
    told: Any = None
    ended_at: int = 0
    due_at: int = 0  # when its answer arrives, where nothing can come between
    gave_up_at: int = 0  # when the client, or a server for it, stopped waiting
    hung_up: bool = False
    is_push: bool = False
    echo_of: int = 0  # the number of the trip whose message this is a second arrival of
    active: tuple[Any, ...] = ()  # the armed rules that strike this trip
    considered: tuple[str, ...] = ()  # those that matched it
    struck: tuple[Decision, ...] = ()
    reply: Callable[[Trip], None] | None = None
    read: Callable[[Trip], Any] | None = None  # decodes the message; None: a unified call
    expires_at: int = 0  # from then on the venue refuses it as too old; 0: never

    def __repr__(self) -> str:
        return f"<Trip {self.number} {self.account} {self.operation} {self.symbol}>"

    def replace_answer(self, value: Any) -> None:
        """Take what a fault makes of the answer: another value, more edits, or damage.

        Edits add up in the order in which they come. Of two damages the first one stays.
        """
        if value.__class__ is Damaged:
            self.damage = self.damage or value.damage
        elif value.__class__ is Edited:
            self.replace_answer(value.answer)
            self.edits += value.edits
        else:
            self.answer = value

    def as_told(self) -> Any:
        """The answer with all that faults have done to it. A refusal has no fields to edit."""
        told = self.answer
        if self.edits and told is not None and not isinstance(told, Reject):
            told = Edited(told, self.edits)
        return told if self.damage is None else Damaged(told, self.damage)

    def words(self, refused: Reject) -> str:
        """The text of a refusal in the words of the venue that the message was sent to."""
        say = getattr(self.message, "words", None)
        return refused.text if say is None else str(say(refused, self.operation))

    @property
    def told_at(self) -> int:
        """When the client was told, or gave up; else when the trip ended."""
        return self.gave_up_at or self.ended_at

    @property
    def is_only_limited(self) -> bool:
        """Whether limits of the venue refused it, and no fault has struck it."""
        return bool(self.struck) and all(isinstance(one, Limited) for one in self.struck)

    @property
    def failed(self) -> bool:
        """Whether the client was refused, received damaged bytes or received nothing."""
        return self.told is None or self.gave_up_at > 0 or isinstance(self.told, (Reject, Damaged))
