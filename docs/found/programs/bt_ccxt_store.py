"""A live strategy for bt-ccxt-store, as its samples show: buy, hold five minutes, sell."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import backtrader
from ccxtbt import CCXTStore

from failing_exchange import probe

SYMBOL, AMOUNT, HOLD = "BTC/USDT", 0.02, 5  # bars of a minute


class Alternate(backtrader.Strategy):  # type: ignore[misc]
    """Buys when the broker shows no position, sells when it shows one; every five bars."""

    def __init__(self) -> None:
        self.live, self.order, self.bars = False, None, 0
        probe(positions=lambda: {SYMBOL: self.position.size})

    def notify_data(self, data: Any, status: int, *_: Any, **__: Any) -> None:
        """Trade on live candles only."""
        self.live = status == data.LIVE

    def notify_order(self, order: Any) -> None:
        """An order that has ended makes room for the next."""
        if not order.alive():
            self.order = None

    def next(self) -> None:
        """Turn when no order is under way."""
        self.bars += self.live
        if not self.live or self.order or self.bars % HOLD:
            return
        trade = self.sell if self.position else self.buy
        self.order = trade(size=AMOUNT, exectype=backtrader.Order.Market)


def main() -> None:
    """Wire broker and feed to one store, and run until killed."""
    config = {"apiKey": "any", "secret": "any", "enableRateLimit": True, "rateLimit": 1_000}
    store = CCXTStore(exchange="binance", currency="USDT", config=config, retries=5)
    cerebro = backtrader.Cerebro(quicknotify=True)
    cerebro.addstrategy(Alternate)
    cerebro.setbroker(store.getbroker())
    start = datetime.now(UTC).replace(tzinfo=None) - timedelta(minutes=20)
    cerebro.adddata(
        store.getdata(
            dataname=SYMBOL, name=SYMBOL, timeframe=backtrader.TimeFrame.Minutes, compression=1,
            fromdate=start, ohlcv_limit=50, drop_newest=True,
        )
    )  # fmt: skip
    cerebro.run()


if __name__ == "__main__":
    main()
