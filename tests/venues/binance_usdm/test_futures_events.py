"""What accounts hear of their contracts: production's events, their fields and their order."""

from __future__ import annotations

from typing import Any

import pytest

from failing_exchange.core import commands as c
from failing_exchange.core.collateral import ChangeCollateral, SetMultiAssets
from failing_exchange.core.order import OrderType, Side
from failing_exchange.core.units import ATOMS
from failing_exchange.feeds.account_steps import account_of, records
from failing_exchange.venues.binance_usdm.futures_events import edited
from tests.core.contracts import BTC, USD, Floor, S
from tests.core.test_multi_assets import (
    BTC as BTC_IN_USDT,
    ETH as ETH_IN_USDC,
    Burning,
    Joint,
    owing,
)
from tests.venues.binance_usdm.futures_ear import FuturesEar, check_shape, short

# Recorded in production on 2026-09-19 of a market order that opened a position and one that
# closed it, and of a conditional order; MARGIN_CALL and ACCOUNT_CONFIG_UPDATE by the documents of
# 2025-03-16; `ap`, `aq` and `act` of a triggered order as seen on 2025-12-11.
ORDER = (
    's" c" S" o" f" q p ap sp x" X" i# l z L n N" T# t# b a m? R? wt" ot" ps" cp? rp pP? si# ss# '
    'V" pm" gtd# er'
)
LITE = 'e" E# T# s" q p m? c" S" L l t# i#'
BALANCE = 'a" wb cw bc'
POSITION = 's" pa ep cr up mt" iw ps" ma" bep'
ALGO = 'caid" aid# at" o" s" S" ps" f" q X" ai" tp p V" wt" pm" cp? pP? R? tt# gtd# ia?'
ALGO_PLACED = ALGO.replace('ai"', 'ai" ap aq act"')
CALL = 's" ps" pa mt" iw mp up mm'


@pytest.fixture
def floor() -> Floor:
    """Bob offers 1 BTC at 50,000 and bids for 1 BTC at 49,000."""
    made = Floor()
    made.limit("bob", Side.SELL, 50_000, BTC)
    made.limit("bob", Side.BUY, 49_000, BTC)
    return made


@pytest.fixture
def ear(floor: Floor) -> FuturesEar:
    """Alice listens."""
    return FuturesEar(floor)


def only(told: list[dict[str, Any]], name: str) -> dict[str, Any]:
    """The one event of a name."""
    (found,) = [one for one in told if one["e"] == name]
    return found


