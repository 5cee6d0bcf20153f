"""Commands: what clients and the operator have the exchange do. Queries: `core.queries`."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Any, Final, NamedTuple, TypeAlias

from failing_exchange.core.collateral import ChangeCollateral, SetFeeBurn, SetMultiAssets
from failing_exchange.core.ledger import Wallet
from failing_exchange.core.market import MarketStatus, Prevention
from failing_exchange.core.order import (
    Contingency,
    Extra,
    OrderSnapshot,
    OrderType,
    Peg,
    PositionSide,
    Side,
    TimeInForce,
    TriggerBy,
)
from failing_exchange.core.positions import MarginMode
from failing_exchange.core.queries import Query
from failing_exchange.core.reject import Refusal, Reject
from failing_exchange.core.venue_commands import CallOff, CutConnections, PlanMaintenance

# ---- clients act


class CancelOnly(StrEnum):
    """Limits a cancel to orders without any fill, or to partially filled ones."""

    NEW = "new"
    PARTIALLY_FILLED = "partially_filled"


class PlaceOrder(NamedTuple):
    """Place one order. `cost` (quote atoms) instead of `lots` for a market order by cost.

    `iceberg_lots`: how much of it is shown at a time. `trail_bips`: the basis points by which
    a stop loss or take profit trails; with `stop_ticks`, once that price is reached. `peg`: its
    price is read off the book; it has to keep the rules at `ticks` as well, where they are given.
    `extra`: what the venue keeps with the order for itself, and the exchange does not read.
    Of contracts: `reduce_only` orders only make a position smaller; `position_side` says which
    position an order is for (hedge mode). `expires_at`: the instant at which the venue ends it.
    """

    account: str
    symbol: str
    side: Side
    kind: OrderType
    lots: int = 0
    ticks: int = 0
    cost: int = 0
    time_in_force: TimeInForce = TimeInForce.GTC
    post_only: bool = False
    client_id: str = ""
    stop_ticks: int = 0
    trail_ticks: int = 0
    prevention: Prevention | None = None
    test: bool = False  # check everything, place nothing
    iceberg_lots: int = 0
    trail_bips: int = 0
    peg: Peg | None = None
    extra: Extra = ()
    reduce_only: bool = False
    position_side: PositionSide = PositionSide.BOTH
    expires_at: int = 0


OPTIONS: Final = 6  # the place of the first option; what is before it, every order has
assert PlaceOrder._fields[OPTIONS] == "cost"
NO_OPTIONS = PlaceOrder("", "", Side.BUY, OrderType.LIMIT)[OPTIONS:]  # as most orders leave them


class PlaceOrderList(NamedTuple):
    """Place an order list; see `Contingency`.

    OCO: a leg above the price and one below; OTO: the working order, then the pending one, or a
    pending pair. Without a contingency: an OCO of a limit order and a triggered one, which
    makes no `OrderListChanged` events. `proceeds_pay`: what the working order of an OTO buys is
    held for the pending ones, which sell as much of it as they can; they are placed without an
    amount. `fee_from_proceeds`: the fee is always taken from what was bought, never from what else
    is free.
    """

    account: str
    legs: tuple[PlaceOrder, ...]
    contingency: Contingency | None = None
    client_id: str = ""
    proceeds_pay: bool = False
    fee_from_proceeds: bool = False


class CancelOrderList(NamedTuple):
    """Cancel all orders of a list, named by id or by the list's client id.

    Named by both, both must fit. `cancel_id` is the client's name of the cancel.
    """

    account: str
    symbol: str = ""
    list_id: int = 0
    client_id: str = ""
    cancel_id: str = ""


class CancelOrder(NamedTuple):
    """Cancel one open order, named by id or by client order id; `symbol` may be empty.

    Named by both, both must fit. `cancel_id` is the client's name of the cancel.
    """

    account: str
    symbol: str = ""
    order_id: int = 0
    client_id: str = ""
    only: CancelOnly | None = None
    cancel_id: str = ""


class CancelAllOrders(NamedTuple):
    """Cancel every open order of an account: in one market, in those of some `kinds`, or in all."""

    account: str
    symbol: str = ""
    cancel_id: str = ""
    conditionals: bool = False  # conditional orders that wait, too
    kinds: tuple[str, ...] = ()


class AmendOrder(NamedTuple):
    """Reduce the amount of an open order to `lots`; it keeps its place in the queue.

    `new_client_id` is its name from then on; None: as before, empty: a made one.
    """

    account: str
    symbol: str
    order_id: int
    lots: int
    client_id: str = ""
    new_client_id: str | None = None


class ReplaceOrder(NamedTuple):
    """Cancel an order, then place another. `only_if_canceled`: don't place when the cancel fails.

    `check_first`: cancel nothing when the new order breaks a rule of the market. `refused`: the new
    order is refused for this reason, whether or not the cancel succeeds.
    """

    cancel: CancelOrder
    place: PlaceOrder
    only_if_canceled: bool = True
    check_first: bool = False
    refused: Refusal | None = None


class Replaced(NamedTuple):
    """The result of `ReplaceOrder`; each half succeeded, was refused, or (None) not tried."""

    canceled: OrderSnapshot | Reject
    placed: OrderSnapshot | Reject | None

    @property
    def succeeded(self) -> bool:
        """Whether both the cancel and the new order succeeded."""
        return not isinstance(self.canceled, Reject) and isinstance(self.placed, OrderSnapshot)


class PlaceConditional(NamedTuple):
    """Place a conditional order: an order that is placed when a price is reached.

    `kind` is a stop, a take profit (limit: at `ticks` or the price of `peg`) or a trailing stop.
    `by` says whether `stop_ticks` is a last price or a mark price. A trailing stop follows the
    best price by `trail_bips` basis points, once `stop_ticks` was reached; 0: at once.
    `protected`: it does not trigger while mark and last price differ by more than the contract's
    `trigger_protect`. `close_position`: without an amount; the order closes the position that
    there is at the trigger. `ends_with_position`: it expires when the position is closed.
    `expires_at`: when it, or the order that it has placed, ends. Time in force, `post_only`,
    `peg`, `prevention` and `reduce_only` are those of the order to come.
    """

    account: str
    symbol: str
    side: Side
    kind: OrderType
    lots: int = 0
    stop_ticks: int = 0
    ticks: int = 0
    by: TriggerBy = TriggerBy.LAST
    trail_bips: int = 0
    client_id: str = ""
    time_in_force: TimeInForce = TimeInForce.GTC
    post_only: bool = False
    reduce_only: bool = False
    close_position: bool = False
    ends_with_position: bool = False
    protected: bool = False
    position_side: PositionSide = PositionSide.BOTH
    expires_at: int = 0
    peg: Peg | None = None
    prevention: Prevention | None = None
    extra: Extra = ()


class CancelConditional(NamedTuple):
    """Cancel one conditional order, by id or by client id; it has not triggered yet."""

    account: str
    symbol: str = ""
    conditional_id: int = 0
    client_id: str = ""


class CancelAllConditionals(NamedTuple):
    """Cancel every conditional order of an account that waits, in one market or in all."""

    account: str
    symbol: str = ""


class ChangeOrder(NamedTuple):
    """Change price and amount of an open limit order of a contract; it keeps its id.

    `lots` is the whole amount, with what is filled already. The order goes to the end of the queue.
    It is canceled where the new amount is filled already, or where it is post-only and would
    match. `peg`: the new price is read off the book. `change_id`: the client's name of the change.
    `side`: where given, it has to be the order's.
    """

    account: str
    symbol: str
    order_id: int = 0
    client_id: str = ""
    lots: int = 0
    ticks: int = 0
    peg: Peg | None = None
    change_id: str = ""
    side: Side | None = None


BATCH_MAX = 10  # commands of one batch; a longer one is refused (Binance: 5 unless they cancel)


InBatch: TypeAlias = PlaceOrder | ChangeOrder | CancelOrder | PlaceConditional | CancelConditional


class BatchOrders(NamedTuple):
    """Place, change or cancel several orders; each is done, or refused, on its own.

    A `Refusal` stands for one that could not be read.
    """

    account: str
    commands: tuple[InBatch | Refusal, ...]


class BatchDone(NamedTuple):
    """The result of `BatchOrders`: of each command, in their order."""

    results: tuple[Any, ...]  # an OrderSnapshot, a ConditionalSnapshot or a Reject each


class SetCountdown(NamedTuple):
    """Cancel all open orders of a symbol in `nanoseconds`, unless it is set again; 0: do not."""

    account: str
    symbol: str
    nanoseconds: int


class SetLeverage(NamedTuple):
    """Change the leverage of a contract for an account."""

    account: str
    symbol: str
    leverage: int


class SetMarginMode(NamedTuple):
    """Let positions in a contract share the wallet (cross), or set margin aside (isolated)."""

    account: str
    symbol: str
    mode: MarginMode


class SetPositionMode(NamedTuple):
    """Keep one position per contract, or (hedge) a long one and a short one."""

    account: str
    hedge: bool


class AdjustMargin(NamedTuple):
    """Add atoms to the margin of an isolated position, or (negative) remove them."""

    account: str
    symbol: str
    atoms: int
    side: PositionSide = PositionSide.BOTH


class TransferFunds(NamedTuple):
    """Move atoms of an asset between the spot and the futures wallet of an account."""

    account: str
    asset: str
    atoms: int
    to_futures: bool = True


class SessionCommand(NamedTuple):
    """A request that the server handles itself when it is due: sign in, subscribe, and the like.

    `run(at)` gives the answer, or raises `Reject`; it changes nothing of the exchange.
    """

    account: str
    run: Callable[[int], Any]


# ---- the operator acts: incidents, lawful and booked


class SetMarketStatus(NamedTuple):
    """Halt a market, resume it, or let it only cancel.

    `nanoseconds`: for how long; None = until it is resumed. Of halts that overlap the latest one
    counts. To resume the market (`TRADING`, without `nanoseconds`) ends them all.
    """

    symbol: str
    status: MarketStatus
    nanoseconds: int | None = None


class EndHalts(NamedTuple):
    """End the halts of a market whose time is over. Each halt with an end schedules one."""

    symbol: str


class ChangeRules(NamedTuple):
    """Change some rules of a market (steps, limits, fees); open orders stay as they are.

    `changes` are fields of `Market` with their new values. What it does not name stays as it is
    when the command is executed, so that changes add up.

    >>> ChangeRules("BTC/USDT", (("taker_fee", 500), ("orders_max", 5))).changes[0]
    ('taker_fee', 500)
    """

    symbol: str
    changes: tuple[tuple[str, Any], ...]


class MovePrice(NamedTuple):
    """Move the background market by `ppm` of its price, or by `ticks`, from the next second on.

    `at_once`: the offers move in this step, and a trade of the smallest amount is recorded.
    `nanoseconds`: after which the move is reversed; None = never.
    """

    symbol: str
    ppm: int = 0
    ticks: int = 0
    nanoseconds: int | None = None
    at_once: bool = False


class PullLiquidity(NamedTuple):
    """Withdraw the background's offers on `side` up to `ppm` beyond the best; offer `lots` there.

    The price is rounded towards the best one. The background's book is renewed at its next step.
    """

    symbol: str
    side: Side
    ppm: int
    lots: int = 0


class CrossOrder(NamedTuple):
    """Trade against an open order at its own price. `lots` 0 = all that remains."""

    order_id: int
    lots: int = 0


class ReleaseOrder(NamedTuple):
    """Let an order that an incident kept off the book match."""

    order_id: int


class CapNextFill(NamedTuple):
    """Let the next order of `account` fill only `ppm` of its amount at once.

    What a limit order has left fills after `rest_after` nanoseconds; None: when the market comes.
    """

    account: str
    ppm: int
    rest_after: int | None


class OperatorCancel(NamedTuple):
    """Cancel (or with `expire`, expire) somebody's order; order_id 0 = all open orders."""

    order_id: int = 0
    symbol: str = ""
    expire: bool = False


