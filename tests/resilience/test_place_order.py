"""One intent, one order, whatever is lost on the way."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from failing_exchange.errors import (
    BannedError,
    ClockSkewError,
    ConfigurationError,
    ConnectionLostError,
    DuplicateOrderError,
    ExchangeMaintenanceError,
    InsufficientBalanceError,
    InvalidOrderError,
    NotSupportedError,
    OrderNotFoundError,
    RateLimitError,
)
from failing_exchange.resilience import (
    Placement,
    place_order_with_retry,
    robust_order_placement,
)
from tests.resilience.scripted import (
    BUSY,
    GARBLED,
    LATE,
    LOST,
    ORDER,
    Scripted,
    in_virtual_time,
    now,
)


@in_virtual_time
async def test_without_arguments_it_buys_a_little_bitcoin() -> None:
    """The seed's examples call it so."""
    order = await place_order_with_retry(Scripted())
    assert (order["symbol"], order["type"], order["side"]) == ("BTC/USDT", "limit", "buy")
    assert (order["amount"], order["price"]) == (0.01, 50_000)
    assert len(order["clientOrderId"]) == 32


@pytest.mark.parametrize("error", [LOST, LATE, GARBLED, BUSY])
@in_virtual_time
async def test_an_order_whose_answer_was_lost_is_found_and_not_sent_again(error: Exception) -> None:
    """The failure that costs most: a blind retry would buy twice."""
    venue = Scripted((error,))
    order = await place_order_with_retry(venue, **ORDER)
    assert order["id"] == "1"
    assert len(venue.sent) == len(venue.placed) == 1


@pytest.mark.parametrize("error", [LOST, LATE, GARBLED, BUSY])
@in_virtual_time
async def test_an_order_that_never_arrived_is_sent_again_with_the_same_id(error: Exception) -> None:
    """Only after the horizon: the same error may also mean that it did arrive."""
    venue = Scripted(error)
    order = await place_order_with_retry(venue, **ORDER)
    (first_at, first), (again_at, again) = venue.sent
    assert again_at - first_at >= 20
    assert first["params"] == again["params"] == {"clientOrderId": order["clientOrderId"]}
    assert len(venue.placed) == 1


@pytest.mark.parametrize("lag", [0.3, 5.0, 19.0])
@in_virtual_time
async def test_an_order_that_shows_late_is_still_found(lag: float) -> None:
    """Not found is not never placed: reads lag behind writes."""
    venue = Scripted((LATE,), lag=lag)
    await place_order_with_retry(venue, **ORDER)
    assert len(venue.sent) == 1


@pytest.mark.parametrize("error", [NotSupportedError("needs an id"), OrderNotFoundError("none")])
@in_virtual_time
async def test_the_last_look_reads_every_view(error: Exception) -> None:
    """A venue may show an order in its lists and not by its client id; filled ones included."""
    venue = Scripted((LOST,))
    venue.by_client_id = error
    placing = asyncio.create_task(place_order_with_retry(venue, **ORDER))
    await asyncio.sleep(0.02)
    venue.placed[0]["status"] = "closed"
    assert (await placing)["status"] == "closed"
    assert len(venue.sent) == 1


@in_virtual_time
async def test_a_duplicate_id_proves_that_the_first_one_arrived() -> None:
    """Even when it can't be seen for longer than the horizon, it is never sent under another id."""
    venue = Scripted((LOST,), lag=25.0)
    order = await place_order_with_retry(venue, **ORDER)
    assert order["id"] == "1"
    assert len(venue.sent) == 2
    assert len(venue.placed) == 1


@in_virtual_time
async def test_a_taken_id_that_is_somebody_elses_is_an_error() -> None:
    """A reused client id must not hand out an old order as the new one."""
    venue = Scripted()
    venue.place("mine", **(ORDER | {"side": "buy"}))
    with pytest.raises(DuplicateOrderError):
        await place_order_with_retry(venue, **ORDER, params={"clientOrderId": "mine"})
    assert len(venue.placed) == len(venue.sent) == 1


@in_virtual_time
async def test_an_answer_without_an_id_is_no_answer() -> None:
    """Null fields: the order may well be live."""
    venue = Scripted([{"id": None, "status": "open"}], [None])
    order = await place_order_with_retry(venue, **ORDER)
    assert order["id"] == "1"
    assert len(venue.sent) == 3


@in_virtual_time
async def test_a_rate_limit_is_waited_out_exactly() -> None:
    """No request inside the window that the venue named."""
    venue = Scripted(RateLimitError("slow down", retry_after=7.5))
    await place_order_with_retry(venue, **ORDER)
    assert venue.sent[1][0] - venue.sent[0][0] == pytest.approx(7.51)


