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
    write(_read(options.results), options.output)
    print(f"The report is in {options.output}")
    return 0


def _read(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > FILE_MAX:
            raise ConfigurationError(f"{path} is larger than {FILE_MAX:,} bytes")
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"{path} can't be read: {error}") from error
    if not isinstance(found, dict):
        raise ConfigurationError(f"{path} holds no results")
    return found


def write(found: dict[str, Any], path: Path) -> None:
    """The page of results, as a file; ConfigurationError says why it can't be written."""
    from failing_exchange.report.page import page

    try:
        path.write_text(page(found), encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(f"{path}: {error.strerror}") from error
