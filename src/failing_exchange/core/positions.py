"""Positions of contracts: what an account holds, in which mode, with which leverage."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from failing_exchange.core.order import PositionSide

LEVERAGE = 20  # of a symbol until its account sets another (Binance's default)


class MarginMode(StrEnum):
    """Whether a position may lose all of its wallet, or only what is set aside for it."""

    __hash__ = str.__hash__

    CROSS = "cross"
    ISOLATED = "isolated"


# On Python 3.11 the look-up of an enum member by its class is a Python call.
CROSS, ISOLATED = MarginMode.CROSS, MarginMode.ISOLATED


@dataclass(slots=True, eq=False)
class Position:
    """What an account holds of one contract on one position side, and its open orders there.

    `lots` below 0 are a short position. `cost` is what they were entered for, in atoms of the
    settlement asset, with the sign of `lots`. `margin`: atoms set aside for it in the wallet
    (isolated only). `bids` and `asks`: notional of the open orders that may add to a position.
    """

    account: str
    side: PositionSide
    wallet: str
    lots: int = 0
    cost: int = 0
    margin: int = 0
    bids: int = 0
    asks: int = 0
    updated_at: int = 0

    @property
    def is_idle(self) -> bool:
        """Whether it holds nothing and has no open orders."""
        return not (self.lots or self.bids or self.asks or self.margin)


@dataclass(slots=True, eq=False)
class MarginSettings:
    """How an account trades contracts: modes, and leverage by symbol."""

    hedge: bool = False
    multi_assets: bool = False
    fee_burn: bool = True  # pays fees in BNB while its futures wallet has enough of it
    leverage: dict[str, int] = field(default_factory=dict)
    modes: dict[str, MarginMode] = field(default_factory=dict)
    called: dict[tuple[str, str], None] = field(default_factory=dict)  # (asset, symbol): for margin
    # (second, number of events, order, asset): what is available at least to that order then
    room: tuple[tuple[int, int, int, str], int] = ((-1, 0, 0, ""), 0)

    def leverage_of(self, symbol: str) -> int:
        """The leverage of a symbol."""
        return self.leverage.get(symbol, LEVERAGE)

    def is_isolated(self, symbol: str) -> bool:
        """Whether positions of a symbol are isolated."""
        return self.modes.get(symbol) is ISOLATED


class MarginMove(NamedTuple):
    """Atoms that an account has added to the margin of an isolated position; below 0: taken."""

    symbol: str
    side: PositionSide
    asset: str
    atoms: int
    at: int


class MarginStatus(NamedTuple):
    """What an account has in one asset of its futures wallet, in atoms.

    `wallet` is the balance without isolated margins; `unrealised` and `maintenance` are those of
    cross positions, `position_margin` their initial margin, `order_margin` that of open orders.
    `isolated_initial` is the initial margin of isolated positions. `locked` is what the operator
    keeps from orders and transfers.

    In `FetchMargin`'s answer, `updated_at` is the instant of the last change of the balance or of
    a position; `joint`, in multi-assets mode, what all assets together leave for new orders and
    for a withdrawal of this one. Elsewhere they are 0 and None.
    """

    wallet: int
    isolated: int = 0
    isolated_unrealised: int = 0
    unrealised: int = 0
    maintenance: int = 0
    position_margin: int = 0
    order_margin: int = 0
    isolated_initial: int = 0
    updated_at: int = 0
    locked: int = 0
    joint: tuple[int, int] | None = None

    @property
    def initial(self) -> int:
        """The initial margin of all positions and open orders."""
        return self.position_margin + self.isolated_initial + self.order_margin

    @property
    def margin_balance(self) -> int:
        """The wallet with isolated margins, and all unrealised profit."""
        return self.wallet + self.isolated + self.unrealised + self.isolated_unrealised

    @property
    def balance(self) -> int:
        """The margin balance of the cross positions: what a liquidation is decided by."""
        return self.wallet + self.unrealised

    @property
    def available(self) -> int:
        """What new orders can use, 0 at least."""
        if self.joint is not None:
            return self.joint[0]
        return max(0, self.balance - self.position_margin - self.order_margin - self.locked)

    @property
    def withdrawable(self) -> int:
        """What can leave the futures wallet: profit that is not realised stays."""
        if self.joint is not None:
            return self.joint[1]
        return max(0, self.available - max(0, self.unrealised))


class JointMargin(NamedTuple):
    """What an account has and needs in all assets together, in atoms of a dollar."""

    wallet: int = 0
    unrealised: int = 0
    equity: int = 0
    position_margin: int = 0
    order_margin: int = 0
    maintenance: int = 0
    locked: int = 0

    @property
    def spare(self) -> int:
        """What is left beside the initial margins; below 0: what is missing."""
        return self.equity - self.position_margin - self.order_margin - self.locked
