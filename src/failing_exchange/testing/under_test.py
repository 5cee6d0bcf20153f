"""What the pytest plugin keeps of the test under way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

MADE_MAX = 16  # exchanges that a test makes itself; of more, the first are shown


class UnderTest:
    """The running test: its seed, and the exchanges that it has made.

    The function that runs a test has no access to its pytest item. `make` gives a test its
    exchange while it is explored. `made` is None while no test of ours runs.
    """

    seed = 0
    make: Callable[..., Any] | None = None
    made: list[Any] | None = None

    def note(self, exchange: Any) -> None:
        """Remember an exchange that the running test has made itself."""
        if self.made is not None and len(self.made) < MADE_MAX:
            self.made.append(exchange)


running = UnderTest()
