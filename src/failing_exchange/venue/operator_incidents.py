"""Incidents by name, as in scenario files, and the operator command of each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from failing_exchange.core import commands as c
from failing_exchange.core.collateral import ChangeCollateral
from failing_exchange.core.funding_rate import INTERVALS
from failing_exchange.core.ledger import Wallet
from failing_exchange.core.market import Market, MarketStatus, is_contract
from failing_exchange.core.order import Side
from failing_exchange.core.reject import Reject
from failing_exchange.core.units import ATOMS, DAY_S, PPM, SECOND, atoms_text
from failing_exchange.core.venue_commands import CutConnections, PlanMaintenance
from failing_exchange.errors import ConfigurationError
from failing_exchange.text.durations import FORMS, seconds_of
from failing_exchange.text.number_checks import is_number
from failing_exchange.text.spelling import did_you_mean, shown
from failing_exchange.unified.numbers import atoms_of
from failing_exchange.venue.maintenance import DEFAULT_MESSAGE

if TYPE_CHECKING:
    from failing_exchange.core.state import State

SPAN_MIN, SPAN_MAX = 0.001, 366 * DAY_S  # seconds of an incident; others are refused
PERCENT_MIN, PERCENT_MAX = -99.99, 100_000  # of a move of the price; no price is 0
FEE_PERCENT_MAX = 50  # a higher fee is refused
ORDERS_MAX = 1_000_000  # a higher limit of open orders is refused
RATE_PERCENT_MAX = 100  # of a funding rate, its cap or floor, up or down; others are refused
ID_MAX = 2**53 - 1  # of an order or a trade; a higher number is refused
DEPTH_PERCENT_MAX = 1_000  # of pulled offers, from the best price; more is refused
ORDERS = ("kept", "lost")  # what becomes of open orders
MESSAGE_MAX = 1_000  # letters of what clients are told; a longer text is refused
NAME_MAX = 100  # letters of the name of an account or an asset; a longer one is refused
Fields = Mapping[str, Any]
Markets = Mapping[str, Market]


class Incident(NamedTuple):
    """How an incident is made. `needs` and `may` name its fields, which are in units or percent."""

    says: str
    needs: tuple[str, ...]
    may: tuple[str, ...]
    make: Callable[[Fields, Markets], c.Operator]


def command_of(name: str, fields: Fields, markets: Markets) -> c.Operator:
    """Make the operator command of an incident. Raises ConfigurationError for wrong fields.

    >>> command_of("halt", {"symbol": "BTC/USDT", "seconds": 60}, {"BTC/USDT": None}).nanoseconds
    60000000000
    """
    incident = INCIDENTS.get(name) if isinstance(name, str) else None
    if incident is None:
        raise ConfigurationError(f"no incident {shown(name)}{one_of(name, INCIDENTS)}")
    unknown = [field for field in fields if field not in (*incident.needs, *incident.may)]
    missing = [field for field in incident.needs if field not in fields]
    if unknown or missing:
        raise ConfigurationError(
            f"{name} needs {_list(incident.needs)} and may have {_list(incident.may)}; "
            f"missing: {_list(missing)}; unknown: {_list(unknown)}"
        )
    symbol = fields.get("symbol")
    if "symbol" in fields and (not isinstance(symbol, str) or symbol not in markets):
        raise ConfigurationError(f"{name}: no market {shown(symbol)}{one_of(symbol, markets)}")
    if name in OF_CONTRACTS and "symbol" in fields and markets[str(symbol)].contract is None:
        contracts = {one: None for one, market in markets.items() if market.contract is not None}
        raise ConfigurationError(f"{name}: {symbol} is not a contract{one_of(symbol, contracts)}")
    if name in OF_SPOT and is_contract(str(symbol)):
        raise ConfigurationError(f"{name}: {symbol} is a contract; use settle_contract")
    return incident.make(fields, markets)


def locked(state: State) -> list[dict[str, Any]]:
    """The incidents that release all that is locked of balances now."""
    return [
        {
            "do": "release", "account": account.name, "asset": asset, "wallet": str(wallet),
            "amount": atoms_text(sum(lock.atoms for lock in locks)),
        }
        for account in state.accounts.values()
        for (wallet, asset), locks in account.locks.items()
        if locks
    ]  # fmt: skip


def one_of(name: object, known: Mapping[str, Any]) -> str:
    """The nearest spelling and all known names, for an error message."""
    return (
        f"{did_you_mean(name, known) if isinstance(name, str) else ''} (there are {_list(known)})"
    )


def _list(names: Iterable[str]) -> str:
    return ", ".join(names) or "none"


def _number(fields: Fields, name: str, least: float, most: float, unit: str) -> float:
    """Read a number from `least` to `most`."""
    value = fields[name]
    if not is_number(value) or not least <= value <= most:
        raise ConfigurationError(
            f"{name} must be a number from {least:,g} to {most:,g} ({unit}), not {shown(value)}"
        )
    return float(value)


def _span(fields: Fields, name: str = "seconds") -> int | None:
    """Read a span of time in nanoseconds; None if it is left out."""
    if fields.get(name) is None:
        return None
    try:
        seconds = seconds_of(fields[name])
    except ValueError:
        seconds = -1
    if seconds == 0:
        without = "an incident without an end" if name == "seconds" else "an incident at once"
        raise ConfigurationError(f"{name} must be above 0, not 0; leave it out for {without}")
    if not SPAN_MIN <= seconds <= SPAN_MAX:
        raise ConfigurationError(
            f"{name} must be {FORMS}, from {SPAN_MIN:g} to {SPAN_MAX:,} seconds, "
            f"not {shown(fields[name])}"
        )
    return round(seconds * SECOND)


def _atoms(fields: Fields, name: str) -> int:
    """Read a number of units above 0 as atoms."""
    try:
        atoms = int(atoms_of(fields[name]))
    except (Reject, TypeError):
        atoms = 0
    if atoms < 1:
        raise ConfigurationError(
            f"{name} must be a number from 0.00000001 to 10**15, not {shown(fields[name])}"
        )
    return atoms


def _multiple(fields: Fields, name: str, step: int) -> int:
    """Read a step as a multiple of the market's finest one."""
    times, rest = divmod(_atoms(fields, name), step)
    if rest or not times:
        raise ConfigurationError(
            f"{name} must be a multiple of the market's finest step, {atoms_text(step)}, "
            f"not {shown(fields[name])}"
        )
    return times


