"""What an account that trades contracts can hear of itself, before a venue writes it."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from failing_exchange.core.conditional_order import ConditionalSnapshot
from failing_exchange.core.events import ConditionalChanged
from failing_exchange.core.market import Market
from failing_exchange.core.order import Fill, OrderSnapshot, PositionSide


class FuturesChange(StrEnum):
    """Why a futures wallet or a position changed; the texts are those of journals."""

    ORDER = "ORDER"  # a match
    FUNDING = "FUNDING_FEE"
    MARGIN_MOVED = "MARGIN_TRANSFER"  # to or from an isolated position
    MARGIN_MODE = "MARGIN_TYPE_CHANGE"
    DEPOSITED = "DEPOSIT"
    WITHDRAWN = "WITHDRAW"
    PAID_IN = "ADMIN_DEPOSIT"  # by the operator, and
    TAKEN_OUT = "ADMIN_WITHDRAW"
    LIQUIDATED = "INSURANCE_CLEAR"  # the fee of a liquidation
    EXCHANGED = "AUTO_EXCHANGE"  # what one asset owed was bought with others
    ADJUSTED = "ADJUSTMENT"


class WalletState(NamedTuple):
    """One asset of a futures wallet, in atoms: all of it, and without isolated margins.

    `change` is that of the balance, but for profits and trading fees.
    """

    asset: str
    balance: int
    cross: int
    change: int = 0


class PositionState(NamedTuple):
    """A position at one point of a step. Money is in atoms of the settlement asset.

    `cost` has the sign of `lots`; `realised` is all that the position has realised, before fees,
    and `unrealised` what it has at the mark price.
    """

    market: Market
    side: PositionSide
    lots: int
    cost: int
    margin: int
    isolated: bool
    realised: int
    unrealised: int


class FuturesUpdate(NamedTuple):
    """A futures wallet changed, or positions did: how they are then.

    `symbol` is that of the contract whose funding was paid, else empty.
    """

    why: FuturesChange
    wallets: tuple[WalletState, ...]
    positions: tuple[PositionState, ...]
    at: int
    symbol: str = ""


class BriefFill(NamedTuple):
    """A fill in few words, ahead of the report of its order."""

    fill: Fill
    snapshot: OrderSnapshot
    at: int


class ConditionalReport(NamedTuple):
    """A conditional order changed its status."""

    event: ConditionalChanged
    conditional: ConditionalSnapshot
    at: int


class CalledPosition(NamedTuple):
    """A position for which more margin is called, in atoms."""

    state: PositionState
    mark: int
    maintenance: int


class MarginCall(NamedTuple):
    """Margin is called; `cross` is the wallet without isolated margins, None for isolated ones."""

    positions: tuple[CalledPosition, ...]
    cross: int | None
    at: int


class SettingChanged(NamedTuple):
    """The leverage of a symbol, or (with `multi_assets`) the mode of an account."""

    symbol: str
    leverage: int
    at: int
    multi_assets: bool | None = None
