"""What an operator, a scenario or the venue itself has done, in words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from failing_exchange.core import events as e
from failing_exchange.core.market import Market, MarketStatus
from failing_exchange.core.units import PPM, SECOND, atoms_text
from failing_exchange.core.venue_commands import CalledOff, ConnectionsCut, MaintenancePlanned
from failing_exchange.venue.venue_clock import instant_text

STATUS = {
    MarketStatus.TRADING: "trades again",
    MarketStatus.HALTED: "is halted",
    MarketStatus.CANCEL_ONLY: "only takes cancels",
    MarketStatus.DELISTED: "is delisted",
}


def _changed(n: e.MarketChanged, market: Market | None) -> str:
    return f"{n.symbol} {STATUS[n.status] if n.what == 'status' else f'has {n.what}'}"


def _price(ticks: int, market: Market | None) -> str:
    return "?" if market is None else market.price_text(ticks)


def _moved(n: e.PriceMoved, market: Market | None) -> str:
    sign = "-" if n.ticks < 0 else "+"
    return f"the price of {n.symbol} moves by {sign}{_price(abs(n.ticks), market)}"


def _balance(n: e.BalanceChanged, market: Market | None) -> str:
    parts = [("free", n.free), ("used", n.used)]
    told = ", ".join(
        f"{'-' if atoms < 0 else '+'}{atoms_text(abs(atoms))} {n.asset} {name}"
        for name, atoms in parts
        if atoms
    )
    return f"{n.account}: {told or f'no change of {n.asset}'} ({n.why})"


def _maintenance(n: MaintenancePlanned, market: Market | None) -> str:
    if not n.duration:
        return "every maintenance is over"
    begins, ends = (instant_text(one)[11:19] for one in (n.start, n.start + n.duration))
    return f"maintenance from {begins} until {ends} ({n.duration / SECOND:g} s): {n.message}"


# The market may be None where the event names none.
OF_OPERATOR: dict[type, Callable[[Any, Market | None], str]] = {
    e.MarketChanged: _changed,
    e.PriceMoved: _moved,
    e.MarkMoved: lambda n, m: f"the mark price of {n.symbol} is moved by {atoms_text(n.atoms)}",
    e.LiquidityPulled: lambda n, m: (
        f"offers to {n.side} {n.symbol} up to {_price(n.ticks, m)} are withdrawn"
    ),
    e.FillCapped: lambda n, m: (
        f"the next order of {n.account} fills {n.ppm * 100 / PPM:g} % at once"
    ),
    e.TradeBusted: lambda n, m: f"trade {n.trade_id} in {n.symbol} is undone",
    e.BalanceChanged: _balance,
    e.VenueRestarted: lambda n, m: (
        f"the venue restarts, open orders are {'lost' if n.orders_lost else 'kept'}"
    ),
    e.ApiChanged: lambda n, m: f"the API changes: {n.change}",
    e.OperationRefused: lambda n, m: f"refused: {n.command}, {n.why}",
    MaintenancePlanned: _maintenance,
    CalledOff: lambda n, m: (
        f"{n.many} planned incident{'' if n.many == 1 else 's'} called off ({n.why})"
    ),
    ConnectionsCut: lambda n, m: f"all {n.kind} connections break",
}