@in_virtual_time
async def test_maintenance_is_waited_out_to_its_end() -> None:
    """Ten minutes, as announced, and one request afterwards."""
    venue = Scripted(ExchangeMaintenanceError("upgrade", retry_after=600))
    await place_order_with_retry(venue, **ORDER)
    assert [round(at) for at, _ in venue.sent] == [0, 600]


@in_virtual_time
async def test_a_ban_longer_than_patience_is_raised_at_once() -> None:
    """Nobody wants an order placed three days late."""
    venue = Scripted(BannedError("banned", retry_after=3 * 86_400))
    with pytest.raises(BannedError):
        await place_order_with_retry(venue, **ORDER)
    assert now() < 1


@in_virtual_time
async def test_maintenance_in_the_middle_of_a_doubt_does_not_resolve_it() -> None:
    """The look-up waits for the venue, too; the order is found afterwards."""
    venue = Scripted((LATE,))
    venue.reading_fails = [ExchangeMaintenanceError("upgrade", retry_after=600), LOST, GARBLED]
    await place_order_with_retry(venue, **ORDER)
    assert len(venue.sent) == 1
    assert now() > 600


@pytest.mark.parametrize(
    "error", [InvalidOrderError("Invalid price"), InsufficientBalanceError("Insufficient funds")]
)
@in_virtual_time
async def test_a_rejection_is_final_and_changes_no_price(error: Exception) -> None:
    """The famous recipe raises the price by a percent and tries again: a buyer's loss."""
    venue = Scripted(error)
    with pytest.raises(type(error)):
        await robust_order_placement(venue, **ORDER)
    assert [request["price"] for _, request in venue.sent] == [3_000]


@in_virtual_time
async def test_it_gives_up_after_max_retries_and_raises_the_last_error() -> None:
    """The default is the exchange's own `max_retries`; an argument beats it."""
    venue = Scripted(*[ConnectionLostError("gone") for _ in range(9)])
    with pytest.raises(ConnectionError):
        await place_order_with_retry(venue, **ORDER)
    assert len(venue.sent) == 3
    venue.max_retries = 2  # type: ignore[attr-defined]
    with pytest.raises(ConnectionError):
        await place_order_with_retry(venue, **ORDER)
    assert len(venue.sent) == 5
    with pytest.raises(ConnectionError) as caught:
        await place_order_with_retry(venue, **ORDER, max_retries=1)
    assert len(venue.sent) == 6
    assert not hasattr(caught.value, "__notes__")  # it was looked up: nothing is in doubt
    with pytest.raises(ConfigurationError, match="max_retries is -1"):
        await place_order_with_retry(venue, **ORDER, max_retries=-1)


@in_virtual_time
async def test_an_outcome_that_stays_unknown_says_so() -> None:
    """When not even reading works, sending again would be a gamble; a later call goes on."""
    venue = Scripted((ConnectionLostError("gone"),))
    venue.reading_fails = [ConnectionLostError("gone") for _ in range(1_000)]
    placement = Placement(venue, ORDER)
    with pytest.raises(ConnectionError) as caught:
        await placement.place()
    assert "outcome unknown" in caught.value.__notes__[0]
    assert placement.client_order_id in caught.value.__notes__[0]
    assert placement.in_doubt
    venue.reading_fails.clear()
    assert (await placement.place())["id"] == "1"
    assert len(venue.sent) == 1


@in_virtual_time
async def test_a_bug_is_not_retried() -> None:
    """A TypeError will be one again."""
    venue = Scripted(TypeError("a bug"))
    with pytest.raises(TypeError):
        await place_order_with_retry(venue, **ORDER)
    assert len(venue.sent) == 1


@in_virtual_time
async def test_a_market_order_has_no_price() -> None:
    """The default price is that of the default order; on some venues it would become a cost."""
    venue = Scripted()
    await place_order_with_retry(venue, "BTC/USDT", "market")
    assert "price" not in venue.sent[0][1]


@in_virtual_time
async def test_the_storm_leaves_one_order_per_intent() -> None:
    """A hundred intents, each hit by another pair of misfortunes: a hundred orders."""
    fates: list[Any] = [None, LOST, (LOST,), LATE, (LATE,), GARBLED, (GARBLED,), [{"id": None}]]
    fates += [RateLimitError("slow", retry_after=1), ClockSkewError("-1021")]
    pairs = [(one, other) for one in fates for other in fates]
    for pair in pairs:
        venue = Scripted(*pair, lag=3.0)
        await place_order_with_retry(venue, **ORDER)
        assert len(venue.placed) == 1, pair