def _status(status: MarketStatus) -> Callable[[Fields, Markets], c.Operator]:
    return lambda f, m: c.SetMarketStatus(f["symbol"], status, _span(f))


def _move(f: Fields, m: Markets) -> c.Operator:
    percent = _number(f, "percent", PERCENT_MIN, PERCENT_MAX, "percent of the price")
    return c.MovePrice(f["symbol"], ppm=round(percent * PPM / 100), nanoseconds=_span(f))


def _fees(f: Fields, m: Markets) -> c.Operator:
    changed = {
        f"{kind}_fee": round(_number(f, kind, 0, FEE_PERCENT_MAX, "percent") * PPM / 100)
        for kind in ("maker", "taker")
        if kind in f
    }
    return _change("change_fees", f, changed)


def _rules(f: Fields, m: Markets) -> c.Operator:
    market = m[f["symbol"]]
    changed: dict[str, Any] = {}
    if "cost_min" in f:
        changed["cost_min"] = _atoms(f, "cost_min")
    if "price_step" in f:
        changed["price_every"] = _multiple(f, "price_step", market.price_step)
    if "amount_step" in f:
        changed["amount_every"] = _multiple(f, "amount_step", market.amount_step)
    if "orders_max" in f:
        changed["orders_max"] = _whole(f, "orders_max", 0, ORDERS_MAX)
    if "band_percent" in f:
        width = round(_number(f, "band_percent", 0, 99, "percent of the last price") * PPM / 100)
        changed["price_band"] = (width, width)
    return _change("change_rules", f, changed)


