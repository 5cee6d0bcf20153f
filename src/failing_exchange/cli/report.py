"""The command `report`: turn a results file into a page."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from failing_exchange.errors import ConfigurationError
from failing_exchange.text.files import read_bytes, write_file
from failing_exchange.text.results import check_schema

FILE_MAX = 200_000_000  # bytes of a results file; a larger one is refused
WRITTEN = "what `--output` of `run`, `explore` or `replay` has written in this version"
OTHERS = {
    b"SQLite format 3": "a database of a served venue",
    b"<?xml": "JUnit XML",
    b"<!doctype html>": "a page already",
}


def add_parser(commands: Any) -> None:
    """Add `report` to the command line."""
    report = commands.add_parser("report", help="show a results file as one HTML page")
    report.add_argument(
        "results", type=Path, help="a file that --output of run, explore or replay has written"
    )
    report.add_argument("-o", "--output", type=Path, default=Path("report.html"), metavar="FILE")
    report.set_defaults(command=report_command)


def report_command(options: argparse.Namespace) -> int:
    """Read a results file and write its page."""
    write_file(options.output, _drawn(options.results))
    print(f"The report is in {options.output}")
    return 0


def _read(path: Path) -> dict[str, Any]:
    text = read_bytes("results file", path, bytes_max=FILE_MAX)
    _check_kind(path, text)
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ConfigurationError(
            f"{path} is not JSON, or is cut off; expected {WRITTEN}"
        ) from error
    if not isinstance(found, dict):
        raise ConfigurationError(f"{path} holds no results; expected {WRITTEN}")
    check_schema(path, found)
    return found


def _check_kind(path: Path, text: bytes) -> None:
    """Raise ConfigurationError, with its kind, for another file that this package writes."""
    kind = next((kind for begins, kind in OTHERS.items() if text.startswith(begins)), None)
    lines = text.split(b"\n", 2)
    if kind is None and len(lines) > 1 and all(one.startswith(b"{") for one in lines[:2]):
        kind = "a journal of trips"
    if kind is not None:
        raise ConfigurationError(f"{path} is {kind}; a page is made of {WRITTEN}")


def _drawn(path: Path) -> str:
    """The page of a file; raises ConfigurationError for values of a wrong kind."""
    from failing_exchange.report.page import page

    found = _read(path)
    try:
        return page(found)
    except ConfigurationError:
        raise
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ConfigurationError(
            f"{path} is damaged, or of another version: {error!r}; expected {WRITTEN}"
        ) from error


def write_page(found: dict[str, Any], path: Path) -> None:
    """Write the page of some results; raises ConfigurationError if the file can't be written."""
    from failing_exchange.report.page import page

    write_file(path, page(found))
