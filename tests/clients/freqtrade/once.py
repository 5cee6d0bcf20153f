"""A strategy for freqtrade: one trade, bought at once and sold as soon as it is bought.

freqtrade itself loads it, in its own environment.
"""

from __future__ import annotations

from typing import Any, ClassVar

from freqtrade.persistence import Trade
from freqtrade.strategy import IStrategy


class Once(IStrategy):  # type: ignore[misc]
    """Buys what it is told to buy, and sells it."""

    INTERFACE_VERSION = 3
    timeframe = "1m"
    process_only_new_candles = False
    minimal_roi: ClassVar[dict[str, float]] = {}
    stoploss = -0.5
    use_exit_signal = True

    def populate_indicators(self, candles: Any, metadata: dict[str, Any]) -> Any:
        """None are needed."""
        return candles

    def populate_entry_trend(self, candles: Any, metadata: dict[str, Any]) -> Any:
        """Always."""
        candles["enter_long"] = 1
        return candles

    def populate_exit_trend(self, candles: Any, metadata: dict[str, Any]) -> Any:
        """Left to `custom_exit`, for a candle that says both says nothing."""
        return candles

    def custom_exit(self, *_: Any, **__: Any) -> str:
        """As soon as there is something to sell."""
        return "bought"

    def confirm_trade_entry(self, *_: Any, **__: Any) -> bool:
        """Not after the first trade."""
        return not Trade.get_trades_proxy(is_open=False)
