"""Transfers between an account's spot wallet and its futures wallet of USD-M.

Wallet documents, "User Universal Transfer" and "Query User Universal Transfer History", read
2026-11-30: of the types only those of these two wallets. The weight of the POST counts by user id
there, in a pool of its own, which is not modelled.
"""

from __future__ import annotations

from typing import Any, NoReturn

from failing_exchange.core.commands import TransferFunds
from failing_exchange.core.contract_queries import FetchIncome, Income, Incomes
from failing_exchange.core.queries import Transferred
from failing_exchange.core.reject import Reason
from failing_exchange.core.units import DAY
from failing_exchange.venues.binance_common.call import Endpoint, Reading, Security, Writing
from failing_exchange.venues.binance_common.params import Params
from failing_exchange.venues.binance_common.refusals import refuse
from failing_exchange.venues.binance_common.values import decimal, instant

TO_FUTURES, TO_SPOT = "MAIN_UMFUTURE", "UMFUTURE_MAIN"
TYPES = {TO_FUTURES: True, TO_SPOT: False}
SPAN = 7 * DAY  # told where neither startTime nor endTime is sent
PAGE, PAGE_MAX = 10, 100  # rows


def read_transfer(r: Reading) -> TransferFunds:
    """POST /sapi/v1/asset/transfer."""
    to_futures = r.params.one_of("type", TYPES)
    asset = r.params.need("asset")
    r.params.need("amount")
    atoms = r.params.atoms("amount", Reason.BAD_REQUEST)
    if not atoms:
        _invalid("amount")
    return TransferFunds(r.account, asset, atoms, to_futures)


def _invalid(name: str) -> NoReturn:
    refuse("INVALID_PARAMETER", f"Data sent for parameter '{name}' is not valid.")


def write_transfer(w: Writing, done: Transferred) -> dict[str, Any]:
    """Its number."""
    return {"tranId": done.id}


def read_history(r: Reading) -> FetchIncome:
    """GET /sapi/v1/asset/transfer."""
    p = r.params
    p.one_of("type", TYPES)
    _page(p)
    since, until = p.instant("startTime"), p.instant("endTime")
    if not since and not until:
        since = max(0, r.at - SPAN)
    return FetchIncome(r.account, why="transfer", since=since, until=until)


def _page(p: Params) -> tuple[int, int]:
    """The number of a page, from 1, and its rows at most."""
    return p.integer("current", 1, least=1), p.integer("size", PAGE, least=1, most=PAGE_MAX)


def write_history(w: Writing, answer: Incomes) -> dict[str, Any]:
    """One page of the transfers of a type, the newest first."""
    to_futures = w.params.one_of("type", TYPES)
    found = [one for one in reversed(answer.incomes) if (one.atoms > 0) is to_futures]
    number, size = _page(w.params)
    start = (number - 1) * size
    return {
        "total": len(found),
        "rows": [_row(w.params["type"], one) for one in found[start : start + size]],
    }


def _row(kind: str, income: Income) -> dict[str, Any]:
    return {
        "asset": income.asset,
        "amount": decimal(abs(income.atoms)).rstrip("0").rstrip("."),
        "type": kind,
        "status": "CONFIRMED",
        "tranId": income.id,
        "timestamp": instant(income.at, micro=False),
    }


ENDPOINTS = (
    Endpoint(
        http="POST /sapi/v1/asset/transfer", operation="transfer", security=Security.USER_DATA,
        weight=900, of_account=True,
        example="type=MAIN_UMFUTURE asset=USDT amount=1", read=read_transfer, write=write_transfer,
    ),
    Endpoint(
        http="GET /sapi/v1/asset/transfer", operation="fetch_transfers",
        security=Security.USER_DATA, example="type=MAIN_UMFUTURE", read=read_history,
        write=write_history,
    ),
)  # fmt: skip
