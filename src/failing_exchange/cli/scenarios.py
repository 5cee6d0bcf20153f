"""The command `scenarios`: list the shipped scenarios, or show one."""

from __future__ import annotations

import argparse
from typing import Any

from failing_exchange.cli.exit_codes import CLEAN
from failing_exchange.cli.json_output import add_json, finish_list
from failing_exchange.cli.terminal import fitted


def add_parser(commands: Any) -> None:
    """Add `scenarios` to the command line."""
    scenarios = commands.add_parser("scenarios", help="list the shipped scenarios, or show one")
    scenarios.add_argument("name", nargs="?", help="a scenario to show")
    add_json(scenarios)
    scenarios.set_defaults(command=scenarios_command)


def scenarios_command(options: argparse.Namespace) -> int:
    """Print the list, or a scenario."""
    from failing_exchange.scenarios.scenario import describe, summaries

    if options.json:
        return finish_list(options, "scenarios", summaries(), options.name)

    text = describe(options.name)
    print(fitted(text) if options.name is None else text)  # a scenario is TOML, to be copied
    return CLEAN
