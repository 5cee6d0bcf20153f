"""Draw docs/market.png: what the background market looks like. Needs matplotlib.

python docs/plots/market.py [SYMBOL [SEED]]
"""

from __future__ import annotations

import sys
from itertools import accumulate, islice, pairwise
from math import log
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot

from failing_exchange.background import PROFILES, SyntheticMarket, opening_of
from failing_exchange.core.candles import Bar
from failing_exchange.venue.default_world import MARKETS

TARGET = Path(__file__).resolve().parent.parent / "market.png"
BIRTH = 1_767_225_600  # 2026-01-01
DAY, HOUR = 86_400, 3_600
UP, DOWN = "#26a69a", "#ef5350"


def main(symbol: str = "BTC/USDT", seed: str = "0") -> None:
    flow = SyntheticMarket(
        symbol, seed=int(seed), birth=BIRTH, opening=opening_of(symbol, int(seed)),
        profile=PROFILES[symbol],
    )  # fmt: skip
    step = MARKETS[symbol].price_step / 1e8
    lot = MARKETS[symbol].amount_step / 1e8
    figure, axes = pyplot.subplots(3, 2, figsize=(15, 14), constrained_layout=True)
    days = [flow.candle(DAY, BIRTH + n * DAY) for n in range(-180, 0)]
    candlesticks(axes[0][0], days, DAY, step, f"{symbol}: 180 days before the start, by the day")
    day = [flow.candle(300, BIRTH + n * 300) for n in range(DAY // 300)]
    candlesticks(axes[0][1], day, 300, step, "the first day, 5 minutes a candle")
    busy(axes[1][0], flow, step, lot)
    depth(axes[1][1], flow, step, lot)
    returns(axes[2][0], flow)
    clustering(axes[2][1], flow)
    figure.savefig(TARGET, dpi=70)


def candlesticks(axis: Any, candles: list[Bar], seconds: int, step: float, title: str) -> None:
    unit = DAY if seconds == DAY else HOUR
    at = [(candle.at - BIRTH) / unit for candle in candles]
    colours = [UP if candle.close >= candle.open else DOWN for candle in candles]
    low = [candle.low * step for candle in candles]
    axis.bar(at, [(c.high - c.low) * step for c in candles], bottom=low, color=colours,
             width=seconds / unit * 0.25, align="edge")  # fmt: skip
    bodies = [min(c.open, c.close) * step for c in candles]
    heights = [max(1, abs(c.open - c.close)) * step for c in candles]
    shift = seconds / unit * 0.28
    axis.bar([a - shift for a in at], heights, bottom=bodies, color=colours,
             width=seconds / unit * 0.8, align="edge")  # fmt: skip
    axis.set_ylim(min(low) * 0.999, max(c.high for c in candles) * step * 1.001)
    below = axis.twinx()
    below.bar(at, [c.volume for c in candles], color=colours, width=seconds / unit * 0.8, alpha=0.3)
    below.set_ylim(0, 5 * max(c.volume for c in candles))
    below.set_yticks([])
    axis.set_title(title)
    axis.set_xlabel("days" if unit == DAY else "hours")


def busy(axis: Any, flow: SyntheticMarket, step: float, lot: float) -> None:
    """An hour by the minute, with its trades."""
    start = BIRTH + 14 * HOUR
    for n in range(60):
        candle = flow.candle(60, start + n * 60)
        colour = UP if candle.close >= candle.open else DOWN
        axis.plot([n + 0.5] * 2, [candle.low * step, candle.high * step], color=colour, lw=1)
        body = sorted((candle.open * step, candle.close * step))
        axis.fill_between([n + 0.1, n + 0.9], *body, color=colour, alpha=0.5, lw=0)
    for side, colour in (("buy", "#00695c"), ("sell", "#b71c1c")):
        trades = [
            (second - start + n / 5, trade)
            for second in range(start, start + HOUR)
            for n, trade in enumerate(flow.prints(second))
            if trade.side == side
        ]
        at, prices = [a / 60 for a, _ in trades], [p.ticks * step for _, p in trades]
        areas = [1 + p.lots * lot * 8 for _, p in trades]
        axis.scatter(at, prices, s=areas, color=colour, alpha=0.5, linewidths=0)
    axis.set_title("an hour from 14:00, 1 minute a candle, with its trades (area: amount)")
    axis.set_xlabel("minutes")


def depth(axis: Any, flow: SyntheticMarket, step: float, lot: float) -> None:
    """What is offered up to a price, at three moments."""
    for later, style in ((0, "-"), (5, "--"), (30, ":")):
        for offers, colour in ((flow.bids, UP), (flow.asks, DOWN)):
            found = list(islice(offers(BIRTH + later), 200))
            total = accumulate(lots * lot for _, lots in found)
            axis.step([ticks * step for ticks, _ in found], list(total), style, color=colour,
                      where="post", label=f"{later} s" if colour is UP else None)  # fmt: skip
    axis.legend()
    axis.set_title("the book: offered in total up to a price, now, after 5 s and 30 s")
    axis.set_ylabel("amount")


def changes(candles: list[Bar]) -> list[float]:
    return [log(after.close / before.close) for before, after in pairwise(candles)]


def spread(values: list[float]) -> float:
    return (sum(value * value for value in values) / len(values)) ** 0.5 or 1.0


def returns(axis: Any, flow: SyntheticMarket) -> None:
    for name, seconds, count in (("1 m", 60, 20_000), ("1 h", HOUR, 5_000), ("1 d", DAY, 1_000)):
        found = changes([flow.candle(seconds, BIRTH - n * seconds) for n in range(count)])
        yearly = spread(found) * (365 * DAY / seconds) ** 0.5
        axis.hist([value / spread(found) for value in found], bins=100, range=(-7, 7), density=True,
                  histtype="step", log=True, label=f"{name}: {yearly:.0%} a year")  # fmt: skip
    places = [n / 10 for n in range(-40, 41)]
    axis.plot(places, [0.3989 * 2.71828 ** (-x * x / 2) for x in places], "k:", label="normal")
    axis.legend()
    axis.set_title("changes in units of their deviation")


def clustering(axis: Any, flow: SyntheticMarket) -> None:
    for name, seconds, count in (("1 m", 60, 20_000), ("1 h", HOUR, 5_000), ("1 d", DAY, 1_000)):
        found = changes([flow.candle(seconds, BIRTH - n * seconds) for n in range(count)])
        axis.plot(range(1, 61), [correlation([abs(v) for v in found], lag) for lag in range(1, 61)],
                  label=f"|change|, {name}")  # fmt: skip
        axis.plot(range(1, 61), [correlation(found, lag) for lag in range(1, 61)], ":",
                  label=f"change, {name}", linewidth=1)  # fmt: skip
    axis.legend(ncols=3)
    axis.set_title("autocorrelation by lag")


def correlation(values: list[float], lag: int) -> float:
    mean = sum(values) / len(values)
    whole = sum((value - mean) ** 2 for value in values)
    pairs = zip(values, values[lag:], strict=False)
    return sum((a - mean) * (b - mean) for a, b in pairs) / whole


if __name__ == "__main__":
    main(*sys.argv[1:])
