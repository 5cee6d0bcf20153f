"""The order book of one market: clients' resting orders by price, then by time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from heapq import heappop, heappush

from failing_exchange.core.order import BUY, SELL, Order, Side


@dataclass(slots=True, eq=False, repr=False)
class PriceLevel:
    """All orders at one price, oldest first; `hidden` of the lots are shown to nobody."""

    ticks: int
    lots: int = 0
    hidden: int = 0
    head: Order | None = None
    tail: Order | None = None

    def __iter__(self) -> Iterator[Order]:
        order = self.head
        while order is not None:
            yield order
            order = order.next


class OrderBook:
    """Price-time priority. Adding and removing cost the same however deep the book is.

    A level that has emptied stays in the heap until it comes to its top. Of an iceberg order only
    one part is shown; each further part queues up behind all others of its price.
    """

    def __init__(self) -> None:
        self._levels: dict[Side, dict[int, PriceLevel]] = {BUY: {}, SELL: {}}
        self._heaps: dict[Side, list[int]] = {BUY: [], SELL: []}  # bids negated
        self.count = 0

    def add(self, order: Order) -> None:
        """Add an order behind all others at its price."""
        side, ticks = order.side, order.ticks
        levels = self._levels[side]
        level = levels.get(ticks)
        if level is None:
            level = levels[ticks] = PriceLevel(ticks)
            heappush(self._heaps[side], -ticks if side is BUY else ticks)
        tail = level.tail
        if tail is None:
            level.head = order
        else:
            tail.next = order
            order.previous = tail
        level.tail = order
        level.lots += order.lots - order.filled
        if order.iceberg_lots:
            order.shown = min(order.iceberg_lots, order.remaining)
            level.hidden += order.remaining - order.shown
        order.resting = True
        self.count += 1

    def remove(self, order: Order) -> None:
        """Remove an order, wherever it stands."""
        level = self._levels[order.side][order.ticks]
        before, after = order.previous, order.next
        if before is None:
            level.head = after
        else:
            before.next = after
        if after is None:
            level.tail = before
        else:
            after.previous = before
        order.previous = order.next = None
        order.resting = False
        level.lots -= order.lots - order.filled
        if order.iceberg_lots:
            level.hidden -= order.remaining - order.shown
            order.shown = 0
        self.count -= 1

    def reduce(self, order: Order, lots: int) -> None:
        """Note that a resting order is about to be filled by `lots`, from what is shown first."""
        level = self._levels[order.side][order.ticks]
        level.lots -= lots
        if order.iceberg_lots:
            part = min(lots, order.shown)
            order.shown -= part
            level.hidden -= lots - part

    def shrink(self, order: Order, lots: int) -> None:
        """Note that an order is about to be amended by `lots` fewer: hidden lots go first."""
        level = self._levels[order.side][order.ticks]
        level.lots -= lots
        if order.iceberg_lots:
            part = min(lots, order.remaining - order.shown)
            level.hidden -= part
            order.shown -= lots - part

    def refill(self, order: Order) -> None:
        """Show the next part of an iceberg order, behind all others of its price."""
        self.remove(order)
        self.add(order)

    def best(self, side: Side) -> PriceLevel | None:
        """The best level that holds an order."""
        heap, levels = self._heaps[side], self._levels[side]
        while heap:
            ticks = -heap[0] if side is BUY else heap[0]
            level = levels[ticks]
            if level.head is not None:
                return level
            heappop(heap)
            del levels[ticks]
        return None

    def reaches(self, bid: int, ask: int) -> bool:
        """Whether an order may stand at these prices or better; False is certain."""
        bids, asks = self._heaps[BUY], self._heaps[SELL]
        return bool(bids and -bids[0] >= bid) or bool(asks and asks[0] <= ask)

    def shown(self, side: Side) -> list[tuple[int, int]]:
        """(ticks, lots) of every level as public data show it, best first."""
        levels = self._levels[side].values()
        found = [(lv.ticks, lv.lots - lv.hidden) for lv in levels if lv.head is not None]
        return sorted(found, reverse=side is BUY)

    def levels(self, side: Side) -> list[tuple[int, int]]:
        """(ticks, lots) of every level that holds an order, best first; hidden lots count."""
        found = [(lv.ticks, lv.lots) for lv in self._levels[side].values() if lv.head is not None]
        return sorted(found, reverse=side is BUY)

    def orders(self, side: Side) -> Iterator[Order]:
        """All orders of a side, in the order in which they would match."""
        for ticks, _ in self.levels(side):
            yield from self._levels[side][ticks]
