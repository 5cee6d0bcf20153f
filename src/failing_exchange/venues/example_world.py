"""The markets in which a venue's examples are right: two markets, two accounts, some past.

Nobody trades there but alice and bob, and every world of this kind is the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from failing_exchange.core import commands as c
from failing_exchange.core.contract import Contract, brackets_of
from failing_exchange.core.engine import Engine
from failing_exchange.core.market import Market
from failing_exchange.core.order import Contingency, OrderList, OrderSnapshot, OrderType, Side
from failing_exchange.core.positions import MarginMode
from failing_exchange.core.state import MarketState
from failing_exchange.core.units import ATOMS, MILLISECOND, SECOND

BTC, ETH = "BTC/USDT", "ETH/BTC"
BIRTH = 1_767_225_600 * SECOND  # 2026-01-01
RICH = (("USDT", 10**8 * ATOMS), ("BTC", 10**4 * ATOMS), ("ETH", 10**5 * ATOMS))
MARKETS = (
    Market(symbol=BTC, base="BTC", quote="USDT", price_step=10**6, amount_step=10**3),
    Market(symbol=ETH, base="ETH", quote="BTC", price_step=10**3, amount_step=10**4),
)


CONTRACT = Contract(
    settle="USDT", brackets=brackets_of([(50_000 * ATOMS, 125, 4_000), (10**7 * ATOMS, 50, 10_000)])
)
CONTRACTS = tuple(
    Market(
        symbol=f"{base}/USDT:USDT", base=base, quote="USDT", price_step=10**6, amount_step=10**3,
        kind="linear", maker_fee=200, taker_fee=500, contract=CONTRACT,
    )
    for base in ("BTC", "ETH")
)  # fmt: skip


class ExampleWorld:
    """A fresh one each time. Its time goes on by a millisecond with each command.

    The examples are requests of alice. She has `filled` half of bob's offer of 1 BTC at 50,000.00;
    `open` is her order to buy 0.1 at 40,000.00, which was amended once; `pair` is her OCO to sell
    0.1 at 60,000.00 or below 30,000.00.
    """

    listings: tuple[Market, ...] = MARKETS
    account = "alice"
    open_name, pair_name = "mine", "pair"  # client ids of her open order and of her list

    def __init__(self, engine: Engine, at: int = BIRTH) -> None:
        self.at = at
        self._engine = engine
        for name in (self.account, "bob"):
            self._open_account(name)
        self.execute(self._limit("bob", Side.SELL, 100_000, 5_000_000))
        self.filled: OrderSnapshot = self.execute(self._limit("alice", Side.BUY, 50_000, 5_000_000))
        self.open: OrderSnapshot = self.execute(
            self._limit("alice", Side.BUY, 11_000, 4_000_000)._replace(client_id=self.open_name)
        )
        order_id = self.open.order.id
        self.execute(c.AmendOrder("alice", self.symbol, order_id, 10_000))
        self._go_on()
        self.at += 2 * SECOND

    @property
    def symbol(self) -> str:
        """The market in which alice trades."""
        return self.listings[0].symbol

    def _open_account(self, name: str) -> None:
        self.execute(c.OpenAccount(name, RICH))

    def _go_on(self) -> None:
        """What else has happened, by the kind of market."""
        self.pair: OrderList = self._place_pair()

    def _place_pair(self) -> OrderList:
        above = self._limit("alice", Side.SELL, 10_000, 6_000_000)._replace(post_only=True)
        below = self._limit("alice", Side.SELL, 10_000, 0)._replace(
            kind=OrderType.STOP_LOSS, stop_ticks=3_000_000
        )
        legs = (above, below)
        placed = self.execute(c.PlaceOrderList("alice", legs, Contingency.OCO, self.pair_name))
        found: OrderList = placed[0].order.order_list
        return found

    def execute(self, command: Any) -> Any:
        """Carry out a command; its answer. Raises `Reject`."""
        self.at += MILLISECOND
        self._engine.advance(self.at)
        return self._engine.execute(command, self.at)[1]

    def _limit(self, account: str, side: Side, lots: int, ticks: int) -> c.PlaceOrder:
        return c.PlaceOrder(account, self.symbol, side, OrderType.LIMIT, lots, ticks)

    @property
    def markets(self) -> Mapping[str, MarketState]:
        """The markets in force, by symbol."""
        return self._engine.state.markets

    @property
    def listed(self) -> tuple[Market, ...]:
        """Their rules."""
        return tuple(listed.market for listed in self.markets.values())


class ContractWorld(ExampleWorld):
    """The same with perpetuals. Alice holds 0.5 BTC, isolated, and has no order list.

    Her conditional order `stop` sells 0.1 at 30,000.00.
    """

    listings = CONTRACTS

    def _open_account(self, name: str) -> None:
        self.execute(c.OpenAccount(name, (), None, RICH[:1]))
        self.execute(c.SetMarginMode(name, self.symbol, MarginMode.ISOLATED))

    def _go_on(self) -> None:
        stop = c.PlaceConditional(
            "alice", self.symbol, Side.SELL, OrderType.STOP_LOSS, 10_000, 3_000_000,
            client_id="stop",
        )  # fmt: skip
        self.execute(stop)
