"""CircuitBreaker: after several failures in a row, leave the venue alone for a while."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import ParamSpec, TypeVar

from failing_exchange.errors import CircuitOpenError, ConfigurationError
from failing_exchange.resilience.outcomes import RequestOutcome, log, outcome_of

P = ParamSpec("P")
T = TypeVar("T")

# The venue's own no is an answer: it is alive, and a breaker must not keep us from cancelling.
ANSWERS = (RequestOutcome.EXISTS, RequestOutcome.ABSENT, RequestOutcome.REJECTED)


class CircuitBreaker:
    """Lets calls through while CLOSED, none while OPEN, and one probe when HALF_OPEN.

    `failure_threshold` failures in a row open it; `timeout` seconds later one call may try, and
    decides: success closes the breaker, failure opens it again. A rejection by the venue (no funds,
    no such order) counts as success: the venue answers. Time is the running loop's.

    >>> breaker = CircuitBreaker(failure_threshold=5, timeout=60)
    >>> breaker.state
    'CLOSED'
    """

    def __init__(self, failure_threshold: int = 5, timeout: float = 60) -> None:
        if failure_threshold < 1 or timeout < 0:
            raise ConfigurationError(
                f"failure_threshold is {failure_threshold!r}, timeout {timeout!r}; expected at "
                "least 1 failure and 0 seconds"
            )
        self.failure_threshold = failure_threshold
        self.timeout = timeout
        self.failure_count = 0
        self.last_failure_time: float | None = None
        self.state = "CLOSED"
        self._probing = False

    async def call(self, func: Callable[P, Awaitable[T]], *args: P.args, **kwargs: P.kwargs) -> T:
        """The result of `func(*args, **kwargs)`, whose errors pass through.

        Raises CircuitOpenError, without calling it, while the breaker is open or a probe is out.
        """
        self._admit()
        probe = self.state == "HALF_OPEN"
        self._probing = probe or self._probing
        try:
            result = await func(*args, **kwargs)
        except Exception as error:
            if outcome_of(error) in ANSWERS:
                self._succeeded(probe)
            else:
                self._failed(probe, error)
            raise
        else:
            self._succeeded(probe)
            return result
        finally:
            if probe:
                self._probing = False
                # A cancelled probe proved nothing: the next call may try.
                self.state = "OPEN" if self.state == "HALF_OPEN" else self.state

    def _admit(self) -> None:
        """Let a call through or raise; an open breaker whose time is up goes half open."""
        if self.state == "CLOSED":
            return
        since = asyncio.get_running_loop().time() - (self.last_failure_time or 0.0)
        if self._probing:
            raise CircuitOpenError("Circuit breaker is half open: one probe is out, wait for it")
        if since < self.timeout:
            raise CircuitOpenError(
                f"Circuit breaker is open after {self.failure_count} failures; "
                f"the next try passes in {self.timeout - since:g} s"
            )
        self.state = "HALF_OPEN"

    def _succeeded(self, probe: bool) -> None:
        """Failures count only in a row; a call from before the breaker opened closes nothing."""
        if probe or self.state == "CLOSED":
            self.failure_count = 0
            self.state = "CLOSED"

    def _failed(self, probe: bool, error: Exception) -> None:
        """Open at the threshold, or at once when it was the probe; late failures only count."""
        self.failure_count += 1
        if not probe and self.state != "CLOSED":
            return
        self.last_failure_time = asyncio.get_running_loop().time()
        if probe or self.failure_count >= self.failure_threshold:
            self.state = "OPEN"
            log.error("Circuit breaker opened: %r", error)
