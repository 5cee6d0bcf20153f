"""Write a file that the user named, or say in one line why that is not possible."""

from __future__ import annotations

from pathlib import Path

from failing_exchange.errors import ConfigurationError


def write_file(path: Path, text: str) -> None:
    """Write a file as UTF-8; raises ConfigurationError with the reason if that fails."""
    try:
        path.write_text(text, encoding="utf-8")
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
