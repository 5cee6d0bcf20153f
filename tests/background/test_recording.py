"""A recording as the background: what was recorded is what the market shows."""

from __future__ import annotations

from itertools import islice, pairwise
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from failing_exchange.background import PROFILES, RecordedMarket
from failing_exchange.background.csv_reader import ROWS_MAX, instant, read
from failing_exchange.core.candles import Print, estimated, still
from failing_exchange.errors import ConfigurationError
from tests.background.markets import BIRTH
from tests.examples import examples

RECORDED = 1_700_000_100  # a whole minute

TRADES = f"""timestamp,price,amount,side
{RECORDED}000,30000.00,0.5,buy
{RECORDED}400,30000.10,0.25,buy
{RECORDED}900,29999.90,0.00001,sell
{RECORDED + 3}000,30010.00,1,sell
{RECORDED + 90}000,29990.00,2,sell
"""


def recorded(
    folder: Path, text: str, *, start: int | str | None = None, symbol: str = "BTC/USDT"
) -> RecordedMarket:
    path = folder / "recording.csv"
    path.write_text(text)
    return RecordedMarket(
        path, symbol=symbol, birth=BIRTH, price_step=10**6, amount_step=10**3, start=start,
        profile=PROFILES.get(symbol),
    )  # fmt: skip


def candles(rows: list[tuple[int, int, int, int, int]], seconds: int) -> str:
    lines = ["timestamp,open,high,low,close,volume"]
    for n, (opened, high, low, close, volume) in enumerate(rows):
        prices = ",".join(f"{ticks / 100:.2f}" for ticks in (opened, high, low, close))
        lines.append(f"{(RECORDED + n * seconds) * 1_000},{prices},{volume / 100_000:.5f}")
    return "\n".join(lines)


# --- trades


def test_recorded_trades_are_printed_when_they_happened(tmp_path: Path) -> None:
    """Amounts, prices and sides are exact; the first row coincides with the venue's birth."""
    flow = recorded(tmp_path, TRADES)
    assert flow.prints(BIRTH) == (
        Print(3_000_000, 50_000, "buy"),
        Print(3_000_010, 25_000, "buy"),
        Print(2_999_990, 1, "sell"),
    )
    assert flow.second(BIRTH)[1:6] == (3_000_000, 3_000_010, 2_999_990, 2_999_990, 75_001)
    cost = 3_000_000 * 50_000 + 3_000_010 * 25_000 + 2_999_990
    assert flow.window(BIRTH, BIRTH + 1).cost == cost
    assert flow.candle(60, BIRTH)[1:6] == (3_000_000, 3_001_000, 2_999_990, 3_001_000, 175_001)
    assert flow.candle(60, BIRTH).cost == cost + 3_001_000 * 100_000


def test_outside_of_the_recording_the_price_stands_still(tmp_path: Path) -> None:
    """Before the first trade at its price, after the last at that one's; nobody trades."""
    flow = recorded(tmp_path, TRADES)
    assert flow.second(BIRTH - 500) == still(BIRTH - 500, 3_000_000)
    assert flow.second(BIRTH + 2).close == 2_999_990
    assert flow.second(BIRTH + 9_999)[1:6] == (2_999_000,) * 4 + (0,)
    assert flow.prints(BIRTH + 9_999) == ()
    assert flow.candle(86_400, BIRTH + 500_000).close == 2_999_000
    assert flow.window(BIRTH - 100, BIRTH + 1_000).volume == 375_001


def test_the_start_says_which_instant_is_the_birth(tmp_path: Path) -> None:
    """A day in the middle of a long recording can be played."""
    for start in (RECORDED + 90, str(RECORDED + 90), "2023-11-14T22:16:30Z"):
        flow = recorded(tmp_path, TRADES, start=start)
        assert flow.prints(BIRTH) == (Print(2_999_000, 200_000, "sell"),)
        assert flow.second(BIRTH - 87).close == 3_001_000


def test_orders_find_a_ladder_around_the_recorded_price(tmp_path: Path) -> None:
    """A recording of trades holds no book, so one is made up."""
    for symbol in ("BTC/USDT", "XYZ/USDT"):
        flow = recorded(tmp_path, TRADES, symbol=symbol)
        (bid, _), (ask, _) = flow.top(BIRTH + 3)
        assert bid < ask
        assert 3_001_000 in (bid, ask)
        asks, bids = list(islice(flow.asks(BIRTH + 3), 50)), list(islice(flow.bids(BIRTH + 3), 50))
        assert (bids[0][0], asks[0][0]) == (bid, ask)
        assert all(before[0] < after[0] for before, after in pairwise(asks))
        assert all(before[0] > after[0] for before, after in pairwise(bids))


# --- candles


