"""Events: what happened on the exchange, the first column of the journal."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

from failing_exchange.core.conditional_order import ConditionalStatus
from failing_exchange.core.market import MarketStatus
from failing_exchange.core.order import (
    Contingency,
    Fill,
    ListStatus,
    ListUpdate,
    PositionSide,
    PreventedMatch,
)
from failing_exchange.core.reject import Reason
from failing_exchange.core.venue_commands import CalledOff, ConnectionsCut, MaintenancePlanned


class OrderAccepted(NamedTuple):
    """An order is live (or waits for its trigger)."""

    order_id: int
    account: str
    client_id: str
    at: int


class OrderFilled(NamedTuple):
    """An order traded; `lots_left` is what remains of it."""

    order_id: int
    fill: Fill
    lots_left: int


class OrderCanceled(NamedTuple):
    """An order ended on request; `why` is empty when its owner asked."""

    order_id: int
    account: str
    at: int
    why: str = ""


class OrderExpired(NamedTuple):
    """An order ended by the venue's rules."""

    order_id: int
    account: str
    at: int
    why: str


class OrderTriggered(NamedTuple):
    """A waiting order met its trigger and became live."""

    order_id: int
    account: str
    ticks: int
    at: int


class OrderActivated(NamedTuple):
    """A pending order of a list was placed: its working order is filled."""

    order_id: int
    account: str
    at: int


class OrderListChanged(NamedTuple):
    """A list was placed, an order of it was renamed, or it is over.

    `orders` are the (id, client id) of its orders.
    """

    list_id: int
    client_id: str
    account: str
    symbol: str
    contingency: Contingency
    what: ListUpdate
    status: ListStatus
    orders: tuple[tuple[int, str], ...]
    at: int


class OrderDecremented(NamedTuple):
    """Self-trade prevention reduced an order, which stays open.

    One that ended so has an `OrderExpired`; the match is the last of its `prevented_matches`.
    """

    order_id: int
    account: str
    match: PreventedMatch
    lots: int
    at: int


class OrderAmended(NamedTuple):
    """An order's amount was reduced in place, or (with `ticks`) its price and amount changed."""

    order_id: int
    account: str
    lots: int
    at: int
    ticks: int = 0
    change_id: str = ""


class ConditionalChanged(NamedTuple):
    """A conditional order changed its status; a trailing one that begins to trail stays new.

    `order_id` is that of the order which it has placed, `filled` (lots) and `cost` (atoms) what
    that has traded. `why`: it was refused, or ended without its owner; `reason` of the refusal.
    """

    conditional_id: int
    account: str
    symbol: str
    client_id: str
    status: ConditionalStatus
    at: int
    order_id: int = 0
    filled: int = 0
    cost: int = 0
    activated: bool = False
    why: str = ""
    reason: Reason | None = None


class TradeBusted(NamedTuple):
    """A trade was undone on the ledger."""

    symbol: str
    trade_id: int
    at: int


class BalanceChanged(NamedTuple):
    """A balance changed without a trade: deposit, withdrawal, lock. Changes are in atoms."""

    account: str
    asset: str
    free: int
    used: int
    at: int
    why: str


class PositionChanged(NamedTuple):
    """A position of a contract changed: by a match, funding, liquidation or its margin.

    `lots`, `cost` and `margin` are those after it, see `Position`; `profit` is what it realised,
    `wallet` the balance of the futures wallet after it, isolated margin included. All in atoms.
    """

    account: str
    symbol: str
    side: PositionSide
    lots: int
    cost: int
    margin: int
    profit: int
    wallet: int
    at: int
    why: str


class PositionLiquidated(NamedTuple):
    """The venue begins to close a position: by an order of `lots` at the bankruptcy price."""

    account: str
    symbol: str
    side: PositionSide
    order_id: int
    lots: int
    ticks: int
    at: int


class FundingPaid(NamedTuple):
    """Funding was paid in a contract: the rate in atoms of a fraction, the mark price in atoms."""

    symbol: str
    rate: int
    mark: int
    at: int


class MarginCalled(NamedTuple):
    """The margin of an account's cross positions, or of an isolated one, is nearly used up.

    `symbol` is empty for cross positions. `balance` and `maintenance` are in atoms of `asset`, of
    a dollar ("USD") in multi-assets mode.
    """

    account: str
    asset: str
    symbol: str
    balance: int
    maintenance: int
    at: int


class ContractSettled(NamedTuple):
    """All positions in a contract were closed at a price in ticks; nothing is traded any more."""

    symbol: str
    ticks: int
    at: int


class MarkMoved(NamedTuple):
    """The operator moved the mark price of a contract, by atoms of the quote asset."""

    symbol: str
    atoms: int
    at: int


class FuturesBalanceChanged(NamedTuple):
    """A futures wallet changed without a match; `change` and `wallet` (after it) are in atoms.

    `why`: "transfer", "funding", "insurance_clear" (the fee of a liquidation, or a refill),
    "deposit", "credit", "debit" or "lock"; `symbol` is empty where no contract is concerned;
    `transfer_id` is that of the answer to `TransferFunds`.
    """

    account: str
    asset: str
    change: int
    wallet: int
    at: int
    why: str
    symbol: str = ""
    transfer_id: int = 0


class MarginSettingsChanged(NamedTuple):
    """An account changed how it trades contracts. `symbol` is empty for a mode of the account.

    `setting`: "leverage", "margin_mode", "position_mode", "multi_assets" or "fee_burn".
    """

    account: str
    symbol: str
    setting: str
    value: str
    at: int


class CollateralChanged(NamedTuple):
    """An asset is worth more or less as collateral; `price` 0: the index of its contract."""

    asset: str
    price: int
    bid_buffer: int
    ask_buffer: int
    at: int


class MarketChanged(NamedTuple):
    """A market was halted or resumed, or its rules were replaced."""

    symbol: str
    status: MarketStatus
    what: str
    at: int


class PriceMoved(NamedTuple):
    """The operator moved the background market."""

    symbol: str
    ticks: int
    at: int


class LiquidityPulled(NamedTuple):
    """The operator withdrew the background's offers up to a price."""

    symbol: str
    side: str
    ticks: int
    at: int


class FillCapped(NamedTuple):
    """The operator let the account's next order fill only in part."""

    account: str
    ppm: int
    at: int


class OperationRefused(NamedTuple):
    """A scheduled operator command, or one of a fault, was refused when it was due."""

    command: str
    why: str
    at: int


class VenueRestarted(NamedTuple):
    """The venue restarted; `orders_lost`: every open order was ended by it."""

    orders_lost: bool
    at: int


class ApiChanged(NamedTuple):
    """A change of the venue's API has come into force; a repeat changes nothing."""

    change: str
    at: int


Event: TypeAlias = (
    OrderAccepted | OrderFilled | OrderCanceled | OrderExpired | OrderTriggered | OrderAmended
    | OrderActivated | OrderListChanged | OrderDecremented | TradeBusted | BalanceChanged
    | MarketChanged | PriceMoved | LiquidityPulled | FillCapped | VenueRestarted
    | OperationRefused | PositionChanged | FuturesBalanceChanged | MarginSettingsChanged
    | PositionLiquidated | MarkMoved | MarginCalled | ContractSettled | ConditionalChanged
    | FundingPaid | ApiChanged | CollateralChanged | MaintenancePlanned | ConnectionsCut
    | CalledOff
)  # fmt: skip
