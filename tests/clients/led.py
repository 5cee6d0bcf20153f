"""Runs a foreign program in this interpreter with all its requests led to a venue.

python -m tests.clients.led URL MODULE ARGUMENTS: the program keeps its production URLs.
"""

from __future__ import annotations

import runpy
import sys

from tests.clients.elsewhere import lead


def main(url: str, module: str, *arguments: str) -> None:
    """Run `python -m module arguments`."""
    lead(url)
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