@st.composite
def shapes(draw: st.DrawFn) -> list[tuple[int, int, int, int, int]]:
    rows: list[tuple[int, int, int, int, int]] = []
    for _ in range(draw(st.integers(2, 6))):
        low = draw(st.integers(1_000, 50_000))
        high = low + draw(st.integers(0, 900))
        opened, close = draw(st.integers(low, high)), draw(st.integers(low, high))
        volume = draw(st.sampled_from((0, 1, 7, 500, 10**7)))
        if rows and high == low and not volume:  # nobody traded: the price stands
            opened = high = low = close = rows[-1][3]
        rows.append((opened, high, low, close, volume))
    return rows


@examples(60)
@given(shapes(), st.sampled_from((1, 60, 180, 300, 3_600)))
def test_recorded_candles_are_shown_and_their_seconds_agree(
    tmp_path_factory: pytest.TempPathFactory,
    rows: list[tuple[int, int, int, int, int]],
    seconds: int,
) -> None:
    """Bots that look at the second must see what those see that look at the minute."""
    flow = recorded(tmp_path_factory.mktemp("recording"), candles(rows, seconds))
    first = BIRTH - (BIRTH - RECORDED) % seconds
    for n, (opened, high, low, close, volume) in enumerate(rows):
        start = first + n * seconds
        lots = max(volume, 4) if high > low else volume
        whole = flow.window(start, start + seconds)
        assert whole[1:6] == (opened, high, low, close, lots)
        parts = [flow.second(second) for second in range(start, start + seconds)]
        assert parts[0].open == opened
        assert parts[-1].close == close
        assert max(part.high for part in parts) == high
        assert min(part.low for part in parts) == low
        assert sum(part.volume for part in parts) == lots
        assert all(a.close == b.open for a, b in pairwise(parts))
        for part in parts[:90]:
            trades = flow.prints(part.at)
            assert sum(trade.lots for trade in trades) == part.volume
            assert not trades or max(trade.ticks for trade in trades) == part.high


@examples(100)
@given(
    shapes(), st.sampled_from((1, 60, 300, 900)), st.integers(-70, 4_000), st.integers(1, 3_000),
    st.integers(900, 52_000),
)  # fmt: skip
def test_first_touch_and_windows_are_what_looking_at_each_second_finds(
    tmp_path_factory: pytest.TempPathFactory,
    rows: list[tuple[int, int, int, int, int]],
    timeframe: int,
    start: int,
    length: int,
    price: int,
) -> None:
    """Ranges may begin and end within candles, before the first and after the last."""
    flow = recorded(tmp_path_factory.mktemp("recording"), candles(rows, timeframe))
    begin, end = BIRTH + start, BIRTH + start + length
    seconds = [flow.second(second) for second in range(begin, end)]
    window = flow.window(begin, end)
    assert window.at == begin
    traded = [second for second in seconds if second.volume] or seconds[:1]
    assert window[1:4] == (
        traded[0].open, max(s.high for s in traded), min(s.low for s in traded),
    )  # fmt: skip
    assert flow.printed(end - 1) == _newest(flow, begin, end)
    assert window[4:6] == (seconds[-1].close, sum(s.volume for s in seconds))
    for lower, upper in ((price, None), (None, price), (price - 2_000, price + 2_000)):
        found = (
            s.at for s in seconds
            if (lower is not None and s.low <= lower) or (upper is not None and s.high >= upper)
        )  # fmt: skip
        assert flow.first_touch(begin, end, lower, upper) == next(found, None)


def test_a_candle_opens_with_its_first_trade(tmp_path: Path) -> None:
    """Rows without volume stand at the price before them, which is not one of the candle's."""
    rows = [(1_001, 1_001, 1_001, 1_001, 0)] * 2 + [(1_000, 1_000, 1_000, 1_000, 1)]
    window = recorded(tmp_path, candles(rows, 1)).window(BIRTH, BIRTH + 3)
    assert window[:5] == (BIRTH, 1_000, 1_000, 1_000, 1_000)


def _newest(flow: RecordedMarket, begin: int, end: int) -> int:
    """The newest second with a print, found by going backwards."""
    for second in range(end - 1, begin - 1, -1):
        if flow.second(second).volume:
            return second
    return flow.printed(begin - 1)


def test_the_ticker_of_recorded_days_looks_at_no_single_seconds(tmp_path: Path) -> None:
    """24 hours from noon to noon: two halves of days, of which only the edges are split."""
    row = (10_000, 10_400, 9_700, 10_200, 10**7)
    flow = recorded(tmp_path, candles([row] * 4, 86_400))
    window = flow.window(BIRTH + 43_200, BIRTH + 129_600)
    halves = [flow.window(BIRTH + n * 43_200, BIRTH + n * 43_200 + 43_200) for n in (1, 2)]
    assert window[1:6] == (
        halves[0].open, max(half.high for half in halves), min(half.low for half in halves),
        halves[1].close, sum(half.volume for half in halves),
    )  # fmt: skip
    assert len(flow._parts) < 20
    with pytest.raises(ValueError, match="holds no second"):
        flow.window(BIRTH, BIRTH)