class Credit(NamedTuple):
    """Pay `atoms` of an asset into a wallet of an account."""

    account: str
    asset: str
    atoms: int
    wallet: Wallet = Wallet.SPOT


class Debit(NamedTuple):
    """Take `atoms` out of what a wallet has free (could transfer, a futures one), at most all."""

    account: str
    asset: str
    atoms: int
    wallet: Wallet = Wallet.SPOT


class Freeze(NamedTuple):
    """Lock `atoms`, at most what is free, without an order; negative = release.

    `nanoseconds`: after which it is released; None = never. Locks add up, and the end of one leaves
    the others alone. A release takes from the lock that ends first. What is locked in a futures
    wallet still counts as margin.
    """

    account: str
    asset: str
    atoms: int
    nanoseconds: int | None = None
    wallet: Wallet = Wallet.SPOT


class EndFreezes(NamedTuple):
    """Release the locks whose time is over. Each lock with an end schedules one."""

    account: str
    asset: str
    wallet: Wallet = Wallet.SPOT


class BustTrade(NamedTuple):
    """Undo a trade on the ledger: both sides get back what they gave."""

    symbol: str
    trade_id: int


class SettleDue(NamedTuple):
    """Carry out what falls due in a market by time, e.g. funding. Its settlement schedules it."""

    symbol: str


