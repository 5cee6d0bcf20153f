"""The account over REST: its figures agree with each other and with what was done."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

from failing_exchange.core.commands import LiquidatePosition
from tests.venues.binance_usdm.contracts import BTC
from tests.venues.binance_usdm.usdm_client import UsdmClient, on_usdm

SYMBOL = {"symbol": "BTCUSDT"}


async def incomes(client: UsdmClient, **params: Any) -> list[tuple[str, Decimal]]:
    """(kind, amount) of what has changed the wallet."""
    rows = (await client.signed("GET", "v1/income", **params)).body
    return [(row["incomeType"], Decimal(row["income"])) for row in rows]


def test_income_adds_up_to_the_wallet() -> None:
    """Profit, fees and funding, each once: a bot's books close."""

    async def story(client: UsdmClient) -> None:
        before = (await client.signed("GET", "v3/account")).body["totalWalletBalance"]
        await client.market()
        await asyncio.sleep(8 * 3_600 + 1)  # funding is paid meanwhile
        await client.market("SELL", quantity="0.1")
        after = (await client.signed("GET", "v3/account")).body["totalWalletBalance"]
        paid_in, *rows = await incomes(client)
        assert paid_in == ("TRANSFER", Decimal(10_000_000))
        kinds = [kind for kind, _ in rows]
        assert kinds == ["COMMISSION", "FUNDING_FEE", "REALIZED_PNL", "COMMISSION"]
        assert sum(amount for _, amount in rows) == Decimal(after) - Decimal(before)
        (profit,) = await incomes(client, incomeType="REALIZED_PNL")
        assert profit == ("REALIZED_PNL", Decimal("-100"))
        assert await incomes(client, limit=1, page=3) == rows[1:2]

    on_usdm(story)


def test_margin_figures_hang_together() -> None:
    """Wallet plus profit is margin balance; what positions and orders need is not available."""

    async def story(client: UsdmClient) -> None:
        await client.market()
        await client.order(price="48000", quantity="0.2")
        account = (await client.signed("GET", "v3/account")).body
        (asset,), (row,) = account["assets"], account["positions"]
        found = {name: Decimal(value) for name, value in asset.items() if name != "asset"}
        assert found["marginBalance"] == found["walletBalance"] + found["unrealizedProfit"]
        assert found["initialMargin"] == Decimal(row["initialMargin"])
        assert found["availableBalance"] == found["marginBalance"] - found["initialMargin"]
        assert Decimal(row["initialMargin"]) == Decimal("250") + Decimal("480")
        whole = (await client.signed("GET", "v2/account")).body
        assert [one["symbol"] for one in whole["positions"]] == ["BTCUSDT", "ETHUSDT"]
        assert whole["positions"][0]["bidNotional"] == "9600.00000000"

    on_usdm(story)


def test_hedged_positions_have_a_row_each() -> None:
    """LONG and SHORT, and reduceOnly is refused for them."""

    async def story(client: UsdmClient) -> None:
        await client.signed("POST", "v1/positionSide/dual", dualSidePosition="true")
        await client.market(positionSide="LONG")
        await client.market("SELL", quantity="0.2", positionSide="SHORT")
        rows = (await client.signed("GET", "v3/positionRisk", **SYMBOL)).body
        assert [(row["positionSide"], row["positionAmt"]) for row in rows] == [
            ("LONG", "0.100"), ("SHORT", "-0.200"),
        ]  # fmt: skip
        assert rows[1]["notional"].startswith("-")
        (ranks,) = (await client.signed("GET", "v1/adlQuantile")).body
        assert ranks["adlQuantile"].keys() == {"LONG", "SHORT", "HEDGE"}
        refused = await client.market("SELL", positionSide="LONG", reduceOnly="true")
        assert refused.body == {
            "code": -1106, "msg": "Parameter 'reduceonly' sent when not required."
        }  # fmt: skip

    on_usdm(story)


def test_the_position_with_most_profit_stands_first_for_deleveraging() -> None:
    """4 goes first; without profit it is 0."""

    async def story(client: UsdmClient) -> None:
        await client.order(price="49500")
        await client.bob.create_order(BTC, "limit", "sell", 0.1, 49_500)
        (row,) = (await client.signed("GET", "v3/positionRisk")).body
        assert row["adl"] == 0
        await client.trade_at(49_900)
        (row,) = (await client.signed("GET", "v3/positionRisk")).body
        assert row["adl"] == 4
        assert row["unRealizedProfit"] == "40.00000000"

    on_usdm(story)


def test_income_has_the_fee_of_a_liquidation_after_its_profit() -> None:
    """Rows of one instant stand in the order in which they happened."""

    async def story(client: UsdmClient) -> None:
        await client.market()
        await client.exchange.operate(LiquidatePosition("main", BTC))
        rows = (await client.signed("GET", "v1/income")).body
        kinds = [row["incomeType"] for row in rows]
        assert kinds[-2:] == ["REALIZED_PNL", "INSURANCE_CLEAR"]
        assert rows[-2]["time"] == rows[-1]["time"]

    on_usdm(story)
