"""Scenario files: a whole run as data, checked before anything runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from failing_exchange import ConfigurationError, FailingExchange, FailingExchangeError, simulate
from failing_exchange.core.market import MarketStatus
from failing_exchange.runs import bots
from failing_exchange.scenarios.scenario import STRATEGIES, Scenario, load, read

WHOLE = """
description = "everything at once"
seed = 5
duration = "2h"
markets = ["BTC/USDT", "ETH/USDT"]
timeout = 3
rate_limit = 600
latency = 20

[accounts.main]
balances = { USDT = 1000, BTC = 0.5 }

[accounts.bob]
balances = { USDT = 7 }

[maintenance]
daily = { start = "01:00", duration = 5, message = "back soon" }

[[modes]]
mode = "PARTIAL_FILL"
probability = 0.5
params = { fill_ratio = 0.5 }

[[faults]]
kind = "lose_answer"
when = "nth(1) & ~hours(2, 4)"
operations = ["create_order"]
name = "the first answer"

[[incidents]]
at = "10m"
do = "halt"
symbol = "BTC/USDT"
"""


def made(scenario: Scenario) -> FailingExchange:
    exchange = FailingExchange(**scenario.arguments)
    scenario.apply(exchange)
    return exchange


def test_an_account_begins_as_others_have_left_it() -> None:
    """Leverage and modes outlive the bot that set them; a new one has to read them."""
    text = """
    markets = ["BTC/USDT:USDT"]
    [accounts.main.margin]
    leverage = 20
    hedge = true
    multi_assets = true
    """

    async def story() -> None:
        exchange = made(read(text))
        assert (await exchange.fetch_leverage("BTC/USDT:USDT"))["longLeverage"] == 20
        assert (await exchange.fetch_position_mode())["hedged"] is True
        assert (await exchange.fetch_multi_assets_mode())["multiAssets"] is True

    simulate(story())


def test_a_scenario_is_a_whole_run() -> None:
    """Markets, accounts, faults and incidents: all of it is there, at its time."""

    async def story() -> None:
        import asyncio

        exchange = made(read(WHOLE))
        assert exchange.symbols == ["BTC/USDT", "ETH/USDT"]
        assert (await exchange.fetch_balance())["total"] == {"USDT": 1000.0, "BTC": 0.5}
        assert (await exchange.client("bob").fetch_balance())["free"]["USDT"] == 7.0
        with pytest.raises(TimeoutError):
            await exchange.create_order("BTC/USDT", "limit", "buy", 0.001, 40_000)
        await asyncio.sleep(601)
        await exchange.fetch_ticker("BTC/USDT")
        assert exchange.venue.market_of("BTC/USDT").status is MarketStatus.HALTED
        await asyncio.sleep(3_000)
        with pytest.raises(FailingExchangeError, match="back soon"):
            await exchange.fetch_balance()

    simulate(story())


def test_an_exchange_takes_a_scenario_by_its_constructor(tmp_path: Path) -> None:
    """What is given beside it goes before it."""
    (tmp_path / "whole.toml").write_text(WHOLE, encoding="utf-8")
    exchange = FailingExchange(scenario=tmp_path / "whole.toml")
    assert (exchange.seed, exchange.connection_timeout) == (5, 3.0)
    assert exchange.symbols == ["BTC/USDT", "ETH/USDT"]
    assert [rule.name for rule in exchange.armed] == ["PARTIAL_FILL", "the first answer"]
    assert FailingExchange(seed=9, scenario="symbol_halted").seed == 9


def test_a_recording_is_the_market(tmp_path: Path) -> None:
    """Real trades instead of the seeded ones; a mistake in the file is told at once."""
    rows = "timestamp,price,amount,side\n1700000000,100.00,1,buy\n1700000060,101.00,2,sell\n"
    (tmp_path / "trades.csv").write_text(rows, encoding="utf-8")

    async def story() -> None:
        import asyncio

        exchange = FailingExchange(recordings={"BTC/USDT": tmp_path / "trades.csv"})
        assert (await exchange.fetch_ticker("BTC/USDT"))["last"] == 100.0
        await asyncio.sleep(90)
        assert (await exchange.fetch_ticker("BTC/USDT"))["last"] == 101.0
        assert (await exchange.fetch_ticker("ETH/USDT"))["last"] > 1_000

    simulate(story())
    (tmp_path / "bad.csv").write_text("timestamp,price,amount\n1,x,1\n", encoding="utf-8")
    with pytest.raises(ConfigurationError, match="line 2"):
        FailingExchange(recordings={"BTC/USDT": tmp_path / "bad.csv"})
    with pytest.raises(ConfigurationError, match="BTC/USD"):
        FailingExchange(recordings={"BTC/USD": tmp_path / "trades.csv"})


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("sead = 1", "seed"),
        ("bot = 'miner'", "minute"),
        ("seed = -1", "at least 0"),
        ("duration = 'soon'", "1h"),
        ("markets = ['BTC/USD']", "BTC/USDT"),
        ("[accounts.main]\nbalance = {}", "balances"),
        (
            "markets = ['BTC/USDT']\n[accounts.main.margin]\nmulti_assets = true",
            "list one in markets, as BTC/USDT:USDT",
        ),
        ("markets = ['BTC/USDT:USDT']\n[accounts.main]\nmargin = 5", "expected leverage"),
        ("[accounts.main]\nbalances = { USDT = 'much' }", "much"),
        ("[[faults]]\nkind = 'lose_anser'", "lose_answer"),
        ("[[faults]]\nwhen = 'always'", "kind"),
        ("[[faults]]\nkind = 'lose_answer'\nwhen = 'nht(3)'", "nth"),
        ("[[faults]]\nkind = 'stale_read'\nsecond = 3", "seconds"),
        ("[[faults]]\nkind = 'lose_answer'\noperations = ['creat_order']", "create_order"),
        ("[[modes]]\nmode = 'TIMEOT'", "TIMEOUT"),
        ("[[modes]]\nmode = 'TIMEOUT'\nparams = { executd = 'x' }", "executed"),
        ("[[incidents]]\nat = 5\ndo = 'hlat'\nsymbol = 'BTC/USDT'", "halt"),
        ("[[incidents]]\nat = 5\ndo = 'halt'", "symbol"),
        ("[[incidents]]\nat = 5\ndo = 'halt'\nsymbol = 'BTC/USD'", "BTC/USDT"),
        ("[[incidents]]\ndo = 'halt'\nsymbol = 'BTC/USDT'", "at"),
        ("[maintenance]\nhourly = {}", "daily"),
        ("timeout = 0", "timeout = 0 must be above 0"),
        ("latency = 'fast'", "not 'fast'"),
        ("background = 'no'", "'no' must be true or false"),
        ("description = 5", "5 must be a string"),
        ("restarts = 5", "5 must be a list"),
        ("expect = 5", "[expect]"),
        ("[expect]\nnaive_break = ['once']", "did you mean 'naive_breaks'"),
        ("[expect]\nnaive_breaks = ['onec']", "did you mean 'once'"),
        ("[expect]\nharms = 'dies-of-none'", "beside harms_breaks"),
        ("[expect]\nharms = ['x']\nharms_breaks = ['once']", "must be the name of a bot"),
        ("[expect]\nharms = 'x'\nharms_breaks = ['onec']", "did you mean 'once'"),
        ("[expect]\nwire.binance = 'fetch_order: 400'", "must be a list of strings"),
        ("[expect]\nwire = ['fetch_order: 400']", "must be a table: wire.VENUE = [...]"),
        ("[expect]\nin_process = ['create_order']", "operation: what is seen"),
        ("[accounts.main]\nbalances = { btc = 1 }", "did you mean 'BTC'"),
        ("[accounts.main]\nfee_asset = 'BNV'", "did you mean 'BNB'"),
        ("[[modes]]\nmode = 'TIMEOT'", "modes[1].mode = 'TIMEOT'"),
        ("[[modes]]\nmode = 'TIMEOUT'\nprobability = 2", "modes[1].probability"),
        ("[[modes]]\nmode = 'NONE'\nparams = { a = 1 }", "NONE takes no params"),
        ("[[faults]]\nkind = 'lose_answer'\nsymbols = 'BTC/USD'", "did you mean 'BTC/USDT'"),
        ("[[faults]]\nkind = 'lose_answer'\nsides = 'bye'", "did you mean 'buy'"),
        ("[[faults]]\nkind = 'lose_answer'\nname = 5", "name must be a string"),
        ("[[incidents]]\nat = 5\ndo = 'debit'\nasset = 'btc'\namount = 1", "did you mean 'BTC'"),
        ("[[incidents]]\nat = 5\ndo = 'debit'\nasset = 'BTC'\namount = -1", "amount must be"),
        (
            "[[incidents]]\nat = 5\ndo = 'debit'\nasset = 'BTC'\namount = 1\naccount = 'mian'",
            "did you mean 'main'",
        ),
        ("[[incidents]]\nat = 5\ndo = 'halt'\nsymbol = 'BTC/USDT'\nseconds = -3", "not -3"),
        (
            "[[incidents]]\nat = 5\ndo = 'move_price'\nsymbol = 'BTC/USDT'\npercent = -100",
            "not -100",
        ),
        ("incidents = 3", "array of tables"),
        ("this is no toml", "line 1"),
    ],
)
def test_a_mistake_is_named_with_the_way_out(text: str, says: str) -> None:
    """Where it stands, what was found, what is accepted: before anything runs."""
    with pytest.raises(ConfigurationError) as found:
        read(text, place="storm.toml")
    assert str(found.value).startswith("storm.toml")
    assert says in str(found.value)


def test_files_and_names_are_loaded(tmp_path: Path) -> None:
    """A path is a file, a bare word one of ours."""
    (tmp_path / "mine.toml").write_text("seed = 3", encoding="utf-8")
    assert load(tmp_path / "mine.toml").seed == 3
    assert load("symbol_halted").faults
    with pytest.raises(ConfigurationError, match="symbol_halted"):
        load("symbol_halt")
    with pytest.raises(ConfigurationError, match="nothing"):
        load(tmp_path / "nothing.toml")


def test_a_scenario_may_name_each_strategy_of_the_reference_bots() -> None:
    assert tuple(bots.STRATEGIES) == STRATEGIES