class EndDue(NamedTuple):
    """End orders and conditional orders whose time is up, and run out countdowns.

    The exchange plans it.
    """


class CheckMarks(NamedTuple):
    """Look at the accounts whose margin a mark price may have used up; the exchange plans it."""

    symbol: str


class MoveMark(NamedTuple):
    """Move the mark price of a contract away from where it would be.

    By `atoms` of the quote asset and `ppm` of where it would be. `nanoseconds`: after which it is
    as before; None = until it is moved again.
    """

    symbol: str
    atoms: int = 0
    nanoseconds: int | None = None
    ppm: int = 0


class LiquidatePosition(NamedTuple):
    """Liquidate the positions of an account in a contract, as if its margin did not suffice."""

    account: str
    symbol: str


class Deleverage(NamedTuple):
    """Auto-deleverage: close up to `lots` (0 = all) of the position of an account at the mark."""

    account: str
    symbol: str
    lots: int = 0


class PayFunding(NamedTuple):
    """Have funding of a contract paid now, at the estimated rate or at one in atoms (1e-8)."""

    symbol: str
    rate: int | None = None


class ChangeFunding(NamedTuple):
    """Change how funding of a contract is reckoned; None leaves a term as it is.

    `hours`: the interval. `cap` and `floor` are in atoms of a fraction (1e-8).
    """

    symbol: str
    hours: int | None = None
    cap: int | None = None
    floor: int | None = None


