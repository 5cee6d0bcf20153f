"""A lock that gives a journal's file to one process, by whichever name it is opened."""

from __future__ import annotations

import os
import stat
import sys
from typing import Any, NamedTuple

from failing_exchange.errors import ConfigurationError

# On Linux the lock is on the file itself, so that no other name of it is a way in. It has to be one
# of flock(2): SQLite gives up all fcntl locks of its process. Elsewhere the two kinds hinder each
# other, and the lock is on a file beside it: then hard links are not seen.
ON_ITSELF = sys.platform == "linux"
_held: set[tuple[int, int]] = set()  # by this process: its own locks never refuse it


class LockLost(Exception):
    """The file at the path is not the one that is locked."""


class ReadOnly(LockLost):
    """The file is there, but not writable any more."""


class Identity(NamedTuple):
    """Which file it is, whichever its name."""

    device: int
    number: int


class FileLock:
    """A file that only this process has open for writing, until `close`.

    Raises ConfigurationError for one that another process or venue has, or that can't be written.
    """

    def __init__(self, path: str) -> None:
        self.path = os.path.realpath(path)
        self._check_kind(path)
        self._files = [_opened(path, self.path)]
        if not ON_ITSELF:
            self._files.append(_opened(path, f"{self.path}-lock"))
        self.identity = _identity(os.fstat(self._files[0]))
        if not _lock(self._files[-1]):
            self._let_go()
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
            raise ConfigurationError(
                f"the journal {path!r} is not a regular file; name another one"
            )
        if _identity(found) in _held:
            raise _in_use(path)

    def check(self) -> None:
        """Raise `LockLost` where what is written now would be lost with this process."""
        try:
            found = _identity(os.stat(self.path))
            wal = _identity(os.stat(f"{self.path}-wal")) if self.has_wal else found
        except OSError as error:
            raise LockLost(f"{os.path.basename(str(error.filename))} is gone") from error
        if self._wal is None:
            self._wal = wal
        if (found, wal) != (self.identity, self._wal):
            raise LockLost("another file has taken its place")
        if not os.access(self.path, os.W_OK):
            raise ReadOnly("it is not writable any more")

    def close(self) -> None:
        """Release the lock."""
        _held.discard(self.identity)
        self._let_go()

    def _let_go(self) -> None:
        for file in self._files:
            os.close(file)


def _identity(found: os.stat_result) -> Identity:
    return Identity(found.st_dev, found.st_ino)


def _in_use(path: str) -> ConfigurationError:
    return ConfigurationError(
        f"the journal {path!r} is in use by another venue; stop that, or name another file"
    )


def _opened(given: str, path: str) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise ConfigurationError(
            f"the journal {given!r} can't be written: {error.strerror}; name another file"
        ) from error


def _lock(file: int) -> bool:
    """Lock a file for as long as it is open; whether nobody else has it."""
    try:
        import fcntl
    except ImportError:
        return _lock_on_windows(file)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _lock_on_windows(file: int) -> bool:
    import msvcrt

    lock: Any = msvcrt  # mypy knows the functions of the system that it runs on
    try:
        lock.locking(file, lock.LK_NBLCK, 1)  # the first byte, which nobody reads
    except OSError:
        return False
    return True
