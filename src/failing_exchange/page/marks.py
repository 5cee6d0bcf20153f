"""What a chart marks: clients' orders and fills, liquidations, and every fault and incident.

Marks are made of new trips when somebody looks, and only then; a chart asks for those it has not.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from failing_exchange.core import events as e
from failing_exchange.core.commands import OpenAccount
from failing_exchange.core.order import BUY
from failing_exchange.core.units import MILLISECOND, SECOND
from failing_exchange.core.venue_commands import CalledOff, ConnectionsCut, MaintenancePlanned
from failing_exchange.journal.trip import MARKET, faults_of
from failing_exchange.page.rows import row_of
from failing_exchange.report.text import event_text

if TYPE_CHECKING:
    from failing_exchange.core.market import Market
    from failing_exchange.core.order import Order
    from failing_exchange.journal.journal import Journal
    from failing_exchange.journal.trip import Trip

READ_MAX = 2_000  # trips that are read in a second, see `_chosen`; others count in `skipped`
OPEN_MAX = 1_000  # trips under way that are looked at again; others stay as they were seen
MARKS_MAX = 2_000  # that are kept of each market; the oldest are forgotten
SHOWN_MAX = 300  # of one answer: the newest
NO_MARKET = ""  # marks that concern all markets, as a restart of the venue

# Events that only an operator, a scenario or the venue's own rules cause.
INCIDENTS = (
    e.MarketChanged, e.PriceMoved, e.LiquidityPulled, e.FillCapped, e.VenueRestarted, e.TradeBusted,
    e.MarkMoved, e.ContractSettled, e.CollateralChanged, e.ApiChanged, e.FundingPaid,
    MaintenancePlanned, ConnectionsCut, CalledOff,
)  # fmt: skip


class Mark(NamedTuple):
    """`kind`: order, end (of an order), buy, sell, liquidation, fault or incident.

    `serial` counts marks of all markets. `ticks`: its price, 0 where it has none.
    """

    serial: int
    trip: int
    at: int
    kind: str
    text: str
    account: str = ""
    ticks: int = 0


@dataclass(slots=True)
class Seen:
    """A trip under way, and how much of it is marked already."""

    trip: Trip
    events: int = 0
    labels: int = 0
    noted: bool = False  # whether what the operator did has its mark


class Marks:
    """The marks of a venue's journal. It lives where the journal is written.

    `find`: an order of an account, by its id.
    """

    def __init__(
        self,
        journal: Journal,
        markets: Callable[[], Mapping[str, Market]],
        find: Callable[[str, int], Order | None],
    ) -> None:
        self.skipped = 0
        self._journal = journal
        self._markets = markets
        self._find = find
        self._read = 0  # the last trip that was read
        self._last = 0  # the last serial
        self._kept: dict[str, deque[Mark]] = {}
        self._open: dict[int, Seen] = {}
        self._second = 0  # of the venue, in which `_used` trips were read
        self._used = 0

    def look(self, symbol: str, after: int = 0) -> dict[str, Any]:
        """The newest marks of a market behind a serial, oldest first, as JSON can hold them."""
        self._catch_up()
        found = [*self._behind(symbol, after), *self._behind(NO_MARKET, after)]
        found.sort(key=lambda mark: mark.serial)
        market = self._markets()[symbol]
        return {
            "last": self._last,
            "skipped": self.skipped,
            "marks": [_shown(mark, market) for mark in found[-SHOWN_MAX:]],
        }

    def _behind(self, symbol: str, after: int) -> list[Mark]:
        newest = islice(reversed(self._kept.get(symbol, ())), SHOWN_MAX)
        return [mark for mark in newest if mark.serial > after]

    def _catch_up(self) -> None:
        for seen in list(self._open.values()):
            self._note(seen)
        new = self._journal.last - self._read
        kept = list(islice(reversed(self._journal.trips), new))
        chosen = _chosen(kept, self._room(kept))
        self.skipped += (new if self._read else len(kept)) - len(chosen)
        for trip in chosen:
            if trip.happened or trip.struck or not trip.ended_at or trip.operation == MARKET:
                self._note(Seen(trip))
        self._read = self._journal.last

    def _room(self, newest_first: list[Trip]) -> int:
        """How many trips may be read now, so that many viewers cost no more than one."""
        second = newest_first[0].born_at // SECOND if newest_first else 0
        if second != self._second:
            self._second, self._used = second, 0
        room = READ_MAX - self._used
        self._used += min(room, len(newest_first))
        return room

    def _note(self, seen: Seen) -> None:
        """Mark what is new of a trip, and look again at one that is under way."""
        trip = seen.trip
        events, seen.events = trip.happened[seen.events :], len(trip.happened)
        labels = faults_of(trip)[seen.labels :] if trip.struck else []
        seen.labels += len(labels)
        for event in events:
            self._event(trip, event)
        by_operator = not seen.noted and trip.operation == MARKET and _is_incident(trip.command)
        seen.noted = True
        if labels or by_operator:
            row, symbol, at = row_of(trip, self._markets()), _symbol_of(trip), trip.born_at
            if labels:
                text = f"{', '.join(labels)}: {row['asked'] or row['happened']}"
                self._add(symbol, trip, "fault", at, text, account=trip.account)
            if by_operator:
                self._add(symbol, trip, "incident", at, f"{row['asked']}: {row['happened']}")
        if trip.ended_at or len(self._open) >= OPEN_MAX:
            self._open.pop(trip.number, None)
        else:
            self._open[trip.number] = seen

    def _event(self, trip: Trip, event: Any) -> None:
        kind = event.__class__
        if kind is e.OrderFilled:
            fill = event.fill
            side = "buy" if fill.side is BUY else "sell"
            text = event_text(event, self._markets())
            own = {"account": fill.account, "ticks": fill.ticks}
            self._add(fill.symbol, trip, side, fill.at, text, **own)
        elif kind in (e.OrderAccepted, e.OrderCanceled, e.OrderExpired):
            self._order(trip, event)
        elif kind is e.PositionLiquidated:
            text = event_text(event, self._markets())
            own = {"account": event.account, "ticks": event.ticks}
            self._add(event.symbol, trip, "liquidation", event.at, text, **own)
        elif kind in INCIDENTS and trip.command is None:  # by itself, or as a scenario has it
            symbol = getattr(event, "symbol", NO_MARKET)
            self._add(symbol, trip, "incident", event.at, event_text(event, self._markets()))

    def _order(self, trip: Trip, event: Any) -> None:
        order = self._find(event.account, event.order_id)
        if order is None:
            return
        market = self._markets()[order.symbol]
        price = f" at {market.price_text(order.ticks)}" if order.ticks else ""
        text = f"order {order.id}: {order.side} {market.amount_text(order.lots)}{price}"
        if isinstance(event, e.OrderAccepted):
            kind = "order"
        else:
            kind, ended = "end", "canceled" if isinstance(event, e.OrderCanceled) else "expired"
            text = f"{text}, {ended}{f' ({event.why})' if event.why else ''}"
        own = {"account": event.account, "ticks": order.ticks}
        self._add(order.symbol, trip, kind, event.at, text, **own)

    def _add(self, symbol: str, trip: Trip, kind: str, at: int, text: str, **more: Any) -> None:
        self._last += 1
        mark = Mark(self._last, trip.number, at, kind, text, **more)
        self._kept.setdefault(symbol, deque(maxlen=MARKS_MAX)).append(mark)


def _chosen(newest_first: list[Trip], room: int) -> list[Trip]:
    """The trips that are read: what faults and the operator did first, then the newest."""
    if len(newest_first) <= room:
        return newest_first[::-1]
    first = [trip for trip in newest_first if trip.struck or trip.operation == MARKET]
    numbers = {trip.number for trip in first[:READ_MAX]}
    others = (trip for trip in newest_first if trip.number not in numbers)
    numbers.update(trip.number for trip in islice(others, max(0, room - len(numbers))))
    return [trip for trip in reversed(newest_first) if trip.number in numbers]


def _is_incident(command: Any) -> bool:
    """Whether an operator has done something; every account begins with being opened."""
    return command is not None and not isinstance(command, OpenAccount)


def _symbol_of(trip: Trip) -> str:
    """The market that a trip is about; NO_MARKET where it names none."""
    return trip.symbol or next(_named(trip), NO_MARKET)


def _named(trip: Trip) -> Iterator[str]:
    for thing in (trip.command, *(getattr(one, "fill", one) for one in trip.happened)):
        symbol = getattr(thing, "symbol", "")
        if isinstance(symbol, str) and symbol:
            yield symbol


def _shown(mark: Mark, market: Market) -> dict[str, Any]:
    return {
        "n": mark.trip,
        "at": mark.at // MILLISECOND,
        "kind": mark.kind,
        "client": mark.account,
        "price": market.price_text(mark.ticks) if mark.ticks else None,
        "text": mark.text,
    }
