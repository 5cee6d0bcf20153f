"""A market place for stories of market data: two markets, a client who trades, no socket."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from failing_exchange.core import commands as c
from failing_exchange.core.engine import Engine
from failing_exchange.core.order import OrderType, Side, TimeInForce
from failing_exchange.core.queries import FetchTicker
from failing_exchange.core.reject import Reject
from failing_exchange.core.units import ATOMS, SECOND
from failing_exchange.venue.default_world import MARKETS, background_of
from failing_exchange.venues.binance.codes import said
from failing_exchange.venues.binance.endpoints import BY_HTTP
from failing_exchange.venues.binance_common.call import Reading, Writing
from failing_exchange.venues.binance_common.params import Params
from failing_exchange.venues.binance_common.values import venue_symbol

BTC, ETH = "BTC/USDT", "ETH/BTC"
BIRTH = 1_767_225_600  # 2026-01-01, an epoch second
RICH = (("USDT", 10**9 * ATOMS), ("BTC", 10**4 * ATOMS))


class Limits:
    """No limits."""

    def rows(self) -> list[dict[str, Any]]:
        """None are shown."""
        return []

    def order_rows(self, account: str, at: int) -> list[dict[str, Any]]:
        """None are used."""
        return []


class Square:
    """An engine, asked as the wire's doors ask it. With `alone`, nobody trades but the clients."""

    def __init__(self, *, alone: bool = False, second: int = BIRTH, **changes: Any) -> None:
        self.at = second * SECOND
        markets = [replace(MARKETS[symbol], **changes) for symbol in (BTC, ETH)]
        self.engine = Engine(
            [(m, None if alone else background_of(m.symbol, seed=1, birth=second)) for m in markets]
        )
        for name in ("alice", "bob"):
            self.do(c.OpenAccount(name, RICH))

    def do(self, command: Any) -> Any:
        """Carry out a command, a millisecond later; its answer."""
        self.at += 1_000_000
        self.engine.advance(self.at)
        return self.engine.execute(command, self.at)[1]

    def wait(self, seconds: int) -> None:
        """Let time pass, to the beginning of a second."""
        self.at = (self.at // SECOND + seconds) * SECOND
        self.engine.advance(self.at)

    def sell(self, lots: int, ticks: int, who: str = "alice") -> Any:
        """Offer BTC; the order."""
        return self.do(c.PlaceOrder(who, BTC, Side.SELL, OrderType.LIMIT, lots, ticks))

    def buy(self, lots: int, ticks: int, who: str = "bob") -> Any:
        """Take BTC, as far as there is an offer; the order."""
        order = c.PlaceOrder(who, BTC, Side.BUY, OrderType.LIMIT, lots, ticks)
        return self.do(order._replace(time_in_force=TimeInForce.IOC))

    def best_ask(self) -> int:
        """The price in ticks at which BTC is offered."""
        found: tuple[int, int] = self.do(FetchTicker("", BTC)).ask
        return found[0]

    def get(self, path: str, *, micro: bool = False, **params: Any) -> Any:
        """GET /api/v3/...: the answer before it is dumped, or code and words of a refusal."""
        endpoint = BY_HTTP[f"GET /api/v3/{path}"]
        markets, sent = self.engine.state.markets, Params({k: str(v) for k, v in params.items()})
        symbols = {venue_symbol(symbol): symbol for symbol in markets}
        try:
            command = endpoint.read(Reading(sent, "", markets, symbols, self.at))
            answer = self.engine.execute(command, self.at)[1]
        except Reject as refused:
            no = said(refused, endpoint.operation)
            return {"code": no.code, "msg": no.text}
        return endpoint.write(Writing(sent, command, markets, self.at, micro, Limits()), answer)
