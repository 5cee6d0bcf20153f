"""The limits of USD-M: request weight of an address, orders of an account.

"General Info", "LIMITS", 2025-03-16; exchangeInfo of 2026-09. Since 2026-06-30 USD-M and COIN-M
share one pool of weight and one of orders: what a client sends to COIN-M would count here, too.
Every request that places or changes an order counts, refused or not; a batch counts once a minute.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from failing_exchange.core.reject import Reason, Reject
from failing_exchange.core.units import MILLISECOND, MINUTE, SECOND
from failing_exchange.venue.admission import refuse_over_limit
from failing_exchange.venues.binance_common.metering import WORDS, Interval, Metering, VenueLimits
from failing_exchange.venues.binance_common.sapi_pools import SapiPools
from failing_exchange.venues.binance_usdm.usdm_call import UsdmCall

if TYPE_CHECKING:
    from failing_exchange.core.events import Event
    from failing_exchange.journal.trip import Trip
    from failing_exchange.venues.binance_common.call import Call

# `raw` is what an address may ask of the endpoints for funding rates, which share a pool; `data`
# of those for statistics (/futures/data), 1,000 in five minutes by each of their pages.
LIMITS = VenueLimits(
    weight=Interval(2_400, 1, MINUTE),
    raw=Interval(500, 5, MINUTE),
    orders=(Interval(300, 10, SECOND), Interval(1_200, 1, MINUTE)),
)
FUNDING_POOL = frozenset({"GET /fapi/v1/fundingRate", "GET /fapi/v1/fundingInfo"})
DATA = "GET /futures/data/"


class UsdmMetering(Metering):
    """Counts what addresses and accounts use: a gate of the pass."""

    def __init__(self, limits: VenueLimits | None = None) -> None:
        super().__init__(limits or LIMITS)
        self._weight_header = f"x-mbx-used-weight-{self.limits.weight.letter.lower()}"
        self.sapi = SapiPools()

    def gate(self, trip: Trip, at: int, /) -> Any:
        """Raise `Reject` for a banned address, one that has used its weight, too many orders."""
        call = trip.message
        if call.__class__ is not UsdmCall:
            return
        address, endpoint = self._address(call.address), call.endpoint
        banned = address.ladder.banned_until(at)
        if banned is not None:
            self._refuse(trip, _ban(banned))
        if endpoint.has_own_pool:
            if (no := self.sapi.add(call, trip.account, at)) is not None:
                self._refuse(trip, no)
            return
        if _has_own_pool(endpoint.http):
            count, used = (address.raw if endpoint.http in FUNDING_POOL else address.data), 1
        else:
            count, used = address.weight, call.weight
        if count.used(at) + used > count.limit:
            banned = address.ladder.refused(at)
            self._refuse(trip, _ban(banned) if banned else _slow_down(count.limit, count.edge(at)))
        count.add(at, used)
        if endpoint.orders:
            self._count_orders(trip, endpoint.orders, at)

    def _count_orders(self, trip: Trip, orders: int, at: int) -> None:
        """Count new or changed orders; those of a batch as one in all windows but the first."""
        counts = self._counts(trip.account)
        for number, count in enumerate(counts):
            if count.used(at) + (1 if number else orders) > count.limit:
                window, word = count.interval.number, WORDS[count.interval.unit][0]
                self._refuse(trip, Reject(
                    Reason.TOO_MANY_ORDERS_SENT,
                    f"Too many new orders; current limit is {count.limit} orders per {window} "
                    f"{word}.",
                    until=count.edge(at), code="TOO_MANY_ORDERS",
                ))  # fmt: skip
        for number, count in enumerate(counts):
            count.add(at, 1 if number else orders)

    def _refuse(self, trip: Trip, refused: Reject) -> None:
        refuse_over_limit(trip, "venue limits", refused)

    def ended(self, trip: Trip) -> None:
        """A request has been counted when it came."""

    def heard(self, events: tuple[Event, ...], at: int) -> None:
        """No fill gives credit back here."""

    def started(self, unfilled: Iterable[int]) -> None:
        """Orders of an earlier process were counted then."""

    def headers(self, call: Call, account: str, at: int, ok: bool) -> list[tuple[str, str]]:
        """X-MBX-USED-WEIGHT-1M but for the own pool; on order answers, X-MBX-ORDER-COUNT."""
        if call.endpoint.has_own_pool:
            return [self.sapi.header(call, account, at)]
        found: list[tuple[str, str]] = []
        if not _has_own_pool(call.endpoint.http):
            found.append((self._weight_header, str(self._address(call.address).weight.used(at))))
        if ok and call.endpoint.orders:
            for name, count in zip(self._order_names, self._counts(account), strict=True):
                found.append((name, str(count.used(at))))
        return found

    def rows(self) -> list[dict[str, Any]]:
        """The limits, as exchangeInfo lists them: by the minute first."""
        orders = [one.row("ORDERS") for one in reversed(self.limits.orders)]
        return [self.limits.weight.row("REQUEST_WEIGHT"), *orders]


def _has_own_pool(http: str) -> bool:
    """Whether requests of an endpoint do not count as weight."""
    return http in FUNDING_POOL or http.startswith(DATA)


def _slow_down(limit: int, until: int) -> Reject:
    text = (
        f"Too many requests; current limit is {limit} requests per minute. Please use the "
        "websocket for live updates to avoid polling the API."
    )
    return Reject(Reason.RATE_LIMITED, text, until=until, code="TOO_MANY_REQUESTS")


def _ban(until: int) -> Reject:
    text = (
        f"Way too many requests; IP banned until {until // MILLISECOND}. Please use the websocket "
        "for live updates to avoid bans."
    )
    return Reject(Reason.BANNED, text, until=until)
