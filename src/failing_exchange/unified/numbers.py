"""Convert decimal text and floats to whole steps and back, exactly."""

from __future__ import annotations

from collections.abc import Callable
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from functools import lru_cache
from typing import Any

from failing_exchange.core.reject import Reason, Reject
from failing_exchange.core.units import ATOMS

NUMBERS_CACHED_MAX = 16_384  # of each kind; then the least recently used, or all, are read again
UNITS_MAX = 10**15  # a larger number is refused


@lru_cache(maxsize=NUMBERS_CACHED_MAX, typed=True)
def ticks_of(value: object, price_step: int) -> int:
    """A price as whole ticks, rounded to the nearest as ccxt does.

    >>> ticks_of(50000.004, 10**6), ticks_of("0.1", 10**6)
    (5000000, 10)
    """
    atoms = _atoms(value, "price", Reason.INVALID_PRICE)
    return int((atoms / price_step).quantize(Decimal(1), ROUND_HALF_UP))


@lru_cache(maxsize=NUMBERS_CACHED_MAX, typed=True)
def lots_of(value: object, amount_step: int) -> int:
    """An amount as whole lots, cut off as ccxt does.

    >>> lots_of(0.1 + 0.2, 10**7), lots_of(1, 10**3)
    (3, 100000)
    """
    return int(_atoms(value, "amount", Reason.INVALID_AMOUNT) / amount_step)


class KnownSteps(dict[tuple[float, int], int]):
    """Floats and integers as whole steps, by number and step; `read` finds what is not known.

    Equal numbers have equal steps, of whatever type they are: without a look at the type, the
    busiest calls find theirs faster than by `lru_cache`.
    """

    def __init__(self, read: Callable[[float, int], int]) -> None:
        super().__init__()
        self._read = read

    def __missing__(self, asked: tuple[float, int]) -> int:
        if len(self) >= NUMBERS_CACHED_MAX:
            self.clear()
        self[asked] = steps = self._read(*asked)
        return steps


TICKS, LOTS = KnownSteps(ticks_of), KnownSteps(lots_of)


@lru_cache(maxsize=NUMBERS_CACHED_MAX, typed=True)
def atoms_of(value: object, what: str = "cost") -> int:
    """A balance, a cost or another amount of any name as atoms, cut off."""
    reason = Reason.INVALID_COST if what == "cost" else Reason.INVALID_ORDER
    return int(_atoms(value, what, reason))


def hashable(value: Any) -> object:
    """A number of any kind as a plain one; anything else as its text, to be refused as such."""
    if value.__class__ in PLAIN:
        return value
    for kind in (str, float, int, Decimal):
        if isinstance(value, kind):
            return kind(value)
    if hasattr(value, "__index__"):  # an integer of numpy
        return int(value)
    return float(value) if hasattr(value, "__float__") else repr(value)


PLAIN = (float, int, str, bool, Decimal, type(None))


def _atoms(value: object, what: str, reason: Reason) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, (int, float, str, Decimal)):
        raise Reject(reason, f"Invalid {what}: {value!r} is not a number")
    try:
        number = value if isinstance(value, Decimal) else Decimal(str(value))
    except InvalidOperation:
        raise Reject(reason, f"Invalid {what}: {value!r} is not a number") from None
    if not number.is_finite() or number.copy_abs() > UNITS_MAX:  # abs() would overflow
        raise Reject(reason, f"Invalid {what}: {value!r} is not a finite number up to 10**15")
    if number <= 0:
        raise Reject(reason, f"Invalid {what}: {value!r} must be greater than 0")
    return number * ATOMS
