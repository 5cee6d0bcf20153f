"""Read and write files that the user named, or say in plain words why that is not possible."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from failing_exchange.errors import ConfigurationError


def reason(error: BaseException | str) -> str:
    """Why a file can't be read, or nothing answers, in plain words.

    >>> reason(FileNotFoundError(2, "No such file or directory"))
    'there is no such file'
    """
    if isinstance(error, FileNotFoundError):
        return "there is no such file"
    if isinstance(error, IsADirectoryError):
        return "that is a folder; name a file"
    if isinstance(error, UnicodeDecodeError):
        return "it is not text in UTF-8"
    return getattr(error, "strerror", None) or str(error)


def read_bytes(what: str, path: str | Path, *, bytes_max: int | None = None) -> bytes:
    """The contents of a file that the user named.

    Raises ConfigurationError that begins with `what` and the path: it is not there, can't be read,
    or is larger than `bytes_max`.
    """
    try:
        if bytes_max is not None and Path(path).stat().st_size > bytes_max:
            raise OSError(f"it is larger than {bytes_max:,} bytes")
        return Path(path).read_bytes()
    except (OSError, ValueError) as error:  # a path with a NUL is a ValueError
        raise ConfigurationError(f"{what} {path}: {reason(error)}") from error


def read_text(what: str, path: str | Path) -> str:
    """The text of a UTF-8 file that the user named; raises ConfigurationError as `read_bytes`."""
    try:
        return read_bytes(what, path).decode()
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{what} {path}: {reason(error)}") from error


def split_own(what: str, name: str) -> tuple[str, str]:
    """Split the name of something of the user's: ("path.py" or "module", "Name").

    Raises ConfigurationError, which begins with `what`, for a name of another form.

    >>> split_own("--rule", "rules.py:Slow")
    ('rules.py', 'Slow')
    """
    place, _, attribute = name.rpartition(":")
    if not place or not attribute:
        raise ConfigurationError(f"{what} {name}: expected path.py:Name or module:Name")
    return place, attribute


def write_file(path: Path, text: str) -> None:
    """Write a file as UTF-8, with the same ends of lines on each system.

    It replaces an older one when it is whole: a full disk or Ctrl-C leaves the older one as it was.
    Raises ConfigurationError with the reason if it can't be written.
    """
    try:
        if _is_replaceable(path):
            _replace(Path(os.path.realpath(path)), text)
        else:
            path.write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        raise ConfigurationError(
            f"{path} can't be written: {error.strerror}; make room, or name another file"
        ) from error


def _is_replaceable(path: Path) -> bool:
    """Whether another file can take its place: not that of a pipe, nor in a read-only folder."""
    is_ours = not path.exists() or (path.is_file() and os.access(path, os.W_OK))
    return is_ours and os.access(Path(os.path.realpath(path)).parent, os.W_OK)


def _replace(path: Path, text: str) -> None:
    """Write a file beside the older one, and put it in its place."""
    new = path.with_name(f".failing-exchange-{os.getpid()}.new")
    try:
        new.write_text(text, encoding="utf-8", newline="\n")
        if path.exists():
            shutil.copymode(path, new)
        new.replace(path)
    except BaseException:
        new.unlink(missing_ok=True)
        raise


def append_file(path: Path, text: str) -> None:
    """Add to the end of a file, as UTF-8; raises ConfigurationError as `write_file`."""
    try:
        with path.open("a", encoding="utf-8", newline="\n") as file:
            file.write(text)
    except OSError as error:
        raise ConfigurationError(f"{path}: {error.strerror}") from error


def check_file(option: str, path: Path) -> None:
    """Raise ConfigurationError, before anything runs, if no file can be written there."""
    was_there = path.exists()
    try:
        with path.open("a", encoding="utf-8"):
            pass
        if not was_there:
            path.unlink()
    except OSError as error:
        raise ConfigurationError(
            f"{option} {path}: no file can be written there ({error.strerror}); name another"
        ) from error


def check_folder(option: str, folder: Path) -> None:
    """Make a folder; raises ConfigurationError if it can't be made or written to."""
    if folder.exists() and not folder.is_dir():
        raise ConfigurationError(f"{option} {folder}: that is a file; name a folder")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(f"{option} {folder}: {error.strerror}") from error
    check_file(option, folder / ".writable")
