"""The limits of Spot: request weight of an address, unfilled orders of an account, bans.

rest-api.md, "LIMITS"; faqs/order_count_decrement.md; CHANGELOG.md of 2026-03-27 (successful order
requests weigh nothing, failed ones do) and 2025-05-22 (late ones count); the documents of
2026-07-21.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from failing_exchange.core.commands import Replaced, ReplaceOrder
from failing_exchange.core.events import Event, OrderAccepted, OrderFilled
from failing_exchange.core.reject import Reason, Refusal, Reject
from failing_exchange.core.units import MILLISECOND
from failing_exchange.venue.admission import refuse_over_limit
from failing_exchange.venues.binance.spot_call import SpotCall
from failing_exchange.venues.binance_common.metering import (
    WORDS,
    AddressUsage,
    Metering,
    VenueLimits,
)
from failing_exchange.venues.binance_common.sapi_pools import SapiPools

if TYPE_CHECKING:
    from failing_exchange.journal.trip import Trip
    from failing_exchange.venues.binance_common.call import Call

ORDERS_REMEMBERED_MAX = 10_000  # unfilled orders whose fill gives credit back; the oldest leaves
MAKER_CREDIT = 5  # orders that the first fill of a resting order gives back (the example's number)


class SpotMetering(Metering):
    """Counts what addresses and accounts use: a gate of the pass, and a reader of its ends."""

    def __init__(self, limits: VenueLimits | None = None) -> None:
        super().__init__(limits)
        self._unfilled: OrderedDict[int, None] = OrderedDict()
        letter = self.limits.weight.letter.lower()
        self._weight_names = ("x-mbx-used-weight", f"x-mbx-used-weight-{letter}")
        self.sapi = SapiPools()

    def gate(self, trip: Trip, at: int, /) -> Any:
        """Raise `Reject` for a banned address, one that has used its weight, too many orders.

        Returns the command to execute instead, if any.
        """
        call = trip.message
        if call.__class__ is not SpotCall:  # it comes from in process, or for another venue
            return None
        address = self._address(call.address)
        banned = address.ladder.banned_until(at)
        if banned is not None:
            _refuse(trip, _ban(banned))
        if call.endpoint.has_own_pool:
            if (no := self.sapi.add(call, trip.account, at)) is not None:
                _refuse(trip, no)
            return None
        weight, raw = address.weight, address.raw
        over = weight.used(at) + call.weight > weight.limit
        if raw.add(at, 1) > raw.limit or over:
            banned = address.ladder.refused(at)
            _refuse(trip, _ban(banned) if banned else self._slow_down(address, at))
        endpoint = call.endpoint
        if not endpoint.free:
            weight.add(at, call.weight)
        no = self._too_many(trip, endpoint.orders, at) if endpoint.orders else None
        return None if no is None else self._only_cancel(trip, call, no)

    def _only_cancel(self, trip: Trip, call: Call, no: Reject) -> Any:
        """Raise the refusal of one order too many; a replacement may ask to cancel all the same."""
        command = trip.command
        cancels = call.params.get("orderRateLimitExceededMode") == "CANCEL_ONLY"
        if not cancels or command.__class__ is not ReplaceOrder:
            _refuse(trip, no)
        refused = Refusal(no.reason, no.text, no.code, no.until)
        return command._replace(refused=refused)

    def _too_many(self, trip: Trip, orders: int, at: int) -> Reject | None:
        for count in self._counts(trip.account):
            limit = count.limit
            if count.used(at) + orders > limit:
                number, word = count.interval.number, WORDS[count.interval.unit][0]
                text = f"Too many new orders; current limit is {limit} orders per {number} {word}."
                return Reject(
                    Reason.TOO_MANY_ORDERS_SENT, text, until=count.edge(at), code="TOO_MANY_ORDERS"
                )
        return None

    def _slow_down(self, address: AddressUsage, at: int) -> Reject:
        limit, number = self.limits.weight.limit, self.limits.weight.number
        word = WORDS[self.limits.weight.unit][0]
        text = (
            f"Too much request weight used; current limit is {limit} request weight per {number} "
            f"{word}. Please use WebSocket Streams for live updates to avoid polling the API."
        )
        until = address.weight.edge(at)
        return Reject(Reason.RATE_LIMITED, text, until=until, code="TOO_MANY_REQUESTS")

    def ended(self, trip: Trip) -> None:
        """A trip is over: an order request that failed weighs after all.

        A replacement that was not attempted counts as an order, and one that came too late too.
        """
        call, answer = trip.message, trip.answer
        if call.__class__ is not SpotCall or not call.endpoint.free:
            return
        failed = answer.__class__ is Reject
        if failed or (answer.__class__ is Replaced and not answer.succeeded):
            self._address(call.address).weight.add(trip.ended_at, call.weight)
            if failed and answer.reason is Reason.CLOCK_SKEW and call.refused is None:
                self._count(trip.account, trip.ended_at, call.endpoint.orders)
            elif not failed and answer.placed is None and trip.command.refused is None:
                self._count(trip.account, trip.ended_at, 1)

    def heard(self, events: tuple[Event, ...], at: int) -> None:
        """A new order counts; its first fill gives credit back, a maker's more than a taker's."""
        for event in events:
            if event.__class__ is OrderAccepted:
                self._count(event.account, at, 1)
                self._unfilled[event.order_id] = None
                if len(self._unfilled) > ORDERS_REMEMBERED_MAX:
                    self._unfilled.popitem(last=False)
            elif event.__class__ is OrderFilled and event.order_id in self._unfilled:
                del self._unfilled[event.order_id]
                self._count(event.fill.account, at, -MAKER_CREDIT if event.fill.maker else -1)

    def _count(self, account: str, at: int, orders: int) -> None:
        for count in self._counts(account):
            count.add(at, orders)

    def headers(self, call: Call, account: str, at: int, ok: bool) -> list[tuple[str, str]]:
        """X-MBX-USED-WEIGHT, or that of /sapi, and, on order answers, X-MBX-ORDER-COUNT."""
        if call.endpoint.has_own_pool:
            return [self.sapi.header(call, account, at)]
        used = str(self._address(call.address).weight.used(at))
        plain, by_interval = self._weight_names
        found = [(plain, used), (by_interval, used)]
        if ok and call.endpoint.orders:
            for name, count in zip(self._order_names, self._counts(account), strict=True):
                found.append((name, str(count.used(at))))
        return found

    def started(self, unfilled: Iterable[int]) -> None:
        """Orders of an earlier process of which nothing is filled: their fill gives credit."""
        self._unfilled.update(dict.fromkeys(unfilled))


def _ban(until: int) -> Reject:
    text = (
        f"Way too much request weight used; IP banned until {until // MILLISECOND}. Please use "
        "WebSocket Streams for live updates to avoid bans."
    )
    return Reject(Reason.BANNED, text, until=until)


def _refuse(trip: Trip, refused: Reject) -> None:
    refuse_over_limit(trip, "venue limits", refused)
