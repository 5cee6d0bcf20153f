"""The package's public names under `tests.mocks`, and its `run` command as a module.

So `from tests.mocks.failing_exchange import FailingExchange, FailureMode` works from a checkout,
and so does `python -m tests.mocks.failing_exchange --mode RATE_LIMIT --duration 1800`.
"""

from __future__ import annotations

import sys

from failing_exchange import *  # noqa: F403 - the whole public face is the point of this module

if __name__ == "__main__":
    from failing_exchange.cli.main import main

    sys.exit(main(["run", *sys.argv[1:]]))
