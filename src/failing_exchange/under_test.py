"""What the pytest plugin keeps of the test under way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class UnderTest:
    """The seed of the test under way: the function that runs it is not told of its item.

    `make` is what gives a test its exchange while it is explored.
    """

    seed = 0
    make: Callable[[], Any] | None = None


running = UnderTest()
