"""Draw docs/impact.png: how a market takes what clients do to it. Needs matplotlib.

python docs/plots/impact.py [SEED]
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot

from failing_exchange.core import commands as c
from failing_exchange.core.engine import Engine
from failing_exchange.core.order import OrderType, Side
from failing_exchange.venue.default_world import MARKETS, background_of

TARGET = Path(__file__).resolve().parent.parent / "impact.png"
S, SECOND, BTC = "BTC/USDT", 10**9, 10**5
START = 1_767_225_600 + 3_600  # an hour into 2026
MINUTES = 90


def main(seed: str = "1") -> None:
    figure, axes = pyplot.subplots(1, 2, figsize=(15, 5), constrained_layout=True)
    taking(axes[0], int(seed))
    standing(axes[1], int(seed))
    figure.savefig(TARGET, dpi=70)


def engine(seed: int) -> Engine:
    made = Engine([(MARKETS[S], background_of(S, seed=seed, birth=START - 3_600))])
    rich = (("BTC", 10**15), ("USDT", 10**20))
    made.execute(c.OpenAccount("client", rich), (START - 3_600) * SECOND)
    return made


def do(made: Engine, command: c.Command, second: int) -> Any:
    made.advance((START + second) * SECOND)
    return made.execute(command, (START + second) * SECOND)[1]


def prices(made: Engine, seconds: range, order: c.Command | None = None) -> list[float]:
    """The last price after each second, in which an order may be sent."""
    found = []
    for second in seconds:
        if order is not None:
            do(made, order, second)
        found.append(do(made, c.FetchTicker("client", S), second).last / 100)
    return found


def draw(axis: Any, without: list[float], having: list[float]) -> None:
    minutes = [n / 60 for n in range(len(without))]
    axis.step(minutes, without, color="#90a4ae", lw=1, label="nobody trades")
    axis.step(minutes, having, color="#1565c0", lw=1, label="with the client")
    axis.set_xlabel("minutes")
    axis.set_ylabel("last price, USDT")
    axis.legend(loc="upper left")


def taking(axis: Any, seed: int) -> None:
    """356 BTC bought in ten minutes, one order a second, and what remains of it later."""
    made, alone = engine(seed), engine(seed)
    buy = c.PlaceOrder("client", S, Side.BUY, OrderType.MARKET, 356 * BTC // 600)
    having = prices(made, range(600), buy) + prices(made, range(600, 60 * MINUTES))
    draw(axis, prices(alone, range(60 * MINUTES)), having)
    axis.axvspan(0, 10, color="#1565c0", alpha=0.1, lw=0)
    axis.set_title("356 BTC bought in 10 minutes: half of the impact is left 10 minutes later")


def standing(axis: Any, seed: int) -> None:
    """A bid stands in the way of a falling price until it is taken away."""
    made, alone = engine(seed), engine(seed)
    best = do(made, c.FetchTicker("client", S), 0).bid[0]
    bid = c.PlaceOrder("client", S, Side.BUY, OrderType.LIMIT, 1_000 * BTC, best)
    number = do(made, bid, 0).order.id
    having, filled = [], []
    for second in range(60 * MINUTES):
        if second == 3_600:
            do(made, c.CancelOrder("client", S, number), second)
        having += prices(made, range(second, second + 1))
        filled.append(do(made, c.FetchOrder("client", S, number), second).filled / BTC)
    draw(axis, prices(alone, range(60 * MINUTES)), having)
    beside = axis.twinx()
    beside.step([n / 60 for n in range(len(filled))], filled, color="#ef6c00", lw=1)
    beside.set_ylabel("filled, BTC", color="#ef6c00")
    axis.set_title("a bid for 1,000 BTC for an hour: filled by what is traded through it")


if __name__ == "__main__":
    main(*sys.argv[1:])
