"""Checksums of a journal's rows: they reveal what was damaged, changed or left out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from hashlib import blake2b
from typing import Any, NamedTuple
from zlib import crc32

Key = tuple[Any, ...]  # a table's name and the row's own key


def row_sum(*values: Any) -> int:
    """A signed number of 64 bits, as SQLite keeps it, from the values of a row.

    >>> row_sum("a", 1) == row_sum("a", 1), row_sum("a", 1) == row_sum("a", "1")
    (True, False)
    """
    text = repr(values).encode("utf-8", "backslashreplace")
    return int.from_bytes(blake2b(text, digest_size=8).digest(), "big", signed=True)


def text_sum(number: int, text: str) -> int:
    """A quicker and weaker one of a long text, for rows that nothing is built on."""
    return crc32(text.encode("utf-8", "backslashreplace"), number & 0xFFFFFFFF)


class SumChange(NamedTuple):
    """What some written rows change: their sums (0: deleted), and the tables' new ones."""

    rows: dict[Key, int]
    totals: dict[str, int]


class TableSums:
    """The sum of each table whose rows change: that of all its rows, in any order.

    It remembers the sum of each row, for as many rows as the tables have.
    """

    def __init__(self, tables: Iterable[str]) -> None:
        self._rows: dict[str, dict[Key, int]] = {table: {} for table in tables}
        self.totals: dict[str, int] = dict.fromkeys(self._rows, 0)

    def change(self, rows: Mapping[Key, Key | None]) -> SumChange:
        """What it would change to write some rows: keys with their values; None: deleted."""
        found, totals = dict[Key, int](), dict(self.totals)
        for key, values in rows.items():
            new = found[key] = 0 if values is None else row_sum(*key, *values)
            totals[key[0]] ^= self._rows[key[0]].get(key, 0) ^ new
        return SumChange(found, totals)

    def take(self, change: SumChange) -> None:
        """Note that the rows were written."""
        self.totals = change.totals
        for key, new in change.rows.items():
            if new:
                self._rows[key[0]][key] = new
            else:
                self._rows[key[0]].pop(key, None)

    def keys(self, table: str) -> Iterable[Key]:
        """The keys of a table's rows; the first part of each is the table's name."""
        return self._rows[table].keys()
