"""A struck request as a test for pytest: the same fault at the same kind of request."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import fields
from textwrap import fill
from typing import TYPE_CHECKING, Any

from failing_exchange.core.commands import PlaceOrder
from failing_exchange.faults.catalogue import CATALOGUE, kind_of
from failing_exchange.journal.serialize import plain
from failing_exchange.journal.trip import faults_of
from failing_exchange.page.rows import row_of

if TYPE_CHECKING:
    from failing_exchange.core.market import Market
    from failing_exchange.journal.trip import Trip

TEMPLATE = '''"""{title}

{columns}
"""

from failing_exchange import FailingExchange, Judge
from failing_exchange.faults.triggers import nth


async def bot(exchange: FailingExchange) -> None:
    """Call your bot here, in the place of the request that it made there."""
    {call}


async def test_{name}(failing_exchange: FailingExchange) -> None:
    """The bot keeps the rules of conduct, whatever it is told."""
    await failing_exchange.ready()
    {arm}
    judge = Judge(failing_exchange.venue)
    judge.attach()
    await bot(failing_exchange)
    verdict = judge.verdict()
    assert verdict.passed, str(verdict)
'''
WIDTH = 98
PLAIN = ("fetch_balance", "fetch_time", "fetch_markets", "fetch_status", "fetch_positions")
OF_MARKET = (
    "fetch_ticker", "fetch_order_book", "fetch_trades", "fetch_ohlcv", "fetch_open_orders",
    "fetch_my_trades", "cancel_all_orders",
)  # fmt: skip
OF_ORDER = ("fetch_order", "cancel_order")


def copied_test(trip: Trip, markets: Mapping[str, Market]) -> str:
    """The text of a test file; empty where no fault of the catalogue has struck a request."""
    rules = {rule.name: rule for rule, _ in trip.active if _is_known(rule.fault)}
    struck = dict.fromkeys(one.rule for one in trip.struck if one.rule in rules)
    if trip.is_push or not struck:
        return ""
    row, labels = row_of(trip, markets), faults_of(trip)
    columns = f"Happened: {row['happened']}. Told: {row['told'] or 'nothing'}."
    name = "_".join([*labels, "at", trip.operation])
    return TEMPLATE.format(
        title=f"{', '.join(labels)} at {trip.operation}, as in request {trip.number} of a venue.",
        columns=fill(columns.replace("\\", "/").replace('"', "'"), WIDTH),
        call=_call(trip, markets.get(trip.symbol)),
        name=re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_"),
        arm="\n    ".join(_arm(rules[one], trip) for one in struck),
    )


def _is_known(fault: Any) -> bool:
    entry = kind_of(fault)
    return CATALOGUE.get(entry.name) is entry


def _arm(rule: Any, trip: Trip) -> str:
    """Arm the same fault for the first such request."""
    given = list(_fields(rule.fault))
    whom = [f"operations=[{trip.operation!r}]"]
    if trip.symbol:
        whom.append(f"symbols=[{trip.symbol!r}]")
    parts = ", ".join([repr(kind_of(rule.fault).name), "nth(1)", *whom, *given])
    return f"failing_exchange.arm({parts})"


def _fields(fault: Any) -> Iterator[str]:
    for one in fields(fault):
        value = getattr(fault, one.name)
        if value != one.default:
            yield f"{one.name}={plain(value)!r}"


def _call(trip: Trip, market: Market | None) -> str:
    """The request, as a call of the exchange in process."""
    command, symbol, operation = trip.command, trip.symbol, trip.operation
    if isinstance(command, PlaceOrder) and market is not None and command.lots:
        price = f", {market.price_text(command.ticks)}" if command.ticks else ""
        return (
            f"await exchange.create_order({symbol!r}, {str(command.kind)!r}, "
            f"{str(command.side)!r}, {market.amount_text(command.lots)}{price})"
        )
    if operation in PLAIN:
        return f"await exchange.{operation}()"
    if operation in OF_MARKET and symbol:
        return f"await exchange.{operation}({symbol!r})"
    if operation in OF_ORDER and symbol:
        return (
            f'last = (await exchange.fetch_ticker({symbol!r}))["last"]\n    '
            f'order = await exchange.create_order({symbol!r}, "limit", "buy", 1, last / 2)\n    '
            f'await exchange.{operation}(order["id"], {symbol!r})'
        )
    return f'raise NotImplementedError("the bot that asks for {operation}")'
