"""Which wallets a bot counts, which says what it owns of an asset."""

from __future__ import annotations

from failing_exchange import FailingExchange, simulate
from failing_exchange.judge.facts import Facts

SPOT, FUTURES = "main", "main@futures"


def test_a_wallet_that_nothing_has_happened_to_is_not_taken_for_another() -> None:
    """It begins with as much as the spot wallet: a bot that books nothing would be right by it."""

    async def story() -> None:
        x = FailingExchange(balances={"USDT": 1_000}, background=False, latency=None)
        await x.ready()
        assert x.venue.engine is not None
        facts = Facts(x.venue.engine, "main")

        def meant(believed: float) -> tuple[str, ...]:
            return facts.wallets_meant("USDT", believed)

        assert (meant(1_000), meant(2_000)) == ((SPOT,), (SPOT, FUTURES))
        other = x.client("other", balances={"BTC": 1})
        await other.create_order("BTC/USDT", "limit", "sell", 0.01, 10_000)
        await x.create_order("BTC/USDT", "market", "buy", 0.01)
        assert (meant(900), meant(1_000)) == ((SPOT,), (SPOT,))
        await x.transfer("USDT", 300, "spot", "swap")
        assert (meant(600), meant(1_300)) == ((SPOT,), (FUTURES,))
        assert meant(1_900) == (SPOT, FUTURES)

    simulate(story())