def test_a_market_order_is_told_in_the_order_of_production(floor: Floor, ear: FuturesEar) -> None:
    """Bots that wait for the order's report before they book the position are woken right."""
    floor.market("alice", Side.BUY, BTC // 10)
    told = ear.hear()
    assert short(told) == ["TRADE_LITE", "NEW NEW", "ACCOUNT_UPDATE ORDER", "TRADE FILLED"]
    lite, new, account, filled = told
    check_shape(LITE, lite)
    assert (lite["p"], lite["q"], lite["L"]) == ("0.00", "0.10000", "50000.00")
    for event in (new, filled):
        check_shape('e" T# E# o{}', event)
        check_shape(ORDER, event["o"])
    assert (new["o"]["n"], new["o"]["N"], new["o"]["t"]) == ("0", "USDT", 0)
    assert (filled["o"]["ap"], filled["o"]["l"], filled["o"]["z"]) == ("50000", "0.1", "0.1")
    assert filled["o"]["n"] == "2.5"
    check_shape('e" T# E# a{}', account)
    check_shape('B[] P[] m"', account["a"])
    (balance,), (position,) = account["a"]["B"], account["a"]["P"]
    check_shape(BALANCE, balance)
    check_shape(POSITION, position)
    assert balance == {"a": "USDT", "wb": "9997.5", "cw": "9997.5", "bc": "0"}
    assert (position["pa"], position["ep"], position["bep"]) == ("0.1", "50000", "50025")


def test_closing_tells_a_flat_position_and_what_it_realised(floor: Floor, ear: FuturesEar) -> None:
    """`rp` is of the fill, `cr` of all fills of the position so far."""
    floor.market("alice", Side.BUY, BTC // 10)
    ear.hear()
    floor.market("alice", Side.SELL, BTC // 10, reduce_only=True)
    told = ear.hear()
    (position,) = only(told, "ACCOUNT_UPDATE")["a"]["P"]
    flat = {"pa": "0", "ep": "0", "up": "0", "bep": "0", "cr": "-100"}
    assert {name: position[name] for name in flat} == flat
    assert (told[-1]["o"]["rp"], told[-1]["o"]["R"]) == ("-100", True)


def test_each_fill_has_the_wallet_of_its_moment(floor: Floor, ear: FuturesEar) -> None:
    """A bot that sums fees and profits comes to the balance that it is told with each fill."""
    floor.limit("bob", Side.SELL, 50_100, BTC)
    ear.hear()
    floor.market("alice", Side.BUY, BTC * 3 // 2)
    told = ear.hear()
    assert short(told) == [
        "TRADE_LITE", "NEW NEW", "ACCOUNT_UPDATE ORDER", "TRADE PARTIALLY_FILLED",
        "TRADE_LITE", "ACCOUNT_UPDATE ORDER", "TRADE FILLED",
    ]  # fmt: skip
    first, second = (one["a"] for one in told if "a" in one)
    assert (first["B"][0]["wb"], second["B"][0]["wb"]) == ("9975", "9962.475")
    assert (first["P"][0]["pa"], second["P"][0]["pa"]) == ("1", "1.5")


def test_an_isolated_position_sets_its_margin_aside(floor: Floor, ear: FuturesEar) -> None:
    """`cw` is what is left for cross positions; `iw` is what the position can lose."""
    floor.isolate("alice", 10)
    floor.market("alice", Side.BUY, BTC // 10)
    told = ear.hear()
    account = only(told, "ACCOUNT_UPDATE")["a"]
    assert (account["B"][0]["wb"], account["B"][0]["cw"]) == ("9997.5", "9497.5")
    assert (account["P"][0]["mt"], account["P"][0]["iw"]) == ("isolated", "500")
    floor.do(c.AdjustMargin("alice", S, 100 * ATOMS))
    (moved,) = ear.hear()
    assert short([moved]) == ["ACCOUNT_UPDATE MARGIN_TRANSFER"]
    assert (moved["a"]["B"][0]["cw"], moved["a"]["P"][0]["iw"]) == ("9397.5", "600")


def test_a_resting_order_changes_no_wallet(floor: Floor, ear: FuturesEar) -> None:
    """ "no change on positions": an order's own reports are all; a change keeps its id."""
    order = floor.limit("alice", Side.BUY, 48_000, BTC // 10)
    (new,) = ear.hear()
    assert (new["o"]["b"], new["o"]["a"]) == ("4800", "0")
    floor.do(c.ChangeOrder("alice", S, order.id, lots=BTC // 5, ticks=47_000 * USD, change_id="7"))
    (changed,) = ear.hear()
    told = changed["o"]
    assert (told["x"], told["X"], told["q"], told["p"]) == ("AMENDMENT", "NEW", "0.2", "47000")
    assert (told["M"], told["i"]) == ("7", order.id)
    floor.do(c.CancelOrder("alice", S, order.id))
    assert short(ear.hear()) == ["CANCELED CANCELED"]


def test_settings_and_transfers_have_events_of_their_own(floor: Floor, ear: FuturesEar) -> None:
    """Leverage, margin mode and money that comes from the spot wallet."""
    floor.do(c.SetLeverage("alice", S, 5))
    (leverage,) = ear.hear()
    check_shape('e" E# T# ac{}', leverage)
    assert leverage["ac"] == {"s": "BTCUSDT", "l": 5}
    floor.isolate("alice", 7)
    floor.do(c.Credit("alice", "USDT", 5 * ATOMS))
    floor.do(c.TransferFunds("alice", "USDT", 5 * ATOMS))
    (inward,) = ear.hear()
    assert inward["a"]["m"] == "DEPOSIT"
    assert inward["a"]["B"] == [{"a": "USDT", "wb": "10005", "cw": "10005", "bc": "5"}]
    floor.do(c.TransferFunds("alice", "USDT", 5 * ATOMS, to_futures=False))
    (outward,) = ear.hear()
    assert (outward["a"]["m"], outward["a"]["B"][0]["bc"]) == ("WITHDRAW", "-5")


def test_a_stop_is_told_apart_from_the_order_that_it_places(floor: Floor, ear: FuturesEar) -> None:
    """A client that follows only order events would lose sight of its stop."""
    floor.market("alice", Side.BUY, BTC // 10)
    stop = c.PlaceConditional(
        "alice", S, Side.SELL, OrderType.STOP_LOSS, BTC // 10, 49_500 * USD, reduce_only=True
    )
    floor.do(stop)
    (new,) = ear.hear()
    check_shape(ALGO, new["o"])
    assert (new["o"]["X"], new["o"]["ai"], new["o"]["tp"]) == ("NEW", "", "49500")
    floor.open("carol", 10_000)
    floor.market("carol", Side.SELL, BTC // 100)  # at 49,000
    told = ear.hear()
    assert short(told)[0] == "algo TRIGGERING"
    assert short(told)[-1] == "algo FINISHED"
    assert [one for one in short(told) if not one.startswith("algo")] == [
        "TRADE_LITE", "NEW NEW", "ACCOUNT_UPDATE ORDER", "TRADE FILLED",
    ]  # fmt: skip
    placed = told[-1]["o"]
    check_shape(ALGO_PLACED, placed)
    assert (placed["act"], placed["aq"], placed["caid"]) == ("MARKET", "0.1", new["o"]["caid"])
    order = next(one["o"] for one in told if one["e"] == "ORDER_TRADE_UPDATE")
    assert (order["c"], str(order["i"]), order["ot"]) == (placed["caid"], placed["ai"], "MARKET")


def test_a_liquidation_is_an_order_that_the_account_did_not_place(
    floor: Floor, ear: FuturesEar
) -> None:
    """Its client id begins with autoclose-, its fills are CALCULATED, and its fee is told."""
    floor.isolate("alice", 50)
    floor.market("alice", Side.BUY, BTC // 10)
    resting = floor.limit("alice", Side.BUY, 48_000, BTC // 10)
    ear.hear()
    floor.do(c.MoveMark(S, -1_500 * ATOMS))
    told = ear.hear()
    calculated = [one["o"] for one in told if one.get("o", {}).get("x") == "CALCULATED"]
    assert calculated and all(one["c"].startswith("autoclose-") for one in calculated)
    assert calculated[-1]["R"] is True
    canceled = next(one["o"] for one in told if one.get("o", {}).get("i") == resting.id)
    assert (canceled["x"], canceled["er"]) == ("CANCELED", "5")
    assert only_position(told)["pa"] == "0"


def only_position(told: list[dict[str, Any]]) -> dict[str, Any]:
    """The last position that was told."""
    positions = [row for one in told if "a" in one for row in one["a"]["P"]]
    found: dict[str, Any] = positions[-1]
    return found


def test_deleveraging_and_settlement_have_names_of_their_own(floor: Floor, ear: FuturesEar) -> None:
    """A bot that knows only its own client ids books neither."""
    floor.market("alice", Side.BUY, BTC // 10)
    ear.hear()
    floor.do(c.Deleverage("alice", S, BTC // 20))
    told = ear.hear()
    order = told[-1]["o"]
    assert (order["c"], order["x"], order["X"]) == ("adl_autoclose", "CALCULATED", "FILLED")
    assert only_position(told)["pa"] == "0.05"
    floor.do(c.SettleContract(S, 49_000 * USD))
    told = ear.hear()
    forced = [one["o"] for one in told if one.get("o", {}).get("x") == "CALCULATED"]
    assert [one["c"].startswith("settlement_autoclose-") for one in forced] == [True]
    assert (forced[0]["L"], forced[0]["n"]) == ("49000", "0")
    assert only_position(told)["pa"] == "0"


def test_spot_streams_hear_nothing_of_contracts(floor: Floor) -> None:
    """One account has both products; each stream tells its own."""
    floor.market("alice", Side.BUY, BTC // 10)
    numbered = [pair for pair in enumerate(floor.events, 1) if account_of(pair[1]) == "alice"]
    assert numbered
    look: Any = FuturesEar(floor).look()
    assert records(numbered, look) == []


def test_margin_is_called_for_before_that(floor: Floor, ear: FuturesEar) -> None:
    """The last warning: which positions, at which mark price, and what they need."""
    floor.isolate("alice", 50)
    floor.market("alice", Side.BUY, BTC // 10)
    ear.hear()
    floor.do(c.MoveMark(S, -780 * ATOMS))
    call = only(ear.hear(), "MARGIN_CALL")
    check_shape('e" E# p[]', call)
    check_shape(CALL, call["p"][0])
    assert (call["p"][0]["mt"], call["p"][0]["mp"]) == ("ISOLATED", "49220")


def test_funding_names_its_contract(floor: Floor, ear: FuturesEar) -> None:
    """Cross: the balance alone; isolated: the position, too (`S` since 2026-08-07)."""
    floor.market("alice", Side.BUY, BTC // 10)
    ear.hear()
    floor.do(c.PayFunding(S, 10_000))
    told = only(ear.hear(), "ACCOUNT_UPDATE")["a"]
    assert (told["m"], told["S"], told["P"]) == ("FUNDING_FEE", "BTCUSDT", [])
    assert told["B"][0]["bc"] == "-0.5"


def test_faults_change_fields_inside_events() -> None:
    """A fault names `status` or `contracts`; they stand one level down here."""
    order = {"e": "ORDER_TRADE_UPDATE", "T": 1, "o": {"X": "NEW", "z": "0"}}
    changed = edited(order, (("status", "closed"), ("filled", ...)))
    assert changed == {"e": "ORDER_TRADE_UPDATE", "T": 1, "o": {"X": "FILLED"}}
    account = {"e": "ACCOUNT_UPDATE", "a": {"B": [], "P": [{"pa": "1"}], "m": "ORDER"}}
    assert edited(account, (("contracts", "2"),))["a"]["P"] == [{"pa": "2"}]


def test_the_asset_mode_and_an_exchange_are_told() -> None:
    """`ai` for the mode; each asset that the venue sold or bought has an AUTO_EXCHANGE."""
    floor = owing(180, btc=0.1)
    ear = FuturesEar(floor)
    floor.do(c.TransferFunds("alice", "BTC", round(0.08 * ATOMS), to_futures=False))
    assert floor.has("USDC") == -180
    floor.trade("bob", "carol", BTC_IN_USDT, 19_000, 1)
    floor.do(ChangeCollateral("BTC", bid_buffer=600_000))
    told = ear.hear()
    assert short(told) == ["ACCOUNT_UPDATE AUTO_EXCHANGE"] * 2
    assert [one["a"]["B"][0]["a"] for one in told] == ["BTC", "USDC"]
    assert told[1]["a"]["B"][0]["wb"] == "0"
    floor.do(SetMultiAssets("alice", False))
    (config,) = ear.hear()
    assert (config["e"], config["ai"]) == ("ACCOUNT_CONFIG_UPDATE", {"j": False})


def test_a_fee_in_bnb_is_told_with_the_fill() -> None:
    """As recorded: both the margin asset and BNB are in `B`, and `N` names BNB."""
    floor = Burning()
    floor.pay("alice", BNB=1)
    for price, lots in ((20_000, 50), (20_001, 50)):
        floor.do(c.PlaceOrder("bob", BTC_IN_USDT, Side.BUY, OrderType.LIMIT, lots, price))
    ear = FuturesEar(floor)
    floor.do(c.PlaceOrder("alice", BTC_IN_USDT, Side.SELL, OrderType.LIMIT, 100, 20_000))
    told = ear.hear()
    updates = [one["a"]["B"] for one in told if one["e"] == "ACCOUNT_UPDATE"]
    assert [[row["a"] for row in rows] for rows in updates] == [["USDT", "BNB"]] * 2
    assert [rows[1]["wb"] for rows in updates] == ["0.99099955", "0.98199955"]
    fills = [
        one["o"] for one in told if one["e"] == "ORDER_TRADE_UPDATE" and one["o"]["x"] == "TRADE"
    ]
    assert [(one["N"], one["n"]) for one in fills] == [("BNB", "0.00900045"), ("BNB", "0.009")]


def test_a_margin_call_of_all_assets_names_the_cross_positions() -> None:
    """`cw` is what all assets together are worth, in dollars."""
    floor = Joint()
    floor.pay("alice", BTC=0.06)
    floor.do(SetMultiAssets("alice", True))
    floor.do(c.SetLeverage("alice", ETH_IN_USDC, 100))
    floor.trade("alice", "bob", ETH_IN_USDC, 600, 14_000)
    ear = FuturesEar(floor)
    floor.trade("bob", "carol", BTC_IN_USDT, 11_000, 1)
    call = only(ear.hear(), "MARGIN_CALL")
    assert [(one["s"], one["mt"]) for one in call["p"]] == [("ETHUSDC", "CROSSED")]
    assert float(call["cw"]) == 220 * 0.9999 + 200 * 0.9999 + 0.06 * 11_000 * 0.95
