"""`failing-exchange report`: a results file as a page."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from failing_exchange.errors import ConfigurationError

FILE_MAX = 200_000_000  # bytes of a results file; a larger one is refused


def add_parser(commands: Any) -> None:
    """The command."""
    report = commands.add_parser("report", help="show a run or an exploration as one HTML file")
    report.add_argument("results", type=Path, help="what run --output or explore --output wrote")
    report.add_argument("-o", "--output", type=Path, default=Path("report.html"), metavar="FILE")
    report.set_defaults(command=run)


def run(options: argparse.Namespace) -> int:
    """Read, draw, write."""
    save(_drawn(options.results), options.output)
    print(f"The report is in {options.output}")
    return 0


def _read(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > FILE_MAX:
            raise ConfigurationError(f"{path} is larger than {FILE_MAX:,} bytes")
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigurationError(f"{path} can't be read: {error}") from error
    if not isinstance(found, dict):
        raise ConfigurationError(f"{path} holds no results")
    return found


def _drawn(path: Path) -> str:
    """The page of a file. What it holds was written elsewhere: a value of a wrong kind is told."""
    from failing_exchange.report.page import page

    found = _read(path)
    try:
        return page(found)
    except (AttributeError, KeyError, TypeError) as error:
        raise ConfigurationError(
            f"{path} is damaged, or of another version: {error!r}; expected what `run --output` or "
            "`explore --output` of this version has written"
        ) from error


def write(found: dict[str, Any], path: Path) -> None:
    """The page of results, as a file; ConfigurationError says why it can't be written."""
    from failing_exchange.report.page import page

    save(page(found), path)


def save(text: str, path: Path) -> None:
    """A page as a file; ConfigurationError says why it can't be written."""
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(f"{path}: {error.strerror}") from error