def test_long_recordings_are_asked_fast_and_right(tmp_path: Path) -> None:
    """A touch at the end of many rows is found, a window over all of them is right."""
    lines = [f"{RECORDED + n},{100 + n % 7}.00,0.00002" for n in range(5_000)]
    flow = recorded(tmp_path, "\n".join([*lines, f"{RECORDED + 5_000},200.00,1"]))
    assert flow.first_touch(BIRTH, BIRTH + 10**6, None, 20_000) == BIRTH + 5_000
    assert flow.first_touch(BIRTH + 5_001, BIRTH + 10**6, None, 20_001) is None
    assert flow.window(BIRTH + 10, BIRTH + 6_000)[2:4] == (20_000, 10_000)
    assert flow.window(BIRTH, BIRTH + 4_000).volume == 8_000


# --- files


def test_the_files_of_exchanges_are_understood(tmp_path: Path) -> None:
    """With and without names of columns, in any order, seconds to nanoseconds, ISO 8601."""
    path = tmp_path / "some.csv"
    for text in (
        f"Price,Qty,Time,isBuyerMaker\n1.50,2,{RECORDED}000,true\n",
        f"7,1.50,2,3.00,{RECORDED}000000,True,True\n",
        f"7,1.50,2,1,1,{RECORDED}000,true,true\n",
        f"{RECORDED},1.50,2,sell\n",
        "date,side,price,size,venue\n2023-11-14T22:15:00+00:00,SELL,1.5,2,here\n",
    ):
        path.write_text(text)
        found = read(path, price_step=10**6, amount_step=10**6)
        assert found.trades
        assert found == ([(RECORDED, Print(150, 200, "sell"))], [], [])
    for text in (
        f"{RECORDED}000,1.5,1.7,1.4,1.6,2,{RECORDED}999,3.0,5,1,1,0\n",
        f"unix,open,high,low,close,Volume BTC\n{RECORDED},1.5,1.7,1.4,1.6,2\n",
    ):
        path.write_text(text)
        found = read(path, price_step=10**6, amount_step=10**6)
        assert not found.trades
        assert found == ([], [estimated(RECORDED, (150, 170, 140, 160), 200)], [])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("timestamp,price,amount\n1,2.00,x\n", ["line 2", "amount 'x'", "not a number"]),
        ("timestamp,price,amount\nnever,2.00,1\n", ["line 2", "'never'", "ISO 8601"]),
        ("timestamp,price,amount\n1,2.001,1\n", ["line 2", "2.001", "price step 0.01"]),
        ("timestamp,price,amount\n1,-2,1\n", ["line 2", "'-2'"]),
        ("timestamp,price,amount\n1,nan,1\n", ["line 2", "'nan'"]),
        ("timestamp,price,amount\n1,0,1\n", ["line 2", "price 0"]),
        ("timestamp,price,amount\n1,1\n", ["line 2", "amount is missing"]),
        ("1,1.00,1,up\n", ["line 1", "'up'", "buy, b"]),
        ("a,b,c\n", ["line 1", "['a', 'b', 'c']", "price, amount"]),
        ("1,2\n", ["line 1", "2 columns"]),
        ("", ["no rows"]),
        ("1,5.00,4.00,3.00,3.50,1\n", ["line 1", "low <= open"]),
        ("0,1,1,1,1,1\n17,1,1,1,1,1\n", ["17 seconds apart", "timeframes"]),
    ],
)
def test_errors_name_file_line_and_value(tmp_path: Path, text: str, words: list[str]) -> None:
    """Recordings have a million lines; without the number nobody finds the one."""
    with pytest.raises(ConfigurationError) as caught:
        recorded(tmp_path, text)
    for word in ["recording.csv", *words]:
        assert word in str(caught.value)


def test_a_missing_file_and_a_wrong_start_are_errors_of_configuration(tmp_path: Path) -> None:
    """The caller's mistake, said in one line."""
    with pytest.raises(ConfigurationError, match=r"absent\.csv"):
        read(tmp_path / "absent.csv", price_step=1, amount_step=1)
    with pytest.raises(ConfigurationError, match="start='soon'"):
        recorded(tmp_path, TRADES, start="soon")
    with pytest.raises(ValueError, match="inf"):
        instant("inf")
    assert ROWS_MAX > 1_000_000
