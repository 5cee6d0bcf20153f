"""Rejections: the venue refuses a request, and the engine is never asked."""

from __future__ import annotations

from typing import Any

from failing_exchange.core.commands import BatchOrders, ReplaceOrder
from failing_exchange.core.queries import Clock, FetchTime
from failing_exchange.core.rate_limits import BanLadder
from failing_exchange.core.reject import OF_CONTRACTS, Reason, Reject
from failing_exchange.core.units import DAY_S, MILLISECOND
from failing_exchange.faults.fields import (
    fault,
    flag,
    nanoseconds,
    number,
    reason,
    span,
    span_or_never,
    text,
    whole,
)
from failing_exchange.faults.lookups import refuse_orders, symbol_of
from failing_exchange.faults.plan import Answer, Match, Verdict
from failing_exchange.faults.stages import AtRequest
from failing_exchange.journal.trip import Stage

ADDRESSES_MAX = 10_000  # that a ban remembers; the one not seen for longest is forgotten
WINDOW_BEHIND = 5.0  # seconds that a request may be older than the venue's clock (recvWindow)
WINDOW_AHEAD = 1.0  # seconds that it may be newer
# what a venue finds out when it places the order, and not when it reads the request
OF_THE_ENGINE = frozenset({Reason.INSUFFICIENT_FUNDS, Reason.WOULD_MATCH, Reason.WOULD_TRIGGER})
OF_A_MARKET = (
    Reason.UNKNOWN_SYMBOL, Reason.INVALID_PRICE, Reason.INVALID_AMOUNT, Reason.INVALID_COST,
    Reason.PRICE_BAND, Reason.TOO_MANY_ORDERS, Reason.MARKET_HALTED, Reason.CANCEL_ONLY,
)  # fmt: skip
# what lies in one order of a batch, and not in the request that carries it
OF_AN_ORDER = OF_THE_ENGINE | {*OF_A_MARKET, Reason.DUPLICATE_CLIENT_ID} | OF_CONTRACTS


def refusal(
    why: Reason,
    match: Match,
    message: str = "",
    *,
    until: int | None = None,
    code: str = "",
) -> Reject:
    """A refusal in the venue's words, or in those of the test."""
    return Reject(why, message, until=until, code=code, symbol=match.trip.symbol)


@fault
class RejectRequest(AtRequest):
    """The venue refuses the request, or its orders one by one where the reason lies in them."""

    why: Reason = reason(Reason.UNAVAILABLE)
    message: str = text("", "what the client reads; empty = the venue's usual words")
    lasts: float | None = span_or_never(
        0, "how long all further requests are refused too; None = until disarmed"
    )
    code: str = text("", "row of the venue's table of codes, like INVALID_SIGNATURE; empty = usual")

    def decide(self, match: Match, hit: bool) -> bool:
        """Strike for as long as it lasts once it has begun."""
        return active_until(match, hit, self.lasts) is not None

    def strike(self, stage: Stage, match: Match) -> Verdict | None:
        """Refuse; for a reason that lies in a market, only what names a market."""
        if self.why in OF_A_MARKET and not symbol_of(match.trip):
            return None
        refused = refusal(self.why, match, self.message, code=self.code)
        is_batch = isinstance(match.trip.command, BatchOrders)
        if self.why in (OF_AN_ORDER if is_batch else OF_THE_ENGINE):
            return refuse_orders(match, refused) or refused
        return refused


@fault
class RefuseReplacement(AtRequest):
    """The old order of a replacement is canceled, and the new one is refused."""

    why: Reason = reason(Reason.INSUFFICIENT_FUNDS)
    message: str = text("", "what the client reads; empty = the venue's usual words")
    code: str = text("", "row of the venue's table of codes, like INVALID_SIGNATURE; empty = usual")

    def strike(self, stage: Stage, match: Match) -> Verdict | None:
        """Let the engine cancel, and place nothing."""
        if not isinstance(match.trip.command, ReplaceOrder):
            return None
        refused = refusal(self.why, match, self.message, code=self.code)
        return refuse_orders(match, refused, whole=False)


@fault
class RateLimited(AtRequest):
    """The venue turns the request away because there were too many."""

    retry_after: float = span(1.0, "when the next request would pass; may be absurd, as seen")
    hidden: bool = flag(False, "whether the answer keeps that time to itself")

    def strike(self, stage: Stage, match: Match) -> Verdict | None:
        if self.hidden:
            return refusal(Reason.RATE_LIMITED, match)
        message = f"rate limit exceeded: retry after {self.retry_after:g} s"
        until = match.at + nanoseconds(self.retry_after)
        return refusal(Reason.RATE_LIMITED, match, message, until=until)


