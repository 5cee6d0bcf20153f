"""The SQLite file of a durable journal: its tables, reading, writing, verification."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import blake2b
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

from failing_exchange.durable import TRIPS_KEPT_MAX
from failing_exchange.durable.checksums import Key, TableSums, row_sum, text_sum
from failing_exchange.durable.file_lock import FileLock, LockLost, ReadOnly
from failing_exchange.errors import ConfigurationError
from failing_exchange.text.number_checks import is_whole
from failing_exchange.text.spelling import printable

VERSION = 4  # of the tables and of what stands in them
APPLICATION = 0x6661696C  # "fail": what the file says it is
BUSY_SECONDS = 5.0  # how long another program may keep it locked
PRUNED_AT_ONCE = 1_000  # trips deleted together; until then they are kept beyond the limit
ROWS_AT_ONCE = 1_000  # are in memory while all of a table are read
ALL_TRIPS = 1 << 62  # what no journal reaches
TABLES = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE commands (number INTEGER PRIMARY KEY, at INTEGER NOT NULL, events INTEGER NOT NULL,
                       command TEXT NOT NULL, chain INTEGER NOT NULL);
CREATE TABLE trips (place INTEGER PRIMARY KEY, number INTEGER NOT NULL, trip TEXT NOT NULL,
                    sum INTEGER NOT NULL);
CREATE TABLE kinds (client TEXT, operation TEXT, symbol TEXT, count INTEGER NOT NULL,
                    PRIMARY KEY (client, operation, symbol)) WITHOUT ROWID;
CREATE TABLE usage (limits TEXT, who TEXT, used TEXT NOT NULL,
                    PRIMARY KEY (limits, who)) WITHOUT ROWID;
CREATE TABLE rules (place INTEGER PRIMARY KEY, rule TEXT NOT NULL);
CREATE TABLE snapshots (number INTEGER PRIMARY KEY, chain INTEGER NOT NULL, code TEXT NOT NULL,
                        state BLOB NOT NULL);
CREATE TABLE sums (name TEXT PRIMARY KEY, last INTEGER NOT NULL, sum INTEGER NOT NULL)
                  WITHOUT ROWID;
"""
KEYS = {  # the tables whose rows change, each with the columns that name a row
    "meta": ("name",),
    "kinds": ("client", "operation", "symbol"),
    "usage": ("limits", "who"),
    "rules": ("place",),
    "snapshots": ("number",),
}


class Survives(StrEnum):
    """What a commit outlives. KILL: the death of the process. POWER_LOSS: that of the machine, too.

    The second one waits for the disk at each commit.
    """

    KILL = "kill"
    POWER_LOSS = "power-loss"


SYNCHRONOUS = {Survives.KILL: "NORMAL", Survives.POWER_LOSS: "FULL"}


class Trouble(StrEnum):
    """Why a journal can't be written, in a word."""

    FULL = "full"  # the disk has no room left
    GONE = "gone"  # the file was deleted, moved or replaced
    LOCKED = "locked"  # another program keeps it locked
    BROKEN = "broken"  # anything else: it was made read-only, is damaged, the disk fails


class WriteFailed(Exception):
    """A batch can't be written; nothing of it is. `trouble` says why."""

    def __init__(self, text: str, trouble: Trouble = Trouble.BROKEN) -> None:
        super().__init__(text)
        self.trouble = trouble


class Snapshot(NamedTuple):
    """A state of the exchange: after which command, by which code it was written."""

    number: int
    chain: int
    code: str
    state: bytes


@dataclass(slots=True)
class WriteBatch:
    """What is written together, or not at all."""

    commands: list[tuple[int, int, int, str]] = field(default_factory=list)  # as `Stored`
    trips: list[tuple[int, str]] = field(default_factory=list)
    kinds: dict[tuple[str, str, str], int] = field(default_factory=dict)
    kinds_reset: bool = False  # whether all earlier kinds are forgotten
    usage: dict[tuple[str, str], str | None] = field(default_factory=dict)  # None: forgotten
    meta: dict[str, str] = field(default_factory=dict)
    rules: list[str] | None = None  # all that are armed; None: as before
    snapshot: tuple[int, str, bytes] | None = None  # last command in it, code, state

    def __len__(self) -> int:
        return len(self.commands) + len(self.trips)


class Stored(NamedTuple):
    """A logged command, and the number of events before it."""

    number: int
    at: int
    events: int
    text: str


