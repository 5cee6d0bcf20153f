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


@dataclass
class ReferenceBook:
    """All resting orders in the order in which they came."""

    resting: list[Resting] = field(default_factory=list)

    def place(
        self, id: int, buys: bool, ticks: int | None, lots: int
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
            part = min(lots, maker.lots)
            matches.append((maker.id, best, part))
            lots -= part
            maker.lots -= part
            if not maker.lots:
                self.resting.remove(maker)
        if lots and ticks is not None:
            self.resting.append(Resting(id, buys, ticks, lots))
        return matches

    def cancel(self, id: int) -> bool:
        """Whether there was something to cancel."""
        found = [r for r in self.resting if r.id == id]
        self.resting = [r for r in self.resting if r.id != id]
        return bool(found)

    def reduce(self, id: int, lots: int) -> None:
        """Take `lots` off a resting order; it keeps its place."""
        for r in self.resting:
            if r.id == id:
                r.lots -= lots

    def levels(self, buys: bool) -> list[tuple[int, int]]:
        """(ticks, lots), best first."""
        prices = sorted({r.ticks for r in self.resting if r.buys == buys}, reverse=buys)
        return [(p, sum(r.lots for r in self.resting if r.buys == buys and r.ticks == p))
                for p in prices]  # fmt: skip


def _meets(buys: bool, ticks: int | None, other: int) -> bool:
    return ticks is None or (other <= ticks if buys else other >= ticks)
