"""Any fault on any call or feed: an answer, or one of our errors, never a bug of ours."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from contextlib import suppress
from typing import Any

import pytest

from failing_exchange import FailingExchange, FailingExchangeError, simulate
from failing_exchange.faults import operations as ops
from failing_exchange.faults.catalogue import CATALOGUE
from failing_exchange.unified.calls import CALLS
from tests.faults.stories import HIGH, LOW, SYMBOL, buy

SWAP = "BTC/USDT:USDT"


def calls(x: FailingExchange, order_id: str) -> dict[str, Awaitable[Any]]:
    """Every call once."""
    stop = {"stopLossPrice": 30_000}
    return {
        "create_order": buy(x),
        "create_order at market": buy(x, None),
        "create_order by cost": x.create_market_buy_order_with_cost(SYMBOL, 1_000),
        "create_order stop": x.create_order(SYMBOL, "limit", "sell", 0.01, 30_000, stop),
        "create_oco_order": x.create_oco_order(SYMBOL, "sell", 0.01, HIGH, 30_000),
        "edit_order": x.edit_order(order_id, SYMBOL, "limit", "buy", 0.02, LOW),
        "amend_order": x.amend_order(order_id, SYMBOL, 0.005),
        "fetch_order": x.fetch_order(order_id),
        "fetch_open_orders": x.fetch_open_orders(),
        "fetch_closed_orders": x.fetch_closed_orders(SYMBOL),
        "fetch_canceled_orders": x.fetch_canceled_orders(SYMBOL),
        "fetch_orders": x.fetch_orders(SYMBOL),
        "fetch_my_trades": x.fetch_my_trades(SYMBOL),
        "fetch_order_trades": x.fetch_order_trades(order_id, SYMBOL),
        "fetch_balance": x.fetch_balance(),
        "fetch_ticker": x.fetch_ticker(SYMBOL),
        "fetch_ticker of nothing": x.fetch_ticker("NO/SUCH"),
        "fetch_tickers": x.fetch_tickers(),
        "fetch_bids_asks": x.fetch_bids_asks(),
        "fetch_last_prices": x.fetch_last_prices(),
        "fetch_order_book": x.fetch_order_book(SYMBOL),
        "fetch_trades": x.fetch_trades(SYMBOL),
        "fetch_ohlcv": x.fetch_ohlcv(SYMBOL),
        "fetch_markets": x.fetch_markets(),
        "fetch_currencies": x.fetch_currencies(),
        "fetch_trading_fees": x.fetch_trading_fees(),
        "fetch_time": x.fetch_time(),
        "fetch_status": x.fetch_status(),
        "cancel_order": x.cancel_order(order_id, SYMBOL),
        "cancel_order of nothing": x.cancel_order("999"),
        "cancel_all_orders": x.cancel_all_orders(SYMBOL),
        **contract_calls(x),
    }


def contract_calls(x: FailingExchange) -> dict[str, Awaitable[Any]]:
    """Those about contracts."""
    return {
        "create_orders": x.create_orders([contract(amount) for amount in (0.01, 0.02)]),
        "create_order conditional": x.create_order(
            SWAP, "market", "sell", 0.01, None, {"stopLossPrice": 30_000}
        ),
        "fetch_open_orders conditional": x.fetch_open_orders(SWAP, params={"trigger": True}),
        "fetch_order conditional": x.fetch_order("1", SWAP, {"trigger": True}),
        "cancel_order conditional": x.cancel_order("1", SWAP, {"trigger": True}),
        "cancel_all_orders conditional": x.cancel_all_orders(SWAP, {"trigger": True}),
        "edit_orders": x.edit_orders(
            [
                {
                    "id": "1",
                    "symbol": SWAP,
                    "type": "limit",
                    "side": "buy",
                    "amount": 0.01,
                    "price": 1,
                }
            ]
        ),
        "fetch_ledger": x.fetch_ledger(),
        "fetch_transfers": x.fetch_transfers(),
        "fetch_positions_adl_rank": x.fetch_positions_adl_rank(),
        "fetch_adl_rank": x.fetch_adl_rank(SWAP),
        "fetch_margin_adjustment_history": x.fetch_margin_adjustment_history(SWAP),
        "fetch_positions": x.fetch_positions(),
        "fetch_position": x.fetch_position(SWAP),
        **settings_and_rates(x),
    }


def settings_and_rates(x: FailingExchange) -> dict[str, Awaitable[Any]]:
    """Those about settings of contracts, and their prices and rates."""
    return {
        "fetch_leverage": x.fetch_leverage(SWAP),
        "fetch_leverages": x.fetch_leverages([SWAP]),
        "fetch_leverage_tiers": x.fetch_market_leverage_tiers(SWAP),
        "fetch_margin_mode": x.fetch_margin_mode(SWAP),
        "fetch_margin_modes": x.fetch_margin_modes(),
        "fetch_position_mode": x.fetch_position_mode(),
        "fetch_funding_rate": x.fetch_funding_rate(SWAP),
        "fetch_funding_rates": x.fetch_funding_rates(),
        "fetch_funding_intervals": x.fetch_funding_interval(SWAP),
        "fetch_funding_rate_history": x.fetch_funding_rate_history(SWAP, limit=2),
        "fetch_funding_history": x.fetch_funding_history(SWAP),
        "fetch_mark_price": x.fetch_mark_price(SWAP),
        "fetch_mark_prices": x.fetch_mark_prices(),
        "fetch_open_interest": x.fetch_open_interest(SWAP),
        "fetch_open_interest_history": x.fetch_open_interest_history(SWAP),
        "fetch_my_liquidations": x.fetch_my_liquidations(),
        "set_leverage": x.set_leverage(5, SWAP),
        "set_margin_mode": x.set_margin_mode("isolated", SWAP),
        "set_position_mode": x.set_position_mode(True),
        "set_multi_assets_mode": x.set_multi_assets_mode(True),
        "fetch_multi_assets_mode": x.fetch_multi_assets_mode(),
        "set_fee_burn": x.set_fee_burn(False),
        "add_margin": x.add_margin(SWAP, 5),
        "reduce_margin": x.reduce_margin(SWAP, 1),
        "transfer": x.transfer("USDT", 10, "spot", "swap"),
    }


def contract(amount: float) -> dict[str, Any]:
    """An order of a batch."""
    return {"symbol": SWAP, "type": "limit", "side": "buy", "amount": amount, "price": LOW}


def feeds(x: FailingExchange) -> dict[str, Awaitable[Any]]:
    """Every feed once."""
    return {
        "watch_ticker": x.watch_ticker(SYMBOL),
        "watch_tickers": x.watch_tickers([SYMBOL]),
        "watch_bids_asks": x.watch_bids_asks([SYMBOL]),
        "watch_order_book": x.watch_order_book(SYMBOL),
        "watch_ohlcv": x.watch_ohlcv(SYMBOL),
        "watch_trades": x.watch_trades(SYMBOL),
        "watch_orders": x.watch_orders(),
        "watch_my_trades": x.watch_my_trades(),
        "watch_balance": x.watch_balance(),
        "watch_my_liquidations": x.watch_my_liquidations(),
        "watch_positions": x.watch_positions(),
        "watch_mark_price": x.watch_mark_price(SWAP),
        "watch_mark_prices": x.watch_mark_prices(),
        "watch_liquidations": x.watch_liquidations(SWAP),
    }


async def hear(call: Awaitable[Any]) -> None:
    with suppress(FailingExchangeError, TimeoutError):
        await asyncio.wait_for(call, 20)


@pytest.mark.parametrize("name", [n for n, e in CATALOGUE.items() if e.scope == "process"])
def test_a_fault_on_every_call_at_once_breaks_nothing_of_ours(name: str) -> None:
    """A fault that raises inside the venue would end somebody's simulation as a bug of ours."""

    async def main() -> None:
        async with FailingExchange(latency=None, markets=[SYMBOL, SWAP]) as x:
            order = await buy(x)
            await buy(x, None)
            x.arm(name, operations=ops.ALL)
            watching = [asyncio.ensure_future(hear(feed)) for feed in feeds(x).values()]
            await asyncio.sleep(0.5)
            for call in calls(x, order["id"]).values():
                await hear(call)
            await asyncio.gather(*watching)
            x.reset()
            await asyncio.sleep(61)
            assert (await x.fetch_ticker(SYMBOL))["bid"] > 0
            assert set(assets_out_of_balance(x)) == set()

    simulate(main())


def assets_out_of_balance(x: FailingExchange) -> list[str]:
    engine = x.venue.engine
    assert engine is not None
    ledger = engine.state.ledger
    return [asset for asset in ledger.assets() if ledger.total_of(asset)]


def test_the_groups_of_operations_name_every_call_and_feed() -> None:
    """A call that is in no group would be struck by nothing."""
    assert set(ops.CALLS) == set(CALLS)
    x = FailingExchange()
    named = calls(x, "1")
    assert {name.split()[0] for name in named} == set(CALLS)
    watched = feeds(x)
    assert set(watched) == set(ops.FEEDS)
    for awaitable in [*named.values(), *watched.values()]:
        awaitable.close()  # type: ignore[attr-defined]
