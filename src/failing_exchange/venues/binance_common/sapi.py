"""The calls under /sapi that clients make when they start.

Shapes: the venue's public wallet and margin documents, as clients parse them; what a spot venue
does not have is answered empty. Seen in ccxt 4.5.90 and python-binance 1.0.
"""

from __future__ import annotations

from typing import Any

from failing_exchange.core.market import Market
from failing_exchange.core.queries import FetchMarkets, FetchStatus, Markets
from failing_exchange.venues.binance_common.call import Endpoint, Reading, Security, Writing
from failing_exchange.venues.binance_common.values import decimal, instant, venue_symbol


def read_markets(r: Reading) -> FetchMarkets:
    """What is answered from the rules of the markets."""
    return FetchMarkets(r.account)


def read_status(r: Reading) -> FetchStatus:
    """What is answered from nothing but that the venue is there."""
    return FetchStatus(r.account)


def write_status(w: Writing, answer: Any) -> dict[str, Any]:
    """GET /sapi/v1/system/status."""
    return {"status": 0, "msg": "normal"}


def write_none(w: Writing, answer: Any) -> list[Any]:
    """Lists of what a spot venue does not have: margin pairs, isolated pairs."""
    return []


def write_no_contracts(w: Writing, answer: Any) -> dict[str, Any]:
    """exchangeInfo of the futures hosts, which ccxt asks at its start by default: no contracts."""
    return {
        "timezone": "UTC",
        "serverTime": instant(w.at, micro=False),
        "rateLimits": [],
        "exchangeFilters": [],
        "assets": [],
        "symbols": [],
    }


def write_fees(w: Writing, answer: Markets) -> list[dict[str, Any]]:
    """GET /sapi/v1/asset/tradeFee."""
    wanted = w.params.get("symbol")
    return [
        {
            "symbol": venue_symbol(market.symbol),
            "makerCommission": _rate(market.maker_fee),
            "takerCommission": _rate(market.taker_fee),
        }
        for market in answer.markets
        if wanted is None or wanted == venue_symbol(market.symbol)
    ]


def _rate(ppm: int) -> str:
    return decimal(ppm * 100).rstrip("0")


def write_coins(w: Writing, answer: Markets) -> list[dict[str, Any]]:
    """GET /sapi/v1/capital/config/getall: every asset, with one network each."""
    return [_coin(asset) for asset in _assets(answer.markets)]


def _assets(markets: tuple[Market, ...]) -> list[str]:
    return list(dict.fromkeys(asset for one in markets for asset in (one.base, one.quote)))


def _coin(asset: str) -> dict[str, Any]:
    zero = "0"
    return {
        "coin": asset,
        "depositAllEnable": True,
        "free": zero,
        "freeze": zero,
        "ipoable": zero,
        "ipoing": zero,
        "isLegalMoney": False,
        "locked": zero,
        "name": asset,
        "networkList": [_network(asset)],
        "storage": zero,
        "trading": True,
        "withdrawAllEnable": True,
        "withdrawing": zero,
    }


def _network(asset: str) -> dict[str, Any]:
    return {
        "addressRegex": "^.+$",
        "coin": asset,
        "depositDesc": "",
        "depositEnable": True,
        "isDefault": True,
        "memoRegex": "",
        "minConfirm": 1,
        "name": asset,
        "network": asset,
        "resetAddressStatus": False,
        "specialTips": "",
        "unLockConfirm": 1,
        "withdrawDesc": "",
        "withdrawEnable": True,
        "withdrawFee": "0.0005",
        "withdrawIntegerMultiple": "0.00000001",
        "withdrawMax": "1000000",
        "withdrawMin": "0.001",
        "sameAddress": False,
    }


def write_account_status(w: Writing, answer: Any) -> dict[str, Any]:
    """GET /sapi/v1/account/status."""
    return {"data": "Normal"}


def write_trading_status(w: Writing, answer: Any) -> dict[str, Any]:
    """GET /sapi/v1/account/apiTradingStatus."""
    indicators = {"isLocked": False, "plannedRecoverTime": 0}
    return {"data": {**indicators, "triggerCondition": {"GCR": 150, "IFER": 150, "UFR": 300},
                     "updateTime": instant(w.at, micro=False)}}  # fmt: skip


def write_restrictions(w: Writing, answer: Any) -> dict[str, Any]:
    """GET /sapi/v1/account/apiRestrictions."""
    return {
        "ipRestrict": False,
        "createTime": instant(w.at, micro=False),
        "enableReading": True,
        "enableWithdrawals": False,
        "enableInternalTransfer": False,
        "enableMargin": False,
        "enableFutures": True,
        "permitsUniversalTransfer": True,
        "enableVanillaOptions": False,
        "enableFixApiTrade": False,
        "enableFixReadOnly": False,
        "enableSpotAndMarginTrading": True,
        "enablePortfolioMarginTrading": False,
    }


ENDPOINTS = (
    Endpoint(
        http="GET /sapi/v1/system/status", operation="fetch_status", read=read_status,
        write=write_status,
    ),
    Endpoint(
        http="GET /sapi/v1/capital/config/getall", operation="fetch_currencies",
        security=Security.USER_DATA, weight=10, read=read_markets, write=write_coins,
    ),
    Endpoint(
        http="GET /sapi/v1/asset/tradeFee", operation="fetch_trading_fees",
        security=Security.USER_DATA, read=read_markets, write=write_fees,
    ),
    Endpoint(
        http="GET /sapi/v1/margin/allPairs", operation="fetch_markets", read=read_markets,
        write=write_none,
    ),
    Endpoint(
        http="GET /sapi/v1/margin/isolated/allPairs", operation="fetch_markets",
        security=Security.USER_DATA, weight=10, read=read_markets, write=write_none,
    ),
    Endpoint(
        http="GET /sapi/v1/account/status", operation="fetch_status", security=Security.USER_DATA,
        read=read_status, write=write_account_status,
    ),
    Endpoint(
        http="GET /sapi/v1/account/apiTradingStatus", operation="fetch_status",
        security=Security.USER_DATA, read=read_status, write=write_trading_status,
    ),
    Endpoint(
        http="GET /sapi/v1/account/apiRestrictions", operation="fetch_status",
        security=Security.USER_DATA, read=read_status, write=write_restrictions,
    ),
)  # fmt: skip
