"""The database of a durable journal: what stands in it, and how it is read and written."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from typing import IO, NamedTuple

from failing_exchange.errors import ConfigurationError

VERSION = 3  # of the tables and of what stands in them
APPLICATION = 0x6661696C  # "fail": what the file says it is
BUSY_SECONDS = 5.0  # how long a reader may keep it
TABLES = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE commands (number INTEGER PRIMARY KEY, at INTEGER NOT NULL, command TEXT NOT NULL);
CREATE TABLE trips (place INTEGER PRIMARY KEY, number INTEGER NOT NULL, trip TEXT NOT NULL);
CREATE TABLE kinds (client TEXT, operation TEXT, symbol TEXT, count INTEGER NOT NULL,
                    PRIMARY KEY (client, operation, symbol)) WITHOUT ROWID;
CREATE TABLE rules (place INTEGER PRIMARY KEY, rule TEXT NOT NULL);
CREATE TABLE snapshots (number INTEGER PRIMARY KEY, state BLOB NOT NULL);
"""


class Survives(StrEnum):
    """What a commit outlives. KILL: the death of the process. POWER_LOSS: that of the machine, too.

    The second one waits for the disk at each commit.
    """

    KILL = "kill"
    POWER_LOSS = "power-loss"


SYNCHRONOUS = {Survives.KILL: "NORMAL", Survives.POWER_LOSS: "FULL"}


class Full(Exception):
    """What was to be written can't be: the disk is full, or gone. Nothing of it is written."""


class Batch:
    """What is written together, or not at all."""

    def __init__(self) -> None:
        self.commands: list[tuple[int, int, str]] = []  # number, instant, text
        self.trips: list[tuple[int, str]] = []
        self.kinds: dict[tuple[str, str, str], int] = {}
        self.meta: dict[str, str] = {}
        self.rules: list[str] | None = None  # all that are armed; None: as before
        self.snapshot: tuple[int, bytes] | None = None

    def __len__(self) -> int:
        return len(self.commands) + len(self.trips)


class Stored(NamedTuple):
    """A command as it was carried out."""

    number: int
    at: int
    text: str


