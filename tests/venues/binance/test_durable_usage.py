"""What is used of limits, and bans, are as they were when a served venue comes back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from failing_exchange import FailingExchange, simulate
from failing_exchange.core.commands import CrossOrder
from failing_exchange.core.rate_limits import BanLadder, SlidingWindow, TokenBucket
from failing_exchange.core.units import MINUTE, SECOND
from failing_exchange.durable.durable_journal import DurableJournal
from failing_exchange.errors import RateLimitError
from failing_exchange.venues.binance.venue import Binance
from failing_exchange.venues.binance_common.metering import (
    ADDRESSES_MAX,
    Interval,
    Metering,
    VenueLimits,
)
from tests.test_durable import commit, crash
from tests.venues.binance.client import Client

TIGHT = VenueLimits(
    weight=Interval(50, 1, MINUTE),
    orders=(Interval(3, 10, SECOND), Interval(100, 1, 86_400 * SECOND)),
)
Story = Callable[[Client], Awaitable[None]]


def killed_between(path: Path, *stories: Story) -> None:
    """Run each story on the venue of one journal, which is killed after it."""

    async def main() -> None:
        for story in stories:
            journal = DurableJournal(path)
            exchange = FailingExchange(latency=None, background=False, journal=journal)
            venue = Binance(exchange, limits=TIGHT)
            await venue.listen_in_simulation()
            async with aiohttp.ClientSession() as session:
                await story(Client(session, venue))
            commit(exchange)
            crash(exchange)
            await venue.close()

    simulate(main())


async def account(client: Client) -> Any:
    """A request that weighs 20."""
    return await client.signed("GET", "/api/v3/account")


def test_used_weight_survives(tmp_path: Path) -> None:
    """A restart must not be a way around the limits, nor make a test pass that should not."""

    async def before(client: Client) -> None:
        assert (await account(client)).headers["X-MBX-USED-WEIGHT-1M"] == "20"

    async def after(client: Client) -> None:
        assert (await account(client)).headers["X-MBX-USED-WEIGHT-1M"] == "40"
        assert (await account(client)).status == 429

    killed_between(tmp_path / "run.db", before, after)


def test_bans_survive(tmp_path: Path) -> None:
    """And the refusals that lead to one."""

    async def refused(client: Client) -> None:
        codes = [(await account(client)).status for _ in range(7)]
        assert codes == [200, 200, *[429] * 5]

    async def banned(client: Client) -> None:
        codes = [(await account(client)).status for _ in range(6)]
        assert codes == [*[429] * 4, *[418] * 2]

    async def still(client: Client) -> None:
        got = await client.public("GET", "/api/v3/ping")
        assert got.status == 418
        assert "IP banned until 1767225720" in got.body["msg"]

    killed_between(tmp_path / "run.db", refused, banned, still)


def test_counts_of_orders_survive_and_a_fill_still_gives_credit(tmp_path: Path) -> None:
    """Three orders in ten seconds are three orders, whoever dies in between."""

    async def before(client: Client) -> None:
        for _ in range(3):
            assert (await client.order()).status == 200

    async def after(client: Client) -> None:
        assert (await client.order()).status == 429
        client.venue.exchange.venue.gateway.operate(CrossOrder(1))
        assert (await client.order()).headers["X-MBX-ORDER-COUNT-10S"] == "1"

    killed_between(tmp_path / "run.db", before, after)


def test_connects_survive(tmp_path: Path) -> None:
    """They are counted outside of any request."""

    async def before(client: Client) -> None:
        client.venue.dialect.limits.connects("127.0.0.1", client.venue.exchange.venue.clock.now())
        journal = client.venue.exchange.venue.durable
        assert journal is not None
        assert journal.commits.has_pending

    async def after(client: Client) -> None:
        metering, at = client.venue.dialect.limits, client.venue.exchange.venue.clock.now()
        for _ in range(299):
            assert metering.connects("127.0.0.1", at) is None
        assert metering.connects("127.0.0.1", at) is not None

    killed_between(tmp_path / "run.db", before, after)


@pytest.mark.parametrize("calls", [2, 6])
def test_the_rate_limit_of_all_requests_survives(tmp_path: Path, calls: int) -> None:
    """The one that a test sets in process."""

    async def main() -> None:
        def made() -> FailingExchange:
            journal = DurableJournal(tmp_path / "run.db")
            return FailingExchange(latency=None, background=False, journal=journal)

        exchange = made()
        exchange.set_rate_limit(calls * 6)  # so many at once
        for _ in range(calls):
            await exchange.fetch_time()
        commit(exchange)
        crash(exchange)
        exchange = made()
        with pytest.raises(RateLimitError):
            await exchange.fetch_time()
        commit(exchange)
        crash(exchange)

    simulate(main())


def test_an_address_that_is_forgotten_leaves_the_file_too() -> None:
    """The file has no more of them than the memory."""
    metering = Metering()
    metering.restore({})
    for n in range(ADDRESSES_MAX + 2):
        metering.weigh(f"10.0.{n // 256}.{n % 256}", 5, 1)
    changes = metering.changes()
    assert [who for who, used in changes.items() if used is None] == [
        "address 10.0.0.0", "address 10.0.0.1"
    ]  # fmt: skip
    assert metering.changes() == {}


@pytest.mark.parametrize(
    "limit",
    [TokenBucket(rate=60, period=MINUTE, burst=4), SlidingWindow(limit=4, window=MINUTE)],
    ids=["bucket", "window"],
)
def test_a_limit_goes_on_where_it_was(limit: Any) -> None:
    """To the nanosecond."""
    for at in (5, 5, 8):
        assert limit.take(at) is None
    other = type(limit)(
        **{"rate": 60, "period": MINUTE, "burst": 4}
        if isinstance(limit, TokenBucket)
        else {"limit": 4, "window": MINUTE}
    )
    other.go_on(limit.usage())
    for at in (9, 10, MINUTE + 4, MINUTE + 5, MINUTE + 6):
        assert other.take(at) == limit.take(at)


def test_a_full_window_is_kept_as_one_sum(monkeypatch: pytest.MonkeyPatch) -> None:
    """A million calls are not written down each time; it frees up later, and never earlier."""
    monkeypatch.setattr("failing_exchange.core.rate_limits.CALLS_TOLD_MAX", 3)
    window, other = SlidingWindow(limit=5, window=100), SlidingWindow(limit=5, window=100)
    for at in range(5):
        assert window.take(at) is None
    other.go_on(window.usage())
    assert window.usage() == [[4, 5]]
    assert [other.take(103), other.take(104)] == [104, None]


def test_a_ladder_goes_on_where_it_was() -> None:
    """Its second ban is longer than its first."""
    ladder, other = BanLadder(refusals=2), BanLadder(refusals=2)
    for at in (1, 2):
        ladder.refused(at)
    other.go_on(ladder.usage())
    assert other.banned_until(3) == 2 + 2 * MINUTE
    for at in (3 * MINUTE, 3 * MINUTE + 1):
        assert other.refused(at) == ladder.refused(at)


@pytest.mark.parametrize("text", ["[[1, 2]]", '[[60000000000, "5", 1]]', '{"a": 1}', "7", "[[["])
def test_usage_that_nobody_wrote_is_told(text: str) -> None:
    """Whatever stands in a file."""
    with pytest.raises((ValueError, TypeError)):
        Metering().restore({"address 127.0.0.1": text})
    with pytest.raises(ValueError, match="neither an address nor an account"):
        Metering().restore({"somebody": "[]"})
