"""The user streams of accounts that trade contracts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from failing_exchange.feeds.account_feeds import UserStreams
from failing_exchange.feeds.contract_steps import Realised, contract_records

if TYPE_CHECKING:
    from failing_exchange.feeds.account_events import StepView
    from failing_exchange.feeds.account_records import Record
    from failing_exchange.feeds.account_steps import Numbered
    from failing_exchange.venue.venue import RunningVenue


class ContractStreams(UserStreams):
    """All user streams of a venue for what concerns contracts."""

    def __init__(self, venue: RunningVenue) -> None:
        super().__init__(venue)
        self._realised: dict[str, Realised] = {}

    def records(self, account: str, events: Numbered, look: StepView) -> list[Record]:
        """What an account hears of a step."""
        return contract_records(events, look, self._realised.setdefault(account, Realised()))
