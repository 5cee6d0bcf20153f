"""The terms of a contract: its size, notional brackets, funding and liquidation fee."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from failing_exchange.core.funding_rate import INTEREST, INTERVALS
from failing_exchange.core.units import ATOMS, PPM


@dataclass(frozen=True, slots=True)  # read at each look at a margin: faster than a NamedTuple
class Bracket:
    """Positions worth up to `notional_max` atoms: leverage and maintenance margin.

    `rate` is the maintenance rate in parts per million. `deduction` atoms are subtracted from
    notional times rate, so that the margin has no jump where a bracket begins (Binance calls it
    the cumulative maintenance amount).
    """

    notional_max: int
    leverage_max: int
    rate: int
    deduction: int = 0


def brackets_of(rows: Iterable[tuple[int, int, int]]) -> tuple[Bracket, ...]:
    """Make brackets from (notional_max, leverage_max, rate), in rising order.

    Each deduction follows from the bracket before: the notional where a bracket begins, times the
    step in the rate, is added.

    >>> [one.deduction // ATOMS for one in brackets_of([(50_000 * ATOMS, 125, 4_000),
    ...                                                 (250_000 * ATOMS, 100, 5_000)])]
    [0, 50]
    """
    made: list[Bracket] = []
    for notional_max, leverage_max, rate in rows:
        deduction = 0
        if made:
            last = made[-1]
            if notional_max <= last.notional_max or rate < last.rate:
                raise ValueError(f"brackets must rise: {notional_max} follows {last.notional_max}")
            deduction = last.deduction + last.notional_max * (rate - last.rate) // PPM
        made.append(Bracket(notional_max, leverage_max, rate, deduction))
    if not made:
        raise ValueError("a contract needs at least one bracket")
    return tuple(made)


def bracket_of(brackets: tuple[Bracket, ...], notional: int) -> Bracket:
    """The bracket of a position of this notional; the last one beyond all of them."""
    for bracket in brackets:
        if notional <= bracket.notional_max:
            return bracket
    return brackets[-1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    """What makes a market a linear perpetual contract.

    Profit, margin and fees are in atoms of `settle`. `size` is what one contract stands for, in
    atoms of the base asset. Fees and bounds are in parts per million. Funding is paid every
    `funding_hours`; its cap and floor, and the `interest` of eight hours, are in atoms (1e-8).
    """

    settle: str
    brackets: tuple[Bracket, ...]
    size: int = ATOMS
    liquidation_fee: int = 12_500
    fee_asset: str = ""  # in which trading fees cost less; empty: in none
    fee_discount: int = 100_000  # of trading fees that are paid in it
    funding_hours: int = 8
    funding_cap: int = 300_000
    funding_floor: int = -300_000
    interest: int = INTEREST
    market_take_bound: int = 50_000  # how far from the mark price a market order may fill
    trigger_protect: int = 50_000  # how far mark and last price may differ for a protected trigger

    def __post_init__(self) -> None:
        if self.funding_hours not in INTERVALS:
            raise ValueError(
                f"funding_hours must be one of {INTERVALS}, not {self.funding_hours!r}"
            )
        if self.size < 1 or not self.brackets:
            raise ValueError("a contract has a size and brackets")
        if self.funding_floor > self.funding_cap:
            raise ValueError(f"funding_floor {self.funding_floor} is above {self.funding_cap}")

    @property
    def leverage_max(self) -> int:
        """The highest leverage of any bracket."""
        return self.brackets[0].leverage_max
