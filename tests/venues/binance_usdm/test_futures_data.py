"""Statistics of the past, insurance, and changes of margin: numbers of this exchange alone."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

from failing_exchange.core.collateral import ChangeCollateral
from failing_exchange.core.commands import SetInsuranceFund
from failing_exchange.core.units import ATOMS
from failing_exchange.venues.binance_usdm.usdm_examples import UsdmExamples
from failing_exchange.venues.binance_usdm.usdm_limits import LIMITS
from tests.venues.binance_usdm.usdm_client import Got, UsdmClient, on_usdm
from tests.venues.binance_usdm.usdm_shapes import check_shape

SYMBOL = {"symbol": "BTCUSDT"}
PAIR = {"pair": "BTCUSDT", "contractType": "PERPETUAL"}
EMPTY = ("topLongShortAccountRatio", "topLongShortPositionRatio", "globalLongShortAccountRatio")


async def data(client: UsdmClient, name: str, **params: Any) -> Got:
    return await client.public("GET", f"/futures/data/{name}", **params)


def test_open_interest_of_the_past_is_what_was_held_then() -> None:
    """Reckoned back from the fills: a bot that opens and closes leaves its trace."""

    async def story(client: UsdmClient) -> None:
        await client.market(quantity="0.3")
        await asyncio.sleep(300)
        await client.market("SELL", quantity="0.2")
        await asyncio.sleep(300)
        await client.market("SELL", quantity="0.4")
        await asyncio.sleep(300)
        rows = (await data(client, "openInterestHist", **SYMBOL, period="5m")).body
        check_shape("GET data/openInterestHist", rows)
        assert [Decimal(row["sumOpenInterest"]) for row in rows] == [
            Decimal("0.3"), Decimal("0.1"), Decimal("0.3"), Decimal("0.3"),
        ]  # fmt: skip
        assert rows[0]["sumOpenInterestValue"] == "15000.00000000"
        assert [row["timestamp"] % 300_000 for row in rows] == [0, 0, 0, 0]
        now = (await client.public("GET", "v1/openInterest", **SYMBOL)).body
        assert Decimal(now["openInterest"]) == Decimal("0.3")
        (last,) = (await data(client, "openInterestHist", **SYMBOL, period="5m", limit=1)).body
        assert last == rows[-1]

    on_usdm(story)


def test_takers_and_basis_are_those_of_the_trades() -> None:
    """Periods that are over for volumes; the price less the index for the basis."""

    async def story(client: UsdmClient) -> None:
        await client.market(quantity="0.3")
        await client.market("SELL", quantity="0.1")
        await asyncio.sleep(301)
        await client.market(quantity="0.1")
        (row,) = (await data(client, "takerlongshortRatio", **SYMBOL, period="5m")).body
        check_shape("GET data/takerlongshortRatio", [row])
        assert (row["buyVol"], row["sellVol"], row["buySellRatio"]) == ("0.300", "0.100", "3.0000")
        rows = (await data(client, "basis", **PAIR, period="5m")).body
        check_shape("GET data/basis", rows)
        for one in rows:
            basis = Decimal(one["futuresPrice"]) - Decimal(one["indexPrice"])
            assert Decimal(one["basis"]) == basis

    on_usdm(story)


def test_what_nobody_can_know_here_is_empty() -> None:
    """Accounts that are long or short: the background has none. Perpetuals are not delivered."""

    async def story(client: UsdmClient) -> None:
        for name in EMPTY:
            assert (await data(client, name, **SYMBOL, period="1h")).body == []
        assert (await data(client, "delivery-price", pair="BTCUSDT")).body == []
        for wrong in ({"period": "7m"}, {"period": "5m", "startTime": 1}):
            got = await data(client, "openInterestHist", **SYMBOL, **wrong)
            assert (got.status, got.body["code"]) == (400, -1130)
        got = await data(client, "basis", **PAIR | {"contractType": "CURRENT_QUARTER"}, period="5m")
        assert got.body["code"] == -1121

    on_usdm(story)


def test_statistics_have_a_pool_of_their_own() -> None:
    """1,000 in five minutes, and no weight."""

    async def story(client: UsdmClient) -> None:
        for _ in range(10):
            got = await data(client, "openInterestHist", **SYMBOL, period="5m")
            assert got.status == 200
            assert "x-mbx-used-weight-1m" not in got.headers
        got = await data(client, "basis", **PAIR, period="5m")
        assert (got.status, got.body["code"]) == (429, -1003)
        assert (await client.public("GET", "v1/time")).status == 200

    on_usdm(story, limits=LIMITS.accelerated(100))


def test_changes_of_margin_are_listed() -> None:
    """Added and removed, with the type that a client asks for."""

    async def story(client: UsdmClient) -> None:
        await client.signed("POST", "v1/marginType", **SYMBOL, marginType="ISOLATED")
        await client.market()
        for kind, amount in ((1, "20"), (1, "5.5"), (2, "3")):
            await client.signed("POST", "v1/positionMargin", **SYMBOL, type=kind, amount=amount)
        rows = (await client.signed("GET", "v1/positionMargin/history", **SYMBOL)).body
        check_shape("GET v1/positionMargin/history", rows)
        assert [(row["type"], Decimal(row["amount"])) for row in rows] == [
            (1, Decimal(20)), (1, Decimal("5.5")), (2, Decimal(3)),
        ]  # fmt: skip
        asked = SYMBOL | {"type": 2, "limit": 5}
        assert (await client.signed("GET", "v1/positionMargin/history", **asked)).body == rows[2:]

    on_usdm(story)


def test_the_fund_and_the_risk_of_deleveraging_go_together() -> None:
    """High where the fund could not bear a hundredth of what is held."""

    async def story(client: UsdmClient) -> None:
        await client.market(quantity="1")
        for fund, risk in ((100_000, "low"), (5_000, "medium"), (10, "high")):
            await client.exchange.operate(SetInsuranceFund("USDT", fund * ATOMS))
            got = await client.public("GET", "v1/symbolAdlRisk", **SYMBOL)
            assert got.body["adlRisk"] == risk
            (group,) = (await client.public("GET", "v1/insuranceBalance")).body
            assert group["assets"][0]["marginBalance"] == f"{fund}.00000000"
            one = (await client.public("GET", "v1/insuranceBalance", **SYMBOL)).body
            assert one == group

    on_usdm(story)


def test_the_asset_index_has_the_rates_of_the_document() -> None:
    """As in its example: rate = index x (1 - buffer), rounded down."""

    async def story(client: UsdmClient) -> None:
        await client.market()
        got = await client.public("GET", "v1/assetIndex", symbol="BTCUSD")
        assert (got.body["index"], got.body["bidRate"]) == ("50000.00000000", "47500.00000000")
        await client.exchange.operate(ChangeCollateral("USDT", 99_987_691))
        (usdt,) = [
            row for row in (await client.public("GET", "v1/assetIndex")).body
            if row["symbol"] == "USDTUSD"
        ]  # fmt: skip
        assert (usdt["bidRate"], usdt["askRate"]) == ("0.99977692", "0.99997689")
        assert (await client.public("GET", "v1/assetIndex", symbol="BTC")).body["code"] == -1121

    on_usdm(story)


def test_every_page_of_statistics_is_asked_here() -> None:
    """A new one must not go without a shape."""
    pages = {name.rpartition("/")[2] for name in UsdmExamples().endpoints if "/data/" in name}
    assert pages == {*EMPTY, "openInterestHist", "takerlongshortRatio", "basis", "delivery-price"}
