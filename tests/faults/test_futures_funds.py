"""Faults that lock or take money strike the wallet that the request's market is paid from."""

from __future__ import annotations

from typing import Any

import pytest

from failing_exchange import FailingExchange, simulate

SWAP, SPOT = "BTC/USDT:USDT", "BTC/USDT"


@pytest.mark.parametrize(
    ("fault", "free", "total"), [("lock_funds", 500, 1_000), ("take_funds", 500, 500)]
)
@pytest.mark.parametrize("symbol", [SPOT, SWAP])
def test_money_is_locked_or_taken_where_the_market_needs_it(
    fault: str, free: float, total: float, symbol: str
) -> None:
    """A lock on the spot wallet would not harm a bot of contracts, and teach it nothing."""
    struck, spared = ("swap", "spot") if symbol == SWAP else ("spot", "swap")

    async def main() -> Any:
        x = FailingExchange(markets=[SPOT, SWAP], balances={"USDT": 1_000}, latency=None)
        x.arm(fault, "nth(1)", operations="create_order", part=0.5)
        await x.create_order(symbol, "limit", "buy", 0.002, 30_000, {"test": True})
        return [await x.fetch_balance({"type": kind}) for kind in (struck, spared)]

    found, other = simulate(main())
    assert (found["USDT"]["free"], found["USDT"]["total"]) == (free, total)
    assert (other["USDT"]["free"], other["USDT"]["total"]) == (1_000, 1_000)


def test_after_a_cancel_the_margin_of_the_order_stays_locked() -> None:
    """Of a contract that is its margin, not its notional; then it is free again."""

    async def main() -> list[float]:
        x = FailingExchange(markets=[SWAP], balances={"USDT": 1_000}, latency=None)
        x.arm("hold_after_cancel", "nth(1)", lasts=None)
        await x.set_leverage(10, SWAP)
        order = await x.create_order(SWAP, "limit", "buy", 0.1, 30_000)
        await x.cancel_order(order["id"], SWAP)
        return [(await x.fetch_balance())["USDT"][name] for name in ("free", "total")]

    assert simulate(main()) == [700, 1_000]
