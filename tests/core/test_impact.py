"""What clients take moves the market and comes back slowly; their orders stand in its way."""

from __future__ import annotations

from contextlib import suppress
from itertools import islice, pairwise
from typing import Any

import pytest
from hypothesis import example, given, settings, strategies as st

from failing_exchange.background import PROFILES, SyntheticMarket
from failing_exchange.core import commands as c, impact, tape as tapes
from failing_exchange.core.auditor import audit
from failing_exchange.core.candles import Bar
from failing_exchange.core.engine import Engine
from failing_exchange.core.market import Market, MarketStatus
from failing_exchange.core.order import OrderType, Side
from failing_exchange.core.queries import (
    FetchAveragePrice,
    FetchBook,
    FetchCandles,
    FetchOrder,
    FetchTicker,
    FetchTime,
    FetchTrades,
)
from failing_exchange.core.reject import Reject
from failing_exchange.venue.default_world import MARKETS, background_of
from tests.examples import examples

S, QUIET = "BTC/USDT", "ETH/BTC"  # in the second one most seconds have no print
BIRTH = 1_767_225_600
SECOND = 10**9
BTC = 10**5  # lots
MEMORY = MARKETS[S].depth_memory


def engine(seed: int = 1, symbol: str = S) -> Engine:
    flow = background_of(symbol, seed=seed, birth=BIRTH)
    made = Engine([(MARKETS[symbol], flow)])
    rich = tuple((asset, 10**20) for asset in ("BTC", "USDT", "ETH"))
    made.execute(c.OpenAccount("alice", rich), BIRTH * SECOND)
    return made


def alone(seed: int = 1, symbol: str = S) -> SyntheticMarket:
    """The same market without clients."""
    flow = background_of(symbol, seed=seed, birth=BIRTH)
    assert isinstance(flow, SyntheticMarket)
    return flow


def do(made: Engine, command: c.Command, at: int) -> Any:
    made.advance(at)
    return made.execute(command, at)[1]


def take(side: Side, lots: int, symbol: str = S) -> c.PlaceOrder:
    return c.PlaceOrder("alice", symbol, side, OrderType.MARKET, lots)


def rest(side: Side, lots: int, ticks: int, symbol: str = S) -> c.PlaceOrder:
    return c.PlaceOrder("alice", symbol, side, OrderType.LIMIT, lots, ticks)


