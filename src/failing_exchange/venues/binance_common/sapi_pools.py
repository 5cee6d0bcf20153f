"""The limits of /sapi: each of its endpoints has a pool of its own, by address or by account.

"Margin Trading, General Info", "/api/ and /sapi/ Limit Introduction": 12,000 of weight a minute for
an address, or 180,000 for an account, at each endpoint; answers say which by their header. Weights:
the wallet's and margin's pages of the endpoints. Both read 2026-12-01.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

from failing_exchange.core.reject import Reason, Reject
from failing_exchange.core.units import MINUTE
from failing_exchange.venues.binance_common.metering import Count, Interval

if TYPE_CHECKING:
    from failing_exchange.venues.binance_common.call import Call

OF_ADDRESS, OF_ACCOUNT = Interval(12_000, 1, MINUTE), Interval(180_000, 1, MINUTE)
POOLS_MAX = 10_000  # endpoints times addresses and accounts; the one used longest ago begins anew


class SapiPools:
    """What addresses and accounts have used of each endpoint of /sapi in this minute.

    A venue that restarts begins anew: a minute is short.
    """

    def __init__(self) -> None:
        self._used: OrderedDict[tuple[str, str], Count] = OrderedDict()

    def _count(self, call: Call, account: str) -> Count:
        of_account = call.endpoint.of_account
        name = (call.endpoint.http, account if of_account else call.address)
        count = self._used.get(name)
        if count is None:
            count = self._used[name] = Count(OF_ACCOUNT if of_account else OF_ADDRESS)
            if len(self._used) > POOLS_MAX:
                self._used.popitem(last=False)
        self._used.move_to_end(name)
        return count

    def add(self, call: Call, account: str, at: int) -> Reject | None:
        """Count a request, or say that it is one too many."""
        count = self._count(call, account)
        if count.used(at) + call.weight <= count.limit:
            count.add(at, call.weight)
            return None
        text = (
            f"Too much request weight used; current limit is {count.limit} request weight per 1 "
            "MINUTE. Please use WebSocket Streams for live updates to avoid polling the API."
        )
        return Reject(Reason.RATE_LIMITED, text, until=count.edge(at), code="TOO_MANY_REQUESTS")

    def header(self, call: Call, account: str, at: int) -> tuple[str, str]:
        """What an answer of /sapi tells of the limits."""
        of_whom = "uid" if call.endpoint.of_account else "ip"
        return f"x-sapi-used-{of_whom}-weight-1m", str(self._count(call, account).used(at))