class SettleContract(NamedTuple):
    """Delist a contract: cancel all orders, close all positions at a price, and stop trading.

    `ticks` 0: at the mark price.
    """

    symbol: str
    ticks: int = 0


class Delist(NamedTuple):
    """Delist a spot market: expire all its orders, and stop trading until it is resumed."""

    symbol: str


class SetInsuranceFund(NamedTuple):
    """Set what the insurance fund has of an asset, in atoms."""

    asset: str
    atoms: int


class Restart(NamedTuple):
    """The venue's process dies and comes back. `lose_orders`: without the open orders."""

    lose_orders: bool = False


class ChangeApi(NamedTuple):
    """A change of the venue's API comes into force. The exchange only records that it did.

    `change` is its name in the table of a venue (`venues/*/*_changes.py`), `after` the nanoseconds
    until it comes.
    """

    change: str
    after: int = 0


class OpenAccount(NamedTuple):
    """Open an account with balances in atoms, paid in from outside."""

    account: str
    balances: tuple[tuple[str, int], ...] = ()
    fee_asset: str | None = None
    futures: tuple[tuple[str, int], ...] = ()  # of its futures wallet


Operator: TypeAlias = (
    SetMarketStatus | EndHalts | ChangeRules | MovePrice | PullLiquidity | CrossOrder
    | ReleaseOrder | CapNextFill | OperatorCancel | Credit | Debit | Freeze | EndFreezes
    | BustTrade | OpenAccount | Restart | SettleDue | EndDue | CheckMarks | MoveMark
    | LiquidatePosition | Deleverage | SettleContract | Delist | SetInsuranceFund
    | PayFunding | ChangeFunding | ChangeCollateral | ChangeApi | PlanMaintenance | CutConnections
    | CallOff
)  # fmt: skip
Action: TypeAlias = (
    PlaceOrder | PlaceOrderList | CancelOrder | CancelOrderList | CancelAllOrders | AmendOrder
    | ReplaceOrder | ChangeOrder | BatchOrders | SetCountdown | PlaceConditional
    | CancelConditional | CancelAllConditionals | SetLeverage | SetMarginMode | SetPositionMode
    | SetMultiAssets | SetFeeBurn | AdjustMargin | TransferFunds
)  # fmt: skip
Command: TypeAlias = Action | Query | Operator | SessionCommand
