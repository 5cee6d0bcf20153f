"""The command `faults`: list the catalogue of faults, or explain one."""

from __future__ import annotations

import argparse
from typing import Any

from failing_exchange.cli.exit_codes import CLEAN
from failing_exchange.cli.json_output import add_json, finish_list
from failing_exchange.cli.terminal import fitted


def add_parser(commands: Any) -> None:
    """Add `faults` to the command line."""
    faults = commands.add_parser("faults", help="list the catalogue of faults, or explain one")
    faults.add_argument("name", nargs="?", help="a fault to explain")
    faults.add_argument("--markdown", action="store_true", help="print the manual (docs/faults.md)")
    add_json(faults)
    faults.set_defaults(command=faults_command)


def faults_command(options: argparse.Namespace) -> int:
    """Print the catalogue, an entry of it, or the manual."""
    if options.markdown:
        from failing_exchange.faults.markdown import markdown

        print(markdown(), end="")
        return CLEAN
    if options.json:
        from failing_exchange.server.control_schemas import catalogue

        return finish_list(options, "faults", catalogue(), options.name)
    from failing_exchange.faults.catalogue import describe

    print(fitted(describe(options.name)))
    return CLEAN
