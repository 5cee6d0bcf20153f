"""One message there and back: what was asked, what happened, what the client was told."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from failing_exchange.core.reject import Reason, Reject

if TYPE_CHECKING:
    from collections.abc import Callable

    from failing_exchange.core.events import Event

MARKET = "(market)"  # the operation of an entry that nobody asked for: what the market did itself
BUG = "(bug)"  # likewise: an answer that could not be written, because of a bug of ours


ENDED = "the venue has ended the subscription"  # told in place of an account's push


class Stage(StrEnum):
    """Where on the road a fault strikes: before the engine, after it, or on the wire."""

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
    """A refusal by a limit of the venue, or a ban: the client's own doing, and no fault."""

    __slots__ = ()


class Edited(NamedTuple):
    """An answer of which some fields say something else: (unified field name, value) each."""

    answer: Any
    edits: tuple[tuple[str, Any], ...]


class DamageKind(StrEnum):
    """What can happen to the bytes of an answer, or to a connection: members are in `faults`.

    `in_process` is the reason that a call in process is told, where there are no bytes; None where
    the answer comes through in the end. `server.damage` says what happens to the bytes.
    """

    in_process: Reason | None

    def __new__(cls, value: str, in_process: Reason | None = None) -> Self:
        """Make a member of its text and the reason told in process."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.in_process = in_process
        return member


class Damage(NamedTuple):
    """What happens to the bytes of an answer; what else a kind needs stands in the other fields.

    `acted` is False where the exchange was never asked: then there is no answer to be damaged.
    """

    kind: DamageKind
    share: float = 0.0
    size: int = 0
    seconds: float = 0.0
    text: str = ""
    acted: bool = True


class Damaged(NamedTuple):
    """An answer (or refusal) whose bytes are damaged on the wire. In process there are no bytes."""

    answer: Any
    damage: Damage


class Trip:
    """A form that fills up on its way. Only the gateway and the journal write to it.

    `happened` is the first column, `told` the second: None until something was said, and for ever
    when the answer was lost. Instants are nanoseconds since the epoch.

    Faults work on an answer in layers: `answer` is a value of the exchange, `edits` are fields of
    it that say something else, `damage` is what happens to its bytes. `as_told` joins them.
    """

    __slots__ = (
        "account", "active", "answer", "born_at", "command", "considered", "damage", "due_at",
        "echo_of", "edits", "ended_at", "expires_at", "gave_up_at", "happened", "hung_up",
        "is_push", "message", "number", "operation", "read", "reply", "request_number", "struck",
        "symbol", "told",
    )  # fmt: skip

    def __init__(
        self, number: int, born_at: int, account: str, operation: str, message: Any, symbol: str
    ) -> None:
        self.number = number
        self.born_at = born_at
        self.account = account
        self.operation = operation
        self.message = message
        self.symbol = symbol
        self.request_number = 0  # of this client, operation and symbol, from 1
        self.command: Any = None
        self.happened: tuple[Event, ...] = ()
        self.answer: Any = None
        self.edits: tuple[tuple[str, Any], ...] = ()
        self.damage: Damage | None = None
        self.told: Any = None
        self.ended_at = 0
        self.due_at = 0  # when its answer arrives, where nothing can come between
        self.gave_up_at = 0  # when the client, or the venue's door for it, stopped waiting
        self.hung_up = False
        self.is_push = False
        self.echo_of = 0
        self.active: tuple[Any, ...] = ()  # the armed rules that strike this trip
        self.considered: tuple[str, ...] = ()  # those that matched it
        self.struck: tuple[Decision, ...] = ()
        self.reply: Callable[[Trip], None] | None = None
        self.read: Callable[[Trip], Any] | None = None  # its message; None: as a unified call
        self.expires_at = 0  # from then on the venue refuses it as too old; 0: never

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
        """A refusal as the client reads it: in the words of the venue whose message this is."""
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
        """Whether the client heard nothing, or no."""
        return self.told is None or self.gave_up_at > 0 or isinstance(self.told, (Reject, Damaged))