def _change(name: str, f: Fields, changed: dict[str, Any]) -> c.Operator:
    """Change some rules; all others stay as they are when the incident happens."""
    if not changed:
        raise ConfigurationError(f"{name} changes nothing: give {_list(INCIDENTS[name].may)}")
    return c.ChangeRules(f["symbol"], tuple(changed.items()))


def _whole(fields: Fields, name: str, least: int, most: int) -> int:
    number = _number(fields, name, least, most, "whole number")
    if number != int(number):
        raise ConfigurationError(f"{name} must be a whole number, not {shown(fields[name])}")
    return int(number)


def _name(fields: Fields, name: str, default: str | None = None) -> str:
    """Read the name of an account or asset; the engine checks whether it exists."""
    value = fields.get(name, default)
    if not isinstance(value, str) or not 0 < len(value) <= NAME_MAX:
        raise ConfigurationError(
            f"{name} must be a name of 1 to {NAME_MAX} letters, not {shown(value)}"
        )
    return value


def _account(f: Fields) -> str:
    return _name(f, "account", "main")


def _funds(f: Fields) -> tuple[str, str, int]:
    """Whose, of which asset, how many atoms."""
    return _account(f), _name(f, "asset"), _atoms(f, "amount")


def _release(f: Fields, m: Markets) -> c.Operator:
    account, asset, atoms = _funds(f)
    return c.Freeze(account, asset, -atoms, None, _wallet(f, m))


def _wallet(f: Fields, m: Markets) -> Wallet:
    """The wallet that is named; without a name spot, or futures where no market is a spot market.

    The engine checks whether the asset is one of the wallet's.
    """
    of_contracts = [market is not None and market.contract is not None for market in m.values()]
    there = list(Wallet) if any(of_contracts) else [Wallet.SPOT]
    name = f.get("wallet", there[-1] if all(of_contracts) else Wallet.SPOT)
    if name not in there:
        more = "" if Wallet.FUTURES in there else " (no market here is a contract)"
        raise ConfigurationError(f"wallet must be {' or '.join(there)}{more}, not {shown(name)}")
    return Wallet(name)


def _rate(fields: Fields, name: str) -> int | None:
    """Read a funding rate in percent as atoms of a fraction; None where it is left out."""
    if name not in fields:
        return None
    most = RATE_PERCENT_MAX
    return round(_number(fields, name, -most, most, "percent of the notional") * ATOMS / 100)


def _deleverage(f: Fields, m: Markets) -> c.Operator:
    lots = _multiple(f, "amount", m[f["symbol"]].amount_step) if "amount" in f else 0
    return c.Deleverage(_account(f), f["symbol"], lots)


def _against(f: Fields, m: Markets) -> c.Operator:
    lots = _multiple(f, "amount", m[f["symbol"]].amount_step) if "amount" in f else 0
    return c.CrossOrder(_whole(f, "order", 1, ID_MAX), lots)


def _pull(f: Fields, m: Markets) -> c.Operator:
    ppm = round(_number(f, "depth", 0, DEPTH_PERCENT_MAX, "percent of the best price") * PPM / 100)
    lots = _multiple(f, "amount", m[f["symbol"]].amount_step) if "amount" in f else 0
    return c.PullLiquidity(f["symbol"], Side(_among(f, "side", Side)), ppm, lots)


def _cap(f: Fields, m: Markets) -> c.Operator:
    ppm = round(_number(f, "share", 0, 100, "percent of the order's amount") * PPM / 100)
    return c.CapNextFill(_account(f), ppm, _span(f))


def _restart(f: Fields, m: Markets) -> c.Operator:
    return c.Restart(_among(f, "orders", ORDERS, "kept") == "lost")


def _among(f: Fields, name: str, known: Iterable[str], default: str | None = None) -> str:
    """Read one of a few words."""
    words = [str(one) for one in known]
    value = f.get(name, default)
    if value not in words:
        raise ConfigurationError(f"{name} must be {' or '.join(words)}, not {shown(value)}")
    return str(value)


