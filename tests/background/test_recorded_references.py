"""A recorded perpetual has index and mark price: recorded ones, or its own price."""

from __future__ import annotations

from pathlib import Path

import pytest

from failing_exchange.background import RecordedMarket
from failing_exchange.core.mark_price import Range, ReferencePrices, mark_price
from failing_exchange.core.market import Market
from failing_exchange.core.units import ATOMS
from failing_exchange.errors import ConfigurationError
from failing_exchange.venue.default_world import MARKETS, backgrounds_of
from tests.background.markets import BIRTH

S = "BTC/USDT:USDT"
STEP = 10**7
CANDLES = f"""timestamp,open,high,low,close,volume,index price,Mark Price
{BIRTH},50000.0,50100.0,49900.0,50050.0,12.5,50040.12345678,50049.5
{BIRTH + 60},50050.0,50060.0,49950.0,49960.0,9.1,49970.5,49960.1
{BIRTH + 120},49960.0,49980.0,49940.0,49970.0,0,49971.0,49969.0
{BIRTH + 180},49960.0,50200.0,49940.0,50150.0,40,50001.0,50111.0
"""
INDEX = (50040.12345678, 49970.5, 49971.0, 50001.0)
MARKS = (50049.5, 49960.1, 49969.0, 50111.0)


def recorded(path: Path, text: str, columns: int = 8) -> RecordedMarket:
    rows = [line.split(",")[:columns] for line in text.splitlines()]
    path.write_text("\n".join(",".join(row) for row in rows))
    return RecordedMarket(path, symbol=S, birth=BIRTH, price_step=STEP, amount_step=10**5)


def references(flow: RecordedMarket) -> ReferencePrices:
    assert flow.reference is not None
    return flow.reference


def test_recorded_prices_hold_at_the_closes(tmp_path: Path) -> None:
    """Index and mark of a candle are those at its end, as in the venue's klines."""
    ref = references(recorded(tmp_path / "a.csv", CANDLES))
    for n, (index, mark) in enumerate(zip(INDEX, MARKS, strict=True)):
        second = BIRTH + 60 * n + 59
        assert abs(ref.index(second) - round(index * ATOMS)) <= 1
        assert abs(ref.mark(second, last=0, carry=0) - round(mark * ATOMS)) <= 1


def test_between_the_closes_they_follow_the_price(tmp_path: Path) -> None:
    """A candle's spike is one of the index, too: only the ratio of both is drawn straight."""
    flow = recorded(tmp_path / "a.csv", CANDLES)
    ref = references(flow)
    for second in range(BIRTH, BIRTH + 240):
        index, price = ref.index(second), flow.close(second) * STEP
        premium = (price - index) * ATOMS // index
        assert abs(premium - ref.premium(second)) <= 1
        assert -60_000 < premium < 310_000  # between the premiums of the rows


def test_bounds_and_candles_contain_all_seconds(tmp_path: Path) -> None:
    """Whether recorded or by the formula: no mark of any second lies outside."""
    for columns in (8, 7, 6):
        flow = recorded(tmp_path / "a.csv", CANDLES, columns)
        ref = references(flow)
        for start in range(BIRTH - 5, BIRTH + 250, 13):
            stop = start + 1 + start % 90
            carry, moved = Range(0, 10_000), Range(-ATOMS, ATOMS)
            bounds = ref.mark_bounds(start, stop, carry=carry, moved=moved)
            index, premium = ref.index_candle(start, stop), ref.premium_candle(start, stop)
            for second in range(start, stop):
                last = flow.close(second) * STEP
                for by in moved:
                    mark = ref.mark(second, last=last, carry=carry[second % 2], moved=by)
                    assert bounds.low <= mark <= bounds.high
                assert index.low <= ref.index(second) <= index.high
                assert premium.low <= ref.premium(second) <= premium.high


def test_without_columns_the_index_is_the_price(tmp_path: Path) -> None:
    """Most files of a perpetual have no index: its funding is then the interest rate."""
    flow = recorded(tmp_path / "a.csv", CANDLES, columns=6)
    ref = references(flow)
    for second in range(BIRTH - 10, BIRTH + 300, 7):
        price = flow.close(second) * STEP
        assert ref.index(second) == price and ref.premium(second) == ref.basis(second) == 0
        assert ref.mark(second, last=price, carry=0) == price
    assert ref.average_premium(BIRTH, BIRTH + 240, hours=8) == 0


def test_without_marks_they_are_the_formula(tmp_path: Path) -> None:
    """An index alone is enough."""
    flow = recorded(tmp_path / "a.csv", CANDLES, columns=7)
    ref = references(flow)
    second = BIRTH + 130
    last = flow.close(second) * STEP
    expected = mark_price(ref.index(second), carry=9, basis=ref.basis(second) + 3, last=last)
    assert ref.mark(second, last=last, carry=9, moved=3) == expected


def test_trades_have_an_index_too(tmp_path: Path) -> None:
    """Of the trades of one second the last one counts."""
    text = (
        f"time,price,qty,indexPrice\n{BIRTH},100.0,1,99\n{BIRTH},101.0,1,98\n{BIRTH + 9},99.0,1,97"
    )
    ref = references(recorded(tmp_path / "a.csv", text))
    assert [ref.index(second) // ATOMS for second in (BIRTH, BIRTH + 9, BIRTH + 99)] == [98, 97, 97]


def test_a_bad_index_is_named(tmp_path: Path) -> None:
    """With line, column and value, before anything runs."""
    bad = CANDLES.replace("49971.0", "0")
    with pytest.raises(ConfigurationError, match=r"line 4: index price '0' must be above 0"):
        recorded(tmp_path / "a.csv", bad)


def test_a_perpetual_repeats_the_recording_of_its_spot_market(tmp_path: Path) -> None:
    """Otherwise spot market and perpetual of one base would go apart without bounds."""
    path = tmp_path / "spot.csv"
    path.write_text(f"{BIRTH},50000.01,1,buy\n{BIRTH + 60},50001.27,1,sell\n")
    spot = MARKETS["BTC/USDT"]
    contract = Market(symbol=S, base="BTC", quote="USDT", price_step=STEP, amount_step=10**5)
    listed = {S: contract, spot.symbol: spot}
    (_, flow), (_, other) = backgrounds_of(
        listed, seed=1, birth=BIRTH, recordings={spot.symbol: path}
    )
    assert isinstance(flow, RecordedMarket) and isinstance(other, RecordedMarket)
    assert [flow.close(BIRTH + n) for n in (0, 60)] == [500_000, 500_013]
    assert other.close(BIRTH + 60) == 5_000_127 and other.reference is None
    assert references(flow).index(BIRTH + 60) == 500_013 * STEP
