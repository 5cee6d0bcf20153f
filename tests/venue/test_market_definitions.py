"""Markets, fees and balances in the units that people use; wrong units are refused."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest

from failing_exchange import ConfigurationError, FailingExchange, simulate
from failing_exchange.cli.main import parser
from failing_exchange.cli.serve import _venue
from failing_exchange.core.market import Market
from failing_exchange.scenarios.scenario import load, read
from failing_exchange.venue.market_definitions import FIELDS, define

DOGE: dict[str, Any] = {
    "symbol": "DOGE/USDT", "price_step": "0.00001", "amount_step": 1, "price": 0.2,
}  # fmt: skip
DOCUMENT = (Path(__file__).parents[2] / "docs" / "markets.md").read_text(encoding="utf-8")


def test_a_market_in_units_is_the_same_as_one_in_steps() -> None:
    """Ticks, lots and parts per million are for the exchange, not for its users."""
    units = {**DOGE, "amount_min": 10, "amount_max": "1000000", "cost_min": 5.0,
             "price_min": "0.00010", "price_max": 100, "maker_fee": "0.02%", "taker_fee": 0.0004,
             "orders_max": 200}  # fmt: skip
    assert define(units).market == Market(
        symbol="DOGE/USDT", base="DOGE", quote="USDT", price_step=1_000, amount_step=10**8,
        amount_min=10, amount_max=1_000_000, cost_min=5 * 10**8, price_min=10, price_max=10**7,
        maker_fee=200, taker_fee=400, orders_max=200,
    )  # fmt: skip


def test_a_market_with_a_price_has_a_background_of_its_own() -> None:
    """It opens there and moves as much in a day as it was told to, at least in the long run."""

    async def main(volatility: str) -> list[float]:
        x = FailingExchange(seed=3, markets=[{**DOGE, "volatility": volatility}])
        assert abs((await x.fetch_ticker("DOGE/USDT"))["last"] - 0.2) < 0.0001
        days = (await x.fetch_ohlcv("DOGE/USDT", "1d", None, 60))[:-1]
        return [abs(day[4] / day[1] - 1) for day in days]

    calm, wild = (sum(simulate(main(one))) for one in ("1%", "8%"))
    assert 4 * calm < wild < 16 * calm


def test_a_market_without_a_price_is_traded_by_clients_alone() -> None:
    """Its book is empty until somebody places an order."""

    async def main() -> None:
        x = FailingExchange(markets=[_without("price")])
        assert (await x.fetch_order_book("DOGE/USDT"))["bids"] == []
        await x.create_order("DOGE/USDT", "limit", "sell", 5, 0.3)
        await x.client("bob").create_order("DOGE/USDT", "limit", "buy", 5, 0.3)
        assert (await x.fetch_ticker("DOGE/USDT"))["last"] == 0.3

    simulate(main())


def _without(name: str) -> dict[str, Any]:
    return {key: value for key, value in DOGE.items() if key != name}


def test_a_market_of_the_default_world_keeps_its_price_in_other_steps() -> None:
    """Coarser steps gave it a hundredth of its price."""

    async def main() -> None:
        coarse = {"symbol": "BTC/USDT", "price_step": "0.5", "amount_step": "0.001"}
        x = FailingExchange(seed=1, markets=[coarse])
        assert 50_000 < (await x.fetch_ticker("BTC/USDT"))["last"] < 50_100

    simulate(main())


@pytest.mark.parametrize(
    ("fees", "maker", "taker"),
    [
        ("0.075%", 0.00075, 0.00075),
        (0, 0.0, 0.0),
        ({"maker": 0.0002, "taker": "0.04%"}, 0.0002, 0.0004),
        ({"BTC/USDT": {"taker": "0.05%"}}, 0.001, 0.0005),
    ],
)
def test_fees_are_charged_as_given(fees: object, maker: float, taker: float) -> None:
    """A bot that lives on a thin margin needs its own venue's fees."""

    async def main() -> None:
        x = FailingExchange(fees=fees)
        found = (await x.fetch_trading_fees())["BTC/USDT"]
        assert (found["maker"], found["taker"]) == (maker, taker)
        order = await x.create_order("BTC/USDT", "market", "buy", 1)
        assert order["fee"]["cost"] == pytest.approx(taker, abs=1e-7)  # BTC; each fill is cut

    simulate(main())


@pytest.mark.parametrize(
    ("market", "says"),
    [
        ({"pricestep": 1}, "did you mean 'price_step'"),
        ({"price_step": 0}, "price_step must be a number above 0"),
        ({"price_step": "0.000000001"}, "the smallest is 0.00000001"),
        ({"price_step": True}, "not True"),
        ({"amount_step": "one"}, "not 'one'"),
        ({"amount_min": 0.5}, "amount_min must be a multiple of amount_step"),
        ({"maker_fee": 0.1}, 'a fraction like 0.001 or a percentage like "0.1%", from 0 to 5%'),
        ({"maker_fee": 1_000}, "not 1000"),
        ({"taker_fee": "0.00001%"}, "a multiple of 0.0001%"),
        ({"volatility": 3}, "volatility must be a fraction"),
        ({"price": "0.0001"}, "at least 100 price steps"),
        ({"price": 0.123456}, "price must be a multiple of price_step"),
        ({"symbol": "DOGEUSDT"}, 'two assets like "DOGE/USDT"'),
        ({"orders_max": 1.5}, "a whole number from 1"),
    ],
)
def test_what_can_t_be_is_refused_in_a_sentence(market: dict[str, Any], says: str) -> None:
    """It names the key, the value and what was expected, before anything runs."""
    with pytest.raises(ConfigurationError) as refused:
        FailingExchange(markets=[{**DOGE, **market}])
    assert says in str(refused.value)


