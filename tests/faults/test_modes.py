"""Failure modes: presets with checked params, mixtures, and how statistics count them."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import pytest

from failing_exchange import (
    BannedError,
    ConnectionLostError,
    ExchangeMaintenanceError,
    FailingExchange,
    FailureMode,
    InvalidOrderError,
    RateLimitError,
    simulate,
)
from failing_exchange.errors import ConfigurationError
from failing_exchange.faults.modes import MIXTURES, MODES, preset
from failing_exchange.faults.triggers import load, nth
from tests.faults.stories import LOW, SYMBOL, buy, happened, said, status


def run(mode: str, story: Any, params: dict[str, Any] | None = None, **more: Any) -> Any:
    async def main() -> Any:
        async with FailingExchange(latency=None, **more) as x:
            x.set_failure_mode(mode, 1.0, params)
            return await story(x)

    return simulate(main())


@pytest.mark.parametrize("mode", MODES)
def test_a_mode_knows_the_calls_that_it_concerns(mode: FailureMode) -> None:
    """An invalid order that strikes fetch_time would be nonsense."""
    found = preset(mode)
    assert found.scope.operations == MODES[mode].operations
    assert preset(mode, MODES[mode].defaults).fault == found.fault


@pytest.mark.parametrize("mode", [*MODES, *MIXTURES])
def test_unknown_params_are_refused_with_those_that_exist(mode: FailureMode) -> None:
    """A misspelt param that is swallowed makes a test that tests something else."""
    with pytest.raises(ConfigurationError, match=f"{mode} has no param 'nonsense'"):
        preset(mode, {"nonsense": 1})


@pytest.mark.parametrize(
    ("mode", "params"),
    [
        ("PARTIAL_FILL", {"fill_ratio": 2}),
        ("PRICE_SLIPPAGE", {"max_slippage": -0.1}),
        ("TIMEOUT", {"executed": "maybe"}),
        ("MAINTENANCE", {"duration": "long"}),
        ("RANDOM", {"weights": {"TIMEOUT": -1}}),
        ("RANDOM", {"weights": {"RANDOM": 1}}),
        ("RANDOM", {"weights": {}}),
        ("MIXED", {"params": {"TIMEOUT": {"executed": "maybe"}}}),
        ("MIXED", {"params": {"MAINTENANCE": {"duration": 5}}}),
        ("NONE", {}),
    ],
)
def test_bad_values_are_refused_when_the_mode_is_set(mode: str, params: dict[str, Any]) -> None:
    """Not at three in the morning, when it first strikes."""
    with pytest.raises(ConfigurationError):
        preset(FailureMode(mode), params)


def test_a_mode_may_be_named_in_any_case() -> None:
    """Command lines are typed by people."""
    assert FailureMode("timeout") is FailureMode.TIMEOUT


def test_messages_contain_the_words_that_bots_look_for() -> None:
    """The founding document branches on these words."""

    async def message(x: FailingExchange) -> str:
        try:
            await buy(x)
        except Exception as error:
            return str(error).lower()
        return ""

    for mode, word in {
        "INVALID_ORDER": "invalid price",
        "INSUFFICIENT_BALANCE": "insufficient funds",
        "INVALID_SYMBOL": "symbol not found",
        "RATE_LIMIT": "rate limit",
        "CONNECTION_ERROR": "connection",
        "MAINTENANCE": "system maintenance",
    }.items():
        assert word in run(mode, message), mode
    assert "balance" in run("INSUFFICIENT_BALANCE", message)
    assert "upgrade" in run("MAINTENANCE", message, {"message": "Upgrade"})


def test_a_rate_limit_says_how_long_to_wait() -> None:
    """The time is part of the answer, to the nanosecond."""

    async def story(x: FailingExchange) -> float | None:
        with pytest.raises(RateLimitError) as raised:
            await x.fetch_time()
        return raised.value.retry_after

    assert run("RATE_LIMIT", story, {"retry_after": 10}) == 10.0
    assert run("RATE_LIMIT", story, {"hidden": True}) is None


def test_a_maintenance_mode_lasts_as_long_as_it_says_or_until_the_mode_is_changed() -> None:
    """With a duration, one strike begins it for all requests; a new mode ends it."""

    async def main() -> list[Any]:
        async with FailingExchange(latency=None, seed=3) as x:
            x.set_failure_mode("MAINTENANCE", 0.1, {"duration": 600})
            while await status(x.fetch_status()) == "ok":
                await asyncio.sleep(1)
            await asyncio.sleep(599)
            with pytest.raises(ExchangeMaintenanceError) as raised:
                await x.fetch_time()
            x.set_failure_mode(None)
            return [raised.value.retry_after, await status(x.fetch_status())]

    assert simulate(main()) == [1.0, "ok"]


def test_a_partial_fill_of_a_market_order_expires_the_rest() -> None:
    """There is nothing that a market order could leave open."""

    async def story(x: FailingExchange) -> tuple[Any, Any]:
        order = await buy(x, None, 1.0)
        return order["status"], order["filled"]

    assert run("PARTIAL_FILL", story) == ("expired", 0.3)


@pytest.mark.parametrize(
    ("amount", "params"),
    [
        (1.0, {"timeInForce": "FOK"}),
        (1.0, {"postOnly": True}),
        (0.00001, {}),
        (1.0, {"stopLossPrice": 30_000}),
    ],
)
def test_orders_that_cannot_be_filled_in_part_are_not_struck(
    amount: float, params: dict[str, Any]
) -> None:
    """Nor are they counted as failures."""

    async def story(x: FailingExchange) -> Any:
        await said(x.create_order(SYMBOL, "limit", "sell", amount, 60_000, params))
        return "FillCapped" in happened(x), x.get_failure_statistics()["total"]

    assert run("PARTIAL_FILL", story) == (False, 0)


def test_a_limit_order_that_would_match_more_at_once_is_kept_from_it() -> None:
    """A partial fill is a promise about the amount, also at a price that would fill it all."""

    async def story(x: FailingExchange) -> tuple[Any, ...]:
        ask = (await x.fetch_ticker(SYMBOL))["ask"]
        order = await buy(x, round(ask * 1.01, 2), 0.5)
        return order["status"], order["filled"]

    assert run("PARTIAL_FILL", story, {"fill_ratio": 0.5}) == ("open", 0.25)


@pytest.mark.parametrize("side", ["buy", "sell"])
@pytest.mark.parametrize("seed", range(8))
def test_slippage_stays_between_the_best_price_and_the_most(seed: int, side: str) -> None:
    """Never beyond, at any seed, for either side, by amount and by cost."""

    async def story(x: FailingExchange) -> list[float]:
        worse = []
        for amount in (0.01, 10.0):
            ticker = await x.fetch_ticker(SYMBOL)
            best = ticker["ask" if side == "buy" else "bid"]
            order = await x.create_order(SYMBOL, "market", side, amount)
            assert order["status"] == "closed"
            worse.append((order["average"] / best - 1) * (1 if side == "buy" else -1))
        ticker = await x.fetch_ticker(SYMBOL)
        order = await x.create_market_buy_order_with_cost(SYMBOL, 10_000)
        worse.append(order["average"] / ticker["ask"] - 1)
        return worse

    for slip in run("PRICE_SLIPPAGE", story, {"max_slippage": 0.02}, seed=seed):
        assert -1e-12 <= slip <= 0.02


def test_a_ban_is_climbed_into_by_not_waiting_and_each_is_twice_as_long() -> None:
    """429, then 418 for two minutes, then four."""

    async def story(x: FailingExchange) -> list[float]:
        bans: list[float] = []
        while len(bans) < 3:
            try:
                await x.fetch_time()
            except BannedError as error:
                bans.append(error.retry_after or 0)
                await asyncio.sleep(bans[-1])
            except RateLimitError as error:
                assert error.retry_after == 10
        return bans

    assert run("BAN", story) == [120.0, 240.0, 480.0]


def test_who_waits_is_never_banned() -> None:
    """The other half of the ladder: refusals that are heeded lead nowhere."""

    async def main() -> str:
        async with FailingExchange(latency=None) as x:
            x.arm("ban", nth(1))
            try:
                await x.fetch_time()
            except RateLimitError as error:
                await asyncio.sleep(error.retry_after or 0)
            await x.fetch_time()
            return "served"

    assert simulate(main()) == "served"


@pytest.mark.parametrize("retry_after", [0.5, 10.0])
def test_who_waits_each_time_is_never_banned(retry_after: float) -> None:
    """However often it is refused: each refusal was waited out, to the nanosecond."""

    async def main() -> Counter[str]:
        async with FailingExchange(latency=None) as x:
            seen: Counter[str] = Counter()
            x.arm("ban", retry_after=retry_after)
            for _ in range(20):
                try:
                    await x.fetch_time()
                except (RateLimitError, BannedError) as error:
                    seen[type(error).__name__] += 1
                    await asyncio.sleep(error.retry_after or 0)
            return seen

    assert simulate(main()) == {"RateLimitError": 20}


def test_who_waits_a_little_less_is_banned() -> None:
    """Three refusals, none of them waited out."""

    async def main() -> list[Any]:
        async with FailingExchange(latency=None) as x:
            x.arm("ban", nth(1))
            seen = []
            for _ in range(3):
                seen.append(await said(x.fetch_time()))
                await asyncio.sleep(9.9)
            return seen

    assert simulate(main()) == ["RateLimitError", "RateLimitError", "BannedError"]


def test_a_day_after_a_ban_the_ladder_starts_at_its_foot() -> None:
    """There is one ladder: that of the venue's own limits, which forgets."""

    async def main() -> list[Any]:
        async with FailingExchange(latency=None) as x:
            x.arm("ban", refusals=1)
            seen = []
            for pause in (0, 120, 240, 86_400):
                await asyncio.sleep(pause)
                with pytest.raises(BannedError) as caught:
                    await x.fetch_time()
                seen.append(caught.value.retry_after)
                await asyncio.sleep(caught.value.retry_after or 0)
            return seen

    assert simulate(main()) == [120.0, 240.0, 480.0, 120.0]


