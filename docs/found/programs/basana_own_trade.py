"""Two orders of one account that would trade with each other, on basana's Binance exchange.

The venue prevents it, as the second order asks; the first one is then EXPIRED_IN_MATCH.
"""

from __future__ import annotations

from decimal import Decimal

import basana as bs
from basana.external.binance import exchange as binance

PAIR = bs.Pair("BTC", "USDT")
LOT = Decimal("0.01")


async def main() -> None:
    """Sell inside the spread, buy at that price, then ask whether the sale is open."""
    exchange = binance.Exchange(bs.realtime_dispatcher(), api_key="any", api_secret="any")
    account = exchange.spot_account
    bid, ask = await exchange.get_bid_ask(PAIR)
    price = ((bid + ask) / 2).quantize(Decimal("0.01"))
    sale = await account.create_limit_order(bs.OrderOperation.SELL, PAIR, LOT, price)
    await account.create_limit_order(
        bs.OrderOperation.BUY, PAIR, LOT, price, selfTradePreventionMode="EXPIRE_MAKER"
    )
    info = await account.get_order_info(PAIR, order_id=sale.id)
    if info.is_open:
        raise RuntimeError("the sale is open")
