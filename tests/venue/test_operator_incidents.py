"""Incidents by name: their fields are checked before anything happens."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from failing_exchange import FailingExchange, simulate
from failing_exchange.core import commands as c
from failing_exchange.core.collateral import ChangeCollateral
from failing_exchange.core.commands import ChangeRules, Freeze, SetMarketStatus
from failing_exchange.core.market import MarketStatus
from failing_exchange.core.queries import FetchMarkPrice
from failing_exchange.core.units import ATOMS
from failing_exchange.errors import ConfigurationError, ExchangeMaintenanceError
from failing_exchange.faults.triggers import nth
from failing_exchange.scenarios.scenario import read
from failing_exchange.venue.default_world import MARKETS
from failing_exchange.venue.operator_incidents import INCIDENTS, OF_CONTRACTS, command_of
from failing_exchange.venue.perpetuals import PERPETUALS
from tests.passes import run
from tests.venues.binance.client import Client, on_the_wire

S = "BTC/USDT"
P = "BTC/USDT:USDT"
LISTED = {S: MARKETS[S], P: PERPETUALS[P]}
FIELDS: dict[str, Any] = {
    "symbol": S, "percent": 1, "asset": "BTC", "amount": 1, "order": 1, "trade": 1, "side": "sell",
    "depth": 1, "share": 50,
}  # fmt: skip


def made(name: str, **fields: Any) -> Any:
    needed = {field: FIELDS[field] for field in INCIDENTS[name].needs}
    if name in OF_CONTRACTS:
        needed["symbol"] = P
    return command_of(name, {**needed, **fields}, LISTED)


TIMED = [name for name, incident in INCIDENTS.items() if "seconds" in incident.may]


@pytest.mark.parametrize("name", TIMED)
@pytest.mark.parametrize("seconds", [0, 0.0, -1, 1e308, float("nan"), float("inf"), True, "soon"])
def test_a_time_is_above_zero_and_not_longer_than_a_year(name: str, seconds: Any) -> None:
    """Zero seconds once meant for ever; the error says how to say that."""
    with pytest.raises(ConfigurationError, match="seconds") as caught:
        made(name, seconds=seconds)
    assert "\n" not in str(caught.value)


def test_without_a_time_an_incident_is_for_good() -> None:
    """Until the operator takes it back."""
    assert made("halt") == SetMarketStatus(S, MarketStatus.HALTED, None)
    assert made("freeze") == Freeze("main", "BTC", 10**8, None)
    assert made("halt", seconds=0.5).nanoseconds == 500_000_000
    assert made("halt", seconds="10m").nanoseconds == 600_000_000_000


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("move_price", {"percent": -100}),
        ("move_price", {"percent": 1e308}),
        ("change_fees", {"maker": 1e20}),
        ("change_fees", {"taker": -1}),
        ("change_rules", {"cost_min": 1e308}),
        ("change_rules", {"price_step": 0.001}),
        ("change_rules", {"price_step": "0.015"}),
        ("change_rules", {"orders_max": 1.5}),
        ("cancel_order", {"order": 0}),
        ("cancel_order", {"order": "1"}),
        ("trade_against", {"order": 10**20}),
        ("trade_against", {"amount": "0.0000001"}),
        ("fill_in_part", {"share": 101}),
        ("pull_liquidity", {"side": "both"}),
        ("pull_liquidity", {"depth": -1}),
        ("undo_trade", {"trade": 1.5}),
        ("restart", {"orders": "some"}),
        ("change_rules", {"orders_max": 1e308}),
        ("change_rules", {"band_percent": 100}),
        ("credit", {"amount": 0}),
        ("credit", {"amount": "1e999999999"}),
        ("credit", {"asset": "B" * 5_000}),
        ("debit", {"account": 5}),
        ("deleverage", {"amount": 0}),
        ("deleverage", {"amount": "0.00001"}),
        ("settle_contract", {"price": -1}),
        ("pay_funding", {"rate": 101}),
        ("pay_funding", {"rate": "much"}),
        ("change_funding", {"hours": 3}),
        ("change_funding", {"cap": float("nan")}),
        ("move_mark", {"percent": -100}),
        ("set_insurance_fund", {"amount": -1}),
        ("change_collateral", {"worth": 0}),
        ("change_collateral", {"haircut": 100}),
    ],
)
def test_what_would_poison_the_venue_is_refused(name: str, fields: dict[str, Any]) -> None:
    """The error names the field, and is never longer than a few lines."""
    with pytest.raises(ConfigurationError, match=next(iter(fields))) as caught:
        made(name, **fields)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("name", [["halt"], {}, 5, "hlat"])
def test_what_is_no_incident_is_refused_by_its_name(name: Any) -> None:
    """A list is no name either."""
    with pytest.raises(ConfigurationError, match="no incident"):
        command_of(name, {}, MARKETS)


def test_a_coarser_step_is_exact() -> None:
    """0.05 is five of the finest steps of 0.01."""
    command = made("change_rules", price_step="0.05", orders_max=3)
    assert command == ChangeRules(S, (("price_every", 5), ("orders_max", 3)))


@pytest.mark.parametrize(
    ("name", "fields", "command"),
    [
        ("liquidate", {"account": "other"}, c.LiquidatePosition("other", P)),
        ("deleverage", {}, c.Deleverage("main", P)),
        ("deleverage", {"amount": "0.5"}, c.Deleverage("main", P, 500)),
        ("settle_contract", {"price": 50_000}, c.SettleContract(P, 500_000)),
        ("pay_funding", {}, c.PayFunding(P)),
        ("pay_funding", {"rate": 0.01}, c.PayFunding(P, 10_000)),
        ("change_funding", {"hours": 1, "floor": -2}, c.ChangeFunding(P, 1, None, -2_000_000)),
        ("move_mark", {"percent": -5, "seconds": 2}, c.MoveMark(P, 0, 2 * 10**9, -50_000)),
        ("set_insurance_fund", {"amount": 0}, c.SetInsuranceFund("BTC", 0)),
        ("set_insurance_fund", {"amount": "2.5"}, c.SetInsuranceFund("BTC", 250_000_000)),
        ("change_collateral", {"worth": "0.97"}, ChangeCollateral("BTC", 97_000_000)),
        ("change_collateral", {"haircut": 20}, ChangeCollateral("BTC", None, 200_000, 200_000)),
    ],
)
def test_incidents_of_contracts_are_in_units_and_percent(
    name: str, fields: dict[str, Any], command: Any
) -> None:
    """As a scenario file or the control API says them; the engine counts in lots and atoms."""
    assert made(name, **fields) == command


@pytest.mark.parametrize("name", sorted(OF_CONTRACTS))
def test_what_happens_to_contracts_only_names_the_contracts(name: str) -> None:
    """A spot market has no position that could be liquidated."""
    with pytest.raises(ConfigurationError, match=f"BTC/USDT is not a contract.*{P}"):
        made(name, symbol=S)


def test_a_mark_price_moves_by_a_share_of_where_it_would_be() -> None:
    """Moved twice, it is 5 % away, not 10; then it comes back by itself."""

    async def story(x: Any) -> None:
        def mark() -> float:
            asked = FetchMarkPrice("main", P)
            return float(x.venue.engine.execute(asked, x.venue.clock.now())[1].mark)

        await x.create_order(P, "limit", "buy", 0.01, 50_000)
        await x.client("other").create_order(P, "market", "sell", 0.01)
        before = mark()
        for _ in range(2):
            await x.operate(made("move_mark", percent=-5, seconds=10))
            assert mark() == pytest.approx(before * 0.95)
        await asyncio.sleep(11)
        await x.fetch_time()
        assert mark() == before

    run(story, markets=[PERPETUALS[P]], background=False)


@pytest.mark.parametrize("name", ["change_rules", "change_fees", "change_funding"])
def test_a_change_of_nothing_is_refused(name: str) -> None:
    """It says what may be changed."""
    with pytest.raises(ConfigurationError, match="changes nothing: give"):
        made(name)


def test_incidents_change_only_what_they_name() -> None:
    """Both are made from the markets as they are at the start, and the later one keeps the
    fees that the earlier one has set, and a fault's limit of orders, too."""

    async def story(x: Any) -> None:
        await x.operate(made("change_fees", taker=0.2))
        x.arm("limit_orders", nth(1), most=7)
        await x.create_order(S, "limit", "buy", 0.01, 20_000)
        await x.operate(made("change_rules", cost_min=7))
        await x.operate(made("change_fees", maker=0.3))
        market = x.venue.engine.state.markets[S].market
        assert (market.taker_fee, market.maker_fee, market.cost_min) == (2_000, 3_000, 7 * ATOMS)
        assert market.orders_max == 7

    run(story)


