"""The multi-assets mode and fees in BNB over REST and on the user data stream."""

from __future__ import annotations

from decimal import Decimal

from failing_exchange.core.commands import OpenAccount
from failing_exchange.core.units import ATOMS
from tests.venues.binance_usdm.usdm_client import Got, UsdmClient, on_usdm

SYMBOL = {"symbol": "BTCUSDT"}


async def switch(client: UsdmClient, on: bool) -> Got:
    value = "true" if on else "false"
    return await client.signed("POST", "v1/multiAssetsMargin", multiAssetsMargin=value)


async def pay(client: UsdmClient, asset: str, amount: float) -> None:
    """Pay something into the futures wallet of the client."""
    futures = ((asset, round(amount * ATOMS)),)
    await client.exchange.operate(OpenAccount("main", (), None, futures))


def test_each_refusal_of_the_mode_has_its_code() -> None:
    """-4168 to -4170: a bot tells by the number what it has to clear away first."""

    async def story(client: UsdmClient) -> None:
        await client.order(price="48000")
        assert (await switch(client, True)).body["code"] == -4170
        await client.signed("DELETE", "v1/allOpenOrders", **SYMBOL)
        await client.market()
        assert (await switch(client, True)).body["code"] == -4169
        await client.market("SELL")
        assert (await switch(client, True)).body == {"code": 200, "msg": "success"}
        got = await client.signed("GET", "v1/multiAssetsMargin")
        assert got.body == {"multiAssetsMargin": True}
        got = await client.signed("POST", "v1/marginType", **SYMBOL, marginType="ISOLATED")
        assert (got.status, got.body["code"]) == (400, -4168)

    on_usdm(story)


def test_totals_are_those_of_all_assets_in_dollars() -> None:
    """1 BTC at 50,000 counts for 95 %, a USDT for 99.99 %; each asset shows what is available."""

    async def story(client: UsdmClient) -> None:
        await client.market()
        await client.market("SELL")
        alone = (await client.signed("GET", "v3/account")).body
        assert alone["totalWalletBalance"] == "9895.05000000"  # of USDT alone
        await pay(client, "BTC", 1)
        await switch(client, True)
        found = (await client.signed("GET", "v3/account")).body
        price = Decimal(
            (await client.public("GET", "v1/premiumIndex", **SYMBOL)).body["indexPrice"]
        )
        worth = Decimal("9895.05") * Decimal("0.9999") + price * Decimal("0.95")
        assert Decimal(found["totalMarginBalance"]) == worth
        usdt, btc = found["assets"]
        assert (usdt["asset"], btc["asset"]) == ("USDT", "BTC")
        assert Decimal(usdt["availableBalance"]) > Decimal("50_000")
        assert usdt["maxWithdrawAmount"] == "9895.05000000"
        assert btc["walletBalance"] == btc["maxWithdrawAmount"] == "1.00000000"
        whole = (await client.signed("GET", "v2/account")).body
        assert whole["multiAssetsMargin"] is True
        assert [row["marginAvailable"] for row in whole["assets"]] == [True, True]

    on_usdm(story, balances={"USDT": 10_000})


def test_fees_in_bnb_are_in_the_trades_and_the_income() -> None:
    """Switched off and on again; a bot's books name the asset that was paid."""

    async def story(client: UsdmClient) -> None:
        assert (await client.signed("GET", "v1/feeBurn")).body == {"feeBurn": True}
        await client.exchange.operate(OpenAccount("main", (), None, (("BNB", ATOMS),)))
        await client.market()  # nothing tells what BNB is worth: the fee is paid in USDT
        (trade,) = (await client.signed("GET", "v1/userTrades", **SYMBOL)).body
        assert trade["commissionAsset"] == "USDT"
        got = await client.signed("POST", "v1/feeBurn", feeBurn="false")
        assert got.body == {"code": 200, "msg": "success"}
        assert (await client.signed("GET", "v1/feeBurn")).body == {"feeBurn": False}
        assert (await client.signed("GET", "v2/account")).body["feeBurn"] is False

    on_usdm(story)
