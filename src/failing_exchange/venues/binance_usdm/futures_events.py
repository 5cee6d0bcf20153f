"""How the user data stream of USD-M writes what an account hears of itself.

The events as recorded in production on 2026-09-19; what was not recorded, by the pages "Balance
and Position Update", "Order Update", "Algo Order Update", "Margin Call" and "Account
Configuration Update", 2026-08-19. Numbers have no padding here, but for TRADE_LITE.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from failing_exchange.core.conditional_order import ConditionalStatus
from failing_exchange.core.market import ListedMarket, Market
from failing_exchange.core.order import (
    Fill,
    OrderSnapshot,
    OrderType,
    Status,
    TimeInForce,
    Why,
)
from failing_exchange.core.units import ATOMS, MILLISECOND, PPM, atoms_text
from failing_exchange.feeds.account_records import Execution, ExecutionReport
from failing_exchange.feeds.contract_records import (
    BriefFill,
    ConditionalReport,
    FuturesUpdate,
    MarginCall,
    PositionState,
    SettingChanged,
    WalletState,
)
from failing_exchange.venues.binance_common.edits import EVENT_FIELDS, edit
from failing_exchange.venues.binance_common.listen_keys import ListenKeyExpired
from failing_exchange.venues.binance_common.values import venue_symbol
from failing_exchange.venues.binance_usdm import algo_orders
from failing_exchange.venues.binance_usdm.contract_orders import (
    TYPE_NAMES,
    force_name,
    status_name,
)
from failing_exchange.venues.binance_usdm.number_formats import amount, cost_places, fixed, price
from failing_exchange.venues.binance_usdm.order_terms import match_name

Markets = Mapping[str, ListedMarket]
Event = dict[str, Any]

# unified names, as faults know them -> fields of the objects within an event
FIELDS: dict[str, tuple[str, ...]] = EVENT_FIELDS | {
    "id": ("i", "aid"), "clientOrderId": ("c", "caid"), "average": ("ap",), "cost": (),
    "contracts": ("pa",), "entryPrice": ("ep",), "unrealizedPnl": ("up",), "total": ("wb",),
    "free": ("cw",),
}  # fmt: skip


def event_of(record: Any, at: int, markets: Markets, edits: Any) -> Event:
    """A push as the client reads it; a fault may have changed some of its fields."""
    event = write(record, at, markets)
    return edited(event, tuple(edits)) if edits else event


def edited(event: Event, edits: tuple[tuple[str, Any], ...]) -> Any:
    """An event of which some fields, at whatever depth, say something else."""
    if any(name == "*" for name, _ in edits):
        return edit(event, edits, FIELDS)
    if "a" in event:
        lists = {name: edit(event["a"][name], edits, FIELDS) for name in ("B", "P")}
        return event | {"a": event["a"] | lists}
    inner = next((name for name in ("o", "p") if isinstance(event.get(name), dict | list)), "")
    if inner:
        return event | {inner: edit(event[inner], edits, FIELDS)}
    return edit(event, edits, FIELDS)


def write(record: Any, at: int, markets: Markets) -> Event:
    """An event that is sent at an instant."""
    written: Event = WRITERS[type(record)](record, at, markets)
    return written


def _head(name: str, record: Any, at: int) -> Event:
    return {"e": name, "T": record.at // MILLISECOND, "E": at // MILLISECOND}


# ---- orders


def _report(record: ExecutionReport, at: int, markets: Markets) -> Event:
    state, order = record.snapshot, record.snapshot.order
    market = markets[order.symbol].market
    kind = TYPES[order.kind]
    changed = {"M": record.change_id} if record.change_id else {}
    told = {
        "s": venue_symbol(order.symbol),
        "c": order.client_id,
        "S": order.side.name,
        "o": kind,
        "f": force_name(order),
        "q": lots_text(state.original_lots, market),
        "p": ticks_text(state.ticks, market),
        "ap": average_text(state.cost, state.filled, market),
        "sp": "0",
        "x": execution_name(record),
        "X": status_name(state),
        "i": order.id,
        **changed,
        **_last(record.fill, state, market),
        "T": record.at // MILLISECOND,
        "t": record.fill.trade_id if record.fill else 0,
        "b": atoms_text(record.bid_notional),
        "a": atoms_text(record.ask_notional),
        "m": record.fill.maker if record.fill else False,
        "R": order.reduce_only,
        "wt": "CONTRACT_PRICE",
        "ot": kind,
        "ps": order.position_side.name,
        "cp": False,
        "rp": atoms_text(record.fill.profit if record.fill else 0),
        "pP": False,
        "si": 0,
        "ss": 0,
        "V": (order.prevention or market.prevention).upper(),
        "pm": match_name(order.peg),
        "gtd": order.expires_at // MILLISECOND,
        "er": expiry_reason(record),
    }
    return _head("ORDER_TRADE_UPDATE", record, at) | {"o": told}


TYPES = TYPE_NAMES | algo_orders.TYPE_NAMES
EXECUTIONS = {
    Execution.ACCEPTED: "NEW",
    Execution.FILLED: "TRADE",
    Execution.CANCELED: "CANCELED",
    Execution.AMENDED: "AMENDMENT",
    Execution.EXPIRED: "EXPIRED",
}
# "Order Update", "Expiry Reason"
EXPIRY_REASONS = {
    Why.SELF_TRADE: "1",
    Why.NOTHING_TO_REDUCE: "4",
    Why.LIQUIDATION: "5",
    Why.SETTLED: "7",
}


def execution_name(record: ExecutionReport) -> str:
    """What happened; a fill of an order that the venue has forced is a CALCULATED one."""
    if record.execution is Execution.FILLED and record.snapshot.order.forced:
        return "CALCULATED"
    return EXECUTIONS[record.execution]


def expiry_reason(record: ExecutionReport) -> str:
    """Why an order ended without its owner, as a number in a string; "0" for no reason."""
    order = record.snapshot.order
    if record.snapshot.status not in (Status.EXPIRED, Status.CANCELED):
        return "0"
    if order.why == Why.NOTHING_OFFERED:
        if order.kind is OrderType.MARKET:
            return "9"
        return "2" if order.time_in_force is TimeInForce.IOC else "0"
    return next((code for why, code in EXPIRY_REASONS.items() if order.why == why), "0")


def _last(fill: Fill | None, state: OrderSnapshot, market: Market) -> Event:
    """The fields of the fill that is reported, or of none."""
    filled = lots_text(state.filled, market)
    if fill is None:
        return {"l": "0", "z": filled, "L": "0", "n": "0", "N": market.settle}
    return {
        "l": lots_text(fill.lots, market),
        "z": filled,
        "L": ticks_text(fill.ticks, market),
        "n": atoms_text(fill.fee),
        "N": fill.fee_asset,
    }


def _brief(record: BriefFill, at: int, markets: Markets) -> Event:
    fill, state = record.fill, record.snapshot
    market = markets[fill.symbol].market
    return {
        "e": "TRADE_LITE",
        "E": at // MILLISECOND,
        "T": record.at // MILLISECOND,
        "s": venue_symbol(fill.symbol),
        "q": amount(state.original_lots, market),
        "p": price(state.ticks, market),
        "m": fill.maker,
        "c": state.order.client_id,
        "S": fill.side.name,
        "L": price(fill.ticks, market),
        "l": amount(fill.lots, market),
        "t": fill.trade_id,
        "i": fill.order_id,
    }


# ---- conditional orders


def _algo(record: ConditionalReport, at: int, markets: Markets) -> Event:
    event, one = record.event, record.conditional
    command, market = one.command, markets[event.symbol].market
    stop = 0 if command.kind is OrderType.TRAILING_STOP else command.stop_ticks
    failed = {"rm": event.why} if event.status is ConditionalStatus.REJECTED else {}
    told = {
        "caid": one.client_id,
        "aid": one.id,
        "at": "CONDITIONAL",
        "o": TYPES[command.kind],
        "s": venue_symbol(event.symbol),
        "S": command.side.name,
        "ps": command.position_side.name,
        "f": algo_orders.force_name(command),
        "q": lots_text(command.lots, market),
        "X": event.status.name,
        "ai": str(event.order_id) if event.order_id else "",
        **_placed(record, market),
        "tp": ticks_text(stop, market),
        "p": ticks_text(command.ticks, market),
        "V": (command.prevention or market.prevention).upper(),
        "wt": algo_orders.WORKING_NAMES[command.by],
        "pm": match_name(command.peg),
        "cp": command.close_position,
        "pP": command.protected,
        "R": command.reduce_only or command.close_position,
        "tt": one.triggered_at // MILLISECOND if event.status is not ConditionalStatus.NEW else 0,
        "gtd": command.expires_at // MILLISECOND,
        **failed,
        "ia": event.activated,
    }
    return _head("ALGO_UPDATE", record, at) | {"o": told}


def _placed(record: ConditionalReport, market: Market) -> Event:
    """What is told of the order that was placed: nothing before there is one."""
    event = record.event
    if not event.order_id:
        return {}
    limit = record.conditional.command.kind in (
        OrderType.STOP_LOSS_LIMIT, OrderType.TAKE_PROFIT_LIMIT
    )  # fmt: skip
    return {
        "ap": average_text(event.cost, event.filled, market),
        "aq": lots_text(event.filled, market),
        "act": "LIMIT" if limit else "MARKET",
    }


# ---- wallets, positions, settings


def _account(record: FuturesUpdate, at: int, markets: Markets) -> Event:
    told = {
        "B": [_balance(one) for one in record.wallets],
        "P": [_position(one) for one in record.positions],
        "m": record.why.value,
    }
    if record.symbol:
        told["S"] = venue_symbol(record.symbol)
    return _head("ACCOUNT_UPDATE", record, at) | {"a": told}


def _balance(one: WalletState) -> Event:
    return {
        "a": one.asset,
        "wb": atoms_text(one.balance),
        "cw": atoms_text(one.cross),
        "bc": atoms_text(one.change),
    }


def _position(one: PositionState) -> Event:
    entry = entry_of(one)
    fee = one.market.taker_fee if one.lots > 0 else -one.market.taker_fee
    return {
        "s": venue_symbol(one.market.symbol),
        "pa": lots_text(one.lots, one.market),
        "ep": atoms_text(entry),
        "cr": atoms_text(one.realised),
        "up": atoms_text(one.unrealised),
        "mt": "isolated" if one.isolated else "cross",
        "iw": atoms_text(one.margin),
        "ps": one.side.name,
        "ma": one.market.settle,
        "bep": atoms_text(entry * (PPM + fee) // PPM),
    }


def entry_of(one: PositionState) -> int:
    """The average entry price, in atoms; 0 without a position."""
    if not one.lots:
        return 0
    return abs(one.cost) * ATOMS * one.market.price_step // (abs(one.lots) * one.market.unit)


def _call(record: MarginCall, at: int, markets: Markets) -> Event:
    rows = []
    for called in record.positions:
        one = called.state
        rows.append({
            "s": venue_symbol(one.market.symbol),
            "ps": one.side.name,
            "pa": lots_text(one.lots, one.market),
            "mt": "ISOLATED" if one.isolated else "CROSSED",
            "iw": atoms_text(one.margin),
            "mp": atoms_text(called.mark),
            "up": atoms_text(one.unrealised),
            "mm": atoms_text(called.maintenance),
        })  # fmt: skip
    cross = {} if record.cross is None else {"cw": atoms_text(record.cross)}
    return {"e": "MARGIN_CALL", "E": at // MILLISECOND, **cross, "p": rows}


def _setting(record: SettingChanged, at: int, markets: Markets) -> Event:
    head = {
        "e": "ACCOUNT_CONFIG_UPDATE",
        "E": at // MILLISECOND,
        "T": record.at // MILLISECOND,
    }
    if record.multi_assets is not None:
        return head | {"ai": {"j": record.multi_assets}}
    return head | {"ac": {"s": venue_symbol(record.symbol), "l": record.leverage}}


def _expired(record: ListenKeyExpired, at: int, markets: Markets) -> Event:
    """Its time is a string here."""
    return {
        "e": "listenKeyExpired",
        "E": str(at // MILLISECOND),
        "listenKey": record.listen_key,
    }


WRITERS: dict[type, Callable[[Any, int, Markets], Event]] = {
    ExecutionReport: _report,
    BriefFill: _brief,
    ConditionalReport: _algo,
    FuturesUpdate: _account,
    MarginCall: _call,
    SettingChanged: _setting,
    ListenKeyExpired: _expired,
}


# ---- numbers


def lots_text(lots: int, market: Market) -> str:
    """An amount."""
    return atoms_text(lots * market.amount_step)


def ticks_text(ticks: int, market: Market) -> str:
    """A price."""
    return atoms_text(ticks * market.price_step)


def average_text(atoms: int, lots: int, market: Market) -> str:
    """The average price of lots that cost these atoms; "0" for none."""
    if not lots:
        return "0"
    found = fixed(atoms * ATOMS // (lots * market.amount_step), cost_places(market))
    return found.rstrip("0").rstrip(".") if "." in found else found
