"""What has changed in an order book between two pushes, so that it joins any snapshot between."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from failing_exchange.core.order import Side

if TYPE_CHECKING:
    from failing_exchange.core.market import Market
    from failing_exchange.core.queries import BookSnapshot

Levels = tuple[tuple[int, int], ...]


class BookUpdate(NamedTuple):
    """Changed levels (ticks, lots); 0 lots for one that is gone.

    `first` and `sequence` are its first and its last update id ("U" and "u"). `sequence` is one
    less than the id of a snapshot with the same levels: see `core.queries.update_id`.
    """

    market: Market
    at: int
    bids: Levels
    asks: Levels
    first: int
    sequence: int


class BookView:
    """The best levels of a book as a listener knows them.

    A client that took a snapshot between two updates must become correct from there, too. So a
    level that changed and changed back is in the next update as well.
    """

    def __init__(self, snapshot: BookSnapshot) -> None:
        self.sequence = snapshot.sequence - 1  # the last id that an update has covered
        self._levels: dict[Side, dict[int, int]] = {}
        self._touched: dict[Side, dict[int, None]] = {Side.BUY: {}, Side.SELL: {}}
        self.set(snapshot)

    def set(self, snapshot: BookSnapshot) -> None:
        """Take a snapshot for known: as another one shows more levels, or fewer."""
        self._levels = {Side.BUY: dict(snapshot.bids), Side.SELL: dict(snapshot.asks)}

    def touch(self, side: Side, ticks: int) -> None:
        """A level has changed, or may have."""
        self._touched[side][ticks] = None

    def note(self, snapshot: BookSnapshot) -> None:
        """Note what is different in a snapshot that is as deep as the one before."""
        before = self._levels
        self.set(snapshot)
        for side, now in self._levels.items():
            touched, then = self._touched[side], before[side]
            touched.update((ticks, None) for ticks, lots in now.items() if then.get(ticks) != lots)
            touched.update((ticks, None) for ticks in then if ticks not in now)

    def update(self, snapshot: BookSnapshot) -> BookUpdate | None:
        """All that has changed since the last update; None for nothing."""
        last = snapshot.sequence - 1
        if last == self.sequence:
            return None
        self.note(snapshot)
        bids, asks = self._take(Side.BUY), self._take(Side.SELL)
        if not bids and not asks:
            return None
        first, self.sequence = self.sequence + 1, last
        return BookUpdate(snapshot.market, snapshot.at, bids, asks, first, last)

    def _take(self, side: Side) -> Levels:
        touched, levels = self._touched[side], self._levels[side]
        ordered = sorted(touched, reverse=side is Side.BUY)
        touched.clear()
        return tuple((ticks, levels.get(ticks, 0)) for ticks in ordered)
