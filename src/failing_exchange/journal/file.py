"""A journal as a file of JSON lines: written while a venue runs, read, and compared."""

from __future__ import annotations

import json
from collections.abc import Iterable
from contextlib import suppress
from os import fstat
from typing import IO, TYPE_CHECKING, Any

from failing_exchange.errors import ConfigurationError
from failing_exchange.text.files import read_text

if TYPE_CHECKING:
    from pathlib import Path

VERSION = 1


class JournalFile:
    """Writes each line at once: a journal with holes would be worse than a run that stops.

    A file that can't be written is a ConfigurationError: when it is named, or when its disk is
    full; after that nothing more is written. A closed file is reopened by the next line.
    """

    def __init__(self, path: str | Path) -> None:
        self._path: str | Path | None = path
        self._file: IO[str] | None = _opened(path, "w")
        self.write(f'{{"journal": {VERSION}}}')

    def write(self, text: str) -> None:
        """Append a line."""
        if self._path is None:
            return
        if self._file is None:
            self._file = _opened(self._path, "a")
        try:
            self._file.write(text + "\n")
            is_there = fstat(self._file.fileno()).st_nlink > 0
        except OSError as error:
            raise self._given_up(f"{error}; make room, or name another file") from error
        if not is_there:  # the system would take what is written until it ends, and then drop it
            raise self._given_up("the file was deleted; name another one")

    def _given_up(self, why: str) -> ConfigurationError:
        if self._file is not None:
            with suppress(OSError):  # it writes what is left of the line, which fails again
                self._file.close()
        self._path = self._file = None
        return ConfigurationError(f"the journal can't be written any more: {why}")

    @property
    def is_open(self) -> bool:
        """Whether lines have been written since it was opened, and it was not closed."""
        return self._file is not None

    def close(self) -> None:
        """Close the file, if it is open."""
        if self._file is not None:
            self._file.close()
            self._file = None


def _opened(path: str | Path, mode: str) -> IO[str]:
    try:
        return open(path, mode, buffering=1, encoding="utf-8", newline="\n")
    except OSError as error:
        raise ConfigurationError(
            f"the journal {str(path)!r} can't be written: {error.strerror}; name another file"
        ) from error


def load(path: str | Path) -> list[dict[str, Any]]:
    """Read the trips of a journal file, as plain values in the order of their numbers.

    Raises ConfigurationError for a file that is not a journal, naming the line.
    """
    first, *texts = read_text("journal", path).splitlines() or [""]
    _check_version(path, first)
    rows = {}
    for place, text in enumerate(texts, 2):
        row = _parsed(text)
        if row is None or not isinstance(row.get("number"), int):
            raise ConfigurationError(
                f"{path}, line {place}: {text[:60]!r} is not a trip; was the run cut off there?"
            )
        rows[row["number"]] = row  # a later line of a trip knows more
    return [rows[number] for number in sorted(rows)]


def _parsed(text: str) -> dict[str, Any] | None:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):  # the caller says which line it is
        return None
    return found if isinstance(found, dict) else None


def _check_version(path: str | Path, first: str) -> None:
    if (_parsed(first) or {}).get("journal") != VERSION:
        raise ConfigurationError(
            f"{path} is not a journal of version {VERSION}: its first line is {first[:60]!r}; "
            "record the run again with this version"
        )


def diff(
    left: Iterable[dict[str, Any]], right: Iterable[dict[str, Any]]
) -> tuple[dict[str, Any] | None, dict[str, Any] | None] | None:
    """The first trip in which two journals differ, one from each (None where one has ended).

    >>> diff([{"number": 1}], [{"number": 1}]) is None
    True
    >>> diff([{"number": 1}], [])
    ({'number': 1}, None)
    """
    a, b = iter(left), iter(right)
    while True:
        one, other = next(a, None), next(b, None)
        if one != other:
            return one, other
        if one is None:
            return None