class SqliteStore:
    """A journal's file. One venue at a time may write it; others may read it meanwhile.

    `pages`: its size limit in pages of 4 KiB; None: the disk's.
    `survives`: what a commit outlives. `keep`: how many trips it keeps; 0: all. Raises
    ConfigurationError for a foreign file, another version, a damaged file, or one in use.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        pages: int | None = None,
        survives: Survives = Survives.KILL,
        keep: int = TRIPS_KEPT_MAX,
    ) -> None:
        if not is_whole(keep) or keep < 0:
            raise ConfigurationError(f"keep is {keep!r}; expected a number of trips, or 0 for all")
        self.path = str(path)
        self._survives = survives
        self._keep = keep or ALL_TRIPS
        self._sums = TableSums(KEYS)
        self._end = (0, 0)  # the number of the last command, and the checksum of all up to it
        self._trips = (1, 0)  # the first place and the last one
        self._held = FileLock(self.path)
        self._is_marked = False
        self._db = sqlite3.connect(self._held.path, isolation_level=None, timeout=BUSY_SECONDS)
        try:
            self._begin(pages)
        except BaseException:
            self.close()
            raise

    def _begin(self, pages: int | None) -> None:
        with self._reading("can't be opened"):
            self.is_new = self._is_empty()
            if self.is_new:
                self._create()
        with self._reading():
            self._settle_in()
            self._verify()
            self._mark_open()
            if pages is not None:
                self._db.execute(f"PRAGMA max_page_count = {pages:d}")

    def _is_empty(self) -> bool:
        """Whether the file is new; raise ConfigurationError for a foreign one."""
        (version,) = self._db.execute("PRAGMA user_version").fetchone()
        (kind,) = self._db.execute("PRAGMA application_id").fetchone()
        (tables,) = self._db.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if tables and kind != APPLICATION:
            raise ConfigurationError(
                f"{self.path} is not a journal but another database; name another file"
            )
        if tables and version != VERSION:
            release = self.meta().get("release", "unknown").strip('"')
            raise ConfigurationError(
                f"{self.path} is a journal of version {version}, and this release reads version "
                f"{VERSION}: start with a new --journal file, or serve this one with the release "
                f"that has written it ({release})"
            )
        return not tables

    def _create(self) -> None:
        """Make the tables, in the file itself: a process that is killed now leaves all or none."""
        db = self._db
        db.execute("PRAGMA journal_mode = DELETE")
        db.execute("PRAGMA synchronous = FULL")
        db.execute("BEGIN")
        for statement in TABLES.split(";"):
            db.execute(statement)
        db.executemany("INSERT INTO sums VALUES (?, 0, 0)", ((n,) for n in ("commands", *KEYS)))
        db.execute("INSERT INTO sums VALUES ('trips', 0, 1)")  # the last and the first
        db.execute(f"PRAGMA application_id = {APPLICATION}")
        db.execute(f"PRAGMA user_version = {VERSION}")
        db.execute("COMMIT")

    def _settle_in(self) -> None:
        (mode,) = self._db.execute("PRAGMA journal_mode = WAL").fetchone()
        self._held.has_wal = mode == "wal"  # not on every file system
        self._db.execute(f"PRAGMA synchronous = {SYNCHRONOUS[self._survives]}")
        self._db.execute("PRAGMA fullfsync = ON")  # macOS alone: its fsync leaves data in the disk
        self._trips = self._db.execute(
            "SELECT ifnull(min(place), 1), ifnull(max(place), 0) FROM trips"
        ).fetchone()

    # ---- checks

    @contextmanager
    def _reading(self, what: str = "") -> Iterator[None]:
        """Report what is wrong with the file as ConfigurationError; it may contain anything."""
        try:
            yield
        except ConfigurationError:
            raise
        except Exception as error:
            # the error may quote the file, which has line ends and may have control characters
            self._refuse(printable(" ".join(str(error).split())), what, error)

    def _refuse(self, why: str, what: str = "", cause: BaseException | None = None) -> NoReturn:
        """The file is damaged, or can't be opened."""
        if what:
            raise ConfigurationError(
                f"the journal {self.path!r} {what}: {why}; name another file"
            ) from cause
        raise damaged(self.path, why) from cause

    def _verify(self) -> None:
        """Raise ConfigurationError where a row is missing, was changed or added."""
        stored = {n: (last, total) for n, last, total in self._db.execute("SELECT * FROM sums")}
        for table, names in KEYS.items():
            rows: dict[Key, Key | None] = {}
            for *row, last in self._db.execute(f"SELECT * FROM {table}"):
                values = [*row, _digest(last) if isinstance(last, bytes) else last]
                rows[(table, *values[: len(names)])] = tuple(values[len(names) :])
            self._sums.take(self._sums.change(rows))
            if stored.get(table) != (0, self._sums.totals[table]):
                self._refuse(f"the rows of its table {table} do not add up")
        if stored.get("trips") != (self._trips[1], self._trips[0]):
            self._refuse("its first or its last trips are missing")
        if "commands" not in stored:
            self._refuse("the sum of its commands is missing")
        self._end = stored["commands"]

    def _mark_open(self) -> None:
        """Note in the file itself the name under which it is used.

        Beside that name SQLite keeps the newest part, as NAME-wal, until the file is closed. Under
        another name of the same file it would not be found, and what was acknowledged last would
        be lost silently.
        """
        held = self._held
        mark = f"{held.identity.number} {_digest(held.path.encode(errors='surrogateescape'))}"
        last, _, name = self.meta().get("open", "").rpartition(" ")
        if last and last != mark and last.split()[0] == mark.split()[0] and not held.wal_was_there:
            raise ConfigurationError(
                f"{self.path} was last used under another name, or in another folder, as {name}, "
                f"and not closed; {name}-wal, which belongs to it, is still there: start it under "
                "that name"
            )
        try:
            self._mark(f"{mark} {os.path.basename(held.path)}")
        except WriteFailed as error:
            raise cant_be_written(self.path, error) from error
        self._is_marked = True
        self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def _mark(self, text: str) -> None:
        batch = WriteBatch()
        batch.meta["open"] = text
        self.write(batch, first=True)

    # ---- writing

    def write(self, batch: WriteBatch, *, first: bool = False) -> None:
        """Write a batch and commit it. Raises `WriteFailed`; then nothing of it was written."""
        db, commands = self._db, self._chained(batch)
        rows = self._rows_of(batch, commands)
        change = self._sums.change(rows)
        try:
            if not first:
                self._held.check()
            db.execute("BEGIN IMMEDIATE")
            db.executemany("INSERT INTO commands VALUES (?, ?, ?, ?, ?)", commands)
            if batch.snapshot is not None:
                db.execute("DELETE FROM commands WHERE number <= ?", (batch.snapshot[0],))
            trips = self._put_trips(batch)
            self._put(rows, batch)
            last, chain = (commands[-1][0], commands[-1][4]) if commands else self._end
            totals = {**{name: (0, total) for name, total in change.totals.items()},
                      "commands": (last, chain), "trips": (trips[1], trips[0])}  # fmt: skip
            db.executemany(
                "INSERT OR REPLACE INTO sums VALUES (?, ?, ?)",
                ((name, *total) for name, total in totals.items()),
            )
            db.execute("COMMIT")
        except (sqlite3.Error, LockLost, UnicodeDecodeError) as error:  # a damaged file's own words
            if db.in_transaction:
                db.execute("ROLLBACK")
            raise WriteFailed(str(error), _trouble(error)) from error
        self._sums.take(change)
        self._end = (last, chain)
        self._trips = trips

    def _chained(self, batch: WriteBatch) -> list[tuple[int, int, int, str, int]]:
        """The commands, each with the checksum of all up to it."""
        rows, chain = [], self._end[1]
        for number, at, events, text in batch.commands:
            chain = row_sum(chain, number, at, events, text)
            rows.append((number, at, events, text, chain))
        return rows

    def _rows_of(
        self, batch: WriteBatch, commands: list[tuple[int, int, int, str, int]]
    ) -> dict[Key, Key | None]:
        """The rows of all tables but commands and trips; None for one that is to be deleted."""
        rows: dict[Key, Key | None] = {}
        rows |= {("meta", name): (value,) for name, value in batch.meta.items()}
        if batch.kinds_reset:
            rows |= dict.fromkeys(self._sums.keys("kinds"))
        rows |= {("kinds", *kind): (count,) for kind, count in batch.kinds.items()}
        for key, used in batch.usage.items():
            rows["usage", *key] = None if used is None else (used,)
        if batch.rules is not None:
            rows |= dict.fromkeys(self._sums.keys("rules"))
            rows |= {("rules", n): (text,) for n, text in enumerate(batch.rules)}
        if batch.snapshot is not None:
            number, code, state = batch.snapshot
            chains = {row[0]: row[4] for row in commands} | {self._end[0]: self._end[1]}
            rows |= dict.fromkeys(self._sums.keys("snapshots"))
            rows["snapshots", number] = (chains[number], code, _digest(state))
        return rows

    def _put(self, rows: Mapping[Key, Key | None], batch: WriteBatch) -> None:
        for (table, *key), values in rows.items():
            if values is None:
                where = " AND ".join(f"{name} = ?" for name in KEYS[table])
                self._db.execute(f"DELETE FROM {table} WHERE {where}", key)
                continue
            row = (*key, *values)
            if table == "snapshots" and batch.snapshot is not None:
                row = (*row[:-1], batch.snapshot[2])  # the state itself, instead of its digest
            marks = ", ".join("?" * len(row))
            self._db.execute(f"INSERT OR REPLACE INTO {table} VALUES ({marks})", row)

    def _put_trips(self, batch: WriteBatch) -> tuple[int, int]:
        """Write trips, and delete the oldest where there are too many; the first and the last."""
        first, last = self._trips
        rows = [(n, *trip, text_sum(*trip)) for n, trip in enumerate(batch.trips, last + 1)]
        self._db.executemany("INSERT INTO trips VALUES (?, ?, ?, ?)", rows)
        last += len(rows)
        if last - first + 1 >= self._keep + PRUNED_AT_ONCE:
            first = last - self._keep + 1
            self._db.execute("DELETE FROM trips WHERE place < ?", (first,))
        return first, last

    # ---- reading

    def meta(self) -> dict[str, str]:
        """What the journal knows of its venue."""
        return dict(self._rows("SELECT name, value FROM meta"))

    def commands(self, after: int, chain: int = 0) -> Iterator[Stored]:
        """The commands after one, in the order of their execution.

        `chain` is the checksum up to that one. Raises ConfigurationError where one is missing.
        """
        expected = after
        for number, at, events, text, stored in self._rows(
            "SELECT number, at, events, command, chain FROM commands WHERE number > ? "
            "ORDER BY number", after,
        ):  # fmt: skip
            expected += 1
            chain = row_sum(chain, number, at, events, text)
            if number != expected:
                self._refuse(f"command {expected} is missing")
            if chain != stored:
                self._refuse(f"command {number} is not what was written, or the one before it")
            yield Stored(number, at, events, text)
        if (expected, chain) != self._end:
            self._refuse(f"it holds commands up to {expected}, and {self._end[0]} were written")

    def snapshot(self) -> Snapshot | None:
        """The last snapshot."""
        for row in self._rows("SELECT number, chain, code, state FROM snapshots"):
            return Snapshot._make(row)
        return None

    def rules(self) -> list[str]:
        """The rules that were armed, in their order."""
        return [text for (text,) in self._rows("SELECT rule FROM rules ORDER BY place")]

    def kinds(self) -> Iterator[tuple[str, str, str, int]]:
        """How many requests of each kind there were."""
        return self._rows("SELECT client, operation, symbol, count FROM kinds")

    def usage(self, limits: str) -> dict[str, str]:
        """The usage of some limits, by user."""
        return dict(self._rows("SELECT who, used FROM usage WHERE limits = ?", limits))

    def trips(self) -> Iterator[str]:
        """All trips that are kept, as JSON lines, in the order in which they ended."""
        expected = self._trips[0]
        for place, number, text, stored in self._rows("SELECT * FROM trips ORDER BY place"):
            if place != expected or text_sum(number, text) != stored:
                self._refuse(f"row {expected} of its table trips is not what was written")
            expected += 1
            yield text

    def _rows(self, question: str, *values: Any) -> Iterator[Any]:
        with self._reading():
            cursor = self._db.execute(question, values)
            rows = cursor.fetchmany(ROWS_AT_ONCE)
        while rows:
            yield from rows
            with self._reading():
                rows = cursor.fetchmany(ROWS_AT_ONCE)

    def last_command(self) -> int:
        """The number of the last command; 0 without one."""
        return self._end[0]

    def be_patient(self, patient: bool) -> None:
        """Whether to wait for another program that keeps it locked, or to fail at once."""
        self._db.execute(f"PRAGMA busy_timeout = {round(BUSY_SECONDS * 1_000) if patient else 0}")

    def close(self) -> None:
        """Close the file; it is complete without SQLite's files beside it."""
        if self._is_marked:
            self._is_marked = False
            with suppress(WriteFailed):  # reported already; the mark only keeps other names out
                self._mark("")
        self._db.close()
        self._held.close()


def damaged(path: str, why: str) -> ConfigurationError:
    """The error for a journal that is not what was written."""
    return ConfigurationError(
        f"the journal {path!r} is damaged: {why}; take a copy of it from before, or start with a "
        "new --journal file"
    )


def cant_be_written(path: str, error: WriteFailed) -> ConfigurationError:
    """The error for a journal that can't be started."""
    return ConfigurationError(
        f"the journal {path!r} can't be written: {error}; make room, or name another file"
    )


def _digest(state: bytes) -> str:
    return blake2b(state, digest_size=16).hexdigest()


def _trouble(error: Exception) -> Trouble:
    if isinstance(error, LockLost):
        return Trouble.BROKEN if isinstance(error, ReadOnly) else Trouble.GONE
    code = getattr(error, "sqlite_errorcode", 0)
    if code in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_WRITE):  # the latter by a quota or limit
        return Trouble.FULL
    locked = code & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
    return Trouble.LOCKED if locked else Trouble.BROKEN
