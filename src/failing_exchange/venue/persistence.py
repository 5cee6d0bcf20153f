"""What a venue asks of a journal that outlives its process. `durable` has the one there is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from failing_exchange.core.collateral import Collateral
    from failing_exchange.core.engine import Engine
    from failing_exchange.core.liquidity import Background
    from failing_exchange.core.market import Market
    from failing_exchange.journal.trip import Trip
    from failing_exchange.venue.gateway import Gateway


class Usage(Protocol):
    """Limits whose usage survives. `changed` is called when it changes outside of any trip."""

    changed: Callable[[], None]

    def changes(self) -> dict[str, str | None]:
        """What has changed since the last call: usage by user; None: forgotten."""

    def restore(self, used: Mapping[str, str]) -> None:
        """Restore the usage; raises ValueError for a string that `changes` has not made."""


class Commits(Protocol):
    """What was not yet written, and who waits for it. Replies are sent once it is."""

    halted: bool  # it can't be written, and every request is refused
    on_halt: list[Callable[[], None]]  # called each time that changes

    @property
    def has_pending(self) -> bool:
        """Whether a reply has to wait."""

    @property
    def status(self) -> str:
        """How the journal is, in a word."""

    def touch(self) -> None:
        """Note that something has changed."""

    def commit(self) -> None:
        """Write now."""

    def after_commit(self, callback: Callable[[bool], None], /) -> None:
        """Call when everything so far is written: with True, or with False if it never was."""

    async def written(self) -> bool:
        """Wait for the same."""


class Persistence(Protocol):
    """A journal from which a venue comes back."""

    path: str
    is_new: bool
    recovered: Any  # what came back, as text; None for a new one

    @property
    def commits(self) -> Commits:
        """What was not yet written."""

    def born(self, at: int, /) -> int:
        """The instant of the venue's birth: `at` if it is new."""

    def engine(
        self,
        markets: list[tuple[Market, Background | None]],
        collateral: Mapping[str, Collateral],
        /,
    ) -> Engine:
        """The venue's engine, as it was."""

    def bind(self, gateway: Gateway, /) -> None:
        """The venue runs on a loop now."""

    def gate(self, trip: Trip, at: int, /) -> None:
        """The first gate: raise `Reject` while the journal can't be written."""

    def keep_usage(self, name: str, limits: Usage, /) -> None:
        """Have what is used of some limits survive."""

    def close(self) -> None:
        """Write what is left, and let go of the file."""
