"""What all tests share: thrifty Hypothesis settings, the same examples in every run."""

from __future__ import annotations

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
settings.load_profile("repeatable")

# A shell that runs this in the background may have Ctrl-C ignored, and children inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_ignore_collect(collection_path: Path, config: Config) -> bool | None:
    """The slower suites run only when they are named: `make clients`."""
    if collection_path.name in SLOWER and collection_path.parent == HERE:
        return not any(collection_path.name in argument for argument in config.args)
    return None


HERE = Path(__file__).resolve().parent
SLOWER = ("integration", "clients")


def pytest_addoption(parser: Parser) -> None:
    """Golden conversations can be recorded anew."""
    parser.addoption(
        "--update-transcripts",
        action="store_true",
        help="record tests/wire/transcripts again; look at the diff before you commit it",
    )
