"""The command `completion`: print a script with which a shell completes our commands."""

from __future__ import annotations

import argparse
from typing import Any

from failing_exchange.cli.exit_codes import CLEAN

SHELLS = ("bash", "zsh", "tcsh")
HOW = (
    'bash: eval "$(failing-exchange completion bash)" in ~/.bashrc. zsh: failing-exchange '
    "completion zsh > _failing-exchange in a folder of $fpath"
)


def add_parser(commands: Any) -> None:
    """Add `completion` to the command line."""
    completion = commands.add_parser(
        "completion", help="print a script for the completion of your shell", description=HOW
    )
    completion.add_argument("shell", choices=SHELLS, help="the shell")
    completion.set_defaults(command=completion_command)


def completion_command(options: argparse.Namespace) -> int:
    """Print the script."""
    import shtab

    print(shtab.complete(options.whole_parser, shell=options.shell))
    return CLEAN
