"""What all tests share: thrifty Hypothesis settings, the same examples in every run.

`make soak` uses the profile "soak" instead, whose examples are drawn anew.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path

from hypothesis import HealthCheck, settings
from pytest import Config, Parser

settings.register_profile(
    "repeatable",
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile(
    "soak", settings.get_profile("repeatable"), derandomize=False, print_blob=True
)
settings.load_profile("repeatable")

# Text is printed whole, as into a pipe; a worker of pytest-xdist has the terminal's width.
os.environ.pop("COLUMNS", None)

# A shell that runs this in the background may have Ctrl-C ignored, and children inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_ignore_collect(collection_path: Path, config: Config) -> bool | None:
    """The slower suites run only when they are named: `make clients`."""
    if collection_path.name in SLOWER and collection_path.parent == HERE:
        return not any(collection_path.name in argument for argument in config.args)
    if config.getoption("--quick"):
        return collection_path.relative_to(HERE).as_posix() in THOROUGH or None
    return None


HERE = Path(__file__).resolve().parent
SLOWER = ("integration", "clients")
# Two thirds of the time: whole runs, many processes. `make quick` leaves them to `make test`.
THOROUGH = (
    "explorer",
    "scenarios",
    "test_cli.py",
    "test_pytest_plugin.py",
    "server/test_every_fault.py",
    "server/test_serve.py",
)


def pytest_addoption(parser: Parser) -> None:
    """Record golden conversations again, or leave out what takes long."""
    parser.addoption("--quick", action="store_true", help="leave out the thorough suites")
    parser.addoption(
        "--update-transcripts",
        action="store_true",
        help="record tests/venues/binance/transcripts again; look at the diff before you commit it",
    )
