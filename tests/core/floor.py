"""A small exchange for stories: two accounts, one market, a clock that goes on by itself."""

from __future__ import annotations

from typing import Any

from failing_exchange.core import commands as c, operator_commands
from failing_exchange.core.auditor import audit
from failing_exchange.core.engine import Engine
from failing_exchange.core.events import Event
from failing_exchange.core.market import Market
from failing_exchange.core.order import OrderType, Side
from failing_exchange.core.queries import FetchOrder
from failing_exchange.core.reject import Reject
from failing_exchange.core.state import State
from failing_exchange.core.units import ATOMS

S = "BTC/USDT"
MARKET = Market(symbol=S, base="BTC", quote="USDT", price_step=10**6, amount_step=10**3)
BUY, SELL, LIMIT = Side.BUY, Side.SELL, OrderType.LIMIT
START = 1_767_225_600 * 10**9


def become(market: Market) -> c.ChangeRules:
    """The command that gives a market all the rules of another."""
    names = operator_commands.CHANGEABLE
    return c.ChangeRules(market.symbol, tuple((name, getattr(market, name)) for name in names))


class Floor:
    """An engine whose books are checked after each command; the last price is 100."""

    def __init__(self, market: Market = MARKET) -> None:
        self.at = START
        self.engine = Engine([(market, None)])
        self.events: list[Event] = []
        for name in ("alice", "bob"):
            self.do(c.OpenAccount(name, (("USDT", 10**6 * ATOMS), ("BTC", 10 * ATOMS))))
        self.last(100)

    def do(self, command: Any) -> Any:
        """Carry out a command; its answer."""
        self.at += 1_000_000
        self.events += self.engine.advance(self.at)
        events, answer = self.engine.execute(command, self.at)
        self.events += events
        audit(self.engine)
        return answer

    def refused(self, command: Any) -> Reject:
        """What a command is refused with."""
        try:
            answer = self.do(command)
        except Reject as refusal:
            audit(self.engine)
            return refusal
        raise AssertionError(f"{command} was accepted: {answer}")

    def limit(self, who: str, side: Side, ticks: int, lots: int, **more: Any) -> Any:
        """A limit order."""
        return self.do(c.PlaceOrder(who, S, side, LIMIT, lots, ticks, **more))

    def order(self, number: int, who: str = "alice") -> Any:
        """An order as it stands now."""
        return self.do(FetchOrder(who, S, number))

    def used(self, who: str, asset: str) -> int:
        """What an account's orders hold."""
        return self.engine.state.ledger.used(who, asset)

    def last(self, *ticks: int) -> None:
        """Trades of one lot at these prices, between accounts of their own."""
        for price in ticks:
            for name, side in (("seller", SELL), ("buyer", BUY)):
                self.do(c.OpenAccount(name, (("USDT", 10**9), ("BTC", 10**9))))
                self.limit(name, side, price, 1)


def without_empty_levels(engine: Engine) -> State:
    """Its state without the levels that stay behind until somebody looks at the top of a book."""
    for ms in engine.state.markets.values():
        for side, levels in ms.book._levels.items():
            found = {ticks: level for ticks, level in sorted(levels.items()) if level.head}
            ms.book._levels[side] = found
            ms.book._heaps[side] = sorted(-t if side is Side.BUY else t for t in found)
    return engine.state
