"""The account: balances, permissions, fees.

rest-api.md, "Account Endpoints", 2026-07-21.
"""

from __future__ import annotations

from typing import Any

from failing_exchange.core.queries import Balances, FetchBalance
from failing_exchange.venues.binance_common.call import Reading, Writing
from failing_exchange.venues.binance_common.values import decimal, instant


def read_account(r: Reading) -> FetchBalance:
    """GET /api/v3/account."""
    r.params.flag("omitZeroBalances")
    return FetchBalance(r.account)


def write_account(w: Writing, balances: Balances) -> dict[str, Any]:
    """Balances and permissions; fees are those of the first market."""
    market = next(iter(w.markets.values())).market
    maker, taker = market.maker_fee, market.taker_fee
    omit = w.params.flag("omitZeroBalances")
    return {
        "makerCommission": maker // 100,
        "takerCommission": taker // 100,
        "buyerCommission": 0,
        "sellerCommission": 0,
        "commissionRates": {
            "maker": decimal(maker * 100),
            "taker": decimal(taker * 100),
            "buyer": decimal(0),
            "seller": decimal(0),
        },
        "canTrade": True,
        "canWithdraw": True,
        "canDeposit": True,
        "brokered": False,
        "requireSelfTradePrevention": False,
        "preventSor": False,
        "updateTime": instant(balances.at, micro=w.micro),
        "accountType": "SPOT",
        "balances": [
            {"asset": asset, "free": decimal(free), "locked": decimal(used)}
            for asset, (free, used) in balances.assets.items()
            if free or used or not omit
        ],
        "permissions": ["SPOT"],
        "uid": 354_937_868,
    }
