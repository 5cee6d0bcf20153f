"""What the clients have in common: a venue, and an end to each test."""

from __future__ import annotations

import faulthandler
from collections.abc import Iterator

import pytest

from tests.clients.venue import Served, serving

SECONDS_MAX = 240  # a test that takes longer ends the run, with all stacks shown


@pytest.fixture
def venue() -> Iterator[Served]:
    """A new venue on a port of its own."""
    with serving() as served:
        yield served


@pytest.fixture(autouse=True)
def bounded() -> Iterator[None]:
    """No client may keep the suite waiting for ever."""
    faulthandler.dump_traceback_later(SECONDS_MAX, exit=True)
    yield
    faulthandler.cancel_dump_traceback_later()
