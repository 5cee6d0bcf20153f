"""The command `check-determinism`: run a bot twice and compare the traces."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from typing import Any

from failing_exchange.cli.exit_codes import CLEAN, FINDINGS
from failing_exchange.cli.json_output import add_json, finish
from failing_exchange.cli.options import add_environment, add_program


def add_parser(commands: Any) -> None:
    """Add `check-determinism` to the command line."""
    check = commands.add_parser(
        "check-determinism", help="run a bot twice, and show where the runs differ"
    )
    add_program(check, "target", "path.py:function, or a script; its arguments stand behind --")
    add_environment(check, keep=False)
    check.add_argument("--seed", type=int, default=0, help="seed of all randomness (default 0)")
    add_json(check)
    check.set_defaults(command=check_command)


def check_command(options: argparse.Namespace) -> int:
    """Compare two runs; a difference is a finding."""
    from failing_exchange.runs.bot_environment import BotEnvironment
    from failing_exchange.testing.determinism import check_determinism

    report = check_determinism(
        options.target,
        seed=options.seed,
        environment=BotEnvironment(dict(options.env or ()), options.files),
    )
    print(report)
    found = {"kind": "determinism", **asdict(report)}
    return finish(options, found, CLEAN if report.same else FINDINGS)
