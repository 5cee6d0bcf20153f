"""A price-time book that is slow and obviously right."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Resting:
    """An order as the reference keeps it."""

    id: int
    buys: bool
    ticks: int
    lots: int
    part: int = 0  # how much is shown at a time; 0: all
    shown: int = 0


@dataclass
class ReferenceBook:
    """All resting orders in the order in which they came."""

    resting: list[Resting] = field(default_factory=list)

    def place(
        self, id: int, buys: bool, ticks: int | None, lots: int, part: int = 0
    ) -> list[tuple[int, int, int]]:
        """Matches as (maker, ticks, lots). What a limit order (`ticks`) has left comes to rest."""
        matches = []
        while lots:
            others = [r for r in self.resting if r.buys != buys and _meets(buys, ticks, r.ticks)]
            if not others:
                break
            price = min if buys else max
            best = price(r.ticks for r in others)
            maker = next(r for r in others if r.ticks == best)
            done = min(lots, maker.shown)
            matches.append((maker.id, best, done))
            lots -= done
            maker.lots -= done
            maker.shown -= done
            if not maker.shown:
                self.resting.remove(maker)
                self._rest(maker)
        if lots and ticks is not None:
            self._rest(Resting(id, buys, ticks, lots, part))
        return matches

    def _rest(self, order: Resting) -> None:
        """Put what is left of an order behind all others."""
        order.shown = min(order.part or order.lots, order.lots)
        if order.lots:
            self.resting.append(order)

    def cancel(self, id: int) -> bool:
        """Whether there was something to cancel."""
        found = [r for r in self.resting if r.id == id]
        self.resting = [r for r in self.resting if r.id != id]
        return bool(found)

    def reduce(self, id: int, lots: int) -> None:
        """Take `lots` off a resting order; it keeps its place, and shows less only if it must."""
        for r in self.resting:
            if r.id == id:
                r.lots -= lots
                r.shown = min(r.shown, r.lots)

    def levels(self, buys: bool, *, shown: bool = False) -> list[tuple[int, int]]:
        """(ticks, lots), best first: all, or what is shown."""
        mine = [r for r in self.resting if r.buys == buys]
        return [
            (p, sum(r.shown if shown else r.lots for r in mine if r.ticks == p))
            for p in sorted({r.ticks for r in mine}, reverse=buys)
        ]


def _meets(buys: bool, ticks: int | None, other: int) -> bool:
    return ticks is None or (other <= ticks if buys else other >= ticks)
