"""The reference bots: each strategy as people write it first, and as it survives.

They write down what they mean and what they believe, so that a run can be judged against the first
column. Their client is ours or any of ccxt's shape.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from failing_exchange.runs.bots import (
    hedged,
    long_and_short,
    long_position,
    market_maker as maker,
    stop_loss as stopper,
    stream_reader as streamer,
    taker as minute,
)
from failing_exchange.runs.bots.careful import AMOUNT
from failing_exchange.runs.bots.notebook import SYMBOL, Notebook, PlannedOrder
from failing_exchange.runs.bots.taker import careful, naive

# strategy -> (naive, careful)
STRATEGIES: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "minute": (minute.naive, minute.careful),
    "maker": (maker.naive, maker.careful),
    "stopper": (stopper.naive, stopper.careful),
    "streamer": (streamer.naive, streamer.careful),
    "perpetual": (long_position.naive, long_position.careful),
}
MANNERS = ("naive", "careful")
BOTS: dict[str, Callable[..., Any]] = {
    "naive": naive,
    "careful": careful,
    **{
        f"{strategy}-{manner}": bot
        for strategy, pair in STRATEGIES.items()
        for manner, bot in zip(MANNERS, pair, strict=True)
    },
    "perp-naive": long_and_short.naive,
    "perp-careful": long_and_short.careful,
    "perp-hedged": hedged.careful,
}

__all__ = [
    "AMOUNT",
    "BOTS",
    "MANNERS",
    "STRATEGIES",
    "SYMBOL",
    "Notebook",
    "PlannedOrder",
    "careful",
    "naive",
]
