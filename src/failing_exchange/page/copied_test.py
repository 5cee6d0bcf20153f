"""A struck request as a test for pytest: the same fault at the same kind of request.

The test passes as it is. Its bot expects what the client was told, and finds out what has happened,
as a careful bot does; a reader puts a call of the own bot in its place.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields
from textwrap import fill, indent
from typing import TYPE_CHECKING, Any

from failing_exchange import errors as e
from failing_exchange.core import events
from failing_exchange.core.commands import PlaceOrder
from failing_exchange.core.order import OrderType
from failing_exchange.core.reject import Reject
from failing_exchange.core.units import SECOND
from failing_exchange.faults.catalogue import CATALOGUE, kind_of
from failing_exchange.journal.serialize import plain
from failing_exchange.journal.trip import Stage, faults_of, parts_of
from failing_exchange.page.rows import row_of
from failing_exchange.unified.errors import ERRORS

if TYPE_CHECKING:
    from failing_exchange.core.market import Market
    from failing_exchange.journal.trip import Trip

TEMPLATE = '''"""{title}

{columns}
"""

{imports}from failing_exchange import FailingExchange, Judge{errors}
from failing_exchange.faults.triggers import nth


async def bot(exchange: FailingExchange) -> None:
    """What a careful bot does. Call yours here in its place."""
{body}


async def test_{name}(failing_exchange: FailingExchange) -> None:
    """The bot is told what was seen there, and keeps the rules of conduct."""
    await failing_exchange.ready()
    {arm}
    judge = Judge(failing_exchange.venue)
    judge.attach()
    await bot(failing_exchange)
    struck = {{one.label for trip in failing_exchange.journal.trips for one in trip.struck}}
    assert struck == {{{labels}}}
    verdict = judge.verdict()
    assert verdict.passed, str(verdict)
'''
WIDTH = 98
LINE = 76  # letters of a call, from which on it is spread over three lines
DRAWN = "either"  # of a fault's `executed`
OWN_ID = "copied-1"
OWN = f'{{"clientOrderId": "{OWN_ID}"}}'
PLACED = (events.OrderAccepted, events.OrderFilled)
WAITING = (e.RateLimitError, e.BannedError, e.ExchangeMaintenanceError)
WAIT = 60  # seconds until the next request, where the venue names none
NEEDS_ORDER = ("lagging views", "incidents of orders", "cancels that meet fills")  # open before it
# Calls that need nothing, and those that need a market alone; of others a request is made up below.
PLAIN = frozenset({
    "fetch_balance", "fetch_time", "fetch_markets", "fetch_status", "fetch_positions",
    "fetch_currencies", "fetch_tickers", "fetch_bids_asks", "fetch_last_prices", "fetch_ledger",
    "fetch_trading_fees", "fetch_leverages", "fetch_margin_modes", "fetch_transfers",
    "fetch_position_mode", "fetch_multi_assets_mode", "fetch_funding_rates", "fetch_mark_prices",
    "fetch_funding_intervals", "fetch_leverage_tiers", "fetch_positions_adl_rank",
})  # fmt: skip
OF_MARKET = frozenset({
    "fetch_ticker", "fetch_order_book", "fetch_trades", "fetch_ohlcv", "fetch_open_orders",
    "fetch_closed_orders", "fetch_canceled_orders", "fetch_orders", "fetch_my_trades",
    "cancel_all_orders", "fetch_position", "fetch_leverage", "fetch_margin_mode",
    "fetch_funding_history", "fetch_funding_rate", "fetch_funding_rate_history",
    "fetch_mark_price", "fetch_open_interest", "fetch_open_interest_history", "fetch_adl_rank",
    "fetch_my_liquidations", "fetch_margin_adjustment_history",
})  # fmt: skip
OF_ORDER = frozenset({"fetch_order", "cancel_order", "fetch_order_trades"})
MADE_UP = {
    "set_leverage": "set_leverage(5, {symbol})",
    "set_margin_mode": 'set_margin_mode("isolated", {symbol})',
    "set_position_mode": "set_position_mode(True)",
    "set_multi_assets_mode": "set_multi_assets_mode(True)",
    "set_fee_burn": "set_fee_burn(True)",
    "transfer": 'transfer("USDT", 1, "spot", "future")',
}


def copied_test(trip: Trip, markets: Mapping[str, Market]) -> str:
    """The text of a test file; empty where no fault of the catalogue has struck an ended request.

    Also where the request can't be made again by a call of the exchange in process.
    """
    rules = {rule.name: rule for rule, _ in trip.active if _is_known(rule.fault)}
    struck = dict.fromkeys(one.rule for one in trip.struck if one.rule in rules)
    call = _call(trip, markets.get(trip.symbol))
    if trip.is_push or not trip.ended_at or not struck or not call:
        return ""
    row, labels = row_of(trip, markets), faults_of(trip)
    body = indent("\n".join(_body(trip, call, markets)), "    ")
    standard, other = "import asyncio\n\n", "import pytest\n\n"
    columns = f"Happened: {row['happened']}. Told: {row['told'] or 'nothing'}."
    name = "_".join([*labels, "at", trip.operation])
    return TEMPLATE.format(
        title=f"{', '.join(labels)} at {trip.operation}, as in request {trip.number} of a venue.",
        columns=fill(columns.replace("\\", "/").replace('"', "'"), WIDTH),
        imports=(standard if "asyncio." in body else "") + (other if "pytest." in body else ""),
        errors=", errors" if "errors." in body else "",
        body=body,
        name=re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_"),
        labels=", ".join(_quoted(rules[one].label or one) for one in struck),
        arm="\n    ".join(_arm(rules[one], trip) for one in struck),
    )


def _quoted(value: Any) -> str:
    """A value as Python writes it, strings in double quotes."""
    value = plain(value)
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_quoted, value))}]"
    return json.dumps(value) if isinstance(value, str) else repr(value)


def _spread(called: str, parts: Iterable[str], margin: str = "") -> str:
    """A call on one line, or on three."""
    listed = ", ".join(parts)
    line = f"{called}({listed})"
    if len(margin + line) < LINE:
        return line
    return f"{called}(\n{margin}    {listed}\n{margin})"


def _is_known(fault: Any) -> bool:
    entry = kind_of(fault)
    return CATALOGUE.get(entry.name) is entry


def _arm(rule: Any, trip: Trip) -> str:
    """Arm the same fault for the first such request."""
    given = list(_fields(rule, trip))
    whom = [f"operations={_quoted([trip.operation])}"]
    if trip.symbol:
        whom.append(f"symbols={_quoted([trip.symbol])}")
    parts = [_quoted(kind_of(rule.fault).name), "nth(1)", *whom, *given]
    return _spread("failing_exchange.arm", parts, "    ")


def _fields(rule: Any, trip: Trip) -> Iterator[str]:
    """The fields that are not the usual ones; what chance has decided is said, too."""
    for one in fields(rule.fault):
        value = getattr(rule.fault, one.name)
        if value == DRAWN and one.name == "executed":
            mine = [decision.stage for decision in trip.struck if decision.rule == rule.name]
            value = "after" if Stage.REQUEST in mine else "before"
        if value != one.default:
            yield f"{one.name}={_quoted(value)}"


# ---- the request


def _call(trip: Trip, market: Market | None) -> str:
    """The request as a call of the exchange in process; empty where there is none."""
    command, symbol, operation = trip.command, trip.symbol, trip.operation
    if operation == "create_order":
        return _order(command, market) if isinstance(command, PlaceOrder) and market else ""
    if operation in PLAIN:
        return f"{operation}()"
    if operation in OF_MARKET and symbol:
        return f"{operation}({_quoted(symbol)})"
    if operation in OF_ORDER and symbol:
        return f'{operation}(order["id"], {_quoted(symbol)})'
    return MADE_UP.get(operation, "").format(symbol=_quoted(symbol))


def _order(c: PlaceOrder, market: Market) -> str:
    if not c.lots or c.kind not in (OrderType.LIMIT, OrderType.MARKET):
        return ""
    price = market.price_text(c.ticks) if c.ticks else "None"
    words = [_quoted(c.symbol), _quoted(str(c.kind)), _quoted(str(c.side))]
    return _spread("create_order", [*words, market.amount_text(c.lots), price, OWN])


# ---- what a careful bot does


def _body(trip: Trip, call: str, markets: Mapping[str, Market]) -> Iterator[str]:
    """Make the request, expect what was told, and find out what has happened."""
    groups = {kind_of(rule.fault).group for rule, _ in trip.active}
    if trip.operation in OF_ORDER or groups.intersection(NEEDS_ORDER):
        symbol = trip.symbol or next(iter(markets))
        yield f'last = (await exchange.fetch_ticker({_quoted(symbol)}))["last"]'
        bid = f'create_order({_quoted(symbol)}, "limit", "buy", 1, round(last / 2))'
        yield f"{'order = ' if trip.operation in OF_ORDER else ''}await exchange.{bid}"
    error = _error_of(trip)
    if error is None:
        yield f"await exchange.{call}"
    else:
        yield from _failing(trip, call, error)
    yield from _look(trip, call, error)


def _failing(trip: Trip, call: str, error: type[e.FailingExchangeError]) -> Iterator[str]:
    """The call, the error that it ends with, and a pause: it may still be under way."""
    wait, told = str(WAIT + (trip.ended_at - trip.born_at) // SECOND), ""
    if trip.gave_up_at:  # the client there had less patience, perhaps, than a call in process
        yield "try:"
        yield indent(f"await exchange.{call}", "    ")
        yield f"except errors.{error.__name__}:"
        yield "    pass  # the bot gave up; what it asked for may have happened"
    else:
        if issubclass(error, WAITING):
            wait, told = f"told.value.retry_after or {wait}", " as told"
        yield f"with pytest.raises(errors.{error.__name__}){told}:"
        yield indent(f"await exchange.{call}", "    ")
    yield f"await asyncio.sleep({wait})"


def _error_of(trip: Trip) -> type[e.FailingExchangeError] | None:
    """What the same call in process raises; None: it is answered."""
    if trip.hung_up:
        return e.ConnectionLostError
    if trip.told is None or trip.gave_up_at:
        return e.RequestTimeoutError
    told, _, damage = parts_of(trip.told)
    if damage is not None and damage.kind.in_process is not None:
        return ERRORS[damage.kind.in_process]
    return ERRORS[told.reason] if isinstance(told, Reject) else None


def _look(trip: Trip, call: str, error: type[e.FailingExchangeError] | None) -> Iterator[str]:
    """Ask the venue what is true."""
    symbol, operation = trip.symbol, trip.operation
    if operation == "create_order":
        look = f'exchange.fetch_order("", {_quoted(symbol)}, {OWN})'
        if any(isinstance(one, PLACED) for one in trip.happened):
            yield "# The order is there, whatever the bot was told."
            yield f"order = await {look}"
            yield f'assert order["clientOrderId"] == "{OWN_ID}"'
        else:
            yield "# The order has never been there, whatever the bot was told."
            yield "with pytest.raises(errors.OrderNotFoundError):"
            yield f"    await {look}"
    elif operation == "cancel_order":
        yield f'order = await exchange.fetch_order(order["id"], {_quoted(symbol)})'
        yield f'assert order["status"] == "{_status(trip)}"'
    elif error is not None and operation.startswith("fetch_"):
        yield "# A read is asked for again."
        yield f"await exchange.{call}"
    elif error is not None:
        yield "await exchange.fetch_balance()  # the bot goes on"


def _status(trip: Trip) -> str:
    """What the canceled order is in truth."""
    last = "open"
    for event in trip.happened:
        if isinstance(event, events.OrderCanceled):
            last = "canceled"
        elif isinstance(event, events.OrderFilled):
            last = "closed"
        elif isinstance(event, events.OrderExpired):
            last = "expired"
    return last
