"""The pytest test that is running: its seed, and the exchanges that it has made."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

MADE_MAX = 16  # exchanges that a test makes itself; later ones are not shown when it fails


class RunningTest:
    """Shared by the pytest plugin, which sets it, and `FailingExchange`, which reports to it.

    While a test is explored, `make` replaces the fixture's exchange, and `schedule` is the order of
    the threads of a test that is not async. `made` is None between tests.
    """

    seed = 0
    schedule = "fifo"
    make: Callable[..., Any] | None = None
    made: list[Any] | None = None

    def note(self, exchange: Any) -> None:
        """Remember an exchange that the test has made itself."""
        if self.made is not None and len(self.made) < MADE_MAX:
            self.made.append(exchange)


running_test = RunningTest()
