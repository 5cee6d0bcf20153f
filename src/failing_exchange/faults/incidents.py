"""Incidents of markets, accounts and the venue: halts, new rules, price jumps, restarts."""

from __future__ import annotations

from typing import Any, ClassVar

from failing_exchange.core.commands import (
    BustTrade,
    ChangeRules,
    Debit,
    Freeze,
    MovePrice,
    PullLiquidity,
    Restart,
    SetMarketStatus,
)
from failing_exchange.core.market import MarketStatus
from failing_exchange.core.order import Fill, Side
from failing_exchange.core.queries import FetchFills, FetchMarkets
from failing_exchange.core.reject import Reject
from failing_exchange.core.settlement import SETTLEMENTS
from failing_exchange.core.units import ATOMS, PPM
from failing_exchange.faults.fields import (
    SHORTEST,
    choice,
    ends_after,
    fault,
    number,
    ppm,
    share,
    span,
    span_or_never,
    text,
    whole,
)
from failing_exchange.faults.lookups import free_of, market_of, symbol_of, wallet_of
from failing_exchange.faults.plan import Cause, HangUp, Match, Verdict
from failing_exchange.faults.rejections import active_until
from failing_exchange.faults.stages import AtRequest, AtStages
from failing_exchange.journal.trip import Stage

PAID_WITH = "which; empty = what buyers pay with in the request's market, else in the first one"


@fault
class HaltMarket(AtRequest):
    """The market of the request is halted just before it arrives."""

    lasts: float | None = span_or_never(
        600.0, "for how long; None = until the operator resumes", minimum=SHORTEST
    )
    status: str = choice("halted", "what it still takes", "halted", "cancel_only")

    def strike(self, stage: Stage, match: Match) -> Verdict | None:
        """Halt it once; while it is halted there is nothing to do."""
        market = market_of(match, symbol_of(match.trip))
        if market is None or market.status is not MarketStatus.TRADING:
            return None
        lasts = ends_after(self.lasts)
        return Cause(SetMarketStatus(market.symbol, MarketStatus(self.status), lasts))


@fault
class JumpPrice(AtRequest):
    """The price of the request's market jumps."""

    by: float = number(
        -0.05, "by how much of it; negative = down", "share", minimum=-0.99, maximum=10
    )
    lasts: float | None = span_or_never(None, "then it comes back; None = it stays", minimum=1)

    def strike(self, stage: Stage, match: Match) -> Verdict | None:
        """Move the background market before the request is carried out."""
        symbol = symbol_of(match.trip)
        if market_of(match, symbol) is None:
            return None
        moved = MovePrice(symbol, ppm(self.by), 0, ends_after(self.lasts), at_once=True)
        return Cause(moved)


@fault
class ThinBook(AtRequest):
    """Offers near the best price are withdrawn until the next second."""

    side: str = choice("sell", "which offers", "buy", "sell")
    reach: float = share(0.02, "how far from the best price", maximum=0.9)

    def strike(self, stage: Stage, match: Match) -> Verdict | None:
        symbol = symbol_of(match.trip)
        if market_of(match, symbol) is None:
            return None
        return Cause(PullLiquidity(symbol, Side(self.side), ppm(self.reach)))


@fault
class ChangeSteps(AtRequest):
    """The steps of price and amount become coarser while the market is open."""

    price: int = whole(10, "how many of today's price steps make one")
    amount: int = whole(10, "how many of today's amount steps make one")

    def strike(self, stage: Stage, match: Match) -> Verdict | None:
        """Change the rules just before the request arrives."""
        return _change(match, price_every=self.price, amount_every=self.amount)


@fault
class RaiseMinimum(AtRequest):
    """The smallest order that the market takes becomes larger."""

    cost: float = number(100.0, "what an order must cost now", "quote", minimum=0, maximum=10**9)

    def strike(self, stage: Stage, match: Match) -> Verdict | None:
        """Change the rules just before the request arrives."""
        return _change(match, cost_min=round(self.cost * ATOMS))


@fault
class NarrowBand(AtRequest):
    """The market takes only limit prices near the last one."""

    below: float = share(0.01, "how far below the last price", maximum=0.99)
    above: float = share(0.01, "how far above the last price", maximum=100)

    def strike(self, stage: Stage, match: Match) -> Verdict | None:
        """Change the rules just before the request arrives."""
        return _change(match, price_band=(ppm(self.below), ppm(self.above)))


@fault
class LimitOrders(AtRequest):
    """The market limits the open orders of one account."""

    most: int = whole(5, "how many")

    def strike(self, stage: Stage, match: Match) -> Verdict | None:
        """Change the rules just before the request arrives."""
        return _change(match, orders_max=self.most)