def _settle(f: Fields, m: Markets) -> c.Operator:
    ticks = _multiple(f, "price", m[f["symbol"]].price_step) if "price" in f else 0
    return c.SettleContract(f["symbol"], ticks)


def _funding(f: Fields, m: Markets) -> c.Operator:
    terms = INCIDENTS["change_funding"].may
    if not any(name in f for name in terms):
        raise ConfigurationError(f"change_funding changes nothing: give {_list(terms)}")
    hours = _whole(f, "hours", min(INTERVALS), max(INTERVALS)) if "hours" in f else None
    if hours is not None and hours not in INTERVALS:
        raise ConfigurationError(
            f"hours must be one of {_list(map(str, INTERVALS))}, not {shown(f['hours'])}"
        )
    return c.ChangeFunding(f["symbol"], hours, _rate(f, "cap"), _rate(f, "floor"))


def _mark(f: Fields, m: Markets) -> c.Operator:
    percent = _number(f, "percent", PERCENT_MIN, PERCENT_MAX, "percent of the mark price")
    return c.MoveMark(f["symbol"], nanoseconds=_span(f), ppm=round(percent * PPM / 100))


def _maintenance(f: Fields, m: Markets) -> c.Operator:
    message = f.get("message", DEFAULT_MESSAGE)
    if not isinstance(message, str) or not 0 < len(message) <= MESSAGE_MAX:
        raise ConfigurationError(
            f"message must be a string of 1 to {MESSAGE_MAX} letters, not {shown(message)}"
        )
    lasts = _span(f)
    if lasts is None:
        raise ConfigurationError(f"seconds must be {FORMS}: a maintenance has an end")
    after = 0 if f.get("after") == 0 else _span(f, "after") or 0
    return PlanMaintenance(lasts, after, message)


def _fund(f: Fields, m: Markets) -> c.Operator:
    is_empty = is_number(f["amount"]) and f["amount"] == 0
    return c.SetInsuranceFund(_name(f, "asset"), 0 if is_empty else _atoms(f, "amount"))


def _collateral(f: Fields, m: Markets) -> c.Operator:
    if "worth" not in f and "haircut" not in f:
        raise ConfigurationError("change_collateral changes nothing: give worth, haircut")
    price = None if "worth" not in f else _atoms(f, "worth")
    buffer = None
    if "haircut" in f:
        buffer = round(_number(f, "haircut", 0, 99, "percent of the price") * PPM / 100)
    return ChangeCollateral(_name(f, "asset"), price, buffer, buffer)