def test_what_a_ban_and_a_feed_remember_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thousand keys behind one venue must not make a rule grow for ever."""
    monkeypatch.setattr("failing_exchange.faults.rejections.ADDRESSES_MAX", 3)
    monkeypatch.setattr("failing_exchange.faults.lookups.FEEDS_REMEMBERED_MAX", 3)

    async def main() -> list[int]:
        async with FailingExchange(latency=None) as x:
            ban = x.arm("ban", shared=False, operations="fetch_order")
            merge = x.arm("merge_pushes", operations="watch_orders")
            await x.ready()
            for n in range(9):
                await said(x.client(f"bot {n}").fetch_order("1"))
                x.venue.gateway.push(f"bot {n}", "watch_orders", "", "news", lambda trip: None)
            await asyncio.sleep(1)
            found = [ban.rule.memory["addresses"], merge.rule.memory["feeds"]]
            assert list(found[0]) == ["bot 6", "bot 7", "bot 8"]
            return [len(one) for one in found]

    assert simulate(main()) == [3, 3]


def test_a_ban_outlives_the_block_in_which_it_was_armed_but_not_a_reset() -> None:
    """Sticky faults end by time or by command."""

    async def main() -> list[Any]:
        async with FailingExchange(latency=None) as x:
            seen = []
            with x.arm("ban", refusals=1):
                await said(x.fetch_time())
            seen.append(await said(x.fetch_status()))
            await asyncio.sleep(121)
            seen.append(await status(x.fetch_status()))
            assert x.armed == []
            with x.arm("ban", name="again", refusals=1):
                await said(x.fetch_time())
            x.reset()
            seen.append(await status(x.fetch_status()))
            return seen

    assert simulate(main()) == ["BannedError", "ok", "ok"]


def test_a_ban_can_be_set_off_by_load_and_is_one_address_or_each_clients_own() -> None:
    """Each process within its limits, and the address they share is banned all the same."""

    async def main(shared: bool) -> list[Any]:
        async with FailingExchange(latency=None) as x:
            bob = x.client("bob")
            with x.arm("ban", load(above=4, seconds=1), refusals=1, shared=shared):
                for _ in range(5):
                    await said(x.fetch_time())
                await asyncio.sleep(2)
                seen = [await said(x.fetch_order("1")), await said(bob.fetch_order("1"))]
            seen.append(await said(bob.fetch_order("1")))
            seen.append(await said(x.fetch_order("1")))
            return seen

    served = "OrderNotFoundError"
    assert simulate(main(True)) == ["BannedError"] * 4
    assert simulate(main(False)) == ["BannedError", served, served, "BannedError"]


def test_random_draws_all_that_concern_the_call_and_is_counted_by_what_it_drew() -> None:
    """`by_type` of the statistics names modes, not the mixture."""

    async def story(x: FailingExchange) -> dict[str, int]:
        for _ in range(400):
            await said(buy(x, LOW))
        by_type = dict(x.get_failure_statistics()["by_type"])
        for _ in range(100):
            await said(x.fetch_time())
        return by_type

    by_type = run("RANDOM", story)
    expected = set(MIXTURES[FailureMode.RANDOM]) - {"PRICE_SLIPPAGE"}  # no market orders here
    assert set(by_type) == expected
    assert min(by_type.values()) > 20


def test_mixed_weights_are_kept() -> None:
    """A mode of twice the weight is drawn about twice as often."""

    async def story(x: FailingExchange) -> Counter[str]:
        seen: Counter[str] = Counter()
        for _ in range(600):
            answer = await said(x.fetch_time())
            seen[answer if isinstance(answer, str) else "served"] += 1
        return seen

    weights = {"RATE_LIMIT": 2, "CONNECTION_ERROR": 1}
    seen = run("MIXED", story, {"weights": weights})
    assert set(seen) == {"RateLimitError", "ConnectionLostError"}
    assert 340 < seen["RateLimitError"] < 460


def test_params_of_a_mixture_reach_the_modes_in_it() -> None:
    """Otherwise a mixture could only ever fail by default."""

    async def story(x: FailingExchange) -> float | None:
        with pytest.raises(RateLimitError) as raised:
            await x.fetch_time()
        return raised.value.retry_after

    params = {"weights": {"RATE_LIMIT": 1}, "params": {"RATE_LIMIT": {"retry_after": 7}}}
    assert run("MIXED", story, params) == 7.0


def test_arming_one_more_mode_shifts_nobody_elses_draws() -> None:
    """The same requests fail in the same way, whatever else is armed beside."""

    async def story(more: bool) -> list[bool]:
        async with FailingExchange(latency=None) as x:
            if more:
                x.add_failure_mode("INVALID_ORDER", 0.5)
            x.add_failure_mode("CONNECTION_ERROR", 0.3)
            for _ in range(60):
                await said(buy(x))
            return [
                any(rule.name == "CONNECTION_ERROR" for rule, _ in trip.active)
                for trip in x.journal.trips
                if trip.operation == "create_order"
            ]

    alone = simulate(story(False))
    assert simulate(story(True)) == alone
    assert 5 < sum(alone) < 40


def test_errors_of_modes_are_those_of_the_tree() -> None:
    """A builtin ConnectionError for a bot that knows no other."""
    with pytest.raises(ConnectionError):
        run("CONNECTION_ERROR", buy)
    with pytest.raises(InvalidOrderError):
        run("INVALID_ORDER", buy)
    assert issubclass(ConnectionLostError, ConnectionError)
