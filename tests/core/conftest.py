"""What the stories of the core share."""

from __future__ import annotations

import pytest

from tests.core.floor import Floor


@pytest.fixture
def floor() -> Floor:
    """A small exchange; the last price is 100."""
    return Floor()
