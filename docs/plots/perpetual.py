"""Draw docs/perpetual.png: spot market, index, mark price and perpetual. Needs matplotlib.

python docs/plots/perpetual.py [BASE [SEED]]
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot

from failing_exchange.background.perpetual import PerpetualMarket
from failing_exchange.core.funding_rate import funding_rate
from failing_exchange.core.mark_price import carry_of
from failing_exchange.core.units import ATOMS
from failing_exchange.venue.default_world import MARKETS, backgrounds_of
from failing_exchange.venue.perpetuals import PERPETUALS

TARGET = Path(__file__).resolve().parent.parent / "perpetual.png"
BIRTH = 1_767_225_600  # 2026-01-01
HOUR, DAY, INTERVAL = 3_600, 86_400, 8 * 3_600
CAP = 300_000  # of funding: 0.3 %
COLOURS = {"spot": "#1565c0", "index": "#00897b", "mark": "#f9a825", "perpetual": "#c62828"}


class Series:
    """The four prices of one base, in units, and what follows from them."""

    def __init__(self, base: str, seed: int) -> None:
        pair, contract = MARKETS[f"{base}/USDT"], PERPETUALS[f"{base}/USDT:USDT"]
        made = backgrounds_of(
            {pair.symbol: pair, contract.symbol: contract}, seed=seed, birth=BIRTH
        )
        self.spot, self.perpetual = made[0][1], made[1][1]
        assert isinstance(self.perpetual, PerpetualMarket)
        self.reference = self.perpetual.reference
        self.steps = pair.price_step, contract.price_step

    def rate(self, second: int) -> int:
        """The funding rate in force: that of the interval before."""
        start = second // INTERVAL * INTERVAL
        average = self.reference.average_premium(start - INTERVAL, start, hours=8)
        return funding_rate(average, cap=CAP)

    def prices(self, seconds: list[int]) -> dict[str, list[float]]:
        """Each of the four at some seconds."""
        found: dict[str, list[float]] = {name: [] for name in COLOURS}
        rates = {start: self.rate(start) for start in {s // INTERVAL * INTERVAL for s in seconds}}
        for second in seconds:
            last = self.perpetual.close(second) * self.steps[1]
            start = second // INTERVAL * INTERVAL
            carry = carry_of(rates[start], INTERVAL - (second - start), INTERVAL)
            row = (
                self.spot.close(second) * self.steps[0],
                self.reference.index(second),
                self.reference.mark(second, last=last, carry=carry),
                last,
            )
            for name, price in zip(COLOURS, row, strict=True):
                found[name].append(price / ATOMS)
        return found


def main(base: str = "BTC", seed: str = "0") -> None:
    series = Series(base, int(seed))
    figure, axes = pyplot.subplots(2, 2, figsize=(15, 10), constrained_layout=True)
    together(axes[0][0], series, base)
    closely(axes[0][1], series)
    premiums(axes[1][0], series)
    fundings(axes[1][1], series)
    figure.savefig(TARGET, dpi=70)


def together(axis: Any, series: Series, base: str) -> None:
    seconds = list(range(BIRTH, BIRTH + DAY, 60))
    for name, prices in series.prices(seconds).items():
        axis.plot(
            [(s - BIRTH) / HOUR for s in seconds], prices, color=COLOURS[name], lw=1, label=name
        )
    axis.set_title(f"{base}: a day by the minute")
    axis.set_xlabel("hours")
    axis.legend()


def closely(axis: Any, series: Series) -> None:
    begin = BIRTH + 14 * HOUR
    seconds = list(range(begin, begin + 300))
    for name, prices in series.prices(seconds).items():
        axis.step([s - begin for s in seconds], prices, color=COLOURS[name], lw=1, label=name)
    axis.set_title("five minutes from 14:00 by the second")
    axis.set_xlabel("seconds")
    axis.legend()


def premiums(axis: Any, series: Series) -> None:
    seconds = list(range(BIRTH, BIRTH + 3 * DAY, 60))
    found = series.prices(seconds)
    days = [(s - BIRTH) / DAY for s in seconds]
    for name in ("perpetual", "mark", "spot"):
        lines = zip(found[name], found["index"], strict=True)
        axis.plot(
            days, [(p / i - 1) * 1e4 for p, i in lines], color=COLOURS[name], lw=0.7, label=name
        )
    axis.axhspan(-4, 6, color="grey", alpha=0.15, label="funding is the interest rate")
    axis.set_title("how far they lie from the index, in basis points")
    axis.set_xlabel("days")
    axis.legend()


def fundings(axis: Any, series: Series) -> None:
    starts = list(range(BIRTH, BIRTH + 60 * DAY, INTERVAL))
    rates = [series.rate(start) / ATOMS * 100 for start in starts]
    axis.bar([(s - BIRTH) / DAY for s in starts], rates, width=0.3,
             color=["#26a69a" if rate >= 0 else "#ef5350" for rate in rates])  # fmt: skip
    axis.axhline(0.01, color="k", lw=0.7, ls=":", label="interest rate")
    axis.set_title("funding each eight hours of sixty days, in percent")
    axis.set_xlabel("days")
    axis.legend()


if __name__ == "__main__":
    main(*sys.argv[1:])
