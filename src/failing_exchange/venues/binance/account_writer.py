"""How Binance tells an account's events (see `feeds.account.AccountWriter`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from failing_exchange.venues.binance import user_events
from failing_exchange.venues.binance.edits import EVENT_FIELDS, edit
from failing_exchange.venues.binance.user_events import (
    Heard,
    ListenKeyExpired,
    Record,
    Terminated,
)
from failing_exchange.venues.binance.user_steps import Look, records

if TYPE_CHECKING:
    from failing_exchange.core.events import Event
    from failing_exchange.venues.edits import Edits


class SpotAccountWriter:
    """Reports, lists and balances, in the venue's order."""

    feed_of = staticmethod(user_events.feed_of)
    symbol_of = staticmethod(user_events.symbol_of)

    def records(self, events: Sequence[tuple[int, Event]], look: Look) -> Sequence[Record]:
        """What an account hears of its events of one step."""
        return records(events, look)

    def terminated(self, at: int) -> Record:
        """The end of a subscription."""
        return Terminated(at)

    def is_last(self, record: Record) -> bool:
        """The end of a subscription, or of its listen key."""
        return isinstance(record, (Terminated, ListenKeyExpired))

    def write(self, record: Record, at: int, markets: Mapping[str, Any], micro: bool) -> Any:
        """An event as JSON can hold it."""
        return user_events.write(record, Heard(at, markets, micro))

    def edit(self, written: Any, edits: Edits) -> Any:
        """The same with fields that say something else."""
        return edit(written, edits, EVENT_FIELDS)
