"""ccxt.pro's un_watch calls: each ends subscriptions; whoever waits for them is told so."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from failing_exchange.client.params import NONE, Params, own

if TYPE_CHECKING:
    from failing_exchange.client.subscriptions import Streams


class UnwatchApi:
    """Calls that wait on an ended stream raise OperationFailedError; all return True."""

    if TYPE_CHECKING:

        @property
        def _streams(self) -> Streams: ...

    async def un_watch_ticker(self, symbol: str, params: Params = NONE) -> bool:
        """End the subscription to one market's tickers."""
        own("un_watch_ticker", params)
        return self._streams.forget("watch_ticker", symbol)

    async def un_watch_tickers(
        self, symbols: Sequence[str] | None = None, params: Params = NONE
    ) -> bool:
        """End the subscription to tickers of several markets."""
        own("un_watch_tickers", params)
        return self._streams.forget("watch_tickers")

    async def un_watch_bids_asks(
        self, symbols: Sequence[str] | None = None, params: Params = NONE
    ) -> bool:
        """End the subscription to best prices."""
        own("un_watch_bids_asks", params)
        return self._streams.forget("watch_bids_asks")

    async def un_watch_order_book(self, symbol: str, params: Params = NONE) -> bool:
        """End the subscription to one market's order books."""
        own("un_watch_order_book", params)
        return self._streams.forget("watch_order_book", symbol)

    async def un_watch_order_book_for_symbols(
        self, symbols: Sequence[str], params: Params = NONE
    ) -> bool:
        """End the subscription to several markets' order books."""
        own("un_watch_order_book_for_symbols", params)
        return self._streams.forget("watch_order_book", *symbols)

    async def un_watch_trades(self, symbol: str, params: Params = NONE) -> bool:
        """End the subscription to one market's trades."""
        own("un_watch_trades", params)
        return self._streams.forget("watch_trades", symbol)

    async def un_watch_trades_for_symbols(
        self, symbols: Sequence[str], params: Params = NONE
    ) -> bool:
        """End the subscription to several markets' trades."""
        own("un_watch_trades_for_symbols", params)
        return self._streams.forget("watch_trades", *symbols)

    async def un_watch_ohlcv(
        self, symbol: str, timeframe: str = "1m", params: Params = NONE
    ) -> bool:
        """End the subscription to one market's candles, of all timeframes."""
        own("un_watch_ohlcv", params)
        return self._streams.forget("watch_ohlcv", symbol)

    async def un_watch_ohlcv_for_symbols(
        self, symbolsAndTimeframes: Sequence[Sequence[str]], params: Params = NONE
    ) -> bool:
        """End the subscription to several markets' candles, of all timeframes."""
        own("un_watch_ohlcv_for_symbols", params)
        symbols = [symbol for symbol, _ in symbolsAndTimeframes]
        return self._streams.forget("watch_ohlcv", *symbols)

    async def un_watch_orders(self, symbol: str | None = None, params: Params = NONE) -> bool:
        """End the subscription to own orders, of one market or those of all."""
        own("un_watch_orders", params)
        return self._streams.forget("watch_orders", symbol or "")

    async def un_watch_my_trades(self, symbol: str | None = None, params: Params = NONE) -> bool:
        """End the subscription to own fills, of one market or those of all."""
        own("un_watch_my_trades", params)
        return self._streams.forget("watch_my_trades", symbol or "")

    async def un_watch_balance(self, params: Params = NONE) -> bool:
        """End the subscription to balances."""
        own("un_watch_balance", params)
        return self._streams.forget("watch_balance")
