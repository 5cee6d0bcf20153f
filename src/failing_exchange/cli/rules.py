"""The command `rules`: list the rules of conduct."""

from __future__ import annotations

import argparse
from typing import Any

from failing_exchange.cli.exit_codes import CLEAN
from failing_exchange.cli.options import print_json


def add_parser(commands: Any) -> None:
    """Add `rules` to the command line."""
    rules = commands.add_parser("rules", help="list the rules of conduct by which bots are judged")
    rules.add_argument("--json", action="store_true", help="print the rules as JSON")
    rules.set_defaults(command=rules_command)


def rules_command(options: argparse.Namespace) -> int:
    """Print the rules."""
    from failing_exchange.judge.catalogue import describe, summaries

    if options.json:
        return print_json(summaries())

    print(describe())
    return CLEAN