def test_a_market_without_a_symbol_is_named_by_its_place() -> None:
    """`markets[None]` would be found in no list."""
    with pytest.raises(ConfigurationError, match=r"markets\[1\]\.symbol is missing"):
        FailingExchange(markets=[DOGE, {}])


@pytest.mark.parametrize(
    ("fees", "says"),
    [
        (0.1, "fees must be a fraction"),
        ({"makers": 0.001}, "no market 'makers' here"),
        ({"maker": 0.001, "takers": 0.001}, "fees.takers is neither maker nor taker"),
        ({"BTC/USD": 0.001}, "did you mean 'BTC/USDT'"),
        (-0.001, "from 0 to 5%"),
    ],
)
def test_wrong_fees_are_refused(fees: object, says: str) -> None:
    """A fee of 10 % is a slip, and so is one that would pay whoever trades."""
    with pytest.raises(ConfigurationError) as refused:
        FailingExchange(fees=fees)
    assert says in str(refused.value)


def test_a_scenario_file_takes_the_same(tmp_path: Path) -> None:
    """Markets, fees, balances and recordings; a relative path starts at the file's folder."""
    (tmp_path / "doge.csv").write_text("1767225600,0.2,0.3,0.1,0.25,1000\n", encoding="utf-8")
    (tmp_path / "world.toml").write_text(
        """
        markets = [{ symbol = "DOGE/USDT", price_step = "0.00001", amount_step = 1 }]
        fees = "0.05%"
        [accounts.main]
        balances = { USDT = 1000 }
        [recordings]
        "DOGE/USDT" = "doge.csv"
        """,
        encoding="utf-8",
    )
    arguments = load(tmp_path / "world.toml").arguments
    assert arguments["recordings"] == {"DOGE/USDT": tmp_path / "doge.csv"}

    async def main() -> None:
        x = FailingExchange(scenario=tmp_path / "world.toml")
        assert (await x.fetch_trading_fees())["DOGE/USDT"]["maker"] == 0.0005
        await asyncio.sleep(30)
        assert 0.1 <= (await x.fetch_ticker("DOGE/USDT"))["last"] <= 0.3

    simulate(main(), start="2026-01-01T00:00:00Z")


def test_a_served_venue_takes_the_same() -> None:
    """And its markets of the default world have production's filters all the same."""
    options = parser().parse_args(
        ["serve", "--market", "BTC/USDT", "--market",
         "symbol=DOGE/USDT,price_step=0.00001,amount_step=1,price=0.2", "--fees",
         "maker=0.02%,taker=0.04%", "--balance", "USDT=100", "--balance", "DOGE=5"]
    )  # fmt: skip
    venue = _venue(options).exchange.venue
    assert list(venue.markets) == ["BTC/USDT", "DOGE/USDT"]
    assert venue.markets["BTC/USDT"].orders_max == 200
    assert {m.maker_fee for m in venue.markets.values()} == {200}
    assert venue.accounts["main"] == {"USDT": 100 * 10**8, "DOGE": 5 * 10**8}
    assert venue.profiles["DOGE/USDT"] is not None


def test_what_serve_is_not_given_is_the_scenario_s(tmp_path: Path) -> None:
    """Its account owned plenty of everything, whatever the scenario said."""
    path = tmp_path / "poor.toml"
    path.write_text("[accounts.main]\nbalances = { USDT = 7 }\n", encoding="utf-8")
    options = parser().parse_args(["serve", "--scenario", str(path)])
    assert _venue(options).exchange.venue.accounts["main"] == {"USDT": 7 * 10**8}
    with pytest.raises(ConfigurationError, match="BTC is given twice"):
        _venue(parser().parse_args(["serve", "--balance", "BTC=1", "--balance", "BTC=2"]))


def test_the_account_owns_plenty_of_an_asset_of_its_own_market() -> None:
    """Without balances it could only buy."""

    async def main() -> None:
        x = FailingExchange(markets=[DOGE])
        assert (await x.create_order("DOGE/USDT", "market", "sell", 100))["status"] == "closed"

    simulate(main())


def test_a_journal_goes_on_only_with_the_same_backgrounds(tmp_path: Path) -> None:
    """Another opening price would be another history."""
    path = str(tmp_path / "run.db")

    async def run(price: float) -> None:
        async with FailingExchange(markets=[{**DOGE, "price": price}], journal=path) as x:
            await x.create_order("DOGE/USDT", "market", "buy", 10)

    simulate(run(0.2))
    with pytest.raises(ConfigurationError, match="own backgrounds"):
        simulate(run(0.3))


def test_the_document_names_every_key() -> None:
    """And its scenario is read like any other."""
    for key in FIELDS:
        assert f"`{key}`" in DOCUMENT
    blocks = re.findall(r"^```toml\n(.*?)^```", DOCUMENT, re.MULTILINE | re.DOTALL)
    assert [one.market.symbol for one in read(blocks[0]).arguments["markets"]] == [
        "BTC/USDT",
        "DOGE/USDT",
    ]