INCIDENTS: dict[str, Incident] = {
    "venue_changes": Incident(
        "A change of the venue's API comes into force.", ("change",), ("after",),
        lambda f, m: c.ChangeApi(_name(f, "change"), _span(f, "after") or 0),
    ),
    "halt": Incident(
        "A market is halted.", ("symbol",), ("seconds",), _status(MarketStatus.HALTED)
    ),
    "resume": Incident("A market trades again.", ("symbol",), (), _status(MarketStatus.TRADING)),
    "cancel_only": Incident(
        "A market only cancels.", ("symbol",), ("seconds",), _status(MarketStatus.CANCEL_ONLY)
    ),
    "delist": Incident(
        "A spot market is delisted: its orders expire, and nothing is traded until it is resumed.",
        ("symbol",), (), lambda f, m: c.Delist(f["symbol"]),
    ),
    "move_price": Incident(
        "The market moves, for good or for some seconds.",
        ("symbol", "percent"), ("seconds",), _move,
    ),
    "change_fees": Incident("Fees change (percent).", ("symbol",), ("maker", "taker"), _fees),
    "change_rules": Incident(
        "Filters change.", ("symbol",),
        ("cost_min", "price_step", "amount_step", "orders_max", "band_percent"), _rules,
    ),
    "cancel_orders": Incident(
        "The venue cancels all open orders.", (), ("symbol",),
        lambda f, m: c.OperatorCancel(symbol=f.get("symbol", "")),
    ),
    "expire_orders": Incident(
        "The venue expires all open orders.", (), ("symbol",),
        lambda f, m: c.OperatorCancel(symbol=f.get("symbol", ""), expire=True),
    ),
    "cancel_order": Incident(
        "The venue cancels one open order.", ("order",), (),
        lambda f, m: c.OperatorCancel(order_id=_whole(f, "order", 1, ID_MAX)),
    ),
    "trade_against": Incident(
        "Somebody trades against an open order at its own price, in part or whole.",
        ("symbol", "order"), ("amount",), _against,
    ),
    "fill_in_part": Incident(
        "The next order of an account fills only this share at once.",
        ("share",), ("account", "seconds"), _cap,
    ),
    "pull_liquidity": Incident(
        "Offers near the best price are withdrawn until the market's next second.",
        ("symbol", "side", "depth"), ("amount",), _pull,
    ),
    "undo_trade": Incident(
        "A trade is undone: both sides get back what they gave.", ("symbol", "trade"), (),
        lambda f, m: c.BustTrade(f["symbol"], _whole(f, "trade", 1, ID_MAX)),
    ),
    "restart": Incident(
        "The venue's process dies and comes back: all connections break.", (), ("orders",),
        _restart,
    ),
    "maintenance": Incident(
        "The venue is in maintenance and refuses every request, now or later.",
        ("seconds",), ("after", "message"), _maintenance,
    ),
    "end_maintenance": Incident(
        "Every maintenance ends, also those that are ahead.", (), (),
        lambda f, m: PlanMaintenance(0),
    ),
    "cut_connections": Incident(
        "All WebSocket connections break; the venue goes on.", (), (),
        lambda f, m: CutConnections(),
    ),
    "credit": Incident(
        "An account is paid in.", ("asset", "amount"), ("account", "wallet"),
        lambda f, m: c.Credit(*_funds(f), _wallet(f, m)),
    ),
    "debit": Incident(
        "Something is taken out of an account.", ("asset", "amount"), ("account", "wallet"),
        lambda f, m: c.Debit(*_funds(f), _wallet(f, m)),
    ),
    "freeze": Incident(
        "A part of a balance is locked.", ("asset", "amount"), ("account", "wallet", "seconds"),
        lambda f, m: c.Freeze(*_funds(f), _span(f), _wallet(f, m)),
    ),
    "release": Incident(
        "What is locked of a balance is free again, up to this much.",
        ("asset", "amount"), ("account", "wallet"), _release,
    ),
    "liquidate": Incident(
        "The venue liquidates the position of an account.", ("symbol",), ("account",),
        lambda f, m: c.LiquidatePosition(_account(f), f["symbol"]),
    ),
    "deleverage": Incident(
        "A position is closed, in part or whole, for the losses of others (ADL).",
        ("symbol",), ("account", "amount"), _deleverage,
    ),
    "settle_contract": Incident(
        "A contract is delisted: its orders are canceled, its positions closed at one price.",
        ("symbol",), ("price",), _settle,
    ),
    "pay_funding": Incident(
        "Funding is paid now, at the estimated rate or at another.", ("symbol",), ("rate",),
        lambda f, m: c.PayFunding(f["symbol"], _rate(f, "rate")),
    ),
    "change_funding": Incident(
        "The interval, the cap or the floor of funding changes.",
        ("symbol",), ("hours", "cap", "floor"), _funding,
    ),
    "move_mark": Incident(
        "The mark price leaves the last price, for good or for some seconds.",
        ("symbol", "percent"), ("seconds",), _mark,
    ),
    "set_insurance_fund": Incident(
        "The insurance fund has this much; 0: who is bankrupt deleverages others.",
        ("asset", "amount"), (), _fund,
    ),
    "change_collateral": Incident(
        "An asset is worth more or less as margin of the multi-assets mode, as in a lost peg.",
        ("asset",), ("worth", "haircut"), _collateral,
    ),
}  # fmt: skip
OF_SPOT = frozenset({"delist"})
OF_CONTRACTS = frozenset({
    "liquidate", "deleverage", "settle_contract", "pay_funding", "change_funding", "move_mark",
})  # fmt: skip

_SPAN, _UNITS, _NAME = ("number", "string"), ("number", "string"), "string"


