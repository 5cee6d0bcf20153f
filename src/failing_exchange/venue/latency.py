"""Distributions of latency. Half of a latency passes before the engine, half after it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeAlias

from failing_exchange.core.chance import ONE
from failing_exchange.core.units import MILLISECOND
from failing_exchange.errors import ConfigurationError
from failing_exchange.text.number_checks import is_number

LATENCY_MS_MAX = 10**10  # four months; a longer one is refused

# Quantiles of a lognormal distribution with sigma 0.5, in thousandths of its median: 0.001, then
# 1/128, 3/128, … 127/128, then 0.999. Literals, so that no platform's libm takes part.
QUANTILES = (
    213, 299, 370, 414, 449, 479, 505, 529, 552, 573, 594, 613, 632, 651, 669, 687, 705,
    722, 740, 757, 775, 792, 809, 827, 844, 862, 879, 897, 915, 934, 952, 971, 990, 1010,
    1030, 1050, 1071, 1093, 1115, 1137, 1161, 1185, 1210, 1236, 1263, 1291, 1321, 1352,
    1384, 1419, 1455, 1494, 1536, 1581, 1631, 1685, 1745, 1812, 1890, 1980, 2089, 2227,
    2413, 2701, 3349, 4689,
)  # fmt: skip

SLICES = len(QUANTILES) - 1
STRETCHES = [(low, high - low) for low, high in pairwise(QUANTILES)]
LAST = ONE - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class LogNormal:
    """Lognormally distributed latency, with a median in milliseconds and sigma 0.5.

    >>> draw = LogNormal(median_ms=40)
    >>> draw(0) < draw(ONE // 2) < draw(ONE - 1)
    True
    """

    median_ms: float = 40.0

    def __call__(self, draw: int) -> int:
        """The latency in nanoseconds for a draw in [0, 2**64)."""
        scaled = draw * SLICES
        low, rise = STRETCHES[scaled >> 64]
        part = low + (rise * (scaled & LAST) >> 64)
        return int(self.median_ms * MILLISECOND) * part // 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Fixed:
    """A constant latency, in milliseconds."""

    ms: float

    def __call__(self, draw: int) -> int:
        """The latency in nanoseconds."""
        return int(self.ms * MILLISECOND)


Latency: TypeAlias = Callable[[int], int]


def latency_of(value: object) -> Latency | None:
    """Read an option: None or 0 = no latency, a number = milliseconds, or a distribution.

    Raises ConfigurationError for anything else.
    """
    if value is None or (value == 0 and value is not False):
        return None
    if is_number(value) and 0 < value <= LATENCY_MS_MAX:
        return Fixed(ms=float(value))
    if callable(value) and not isinstance(value, type):
        return value
    raise ConfigurationError(
        f'latency must be "auto", None, a number of milliseconds from 0 to {LATENCY_MS_MAX}, or a '
        f"distribution such as LogNormal(median_ms=40), not {value!r}"
    )