class Store:
    """A journal's file. One venue at a time may have it; whoever else may read it meanwhile.

    `pages`: of how many pages of 4 KiB it may consist at most; None: as many as the disk has.
    `survives`: what a commit outlives. Raises ConfigurationError for a file that is none of ours,
    of another version, or in use.
    """

    def __init__(
        self, path: str | Path, *, pages: int | None = None, survives: Survives = Survives.KILL
    ) -> None:
        self.path = str(path)
        self._survives = survives
        self._lock = _locked(self.path)
        try:
            self._db = sqlite3.connect(self.path, isolation_level=None, timeout=BUSY_SECONDS)
            self.is_new = self._prepare()
            if pages is not None:
                self._db.execute(f"PRAGMA max_page_count = {pages:d}")
        except sqlite3.Error as error:
            self._lock.close()
            raise ConfigurationError(
                f"the journal {self.path!r} can't be opened: {error}; name another file"
            ) from error
        except ConfigurationError:
            self.close()
            raise

    def _prepare(self) -> bool:
        """Set it up; whether it is a new one."""
        db = self._db
        (version,) = db.execute("PRAGMA user_version").fetchone()
        (kind,) = db.execute("PRAGMA application_id").fetchone()
        (tables,) = db.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if tables and kind != APPLICATION:
            raise ConfigurationError(f"{self.path} is no journal but another database; name a file")
        if tables and version != VERSION:
            release = self.meta().get("release", "unknown").strip('"')
            raise ConfigurationError(
                f"{self.path} is a journal of version {version}, and this release reads version "
                f"{VERSION}: start with a new --journal file, or serve this one with the release "
                f"that has written it ({release})"
            )
        db.execute("PRAGMA journal_mode = WAL")
        db.execute(f"PRAGMA synchronous = {SYNCHRONOUS[self._survives]}")
        if not tables:
            db.execute("BEGIN")
            for statement in TABLES.split(";"):
                db.execute(statement)
            db.execute(f"PRAGMA application_id = {APPLICATION}")
            db.execute(f"PRAGMA user_version = {VERSION}")
            db.execute("COMMIT")
        return not tables

    # ---- writing

    def write(self, batch: Batch) -> None:
        """Write a batch and commit it. Raises `Full`; then nothing of it was written."""
        db = self._db
        try:
            db.execute("BEGIN IMMEDIATE")
            db.executemany("INSERT INTO commands VALUES (?, ?, ?)", batch.commands)
            db.executemany("INSERT INTO trips (number, trip) VALUES (?, ?)", batch.trips)
            db.executemany(
                "INSERT OR REPLACE INTO kinds VALUES (?, ?, ?, ?)",
                ((*kind, count) for kind, count in batch.kinds.items()),
            )
            db.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", batch.meta.items())
            self._write_rarities(batch)
            db.execute("COMMIT")
        except sqlite3.OperationalError as error:
            if db.in_transaction:
                db.execute("ROLLBACK")
            raise Full(str(error)) from error

    def _write_rarities(self, batch: Batch) -> None:
        if batch.rules is not None:
            self._db.execute("DELETE FROM rules")
            self._db.executemany("INSERT INTO rules VALUES (?, ?)", enumerate(batch.rules))
        if batch.snapshot is not None:
            self._db.execute("DELETE FROM snapshots")
            self._db.execute("INSERT INTO snapshots VALUES (?, ?)", batch.snapshot)

    # ---- reading

    def meta(self) -> Mapping[str, str]:
        """What is known of the venue."""
        return dict(self._db.execute("SELECT name, value FROM meta"))

    def commands(self, after: int) -> Iterator[Stored]:
        """The commands behind one, in the order in which they were carried out."""
        found = self._db.execute(
            "SELECT number, at, command FROM commands WHERE number > ? ORDER BY number", (after,)
        )
        return map(Stored._make, found)

    def snapshot(self) -> tuple[int, bytes] | None:
        """The last snapshot, and the number of the last command that is in it."""
        found: tuple[int, bytes] | None = self._db.execute(
            "SELECT number, state FROM snapshots ORDER BY number DESC LIMIT 1"
        ).fetchone()
        return found

    def rules(self) -> list[str]:
        """The rules that were armed, in their order."""
        return [text for (text,) in self._db.execute("SELECT rule FROM rules ORDER BY place")]

    def kinds(self) -> Iterator[tuple[str, str, str, int]]:
        """How many requests of each kind there were."""
        return self._db.execute("SELECT client, operation, symbol, count FROM kinds")

    @property
    def synchronous(self) -> int:
        """How much of a commit waits for the disk, on SQLite's scale."""
        return self._last("PRAGMA synchronous")

    def last_command(self) -> int:
        """The number of the last command; 0 without one."""
        return self._last("SELECT max(number) FROM commands")

    def trips(self) -> Iterator[str]:
        """All trips that have ended, as JSON lines, in that order."""
        return (text for (text,) in self._db.execute("SELECT trip FROM trips ORDER BY place"))

    def _last(self, question: str) -> int:
        (found,) = self._db.execute(question).fetchone()
        return int(found or 0)

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()
        self._lock.close()


def _locked(path: str) -> IO[str]:
    """A file beside it that this process alone holds, for as long as it lives."""
    try:
        file = open(f"{path}-lock", "w", encoding="utf-8")  # noqa: SIM115  # held, not read
    except OSError as error:
        raise ConfigurationError(
            f"the journal {path!r} can't be written: {error.strerror}; name another file"
        ) from error
    try:
        import fcntl
    except ImportError:  # no such locks on this system: who starts two venues on one file is warned
        return file
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        file.close()
        raise ConfigurationError(
            f"the journal {path!r} is in use by another venue; stop that, or name another file"
        ) from error
    return file
