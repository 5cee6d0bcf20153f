"""The file of a journal is held by one process at a time, whatever name it is opened by."""

from __future__ import annotations

import os
import stat
from typing import NamedTuple

from failing_exchange.errors import ConfigurationError

# A byte that SQLite locks for nothing: its own are the 512 from 0x40000000 on (os.h, PENDING_BYTE).
# The lock is on the file itself, so that another name of it (a symlink, a hard link) is no way in.
LOCK_AT = 0x40000000 + 4_096
_held: set[tuple[int, int]] = set()  # by this process: its own locks never refuse it


class NotOurs(Exception):
    """What is at the path is not the file that is held, or can't be written any more."""


class Identity(NamedTuple):
    """Which file it is, by whatever name."""

    device: int
    number: int


class Held:
    """A file that this process alone has, until `close`.

    Raises ConfigurationError for one that another process or venue has, or that can't be written.
    """

    def __init__(self, path: str) -> None:
        self.path = os.path.realpath(path)
        self._check_kind(path)
        try:
            self._file = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise ConfigurationError(
                f"the journal {path!r} can't be written: {error.strerror}; name another file"
            ) from error
        self.identity = _identity(os.fstat(self._file))
        if not _lock(self._file):
            os.close(self._file)
            raise _in_use(path)
        _held.add(self.identity)
        self.wal_was_there = os.path.exists(f"{self.path}-wal")  # from before, as after a kill
        self.has_wal = True
        self._wal: Identity | None = None

    def _check_kind(self, path: str) -> None:
        """Look before opening: to open and close a file that we hold would give up its locks."""
        try:
            found = os.stat(self.path)
        except OSError:
            return  # there is none yet; or `open` says why not
        if not stat.S_ISREG(found.st_mode):
            raise ConfigurationError(f"the journal {path!r} is no regular file; name another one")
        if _identity(found) in _held:
            raise _in_use(path)

    def check(self) -> None:
        """Raise `NotOurs` where what is written now would be lost with this process."""
        try:
            found = _identity(os.stat(self.path))
            wal = _identity(os.stat(f"{self.path}-wal")) if self.has_wal else found
        except OSError as error:
            raise NotOurs(f"{os.path.basename(str(error.filename))} is gone") from error
        if self._wal is None:
            self._wal = wal
        if (found, wal) != (self.identity, self._wal):
            raise NotOurs("another file has taken its place")
        if not os.access(self.path, os.W_OK):
            raise NotOurs("it is not writable any more")

    def close(self) -> None:
        """Let go of it."""
        _held.discard(self.identity)
        os.close(self._file)


def _identity(found: os.stat_result) -> Identity:
    return Identity(found.st_dev, found.st_ino)


def _in_use(path: str) -> ConfigurationError:
    return ConfigurationError(
        f"the journal {path!r} is in use by another venue; stop that, or name another file"
    )


def _lock(file: int) -> bool:
    """Lock a file for this process, for as long as it lives; whether nobody else has it."""
    try:
        import fcntl
    except ImportError:  # a system without such locks: only venues of this process see each other
        return True
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, LOCK_AT)
    except OSError:
        return False
    return True
