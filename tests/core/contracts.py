"""An engine with a contract and a spot market, watched by the auditor, for short stories."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from failing_exchange.core import commands as c, queries as q
from failing_exchange.core.auditor import Auditor, audit
from failing_exchange.core.contract import Contract, brackets_of
from failing_exchange.core.engine import Engine
from failing_exchange.core.events import Event
from failing_exchange.core.ledger import futures_wallet
from failing_exchange.core.liquidity import Background
from failing_exchange.core.market import Market
from failing_exchange.core.order import LIMIT, MARKET, Order, Side
from failing_exchange.core.positions import MarginMode, MarginStatus
from failing_exchange.core.units import ATOMS, SECOND
from failing_exchange.venue.default_world import MARKETS, backgrounds_of
from failing_exchange.venue.perpetuals import COLLATERAL

S = "BTC/USDT:USDT"
BRACKETS = brackets_of(
    [(50_000 * ATOMS, 125, 4_000), (600_000 * ATOMS, 100, 5_000), (3_000_000 * ATOMS, 50, 10_000)]
)
PERPETUAL = Market(
    symbol=S, base="BTC", quote="USDT", price_step=10**6, amount_step=10**3, kind="linear",
    maker_fee=200, taker_fee=500,
    contract=Contract(settle="USDT", fee_asset="BNB", brackets=BRACKETS),
)  # fmt: skip
IN_BTC = replace(
    PERPETUAL, symbol="ETH/BTC:BTC", base="ETH", quote="BTC", price_step=10**3,
    contract=Contract(settle="BTC", fee_asset="BNB", brackets=BRACKETS),
)  # fmt: skip
SPOT = replace(PERPETUAL, symbol="BTC/USDT", kind="spot", contract=None)
START = 1_767_225_600 * SECOND  # an hour begins
BTC = 100_000  # lots of the contract in one BTC
USD = 100  # ticks in one USDT


class Floor:
    """Two accounts of 10,000 USDT each in their futures wallets; a lot is 0.00001 BTC."""

    def __init__(self, background: Background | None = None, market: Market = PERPETUAL) -> None:
        self.at = START
        self.engine = Engine([(market, background), (SPOT, None)], COLLATERAL)
        self.engine.auditor = Auditor(self.engine)
        self.events: tuple[Event, ...] = ()
        for name in ("alice", "bob"):
            self.open(name, 10_000)

    def open(self, name: str, usdt: int) -> None:
        self.do(c.OpenAccount(name, (), None, (("USDT", usdt * ATOMS),)))

    def do(self, command: Any) -> Any:
        """Carry out a command now, and audit the exchange."""
        due = self.engine.advance(self.at)
        events, answer = self.engine.execute(command, self.at)
        self.events = (*due, *events)
        audit(self.engine)
        return answer

    def wait(self, seconds: int) -> tuple[Event, ...]:
        """Let time pass; return what happened."""
        self.at += seconds * SECOND
        self.events = self.engine.advance(self.at)
        audit(self.engine)
        return self.events

    def limit(self, name: str, side: Side, price: float, lots: int, **more: Any) -> Order:
        ticks = round(price * USD)
        order: Order = self.do(c.PlaceOrder(name, S, side, LIMIT, lots, ticks, **more)).order
        return order

    def market(self, name: str, side: Side, lots: int, **more: Any) -> Order:
        order: Order = self.do(c.PlaceOrder(name, S, side, MARKET, lots, **more)).order
        return order

    def cross(self, buyer: str, seller: str, price: float, lots: int) -> None:
        """Have two accounts trade with each other; the seller takes."""
        self.limit(buyer, Side.BUY, price, lots)
        self.limit(seller, Side.SELL, price, lots)

    def isolate(self, name: str, leverage: int) -> None:
        self.do(c.SetMarginMode(name, S, MarginMode.ISOLATED))
        self.do(c.SetLeverage(name, S, leverage))

    def wallet(self, name: str) -> tuple[int, int]:
        """(free, used) of the futures wallet, in atoms."""
        ledger, wallet = self.engine.state.ledger, futures_wallet(name)
        return ledger.free(wallet, "USDT"), ledger.used(wallet, "USDT")

    def position(self, name: str) -> q.PositionReport:
        found = self.do(q.FetchPositions(name, S)).positions
        assert len(found) == 1, found
        report: q.PositionReport = found[0]
        return report

    def available(self, name: str) -> float:
        margin: MarginStatus = self.do(q.FetchMargin(name)).assets["USDT"]
        return margin.available / ATOMS

    @property
    def positions(self) -> dict[str, int]:
        held = self.engine.state.markets[S].positions
        return {name: one.lots for (name, _), one in held.items()}


def world(market: Market = PERPETUAL) -> Floor:
    """The contract beside the default spot market, with their backgrounds."""
    listed = {"BTC/USDT": MARKETS["BTC/USDT"], S: market}
    made = {m.symbol: found for m, found in backgrounds_of(listed, seed=4, birth=START // SECOND)}
    return Floor(made[S], market)
