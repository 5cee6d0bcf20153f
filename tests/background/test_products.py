"""Backgrounds, data and the default world take a product that they have never seen.

Its symbol names a settlement asset, it settles in another asset than a spot market's, and several
of its kind settle in different ones.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from failing_exchange import FailingExchange, simulate
from failing_exchange.background import SyntheticMarket
from failing_exchange.background.profiles import PROFILES
from failing_exchange.core import commands as c
from failing_exchange.core.contract import Contract
from failing_exchange.core.engine import Engine
from failing_exchange.core.market import Market, Symbol, parse_symbol
from failing_exchange.core.order import BUY, MARKET
from failing_exchange.core.queries import FetchBook, FetchCandles, FetchTicker, FetchTrades
from failing_exchange.core.units import ATOMS, DAY_S, SECOND
from failing_exchange.errors import ConfigurationError
from failing_exchange.venue.default_world import MARKETS, background_of, balances_of
from tests.core.contracts import BRACKETS, IN_BTC, PERPETUAL

BIRTH = 1_767_225_600


def flow_of(market: Market) -> SyntheticMarket:
    profile = PROFILES[f"{market.base}/{market.quote}"]
    return SyntheticMarket(
        market.symbol, seed=1, birth=BIRTH, opening=profile.opening, profile=profile
    )


def do(engine: Engine, command: Any, second: int) -> Any:
    at = (BIRTH + second) * SECOND
    engine.advance(at)
    return engine.execute(command, at)[1]


@pytest.mark.parametrize("market", [PERPETUAL, IN_BTC], ids=lambda one: one.symbol)
def test_all_market_data_is_there(market: Market) -> None:
    """Tickers, books, candles and trades know prices and amounts, and no asset."""
    engine = Engine([(market, flow_of(market))])
    do(engine, c.OpenAccount("a", (), None, ((market.quote, 10**6 * ATOMS),)), 0)
    assert do(engine, c.PlaceOrder("a", market.symbol, BUY, MARKET, 10, 0), 1)
    ticker = do(engine, FetchTicker("a", market.symbol), 2)
    assert ticker.bid[0] < ticker.ask[0] and ticker.day.at == BIRTH - DAY_S + 60
    book = do(engine, FetchBook("a", market.symbol, 20), 3)
    assert (len(book.bids), len(book.asks)) == (20, 20)
    assert len(do(engine, FetchCandles("a", market.symbol, 60, 0, 5), 300).bars) == 5
    assert do(engine, FetchTrades("a", market.symbol, 0, 10), 301).trades


def test_a_recording_is_a_background_of_it(tmp_path: Path) -> None:
    """Its depth comes from the recording: no profile has its name."""
    path = tmp_path / "trades.csv"
    path.write_text("1767225600,50000.00,0.5,buy\n1767225660,50001.00,1,sell\n")
    found = background_of(PERPETUAL.symbol, seed=1, birth=BIRTH, market=PERPETUAL, recording=path)
    assert found is not None and found.close(BIRTH) == 5_000_000


def test_a_recording_has_the_default_spread_in_any_steps(tmp_path: Path) -> None:
    """Coarser steps made the spread of a recorded BTC/USDT fifty times as wide."""
    path = tmp_path / "trades.csv"
    path.write_text("1767225600,50000.00,0.5,buy\n1767225660,50001.00,1,sell\n")
    spreads = []
    for step in (10**6, 5 * 10**7):
        market = replace(MARKETS["BTC/USDT"], price_step=step)
        found = background_of(market.symbol, seed=1, birth=BIRTH, market=market, recording=path)
        assert found is not None
        tops = [found.top(BIRTH + n) for n in range(60)]
        spreads.append(max((ask[0] - bid[0]) * step for bid, ask in tops) / ATOMS)
    assert spreads[0] < 1 and spreads[1] <= 2


def test_a_default_account_has_what_each_settlement_moves() -> None:
    """The base asset of a contract is never held, and needs no balance."""
    contract = Contract(settle="DOGE", brackets=BRACKETS)
    doge = replace(IN_BTC, symbol="XRP/DOGE:DOGE", base="XRP", quote="DOGE", contract=contract)
    found = balances_of(None, {one.symbol: one for one in (PERPETUAL, doge)})
    assert "DOGE" in found and "XRP" not in found


def test_values_need_no_spelling_of_a_symbol() -> None:
    """What BTC is worth in USDT is known where only a contract says it."""
    engine = Engine([(PERPETUAL, flow_of(PERPETUAL))])
    worth = engine.state.value("BTC", ATOMS, "USDT", BIRTH * SECOND)
    assert worth == PROFILES["BTC/USDT"].opening * PERPETUAL.price_step


def test_a_client_sees_it() -> None:
    """An exchange that lists it beside a spot market of the same pair keeps the two apart."""

    async def main() -> None:
        x = FailingExchange(markets=["BTC/USDT", PERPETUAL])
        spot, contract = [await x.fetch_ticker(s) for s in ("BTC/USDT", PERPETUAL.symbol)]
        assert spot["last"] > 0 and contract["symbol"] == PERPETUAL.symbol

    simulate(main())


def test_a_symbol_is_read_in_one_place() -> None:
    """All else compares symbols, and never takes them apart."""
    assert parse_symbol("BTC/USDT:USDT") == Symbol("BTC", "USDT", "USDT")
    for wrong in ("BTCUSDT", "BTC/USDT:", "btc/usdt", "BTC/USDT/ETH", "BTC/", None, 5):
        with pytest.raises(ValueError, match="a symbol is like"):
            parse_symbol(wrong)


def test_a_mapping_does_not_define_a_contract() -> None:
    """It would be settled like a spot market, against what its symbol says."""
    given = {"symbol": "DOGE/USDT:USDT", "price_step": "0.00001", "amount_step": 1}
    with pytest.raises(ConfigurationError, match="contract that settles in USDT"):
        FailingExchange(markets=[given])
    with pytest.raises(ConfigurationError, match="kind must be one of"):
        FailingExchange(markets=[replace(PERPETUAL, kind="swap", contract=None)])