def test_a_maintenance_of_a_scenario_begins_and_ends_by_itself() -> None:
    """At its time, not with the first request behind it: that one would still be let in."""
    text = """
[[incidents]]
at = 60
do = "maintenance"
seconds = 60
after = "1m"
message = "Upgrade"
"""

    async def main() -> list[str]:
        x = FailingExchange(latency=None)
        read(text).apply(x)
        heard = []
        for pause in (0, 119, 2, 58, 2):
            await asyncio.sleep(pause)
            try:
                await x.fetch_balance()
                heard.append("ok")
            except ExchangeMaintenanceError as error:
                heard.append("Upgrade" if "Upgrade" in str(error) else str(error))
        return heard

    assert simulate(main()) == ["ok", "ok", "Upgrade", "Upgrade", "ok"]


def test_a_maintenance_has_an_end_and_a_message() -> None:
    """Else nothing would ever answer again, or an error would say nothing."""
    for fields, told in (
        ({}, "needs seconds"),
        ({"seconds": None}, "has an end"),
        ({"seconds": 60, "message": ""}, "message must be a string"),
        ({"seconds": 60, "message": 5}, "message must be a string"),
    ):
        with pytest.raises(ConfigurationError, match=told):
            command_of("maintenance", fields, {})


def test_a_delisted_market_is_seen_as_binance_shows_one() -> None:
    """BREAK, "Market is closed." for orders, an EXPIRED order: and nothing of the other markets."""

    async def story(client: Client) -> None:
        placed = (await client.order()).body
        await client.venue.exchange.operate(command_of("delist", {"symbol": S}, LISTED))
        info = (await client.public("GET", "/api/v3/exchangeInfo", symbol="BTCUSDT")).body
        assert info["symbols"][0]["status"] == "BREAK"
        for status, there in (("BREAK", True), ("TRADING", False), ("HALT", False)):
            some = await client.public("GET", "/api/v3/exchangeInfo", symbolStatus=status)
            assert ("BTCUSDT" in {one["symbol"] for one in some.body["symbols"]}) is there
        refused = await client.order()
        assert refused.status == 400
        assert refused.body == {"code": -1013, "msg": "Market is closed."}
        asked = {"symbol": "BTCUSDT", "orderId": placed["orderId"]}
        order = await client.signed("GET", "/api/v3/order", **asked)
        assert order.body["status"] == "EXPIRED"
        markets = await client.venue.exchange.fetch_markets()
        assert [one["active"] for one in markets if one["symbol"] == S] == [False]

    on_the_wire(story)


def test_contracts_are_settled_and_not_delisted() -> None:
    """The message says which incident closes their positions, too."""
    with pytest.raises(ConfigurationError, match="is a contract; use settle_contract"):
        command_of("delist", {"symbol": P}, LISTED)