@fault
class Ban(AtRequest):
    """A client that keeps sending after a refusal is banned, each time for twice as long."""

    retry_after: float = span(
        10.0, "the wait that each refusal asks for; a client that waits is not banned"
    )
    refusals: int = whole(3, "how many in a row, not waited for, lead to a ban", maximum=1_000)
    shortest: float = span(120.0, "the first ban", minimum=1)
    longest: float = span(259_200.0, "no ban is longer", minimum=1)
    shared: bool = flag(True, "whether all clients share one address; else each has its own")
    sticky: bool = flag(True, "whether a ban lasts when the fault is disarmed")

    def decide(self, match: Match, hit: bool) -> bool:
        """Count refusals and climb the ladder; requests during a ban don't lengthen it."""
        address = self._address(match)
        ladder = self._ladder(address)
        if ladder.banned_until(match.at) is not None:
            return True
        if not hit and match.at >= address["wait"]:
            return False
        banned = ladder.refused(match.at) is not None
        address["wait"] = 0 if banned else match.at + nanoseconds(self.retry_after)
        return True

    def strike(self, stage: Stage, match: Match) -> Verdict | None:
        """429 on the way up, 418 during a ban."""
        address = self._address(match)
        until = self._ladder(address).banned_until(match.at)
        if until is not None:
            message = f"banned: way too many requests, until {until // MILLISECOND}"
            return refusal(Reason.BANNED, match, message, until=until)
        message = f"rate limit exceeded: retry after {self.retry_after:g} s"
        return refusal(Reason.RATE_LIMITED, match, message, until=address["wait"])

    def over(self, match: Match) -> bool:
        """Whether no client is banned or has to wait any more."""
        at, addresses = match.at, match.memory.get("addresses", {}).values()
        return all(
            at >= one["wait"] and self._ladder(one).banned_until(at) is None for one in addresses
        )

    def _address(self, match: Match) -> dict[str, Any]:
        """What is known of the address that a request comes from."""
        addresses: dict[str, dict[str, Any]] = match.memory.setdefault("addresses", {})
        name = "" if self.shared else match.trip.account
        known = addresses.pop(name) if name in addresses else {"wait": 0, "ladder": {}}
        addresses[name] = known
        if len(addresses) > ADDRESSES_MAX:
            del addresses[next(iter(addresses))]
        return known

    def _ladder(self, address: dict[str, Any]) -> BanLadder:
        """The ladder of an address; who waits as asked for is never within its window."""
        return BanLadder(
            refusals=self.refusals,
            window=max(1, (self.refusals - 1) * nanoseconds(self.retry_after)),
            shortest=nanoseconds(min(self.shortest, self.longest)),
            longest=nanoseconds(self.longest),
            state=address["ladder"],
        )


@fault
class Maintenance(AtRequest):
    """The venue is in maintenance and refuses everything."""

    duration: float = span(600.0, "how long, from the first request struck; 0 = that one only")
    message: str = text("System maintenance", "what the client reads")

    def decide(self, match: Match, hit: bool) -> bool:
        """Strike for as long as it lasts once it has begun."""
        return active_until(match, hit, self.duration) is not None

    def strike(self, stage: Stage, match: Match) -> Verdict | None:
        """503 with the time of the end."""
        until = match.memory.get("until", 0) if self.duration else None
        return refusal(Reason.MAINTENANCE, match, self.message, until=until)


@fault
class ClockSkew(AtRequest):
    """The venue's clock differs from the client's, so that timestamps are refused."""

    ahead: float = number(
        2.0, "how far the client's clock is ahead; negative = behind", "seconds",
        minimum=-DAY_S, maximum=DAY_S,
    )  # fmt: skip

    def strike(self, stage: Stage, match: Match) -> Verdict | None:
        """Tell the venue's time, or refuse what lies outside the window."""
        if isinstance(match.trip.command, FetchTime):
            return Answer(Clock(match.at - nanoseconds(self.ahead)))
        if self.ahead > WINDOW_AHEAD:
            ms = round(self.ahead * 1_000)
            message = f"Timestamp for this request was {ms}ms ahead of the server's time."
            return refusal(Reason.CLOCK_SKEW, match, message)
        if self.ahead < -WINDOW_BEHIND:
            return refusal(Reason.CLOCK_SKEW, match)
        return None


def active_until(match: Match, hit: bool, lasts: float | None) -> int | None:
    """When a lasting fault ends, in nanoseconds; a hit starts it; None while it is inactive."""
    memory: dict[Any, Any] = match.memory
    if hit and match.at >= memory.get("until", 0):
        memory["until"] = FOR_EVER if lasts is None else match.at + nanoseconds(lasts)
        return int(memory["until"])
    return int(memory["until"]) if match.at < memory.get("until", 0) else None


FOR_EVER = 1 << 62