def _field(kind: str | tuple[str, ...], says: str, **bounds: Any) -> Mapping[str, Any]:
    return {"type": kind if isinstance(kind, str) else list(kind), "description": says, **bounds}


FIELDS: dict[str, Mapping[str, Any]] = {  # each parameter as a JSON schema
    "symbol": _field(_NAME, "a market, as BTC/USDT"),
    "seconds": _field(
        _SPAN, "for how long, as 60 or 10m; left out: until the operator ends it",
        minimum=SPAN_MIN, maximum=SPAN_MAX,
    ),
    "percent": _field(
        "number", "by how many percent; negative = down", minimum=PERCENT_MIN, maximum=PERCENT_MAX
    ),
    "maker": _field("number", "the maker's fee in percent", minimum=0, maximum=FEE_PERCENT_MAX),
    "taker": _field("number", "the taker's fee in percent", minimum=0, maximum=FEE_PERCENT_MAX),
    "cost_min": _field(_UNITS, "what an order must cost, in units of the quote asset"),
    "price_step": _field(_UNITS, "the step of prices; a multiple of the market's finest one"),
    "amount_step": _field(_UNITS, "the step of amounts; a multiple of the market's finest one"),
    "orders_max": _field(
        "integer", "how many open orders an account may have", minimum=0, maximum=ORDERS_MAX
    ),
    "band_percent": _field(
        "number", "how far limit prices may be from the last price, in percent",
        minimum=0, maximum=99,
    ),
    "asset": _field(_NAME, "an asset, as USDT", minLength=1, maxLength=NAME_MAX),
    "amount": _field(_UNITS, "how much, in units of the asset; text is exact"),
    "account": _field(_NAME, "whose (main)", minLength=1, maxLength=NAME_MAX),
    "wallet": _field(
        _NAME, "spot or futures; left out: spot, or futures where all markets are contracts"
    ),
    "change": _field(
        _NAME, "a change of the table in docs/api_changes.md, as listen_keys",
        minLength=1, maxLength=NAME_MAX,
    ),
    "after": _field(
        _SPAN, "in how long it comes, as 60 or 10m; left out: now",
        minimum=SPAN_MIN, maximum=SPAN_MAX,
    ),
    "message": _field(
        _NAME, f"what clients are told ({DEFAULT_MESSAGE})", minLength=1, maxLength=MESSAGE_MAX
    ),
    "order": _field("integer", "an order's number, as in the journal", minimum=1, maximum=ID_MAX),
    "trade": _field("integer", "a trade's number, as in the journal", minimum=1, maximum=ID_MAX),
    "side": _field(_NAME, "which offers: buy or sell", enum=[*map(str, Side)]),
    "depth": _field(
        "number", "how far from the best price, in percent", minimum=0, maximum=DEPTH_PERCENT_MAX
    ),
    "share": _field("number", "percent of the order's amount", minimum=0, maximum=100),
    "orders": _field(_NAME, "what becomes of open orders: kept (usual) or lost", enum=[*ORDERS]),
    "price": _field(_UNITS, "at which price; left out: the mark price"),
    "rate": _field(
        "number", "of funding, in percent of the notional; left out: the estimated one",
        minimum=-RATE_PERCENT_MAX, maximum=RATE_PERCENT_MAX,
    ),
    "hours": _field(
        "integer", "between two payments of funding: 1, 2, 4 or 8", minimum=1, maximum=8
    ),
    "worth": _field(_UNITS, "what one unit of a stable coin is worth, in dollars"),
    "haircut": _field(
        "number", "by how many percent collateral counts for less, and debts for more",
        minimum=0, maximum=99,
    ),
    "cap": _field(
        "number", "the highest funding rate in percent",
        minimum=-RATE_PERCENT_MAX, maximum=RATE_PERCENT_MAX,
    ),
    "floor": _field(
        "number", "the lowest funding rate in percent",
        minimum=-RATE_PERCENT_MAX, maximum=RATE_PERCENT_MAX,
    ),
}  # fmt: skip
