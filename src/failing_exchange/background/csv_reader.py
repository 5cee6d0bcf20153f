"""Read a recording: a CSV file of trades or candles, as rows of whole ticks and lots.

The first line may name the columns, in any order and in the words of most exchanges
(`COLUMNS`); further columns are ignored. Without such a line the number of columns decides:

- `timestamp, price, amount` and, if there, `side`: trades as ccxt gives them,
- `timestamp, open, high, low, close, volume` and any further columns: candles as ccxt and Binance,
- Binance's dumps of trades (`id, price, qty, quoteQty, time, isBuyerMaker`) and of aggregated
  trades, which are known by the true or false in their sixth or seventh column.

The columns `index price` and `mark price`, which are known by their names alone, are those of a
perpetual: after a trade, or at the close of a candle.

Timestamps are seconds, milliseconds, microseconds or nanoseconds since the epoch, or ISO 8601.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from operator import itemgetter
from os import PathLike, fspath
from typing import NamedTuple

from failing_exchange.background.candle_splitting import LEAST
from failing_exchange.core.candles import Bar, Print, estimated
from failing_exchange.core.units import ATOMS
from failing_exchange.errors import ConfigurationError
from failing_exchange.text.files import reason

ROWS_MAX = 5_000_000  # a longer file is refused; it would not fit into the memory
TRADE = ("at", "price", "amount")
CANDLE = ("at", "open", "high", "low", "close", "volume")
REFERENCES = ("index", "mark")
COLUMNS: dict[str, tuple[str, ...]] = {
    "at": ("timestamp", "time", "date", "datetime", "opentime", "transacttime", "unix", "ts", "t"),
    "price": ("price", "p", "rate"),
    "amount": ("amount", "qty", "quantity", "size", "volume", "baseqty", "q"),
    "side": ("side", "takerside", "type"),
    "maker": ("isbuyermaker", "buyermaker", "m"),
    "open": ("open", "o"), "high": ("high", "h"), "low": ("low", "l"), "close": ("close", "c"),
    "volume": ("volume", "vol", "v", "amount", "basevolume", "volumebtc"),
    "index": ("indexprice",), "mark": ("markprice",),
}  # fmt: skip
SIDES = {"buy": "buy", "b": "buy", "bid": "buy", "sell": "sell", "s": "sell", "ask": "sell"}
FLAGS = {"true": "sell", "1": "sell", "false": "buy", "0": "buy"}  # the buyer was the maker
UNITS = ((10**11, 1), (10**14, 10**3), (10**17, 10**6))  # up to which number what divides it


class RecordedReference(NamedTuple):
    """Index and mark price of a row, in atoms; 0 where the file has no such column."""

    at: int
    index_price: int
    mark_price: int


class CsvContents(NamedTuple):
    """What a file holds, in order of time: trades, each with its second, or candles.

    The side of a trade is empty where the file does not name it. `references` has an entry for each
    row of a file that has index or mark prices.
    """

    trades: list[tuple[int, Print]]
    candles: list[Bar]
    references: list[RecordedReference]


def read(
    path: str | PathLike[str], *, price_step: int, amount_step: int, rounds: bool = False
) -> CsvContents:
    """Read a file; steps in atoms (1e-8). Raises `ConfigurationError` with line and value.

    Prices must be multiples of the price step, unless it `rounds` them to the nearest; amounts are
    rounded to whole lots, at least one.
    """
    reader = _Reader(fspath(path), price_step, amount_step, rounds)
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            return _parsed(reader, csv.reader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ConfigurationError(f"recording {fspath(path)!r}: {reason(error)}") from error


def instant(text: str) -> int:
    """The epoch second of a timestamp; raises ValueError for any other text.

    >>> instant("1767225600"), instant("1767225600123"), instant("2026-01-01T00:00:00Z")
    (1767225600, 1767225600, 1767225600)
    """
    try:
        number = Decimal(text)
    except InvalidOperation:
        read = datetime.fromisoformat(text)
        read = read if read.tzinfo else read.replace(tzinfo=UTC)
        return int((read - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds())
    if not number.is_finite():
        raise ValueError(text)
    return int(number // next((unit for most, unit in UNITS if abs(number) < most), 10**9))


class _Reader:
    """Reads the cells of one line; errors name file, line, column and value."""

    def __init__(self, path: str, price_step: int, amount_step: int, rounds: bool) -> None:
        self.path = path
        self.line = 0
        self._rounds = rounds
        self._price_step = Decimal(price_step) / ATOMS
        self._amount_step = Decimal(amount_step) / ATOMS

    def error(self, problem: str) -> ConfigurationError:
        return ConfigurationError(f"recording {self.path!r}, line {self.line}: {problem}")

    def cell(self, cells: Sequence[str], columns: Mapping[str, int], name: str) -> str:
        if columns[name] >= len(cells):
            raise self.error(f"{name} is missing: there are only {len(cells)} columns: {cells}")
        return cells[columns[name]].strip()

    def at(self, text: str) -> int:
        try:
            return instant(text)
        except ValueError:
            raise self.error(
                f"{text!r} is not a timestamp; expected a number since the epoch or ISO 8601"
            ) from None

    def number(self, text: str, name: str) -> Decimal:
        try:
            number = Decimal(text)
        except InvalidOperation:
            raise self.error(f"{name} {text!r} is not a number") from None
        if not number.is_finite() or number < 0:
            raise self.error(f"{name} {text!r} must be a finite number that is not negative")
        return number

    def ticks(self, text: str, name: str) -> int:
        ticks = self.number(text, name) / self._price_step
        if self._rounds:
            return max(1, round(ticks))
        if ticks < 1 or ticks != int(ticks):
            raise self.error(
                f"{name} {text} is not a multiple of the price step {self._price_step}; "
                "give a failing_exchange.Market with a finer price_step"
            )
        return int(ticks)

    def lots(self, text: str, name: str) -> int:
        number = self.number(text, name)
        return max(1, round(number / self._amount_step)) if number else 0

    def trade(self, cells: Sequence[str], columns: Mapping[str, int]) -> tuple[int, Print]:
        at = self.at(self.cell(cells, columns, "at"))
        ticks = self.ticks(self.cell(cells, columns, "price"), "price")
        lots = self.lots(self.cell(cells, columns, "amount"), "amount")
        return at, Print(ticks, lots, self.side(cells, columns))

    def candle(self, cells: Sequence[str], columns: Mapping[str, int]) -> Bar:
        at = self.at(self.cell(cells, columns, "at"))
        opened, high, low, close = (
            self.ticks(self.cell(cells, columns, name), name) for name in CANDLE[1:5]
        )
        if not low <= min(opened, close) <= max(opened, close) <= high:
            raise self.error(f"low <= open, close <= high does not hold: {list(cells)}")
        volume = self.lots(self.cell(cells, columns, "volume"), "volume")
        # Where the price moved somebody traded: a lot for each print.
        lots = max(volume, LEAST) if high > low else volume
        return estimated(at, (opened, high, low, close), lots)

    def reference(
        self, cells: Sequence[str], columns: Mapping[str, int], at: int
    ) -> RecordedReference:
        """Index and mark price, those of both that the file has."""
        index, mark = (
            self.atoms(self.cell(cells, columns, name), f"{name} price") if name in columns else 0
            for name in REFERENCES
        )
        return RecordedReference(at, index, mark)

    def atoms(self, text: str, name: str) -> int:
        """A price above 0, rounded to atoms."""
        atoms = round(self.number(text, name) * ATOMS)
        if atoms < 1:
            raise self.error(f"{name} {text!r} must be above 0")
        return atoms

    def side(self, cells: Sequence[str], columns: Mapping[str, int]) -> str:
        name, words = ("side", SIDES) if "side" in columns else ("maker", FLAGS)
        if name not in columns:
            return ""
        text = self.cell(cells, columns, name)
        if text.lower() not in words:
            raise self.error(f"{name} {text!r} is unknown; expected one of {', '.join(words)}")
        return words[text.lower()]


def _parsed(reader: _Reader, lines: Iterator[list[str]]) -> CsvContents:
    columns: dict[str, int] = {}
    found = CsvContents([], [], [])
    for reader.line, cells in enumerate(lines, 1):
        if not any(cells):
            continue
        if not columns:
            columns, is_header = _columns(reader, cells)
            if is_header:
                continue
        if "price" in columns:
            found.trades.append(reader.trade(cells, columns))
        else:
            found.candles.append(reader.candle(cells, columns))
        if not columns.keys().isdisjoint(REFERENCES):
            at = found.trades[-1][0] if "price" in columns else found.candles[-1].at
            found.references.append(reader.reference(cells, columns, at))
        if len(found.trades) + len(found.candles) > ROWS_MAX:
            raise reader.error(f"more than {ROWS_MAX:,} rows; cut the file")
    if not (found.trades or found.candles):
        raise ConfigurationError(
            f"recording {reader.path!r} holds no rows; expected {', '.join(TRADE)}"
        )
    found.trades.sort(key=itemgetter(0))
    found.candles.sort(key=itemgetter(0))
    found.references.sort(key=itemgetter(0))
    return found


def _columns(reader: _Reader, cells: Sequence[str]) -> tuple[dict[str, int], bool]:
    """The place of each column, and whether this line is a header."""
    first = cells[0].strip().lower()
    if first and first[0].isdigit():
        return _unnamed(reader, cells), False
    names = ["".join(filter(str.isalnum, cell.lower())) for cell in cells]
    found = {
        column: names.index(name)
        for column, known in COLUMNS.items()
        for name in reversed(known)
        if name in names
    }
    for wanted in (CANDLE, TRADE):
        if all(name in found for name in wanted):
            extra = ("side", "maker") if wanted is TRADE else ()
            return {n: found[n] for n in (*wanted, *extra, *REFERENCES) if n in found}, True
    raise reader.error(
        f"these columns are neither {', '.join(TRADE)} nor {', '.join(CANDLE)}: {list(cells)}"
    )


def _unnamed(reader: _Reader, cells: Sequence[str]) -> dict[str, int]:
    for place in (5, 6):
        if len(cells) > place and cells[place].strip().lower() in ("true", "false"):
            return {"price": 1, "amount": 2, "at": place - 1, "maker": place}
    if len(cells) >= len(CANDLE):
        return {name: place for place, name in enumerate(CANDLE)}
    if len(cells) in (3, 4):
        return {name: place for place, name in enumerate((*TRADE, "side")[: len(cells)])}
    raise reader.error(
        f"{len(cells)} columns without names; expected {', '.join(TRADE)}[, side] "
        f"or {', '.join(CANDLE)}: {list(cells)}"
    )