@fault
class ChangeFees(AtRequest):
    """The fees of the market change."""

    maker: float = share(0.002, "of what the maker receives", maximum=0.5, zero=True)
    taker: float = share(0.004, "of what the taker receives", maximum=0.5, zero=True)

    def strike(self, stage: Stage, match: Match) -> Verdict | None:
        """Change the rules just before the request arrives."""
        return _change(match, maker_fee=ppm(self.maker), taker_fee=ppm(self.taker))


@fault
class LockFunds(AtRequest):
    """A part of a free balance is locked without an order."""

    asset: str = text("", PAID_WITH)
    part: float = share(0.5, "how much of what is free")
    lasts: float | None = span_or_never(
        60.0, "for how long; None = until the operator unlocks", minimum=SHORTEST
    )

    def strike(self, stage: Stage, match: Match) -> Verdict | None:
        """Lock it just before the request arrives."""
        asset = self.asset or _paid_with(match)
        wallet, lasts = wallet_of(match), ends_after(self.lasts)
        atoms = free_of(match, asset, wallet) * ppm(self.part) // PPM
        return Cause(Freeze(match.trip.account, asset, atoms, lasts, wallet)) if atoms else None


@fault
class TakeFunds(AtRequest):
    """A part of a free balance is withdrawn or sold outside the bot."""

    asset: str = text("", PAID_WITH)
    part: float = share(1.0, "how much of what is free")

    def strike(self, stage: Stage, match: Match) -> Verdict | None:
        """Take it just before the request arrives."""
        asset = self.asset or _paid_with(match)
        wallet = wallet_of(match)
        atoms = free_of(match, asset, wallet) * ppm(self.part) // PPM
        return Cause(Debit(match.trip.account, asset, atoms, wallet)) if atoms else None


@fault
class BustLastTrade(AtRequest):
    """The client's last trade is undone by the venue."""

    def decide(self, match: Match, hit: bool) -> bool:
        """A trade is undone once: without a new one there is nothing to do."""
        last = _last_fill(match) if hit else None
        if last is None or match.memory.get(last.symbol, 0) >= last.trade_id:
            return False
        match.memory[last.symbol] = last.trade_id
        return True

    def strike(self, stage: Stage, match: Match) -> Verdict | None:
        """Undo it just before the request arrives."""
        last = _last_fill(match)
        return None if last is None else Cause(BustTrade(last.symbol, last.trade_id))


@fault
class VenueRestart(AtStages):
    """The venue dies behind a request that it has carried out, and comes back after a while."""

    orders: str = choice("kept", "what becomes of the open orders", "kept", "lost")
    downtime: float = span(5.0, "how long every connection breaks, until it is back")
    stages: ClassVar[tuple[Stage, ...]] = (Stage.REQUEST, Stage.ANSWER)

    def decide(self, match: Match, hit: bool) -> bool:
        """While it is down, everybody's connection breaks."""
        memory = match.memory
        down = match.at < memory.get("until", 0)
        if hit and not down:
            memory["dies"] = match.trip.number
        return active_until(match, hit, self.downtime) is not None

    def strike(self, stage: Stage, match: Match) -> Verdict | None:
        """The first request happens, and is not answered; the others do not even arrive."""
        if stage is Stage.ANSWER:
            return HangUp()
        if match.memory.get("dies") != match.trip.number:
            return HangUp()
        return Cause(Restart(self.orders == "lost"), after=True)


def _change(match: Match, **rules: Any) -> Cause | None:
    """New rules for the request's market; None when they are in force already."""
    market = market_of(match, symbol_of(match.trip))
    if market is None:
        return None
    changes = tuple((n, value) for n, value in rules.items() if getattr(market, n) != value)
    return Cause(ChangeRules(market.symbol, changes)) if changes else None


def _paid_with(match: Match) -> str:
    """What buyers pay with in the request's market; without a symbol, in the first one."""
    markets = match.look(FetchMarkets(match.trip.account)).markets
    market = next((one for one in markets if one.symbol == symbol_of(match.trip)), markets[0])
    return SETTLEMENTS[market.kind].held_asset(market, Side.BUY)


def _last_fill(match: Match) -> Fill | None:
    if not match.trip.account:
        return None  # a public request has no account
    try:
        found: tuple[Fill, ...] = match.look(FetchFills(match.trip.account)).fills
    except Reject:  # a market stream's client is a connection
        return None
    return found[-1] if found else None
