"""CircuitBreaker: closed, open, and one probe between."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from failing_exchange.errors import (
    CircuitOpenError,
    ConfigurationError,
    InsufficientBalanceError,
)
from failing_exchange.resilience import (
    CircuitBreaker,
)
from tests.resilience.scripted import (
    in_virtual_time,
)


async def fails() -> None:
    """A call that is lost."""
    raise ConnectionResetError


async def works(answer: str = "answer") -> str:
    """A call that is answered, after a second."""
    await asyncio.sleep(1)
    return answer


async def opened(**options: Any) -> CircuitBreaker:
    """A breaker that has just opened."""
    breaker = CircuitBreaker(**options)
    for _ in range(breaker.failure_threshold):
        with pytest.raises(ConnectionResetError):
            await breaker.call(fails)
    assert breaker.state == "OPEN"
    return breaker


@in_virtual_time
async def test_a_breaker_opens_at_the_threshold_and_lets_nothing_through() -> None:
    """Five failures in a row, then silence for a minute."""
    breaker = await opened()
    assert breaker.failure_count == 5
    with pytest.raises(CircuitOpenError, match="next try passes in 60 s"):
        await breaker.call(works)


@in_virtual_time
async def test_a_success_closes_it_after_the_timeout() -> None:
    """And the count starts anew."""
    breaker = await opened()
    await asyncio.sleep(60)
    assert await breaker.call(works, answer="yes") == "yes"
    assert (breaker.state, breaker.failure_count) == ("CLOSED", 0)


@in_virtual_time
async def test_a_failed_probe_opens_it_for_another_timeout() -> None:
    """One call is enough to know."""
    breaker = await opened(failure_threshold=2, timeout=10)
    await asyncio.sleep(10)
    with pytest.raises(ConnectionResetError):
        await breaker.call(fails)
    await asyncio.sleep(9.5)
    with pytest.raises(CircuitOpenError):
        await breaker.call(works)


@in_virtual_time
async def test_only_one_probe_is_out_at_a_time() -> None:
    """The venue that comes back must not be met by everybody at once."""
    breaker = await opened()
    await asyncio.sleep(60)
    results = await asyncio.gather(*[breaker.call(works) for _ in range(5)], return_exceptions=True)
    assert results[0] == "answer"
    assert [type(result) for result in results[1:]] == [CircuitOpenError] * 4


@in_virtual_time
async def test_a_cancelled_probe_does_not_block_the_next() -> None:
    """It proved nothing, and nobody else may be left waiting for it."""
    breaker = await opened()
    await asyncio.sleep(60)
    probe = asyncio.create_task(breaker.call(works))
    await asyncio.sleep(0)
    assert breaker.state == "HALF_OPEN"
    probe.cancel()
    await asyncio.wait([probe])
    assert await breaker.call(works) == "answer"


@in_virtual_time
async def test_a_late_success_from_before_does_not_close_it() -> None:
    """Its request left while all was well; it says nothing about now."""
    breaker = CircuitBreaker(failure_threshold=1)
    slow = asyncio.create_task(breaker.call(works))
    await asyncio.sleep(0)
    with pytest.raises(ConnectionResetError):
        await breaker.call(fails)
    await slow
    assert breaker.state == "OPEN"


@in_virtual_time
async def test_a_late_failure_from_before_does_not_keep_it_open() -> None:
    """A hundred timeouts that trickle in must not put the first probe off for ever."""
    breaker = CircuitBreaker(failure_threshold=1, timeout=60)

    async def times_out() -> None:
        await asyncio.sleep(59)
        raise TimeoutError

    slow = asyncio.create_task(breaker.call(times_out))
    await asyncio.sleep(0)
    with pytest.raises(ConnectionResetError):
        await breaker.call(fails)
    await asyncio.wait([slow])
    assert isinstance(slow.exception(), TimeoutError)
    await asyncio.sleep(1)
    assert await breaker.call(works) == "answer"


@in_virtual_time
async def test_failures_count_only_in_a_row_and_rejections_not_at_all() -> None:
    """Five lost calls in a year are no outage, and a venue that says no is alive."""
    breaker = CircuitBreaker(failure_threshold=2)

    async def rejects() -> None:
        raise InsufficientBalanceError("no funds")

    for call in (fails, works, fails, rejects, rejects, fails):
        await asyncio.gather(breaker.call(call), return_exceptions=True)
    assert (breaker.state, breaker.failure_count) == ("CLOSED", 1)
    with pytest.raises(ConfigurationError, match="failure_threshold is 0"):
        CircuitBreaker(failure_threshold=0)
