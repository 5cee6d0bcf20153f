"""`--json`: stdout holds documents for programs alone, and all text for people goes to stderr."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, redirect_stdout
from typing import Any, TextIO

from failing_exchange.cli.exit_codes import CLEAN
from failing_exchange.errors import ConfigurationError
from failing_exchange.text.results import results_text
from failing_exchange.text.spelling import did_you_mean

ONE = "print one JSON document on stdout (docs/json.md); text goes to stderr"
LEFT_OUT = ("recording",)  # what only a page needs; it is in the file of --output


def add_json(parser: Any) -> None:
    """Add the option `--json`."""
    parser.add_argument("--json", action="store_true", help=ONE)


def finish(options: argparse.Namespace, found: Mapping[str, Any], code: int) -> int:
    """Print what a command has found, if `--json` asks for it; the exit code."""
    if options.json:
        shown = {name: value for name, value in found.items() if name not in LEFT_OUT}
        print_document(options.stdout, shown, exit_code=code, indent=1)
    return code


def finish_list(
    options: argparse.Namespace, kind: str, rows: Sequence[Mapping[str, Any]], name: str | None
) -> int:
    """Print a list, or the row of this name alone; raises ConfigurationError for an unknown one."""
    known = [row["name"] for row in rows]
    if name is not None and name not in known:
        raise ConfigurationError(f"no {name!r} in the list{did_you_mean(name, known)}")
    shown = [row for row in rows if name in (None, row["name"])]
    return finish(options, {"kind": kind, kind: shown}, CLEAN)


def print_document(
    stdout: TextIO, found: Mapping[str, Any], *, indent: int | None = None, **more: Any
) -> None:
    """Print one document; the reader may have gone, as main() knows."""
    print(results_text(found, indent=indent, **more), file=stdout, flush=True)


@contextmanager
def stdout_for_programs() -> Iterator[TextIO]:
    """The real stdout; meanwhile all that is printed, also by other processes, goes to stderr."""
    with ExitStack() as closing:
        stdout = sys.stdout
        if _is_real(stdout):
            stdout.flush()
            saved = os.dup(1)
            closing.callback(os.close, saved)
            os.dup2(2, 1)
            closing.callback(os.dup2, saved, 1)
            stdout = closing.enter_context(
                open(os.dup(saved), "w", encoding="utf-8", errors="backslashreplace")
            )
        with redirect_stdout(sys.stderr):
            yield stdout


def _is_real(stdout: TextIO) -> bool:
    """Whether this is the process's own output, and not one that a caller has put in its place."""
    try:
        return stdout.fileno() == 1
    except (AttributeError, OSError, ValueError):
        return False
