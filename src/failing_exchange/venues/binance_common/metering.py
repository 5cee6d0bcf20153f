"""What addresses and accounts use of the limits of Binance, whatever the product.

rest-api.md, "LIMITS"; the documents of 2026-07-21.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, NamedTuple

from failing_exchange.core.rate_limits import BanLadder, whole
from failing_exchange.core.units import DAY, MINUTE, SECOND
from failing_exchange.errors import ConfigurationError
from failing_exchange.server.dialect import LimitPolicy, Used
from failing_exchange.venues.binance_common.call import Call

ADDRESSES_MAX = 10_000  # the one not seen for longest is forgotten, with its counts
ADDRESSES_SHOWN_MAX = 20  # whose usage is shown to the operator; others are left out
ADDRESS, ACCOUNT = "address", "account"  # whose usage a row is about
WORDS = {SECOND: ("SECOND", "S"), MINUTE: ("MINUTE", "M"), DAY: ("DAY", "D")}


class Interval(NamedTuple):
    """A limit for each window of the calendar, which lasts `number` times `unit` nanoseconds."""

    limit: int
    number: int
    unit: int

    @property
    def letter(self) -> str:
        """As headers name it: 10S, 1M, 1D."""
        return f"{self.number}{WORDS[self.unit][1]}"

    def row(self, kind: str) -> dict[str, Any]:
        """As exchangeInfo and the WebSocket API show it."""
        return {
            "rateLimitType": kind,
            "interval": WORDS[self.unit][0],
            "intervalNum": self.number,
            "limit": self.limit,
        }


class VenueLimits(NamedTuple):
    """What an address and an account may do. The defaults are production's of 2026-07-21.

    An `Interval(limit, number, unit)` allows `limit` per `number` times `unit` nanoseconds: of
    `weight`, `raw` requests, requests for statistics (`data`, futures only) and `connects` to an
    address, of new `orders` to an account.

    >>> from failing_exchange import Binance, FailingExchange
    >>> VenueLimits().accelerated(100).weight.limit
    60
    >>> venue = Binance(FailingExchange(), limits=VenueLimits(weight=Interval(50, 1, MINUTE)))
    """

    weight: Interval = Interval(6_000, 1, MINUTE)
    raw: Interval = Interval(300_000, 5, MINUTE)
    orders: tuple[Interval, ...] = (Interval(100, 10, SECOND), Interval(200_000, 1, DAY))
    connects: Interval = Interval(300, 5, MINUTE)
    data: Interval = Interval(1_000, 5, MINUTE)

    def rows(self) -> list[dict[str, Any]]:
        """`rateLimits` of exchangeInfo."""
        return [
            self.weight.row("REQUEST_WEIGHT"),
            *(interval.row("ORDERS") for interval in self.orders),
            self.raw.row("RAW_REQUESTS"),
        ]

    def accelerated(self, times: int) -> VenueLimits:
        """The same limits for tests: each divided by `times`, but at least one."""
        if times < 1:
            raise ConfigurationError(f"accelerated({times}); expected a whole number from 1")

        def part(one: Interval) -> Interval:
            return one._replace(limit=max(1, one.limit // times))

        return VenueLimits(
            weight=part(self.weight),
            raw=part(self.raw),
            orders=tuple(map(part, self.orders)),
            connects=part(self.connects),
            data=part(self.data),
        )


class Count:
    """How much of an interval is used; it starts anew at each edge of the calendar."""

    __slots__ = ("_edge", "_length", "_used", "interval", "limit")

    def __init__(self, interval: Interval) -> None:
        self.interval = interval
        self.limit = interval.limit
        self._length = interval.number * interval.unit
        self._edge = 0  # when it starts anew
        self._used = 0

    def used(self, at: int) -> int:
        """What is used at an instant."""
        if at >= self._edge:
            self._edge, self._used = self.edge(at), 0
        return self._used

    def add(self, at: int, amount: int) -> int:
        """Use more, or with a negative amount give back; what is used then."""
        if at >= self._edge:
            self.used(at)  # it starts anew
        used = self._used + amount
        self._used = used = used if used > 0 else 0
        return used

    def usage(self) -> list[int]:
        """What is used, as plain numbers for `go_on`."""
        return [self._length, self._edge, self._used]

    def go_on(self, usage: list[Any]) -> None:
        """Go on from what an earlier process has used; an interval of another length begins anew.

        Raises ValueError for anything else.
        """
        length, edge, used = map(whole, usage)
        if length == self._length:
            self._edge, self._used = edge, used

    def edge(self, at: int) -> int:
        """When the count starts anew."""
        return (at // self._length + 1) * self._length


def _used(who: str, what: str, count: Count, at: int, until: int | None) -> Used:
    return Used(who, what, count.interval.letter, count.used(at), count.limit, until)


@dataclass(slots=True)
class AddressUsage:
    """What an address has used."""

    weight: Count
    raw: Count
    connects: Count
    data: Count
    ladder: BanLadder = field(default_factory=BanLadder)

    @property
    def parts(self) -> tuple[Count | BanLadder, ...]:
        """All that is used of it."""
        return self.weight, self.raw, self.connects, self.data, self.ladder


class Metering(LimitPolicy):
    """Counts what addresses and accounts use; each product says what of it, and when."""

    def __init__(self, limits: VenueLimits | None = None) -> None:
        super().__init__()
        self.limits = limits or VenueLimits()
        self._addresses: OrderedDict[str, AddressUsage] = OrderedDict()
        self._orders: dict[str, tuple[Count, ...]] = {}
        self._last: tuple[str, AddressUsage | None] = ("", None)  # the address that asked last
        # Whose usage has changed since `changes` was asked; None: nobody asks.
        self._touched: dict[str, None] | None = None
        self._order_names = [
            f"x-mbx-order-count-{one.letter.lower()}" for one in self.limits.orders
        ]

    def rows(self) -> list[dict[str, Any]]:
        """The limits, as exchangeInfo lists them."""
        return self.limits.rows()

    def order_rows(self, account: str, at: int) -> list[dict[str, Any]]:
        """How many unfilled orders count, by interval (GET /api/v3/rateLimit/order)."""
        return [
            {**count.interval.row("ORDERS"), "count": count.used(at)}
            for count in self._counts(account)
        ]

    def weight_row(self, address: str, at: int) -> dict[str, Any]:
        """The weight an address has used, as the WebSocket API shows it."""
        count = self._address(address).weight
        return {**count.interval.row("REQUEST_WEIGHT"), "count": count.used(at)}

    def weigh(self, address: str, at: int, weight: int) -> None:
        """Count what never comes to the gate: a connect, a message that can't be read."""
        self._address(address).weight.add(at, weight)
        self.changed()

    def connects(self, address: str, at: int) -> int | None:
        """Count one more WebSocket connection of an address; until when it may open none, if so."""
        count = self._address(address).connects
        self.changed()
        return None if count.add(at, 1) <= self.limits.connects.limit else count.edge(at)

    def banned_until(self, address: str, at: int) -> int | None:
        """The end of an address's ban, if it is banned."""
        return self._address(address).ladder.banned_until(at)

    def banned(self, at: int) -> int:
        """How many addresses are banned at an instant. Any thread may ask at any time."""
        known = self._addresses.copy().values()
        return sum(one.ladder.banned_until(at) is not None for one in known)

    def used(self, at: int) -> list[Used]:
        """Weight and requests of the addresses that asked last, orders of all accounts."""
        found = []
        for name, usage in islice(reversed(self._addresses.items()), ADDRESSES_SHOWN_MAX):
            until = usage.ladder.banned_until(at)
            for what, count in (("weight", usage.weight), ("requests", usage.raw)):
                found.append(_used(name or "in process", what, count, at, until))
        for account, counts in self._orders.items():
            found += [_used(account, "orders", count, at, None) for count in counts]
        return found

    # ---- across a restart

    def changes(self) -> dict[str, str | None]:
        """What is used by whom it has changed for, as text; None for who is forgotten."""
        touched, self._touched = self._touched, {}
        return {who: self._usage_of(who) for who in touched or ()}

    def _usage_of(self, who: str) -> str | None:
        kind, _, name = who.partition(" ")
        if kind == ACCOUNT:
            return json.dumps([count.usage() for count in self._counts(name)])
        address = self._addresses.get(name)
        return None if address is None else json.dumps([one.usage() for one in address.parts])

    def restore(self, used: Mapping[str, str]) -> None:
        """Go on from what was used in an earlier process; raises ValueError for anything else."""
        for who, text in used.items():
            kind, _, name = who.partition(" ")
            if kind not in (ADDRESS, ACCOUNT):
                raise ValueError(f"{who[:60]!r} is neither an address nor an account")
            parts = self._counts(name) if kind == ACCOUNT else self._address(name).parts
            for part, usage in zip(parts, json.loads(text), strict=False):  # limits may be others
                part.go_on(usage)
        self._touched = {}

    def headers(self, call: Call, account: str, at: int, ok: bool) -> list[tuple[str, str]]:
        """What an answer tells of the limits."""
        raise NotImplementedError

    # ---- who

    def _address(self, name: str) -> AddressUsage:
        if self._touched is not None:
            self._touched[f"{ADDRESS} {name}"] = None
        last, found = self._last
        if found is not None and name == last:
            return found
        found = self._addresses.get(name)
        if found is None:
            limits = self.limits
            found = self._addresses[name] = AddressUsage(
                Count(limits.weight),
                Count(limits.raw),
                Count(limits.connects),
                Count(limits.data),
            )
            if len(self._addresses) > ADDRESSES_MAX:
                oldest, _ = self._addresses.popitem(last=False)
                if self._touched is not None:
                    self._touched[f"{ADDRESS} {oldest}"] = None
        else:
            self._addresses.move_to_end(name)
        self._last = (name, found)
        return found

    def _counts(self, account: str) -> tuple[Count, ...]:
        if self._touched is not None:
            self._touched[f"{ACCOUNT} {account}"] = None
        counts = self._orders.get(account)
        if counts is None:
            counts = self._orders[account] = tuple(map(Count, self.limits.orders))
        return counts
