"""A strategy for freqtrade's futures mode: one trade, on the side and for as long as config says.

freqtrade itself loads it, in its own environment.
"""

from __future__ import annotations

from typing import Any, ClassVar

from freqtrade.persistence import Trade
from freqtrade.strategy import IStrategy


class Perpetual(IStrategy):  # type: ignore[misc]
    """Opens one position with fivefold leverage; leaves it to its stop, or closes it at once."""

    INTERFACE_VERSION = 3
    timeframe = "1m"
    can_short = True
    process_only_new_candles = False
    minimal_roi: ClassVar[dict[str, float]] = {}
    stoploss = -0.15  # of the stake: 3 % of the price
    use_exit_signal = True

    def populate_indicators(self, candles: Any, metadata: dict[str, Any]) -> Any:
        """None are needed."""
        return candles

    def populate_entry_trend(self, candles: Any, metadata: dict[str, Any]) -> Any:
        """Always."""
        candles[f"enter_{self.config['perpetual']['side']}"] = 1
        return candles

    def populate_exit_trend(self, candles: Any, metadata: dict[str, Any]) -> Any:
        """Left to `custom_exit`, for a candle that says both says nothing."""
        return candles

    def leverage(self, *_: Any, **__: Any) -> float:
        """The same for all trades."""
        return 5.0

    def custom_exit(self, pair: str, trade: Trade, *_: Any, **__: Any) -> str | None:
        """Once its stop rests, if one is to, where the position is not to be held."""
        protected = trade.has_open_sl_orders or not self.order_types["stoploss_on_exchange"]
        return "protected" if protected and not self.config["perpetual"]["hold"] else None

    def confirm_trade_entry(self, *_: Any, **__: Any) -> bool:
        """Not after the first trade."""
        return not Trade.get_trades_proxy(is_open=False)
