"""Incidents by name: what a scenario file calls them, and the operator command each of them is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from difflib import get_close_matches
from typing import Any, NamedTuple

from failing_exchange.core import commands as c
from failing_exchange.core.market import PPM, SECOND, Market, MarketStatus
from failing_exchange.core.reject import Reject
from failing_exchange.dialects.unified.numbers import atoms_of
from failing_exchange.errors import ConfigurationError

SPAN_MAX = 366 * 86_400  # seconds of an incident; a longer one is refused
PERCENT_MAX = 100_000  # of a price's move; a larger one is refused
Fields = Mapping[str, Any]
Markets = Mapping[str, Market]


class Incident(NamedTuple):
    """How an incident is made; `needs` and `may` name its fields, in units or percent."""

    says: str
    needs: tuple[str, ...]
    may: tuple[str, ...]
    make: Callable[[Fields, Markets], c.Operator]


def command_of(name: str, fields: Fields, markets: Markets) -> c.Operator:
    """The operator command of an incident; ConfigurationError for what does not fit.

    >>> command_of("halt", {"symbol": "BTC/USDT", "seconds": 60}, {"BTC/USDT": None}).nanoseconds
    60000000000
    """
    incident = INCIDENTS.get(name)
    if incident is None:
        raise ConfigurationError(f"no incident {name!r}{meant(name, INCIDENTS)}")
    unknown = [field for field in fields if field not in (*incident.needs, *incident.may)]
    missing = [field for field in incident.needs if field not in fields]
    if unknown or missing:
        raise ConfigurationError(
            f"{name} needs {_list(incident.needs)} and may have {_list(incident.may)}; "
            f"missing: {_list(missing)}; unknown: {_list(unknown)}"
        )
    symbol = fields.get("symbol")
    if symbol is not None and symbol not in markets:
        raise ConfigurationError(f"{name}: no market {symbol!r}{meant(str(symbol), markets)}")
    return incident.make(fields, markets)


def meant(name: str, known: Mapping[str, Any]) -> str:
    """The nearest spelling and all that is accepted, for an error message."""
    close = get_close_matches(name, known, n=1)
    guess = f"; did you mean {close[0]!r}?" if close else ""
    return f"{guess} (there are {_list(tuple(known))})"


def _list(names: Any) -> str:
    return ", ".join(names) or "none"


def _number(fields: Fields, name: str, default: float = 0.0) -> float:
    value = fields.get(name, default)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ConfigurationError(f"{name} must be a number, not {value!r}")
    return float(value)


def _span(fields: Fields) -> int:
    return round(_seconds(fields) * SECOND)


def _seconds(fields: Fields) -> float:
    seconds = _number(fields, "seconds")
    if not 0 <= seconds <= SPAN_MAX:
        raise ConfigurationError(f"seconds must be from 0 to {SPAN_MAX}, not {seconds:g}")
    return seconds


def _atoms(fields: Fields, name: str) -> int:
    try:
        return int(atoms_of(fields[name]))
    except (Reject, TypeError):
        raise ConfigurationError(f"{name} must be a number above 0, not {fields[name]!r}") from None


def _status(status: MarketStatus) -> Callable[[Fields, Markets], c.Operator]:
    return lambda f, m: c.SetMarketStatus(f["symbol"], status, _span(f))


def _move(f: Fields, m: Markets) -> c.Operator:
    percent = _number(f, "percent")
    if not -100 < percent <= PERCENT_MAX:
        raise ConfigurationError(
            f"percent must be above -100 and up to {PERCENT_MAX}, not {percent:g}: no price is 0"
        )
    ppm = round(percent * PPM / 100)
    return c.MovePrice(f["symbol"], ppm=ppm, seconds=round(_seconds(f)))


def _fees(f: Fields, m: Markets) -> c.Operator:
    market = m[f["symbol"]]
    changed: dict[str, Any] = {
        f"{kind}_fee": round(_number(f, kind) * PPM / 100)
        for kind in ("maker", "taker")
        if kind in f
    }
    return c.ChangeRules(replace(market, **changed))


def _rules(f: Fields, m: Markets) -> c.Operator:
    market = m[f["symbol"]]
    changed: dict[str, Any] = {}
    if "cost_min" in f:
        changed["cost_min"] = _atoms(f, "cost_min")
    if "price_step" in f:
        changed["price_every"] = max(1, _atoms(f, "price_step") // market.price_step)
    if "amount_step" in f:
        changed["amount_every"] = max(1, _atoms(f, "amount_step") // market.amount_step)
    if "orders_max" in f:
        changed["orders_max"] = int(_number(f, "orders_max"))
    if "band_percent" in f:
        width = round(_number(f, "band_percent") * PPM / 100)
        changed["price_band"] = (width, width)
    return c.ChangeRules(replace(market, **changed))


def _account(f: Fields) -> str:
    return str(f.get("account", "main"))


INCIDENTS: dict[str, Incident] = {
    "halt": Incident(
        "A market is halted.", ("symbol",), ("seconds",), _status(MarketStatus.HALTED)
    ),
    "resume": Incident("A market trades again.", ("symbol",), (), _status(MarketStatus.TRADING)),
    "cancel_only": Incident(
        "A market only cancels.", ("symbol",), ("seconds",), _status(MarketStatus.CANCEL_ONLY)
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
    "credit": Incident(
        "An account is paid in.", ("asset", "amount"), ("account",),
        lambda f, m: c.Credit(_account(f), f["asset"], _atoms(f, "amount")),
    ),
    "debit": Incident(
        "Something is taken out of an account.", ("asset", "amount"), ("account",),
        lambda f, m: c.Debit(_account(f), f["asset"], _atoms(f, "amount")),
    ),
    "freeze": Incident(
        "A part of a balance is locked.", ("asset", "amount"), ("account", "seconds"),
        lambda f, m: c.Freeze(_account(f), f["asset"], _atoms(f, "amount"), _span(f)),
    ),
}  # fmt: skip
