"""The command `rules`: list the rules of conduct."""

from __future__ import annotations

import argparse
from typing import Any

from failing_exchange.cli.exit_codes import CLEAN
from failing_exchange.cli.json_output import add_json, finish_list
from failing_exchange.cli.terminal import fitted


def add_parser(commands: Any) -> None:
    """Add `rules` to the command line."""
    rules = commands.add_parser("rules", help="list the rules of conduct by which bots are judged")
    add_json(rules)
    rules.set_defaults(command=rules_command)


def rules_command(options: argparse.Namespace) -> int:
    """Print the rules."""
    from failing_exchange.judge.catalogue import describe, summaries

    if options.json:
        return finish_list(options, "rules", summaries(), None)

    print(fitted(describe()))
    return CLEAN
