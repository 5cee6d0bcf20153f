"""One message there and back: what was asked, what happened, what the client was told."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple

from failing_exchange.core.reject import Reject

if TYPE_CHECKING:
    from collections.abc import Callable

    from failing_exchange.core.events import Event

MARKET = "(market)"  # the operation of an entry that nobody asked for: what the market did itself


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


class Edited(NamedTuple):
    """An answer of which some fields say something else: (unified field name, value) each."""

    answer: Any
    edits: tuple[tuple[str, Any], ...]


class Damage(NamedTuple):
    """What happens to the bytes of an answer; what else a kind needs stands in the other fields.

    `acted` is False where the exchange was never asked: then there is no answer to be damaged.
    """

    kind: str
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
    """

    __slots__ = (
        "account", "active", "answer", "born_at", "command", "considered", "due_at", "echo_of",
        "ended_at", "expires_at", "gave_up_at", "happened", "hung_up", "is_push", "message", "nth",
        "number", "operation", "read", "reply", "struck", "symbol", "told",
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
        self.nth = 0  # the how-manieth such request of this client
        self.command: Any = None
        self.happened: tuple[Event, ...] = ()
        self.answer: Any = None
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

    @property
    def told_at(self) -> int:
        """When the client was told, or gave up; else when the trip ended."""
        return self.gave_up_at or self.ended_at

    @property
    def failed(self) -> bool:
        """Whether the client heard nothing, or no."""
        return self.told is None or self.gave_up_at > 0 or isinstance(self.told, (Reject, Damaged))