def moved(made: Engine, at: int, seed: int = 1) -> float:
    """By which part of the price clients have moved it."""
    last = do(made, FetchTicker("alice", S), at).last
    return float(last / alone(seed).close(at // SECOND) - 1)


# ---- taking


@pytest.mark.parametrize("side", list(Side))
def test_who_takes_more_than_the_market_trades_moves_it_and_it_comes_back(side: Side) -> None:
    """356 BTC in ten minutes of a market that trades 97 BTC an hour: about 0.3 %, by the
    square-root law (2.4 % of a day's volatility, 11,000 BTC of a day's volume)."""
    made, at = engine(), (BIRTH + 3_600) * SECOND
    for _ in range(600):
        at += SECOND
        do(made, take(side, 356 * BTC // 600), at)
    at += 60 * SECOND
    sign = 1 if side is Side.BUY else -1
    peak = sign * moved(made, at)
    assert 0.002 < peak < 0.005
    later = sign * moved(made, at + MEMORY * SECOND)
    assert later == pytest.approx(peak / 2, rel=0.15)
    assert abs(moved(made, at + 20 * MEMORY * SECOND)) < 1e-6


def test_one_order_that_is_cut_in_pieces_is_not_cheap() -> None:
    """A bot that slices its order pays less than for all at once, yet pays for the whole."""
    whole, sliced = engine(), engine()
    at = (BIRTH + 3_600) * SECOND
    best = do(whole, FetchTicker("alice", S), at).ask[0]
    once = do(whole, take(Side.BUY, 100 * BTC), at)
    cost = 0
    for n in range(100):
        cost += do(sliced, take(Side.BUY, BTC), at + n * SECOND).cost
    drift = alone().close(at // SECOND + 99) / alone().close(at // SECOND)
    lots = 100 * BTC
    paid_at_once, paid_in_pieces = (
        spent / (lots * 1_000 * 10**6 // 10**8) / best - 1 for spent in (once.cost, cost / drift)
    )
    assert 0.0002 < paid_in_pieces < paid_at_once < 0.005


def test_what_was_taken_is_not_offered_again_at_once() -> None:
    """A second later the side is still thin, and the other one is not."""
    made, plain = engine(), engine()
    at = (BIRTH + 3_600) * SECOND
    do(made, take(Side.BUY, 100 * BTC), at)
    for seconds, least, most in ((1, 0.4, 0.65), (MEMORY, 0.6, 0.8), (20 * MEMORY, 0.99, 1.0)):
        then = at + seconds * SECOND
        book, usual = (do(x, FetchBook("alice", S, 100), then) for x in (made, plain))
        asks, usually = (sum(lots for _, lots in b.asks) for b in (book, usual))
        assert least <= asks / usually <= most
        assert [lots for _, lots in book.bids] == [lots for _, lots in usual.bids]


def test_buying_and_selling_in_turn_leaves_the_price() -> None:
    """What is sold cancels what was bought; else a market maker's price would run away."""
    made, at = engine(), (BIRTH + 3_600) * SECOND
    for n in range(200):
        at += SECOND
        do(made, take(Side.BUY if n % 2 else Side.SELL, BTC), at)
    assert abs(moved(made, at + 60 * SECOND)) < 0.0001


def test_a_market_may_forget_at_once() -> None:
    """`depth_memory=0`: tests that want the same book each second have it."""
    market = Market(
        symbol=S, base="BTC", quote="USDT", price_step=10**6, amount_step=10**3, depth_memory=0
    )
    made = Engine([(market, alone())])
    made.execute(c.OpenAccount("alice", (("USDT", 10**20),)), BIRTH * SECOND)
    do(made, take(Side.BUY, 100 * BTC), BIRTH * SECOND)
    at = (BIRTH + 30) * SECOND
    assert do(made, FetchBook("alice", S, 20), at).asks == tuple(
        islice(alone().asks(BIRTH + 30), 20)
    )


@pytest.mark.parametrize(("memory", "least", "most"), [(0, 0, 0), (60, 0, 0.01), (10**6, 0.8, 1)])
def test_the_memory_of_a_running_market_can_be_changed(
    memory: int, least: float, most: float
) -> None:
    """From the next second on; what was shown before stays as it was."""
    made, at = engine(), (BIRTH + 3_600) * SECOND
    do(made, take(Side.BUY, 100 * BTC), at)
    then = at + 30 * SECOND
    before = moved(made, then)
    past = FetchCandles("alice", S, 1, since=at, limit=20)
    candles = do(made, past, then).bars
    do(made, c.ChangeRules(S, (("depth_memory", memory),)), then)
    later = then + MEMORY * SECOND
    assert before > 0.0001
    assert least <= moved(made, later) / before <= most
    assert do(made, past, later).bars == candles


@pytest.mark.parametrize("memory", [-1, 10**9])
def test_a_wrong_memory_is_refused(memory: int) -> None:
    with pytest.raises(ValueError, match="depth_memory is from 0 to"):
        Market(symbol=S, base="B", quote="U", price_step=1, amount_step=1, depth_memory=memory)


# ---- resting


@pytest.mark.parametrize("side", list(Side))
@pytest.mark.parametrize("seed", [1, 3])
def test_a_resting_order_gets_no_more_than_is_traded_through(side: Side, seed: int) -> None:
    """1,000 BTC at the best price: never more than the market trades, and nobody trades beyond."""
    made, at = engine(seed), (BIRTH + 3_600) * SECOND + 1
    ticker = do(made, FetchTicker("alice", S), at)
    ticks = ticker.bid[0] if side is Side.BUY else ticker.ask[0]
    number = do(made, rest(side, 1_000 * BTC, ticks), at).order.id
    flow, traded, filled = alone(seed), 0, 0
    for second in range(at // SECOND + 1, at // SECOND + 301):
        order = do(made, FetchOrder("alice", S, number), second * SECOND)
        traded += flow.second(second).volume
        assert order.filled <= traded
        assert order.filled - filled <= flow.second(second).volume
        filled = order.filled
        ticker = do(made, FetchTicker("alice", S), second * SECOND)
        beyond = ticker.ask[0] if side is Side.BUY else ticker.bid[0]
        assert beyond > ticks if side is Side.BUY else beyond < ticks
    assert 0 < filled < 1_000 * BTC


def test_a_small_order_does_not_hold_up_a_falling_market() -> None:
    """It is filled by the first who trade, and the price goes where it would have gone."""
    made, at = engine(), (BIRTH + 3_600) * SECOND + 1
    ticks = do(made, FetchTicker("alice", S), at).bid[0] - 5
    number = do(made, rest(Side.BUY, 1_000, ticks), at).order.id
    do(made, c.MovePrice(S, ppm=-50_000), at)
    later = at + 60 * SECOND
    assert do(made, FetchOrder("alice", S, number), later).filled == 1_000
    assert moved(made, later) == pytest.approx(-0.05, abs=0.0005)


def test_a_wall_that_is_taken_away_lets_the_price_go() -> None:
    """The price is where it would have been without it, with the next print."""
    made, at = engine(), (BIRTH + 3_600) * SECOND + 1
    ticks = do(made, FetchTicker("alice", S), at).bid[0]
    number = do(made, rest(Side.BUY, 9_000 * BTC, ticks), at).order.id
    do(made, c.MovePrice(S, ppm=-50_000), at)
    assert moved(made, at + 60 * SECOND) == pytest.approx(0, abs=0.002)
    do(made, c.CancelOrder("alice", S, number), at + 60 * SECOND)
    assert moved(made, at + 120 * SECOND) == pytest.approx(-0.05, abs=0.0005)


def test_a_market_that_resumes_shows_no_sides_that_overlap() -> None:
    """The price fell below a bid while nobody could trade; the bid is still the best one."""
    made, at = engine(), (BIRTH + 3_600) * SECOND + 1
    ticks = do(made, FetchTicker("alice", S), at).bid[0]
    do(made, rest(Side.BUY, 100 * BTC, ticks), at)
    do(made, c.SetMarketStatus(S, MarketStatus.HALTED), at)
    do(made, c.MovePrice(S, ppm=-50_000), at)
    at += 60 * SECOND + 500_000_000
    do(made, c.SetMarketStatus(S, MarketStatus.TRADING), at)
    ticker = do(made, FetchTicker("alice", S), at)
    assert (ticker.bid[0], ticker.ask[0]) == (ticks, ticks + 1)


def test_a_market_near_zero_is_told_each_second() -> None:
    """Its bids would be below a tick; who asks each second is told so, and nothing breaks."""
    made, at = engine(), (BIRTH + 3_600) * SECOND + 1
    do(made, c.MovePrice(S, ppm=-999_999), at)
    for second in range(1, 130):
        ticker = do(made, FetchTicker("alice", S), at + second * SECOND)
        assert ticker.ask[0] >= 1
        assert ticker.bid is None or ticker.bid[0] < ticker.ask[0]


def test_a_stop_waits_for_a_print() -> None:
    """The price has moved, and nobody has traded at it yet: a stop follows trades, not offers."""
    made, flow = engine(symbol=QUIET), alone(symbol=QUIET)
    second = next(s for s in range(BIRTH + 60, BIRTH + 600) if flow.printed(s + 3) < s)
    at = second * SECOND
    last = do(made, FetchTicker("alice", QUIET), at).last
    stop = c.PlaceOrder(
        "alice", QUIET, Side.SELL, OrderType.STOP_LOSS, 10_000, 0, stop_ticks=last - 100
    )
    number = do(made, stop, at).order.id
    do(made, c.MovePrice(QUIET, ticks=-500), at)
    assert do(made, FetchOrder("alice", QUIET, number), at + 3 * SECOND).order.triggered_at == 0
    then = next(s for s in range(second + 4, second + 60) if flow.second(s).volume)
    found = do(made, FetchOrder("alice", QUIET, number), then * SECOND)
    assert found.order.triggered_at == then * SECOND


# ---- books, tickers, candles and trades agree

Step = tuple[int, str, Side, int]  # seconds to wait, what, side, thousandths of a typical offer
STEPS: st.SearchStrategy[list[Step]] = st.lists(
    st.tuples(
        st.sampled_from((0, 1, 1, 2, 5, 9, 31, 240)),
        st.sampled_from(("take", "take", "rest", "move", "wait", "cancel")),
        st.sampled_from(list(Side)),
        st.integers(1, 50_000),
    ),
    min_size=1,
    max_size=8,
)  # fmt: skip


def act(made: Engine, symbol: str, step: Step, at: int) -> None:
    _, what, side, size = step
    lots = max(10, PROFILES[symbol].offer * size // 1_000)
    ticker = do(made, FetchTicker("alice", symbol), at)
    best = ticker.bid[0] if side is Side.BUY else ticker.ask[0]
    command: c.Command = FetchTime("alice")
    if what == "take":
        command = take(side, lots, symbol)
    elif what == "rest":
        command = rest(side, lots, best, symbol)
    elif what == "move":
        command = c.MovePrice(symbol, ppm=size if side is Side.BUY else -size // 2)
    elif what == "cancel":
        command = c.CancelAllOrders("alice")
    try:
        do(made, command, at)
    except Reject:
        return


def check(made: Engine, symbol: str, second: int, newest: int) -> Any:
    """Whether all that is told at the end of a second is one story; its newest print."""
    at = second * SECOND + SECOND - 1
    trades = do(made, FetchTrades("alice", symbol, since=second * SECOND, until=at), at).trades
    candle = do(made, FetchCandles("alice", symbol, 1, limit=1), at).bars[0]
    ticker = do(made, FetchTicker("alice", symbol), at)
    book = do(made, FetchBook("alice", symbol, 30), at)
    prices = [trade.ticks for trade in trades] or [newest]
    assert candle.at == second
    assert candle[1:5] == (prices[0], max(prices), min(prices), prices[-1])
    assert (candle.volume, candle.trades) == (sum(t.lots for t in trades), len(trades))
    assert ticker.last == prices[-1] == ticker.day.close
    assert do(made, FetchTrades("alice", symbol, limit=1), at).trades[0].ticks == prices[-1]
    assert (ticker.bid, ticker.ask) == (book.bids[0], book.asks[0])
    assert ticker.bid[0] < ticker.ask[0]
    assert all(a[0] > b[0] for a, b in pairwise(book.bids))
    assert all(a[0] < b[0] for a, b in pairwise(book.asks))
    return prices[-1]


def summed(bars: list[Bar]) -> tuple[int, ...]:
    traded = [bar for bar in bars if bar.volume] or bars[:1]
    return (
        traded[0].open, max(b.high for b in traded), min(b.low for b in traded),
        traded[-1].close, sum(b.volume for b in bars),
    )  # fmt: skip


@examples(40)
@given(st.sampled_from((S, QUIET)), st.integers(0, 5), STEPS)
def test_each_second_tells_one_story(symbol: str, seed: int, story: list[Step]) -> None:
    """`last` and a candle without prints are the newest print; candles are what trades add up to;
    longer ones what shorter ones add up to; the best prices are the book's."""
    made, second = engine(seed, symbol), BIRTH + 45
    newest = do(made, FetchTicker("alice", symbol), second * SECOND).last
    for step in story:
        for _ in range(min(step[0], 12)):
            newest = check(made, symbol, second, newest)
            second += 1
        if step[0] > 12:
            second += step[0]
            newest = do(made, FetchTicker("alice", symbol), second * SECOND).last
        act(made, symbol, step, second * SECOND + 1)
    newest = check(made, symbol, second, newest)
    at = (second + 1) * SECOND
    start = BIRTH // 60 * 60 - 60
    seconds = do(made, FetchCandles("alice", symbol, 1, start * SECOND, 1_000), at).bars
    for minute in do(made, FetchCandles("alice", symbol, 60, start * SECOND, 30), at).bars:
        inside = [bar for bar in seconds if minute.at <= bar.at < minute.at + 60]
        if len(inside) == 60:
            assert tuple(minute[1:6]) == summed(inside)


@settings(max_examples=30, deadline=None)
@given(st.sampled_from((S, QUIET)), STEPS, st.lists(st.integers(1, 300), max_size=4))
def test_nobody_who_looks_moves_the_market(
    symbol: str, story: list[Step], looks: list[int]
) -> None:
    """The path depends on the seed and on the orders; candles told before are told again."""

    def live(times: list[int]) -> Any:
        made, second, found = engine(2, symbol), BIRTH + 45, []
        for step in [*story, (300, "wait", Side.BUY, 1)]:
            for n in sorted(times):
                if n < step[0]:
                    check_nothing(made, symbol, (second + n) * SECOND + n)
            second += step[0]
            act(made, symbol, step, second * SECOND + 1)
            found.append(do(made, FetchTicker("alice", symbol), second * SECOND + 2))
        for seconds in (1, 60, 3_600):
            query = FetchCandles("alice", symbol, seconds, limit=60)
            found.append(do(made, query, second * SECOND + 3).bars)
        return found

    assert live(looks) == live([])


def check_nothing(made: Engine, symbol: str, at: int) -> None:
    do(made, FetchTicker("alice", symbol), at)
    do(made, FetchBook("alice", symbol, 5), at)
    for seconds in (1, 60, 3_600):
        do(made, FetchCandles("alice", symbol, seconds, limit=5), at)
    do(made, FetchAveragePrice("alice", symbol), at)


MOVES = st.lists(
    st.tuples(
        st.integers(0, 90),
        st.sampled_from(("rest", "rest", "take", "cancel", "move", "pull", *MarketStatus)),
        st.sampled_from(list(Side)),
        st.integers(-30, 30),
    ),
    max_size=14,
)


@examples(60)
@given(st.sampled_from((S, QUIET)), MOVES)
@example(S, [(0, "take", Side.BUY, 30), (0, MarketStatus.CANCEL_ONLY, Side.BUY, 0)])
def test_no_book_is_ever_crossed(symbol: str, story: list[tuple[int, str, Side, int]]) -> None:
    """In each status of the market, now and in the past: a bid is below every ask."""
    made, second = engine(4, symbol), BIRTH + 45
    for seconds, what, side, size in story:
        uncrossed(made, symbol, second)
        second += seconds
        at = second * SECOND + 1
        made.advance(at)
        with suppress(Reject):  # a market that does not trade takes no order
            made.execute(acts(made, symbol, at, what, side, size), at)
        uncrossed(made, symbol, second)
        audit(made)
    for past in range(second - 200, second + 3):
        uncrossed(made, symbol, second + 3, as_of=past)


def acts(made: Engine, symbol: str, at: int, what: str, side: Side, size: int) -> c.Command:
    """What a step of a story does: orders a few ticks from the best price, moves, halts."""
    ticker = made.execute(FetchTicker("alice", symbol), at)[1]
    best = (ticker.ask if side is Side.BUY else ticker.bid)[0]
    match what:
        case "rest":
            return rest(side, 1 + abs(size), max(1, best + size), symbol)
        case "take":  # what is left of it comes to rest deep in what it has taken
            return rest(side, 10**7, max(1, best + (size if side is Side.BUY else -size)), symbol)
        case "cancel":
            return c.CancelAllOrders("alice", symbol)
        case "move":
            return c.MovePrice(symbol, ticks=size, at_once=size % 2 == 0)
        case "pull":
            return c.PullLiquidity(symbol, side, abs(size) * 10, 5)
    return c.SetMarketStatus(symbol, MarketStatus(what))


def uncrossed(made: Engine, symbol: str, second: int, as_of: int = 0) -> None:
    at = second * SECOND + 2
    made.advance(at)
    then = as_of * SECOND + 2 if as_of else 0
    book = made.execute(FetchBook("alice", symbol, 5, then), at)[1]
    ticker = made.execute(FetchTicker("alice", symbol, then), at)[1]
    assert not book.bids or not book.asks or book.bids[0][0] < book.asks[0][0]
    assert not ticker.bid or not ticker.ask or ticker.bid[0] < ticker.ask[0]


# ---- what is too long ago


@pytest.mark.parametrize("forgets", ["trades", "shifts"])
def test_what_is_forgotten_is_forgotten_for_everybody(
    forgets: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also for who has asked for its candle before; else it would depend on who looked."""
    module: Any = tapes if forgets == "trades" else impact
    monkeypatch.setattr(module, f"{forgets.upper()}_KEPT_MAX", 20)
    monkeypatch.setattr(module, "FORGOTTEN_AT_ONCE", 10)

    def live(*, looks: bool) -> Any:
        made, found = engine(), []
        for n in range(70):
            at = (BIRTH + 7 * n) * SECOND
            do(made, take(Side.BUY, BTC), at)
            if looks:
                check_nothing(made, S, at + 1)
        for seconds in (60, 300, 3_600):
            found.append(do(made, FetchCandles("alice", S, seconds, limit=9), at + 9).bars)
        return found, do(made, FetchTicker("alice", S), at + 9)

    assert live(looks=True) == live(looks=False)


def test_a_lasting_move_leaves_questions_quick() -> None:
    """A day that was moved evenly is summed up from days, not from its seconds."""
    made, at = engine(), (BIRTH + 7) * SECOND
    do(made, c.MovePrice(S, ppm=-50_000), at)
    at += 90_000 * SECOND
    tape: Any = made.state.markets[S].tape
    tape._fine = lambda start, stop: pytest.fail("it is taken to pieces")
    assert len(do(made, FetchCandles("alice", S, 3_600, limit=20), at).bars) == 20
    assert do(made, FetchTicker("alice", S), at).last


SHIFTS = st.lists(
    st.tuples(
        st.sampled_from((0, 1, 2, 5, 60, 100)),  # seconds later
        st.sampled_from(("move", "hold", "take")),
        st.integers(-1_000_000, 1_000_000),
    ),
    max_size=8,
)


@examples(50)
@given(SHIFTS, st.integers(0, 400), st.integers(1, 300), st.sampled_from((3, 20, 600)))
def test_bounds_of_all_moves_are_those_of_each_second(
    moves: list[tuple[int, str, int]], start: int, seconds: int, memory: int
) -> None:
    """They decide whether an order's price is allowed; a second look finds the same."""
    shifts, at = impact.Shifts(memory), 100
    for later, kind, amount in moves:
        at += later
        if kind == "take":
            shifts.take(at, amount, 5_000_000, impact.Depth(1_100_000_000, 24_000))
        else:
            getattr(shifts, kind)(at, amount // 10_000)
        stop = start + seconds
        each = [shifts.at(second) for second in range(start, stop)]
        bounds = (min(each), max(each))
        assert shifts.range(start, stop) == bounds == shifts.range(start, stop)
