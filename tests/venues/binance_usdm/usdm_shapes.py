"""Shapes of the venue's answers: names and types, and where and when each was seen.

"live" were answers of production (2026-09), "connector" are the examples of the official connector
(2026-08-19), "pages" those of the documents (2025-03-16). Letters: s string, i whole number, f any
number, b true or false, n null; a name in capitals is a shape, with * a list of it.
"""

from __future__ import annotations

from typing import Any

LETTERS: dict[str, Any] = {"s": str, "i": int, "f": (int, float), "b": bool, "n": type(None)}

# live 2026-09-19: POST /fapi/v1/order
ACKNOWLEDGED = (
    "orderId:i symbol:s status:s clientOrderId:s price:s origQty:s executedQty:s cumQty:s "
    "timeInForce:s type:s reduceOnly:b closePosition:b side:s positionSide:s stopPrice:s "
    "workingType:s priceProtect:b origType:s priceMatch:s selfTradePreventionMode:s goodTillDate:i "
    "updateTime:i"
)
# live 2026-09-19: GET /fapi/v1/order
QUERIED = (
    "orderId:i symbol:s status:s clientOrderId:s price:s avgPrice:s origQty:s executedQty:s "
    "cumQuote:s timeInForce:s type:s reduceOnly:b closePosition:b side:s positionSide:s "
    "stopPrice:s workingType:s priceProtect:b origType:s priceMatch:s selfTradePreventionMode:s "
    "goodTillDate:i time:i updateTime:i"
)
# live 2026-09-19: POST /fapi/v1/algoOrder
ALGO = (
    "algoId:i clientAlgoId:s algoType:s orderType:s symbol:s side:s positionSide:s timeInForce:s "
    "quantity:s algoStatus:s triggerPrice:s price:s icebergQuantity:n selfTradePreventionMode:s "
    "workingType:s priceMatch:s closePosition:b priceProtect:b reduceOnly:b createTime:i "
    "updateTime:i triggerTime:i goodTillDate:i"
)
DONE = "code:i msg:s"
# connector 2026-08-19
TOTALS = (
    "totalInitialMargin:s totalMaintMargin:s totalWalletBalance:s totalUnrealizedProfit:s "
    "totalMarginBalance:s totalPositionInitialMargin:s totalOpenOrderInitialMargin:s "
    "totalCrossWalletBalance:s totalCrossUnPnl:s availableBalance:s maxWithdrawAmount:s"
)
ASSET = (
    "asset:s walletBalance:s unrealizedProfit:s marginBalance:s maintMargin:s initialMargin:s "
    "positionInitialMargin:s openOrderInitialMargin:s crossWalletBalance:s crossUnPnl:s "
    "availableBalance:s maxWithdrawAmount:s updateTime:i"
)
SHAPES: dict[str, str] = {
    "ASSET": ASSET,
    "ASSET2": f"{ASSET} marginAvailable:b",
    # connector 2026-08-19: GET /fapi/v3/account
    "HELD": (
        "symbol:s positionSide:s positionAmt:s unrealizedProfit:s isolatedMargin:s notional:s "
        "isolatedWallet:s initialMargin:s maintMargin:s updateTime:i"
    ),
    # live 2026-09-19: a row of GET /fapi/v2/account
    "HELD2": (
        "symbol:s initialMargin:s maintMargin:s unrealizedProfit:s positionInitialMargin:s "
        "openOrderInitialMargin:s leverage:s isolated:b entryPrice:s breakEvenPrice:s "
        "maxNotional:s positionSide:s positionAmt:s notional:s isolatedWallet:s updateTime:i "
        "bidNotional:s askNotional:s"
    ),
    "BRACKET": (
        "bracket:i initialLeverage:i notionalCap:f notionalFloor:f maintMarginRatio:f cum:f"
    ),
    "LIMIT": "rateLimitType:s interval:s intervalNum:i limit:i",
    "MARGIN": "asset:s marginAvailable:b autoAssetExchange:s",
    # live 2026-09: the row of BTCUSDT
    "CONTRACT": (
        "symbol:s pair:s contractType:s deliveryDate:i onboardDate:i status:s maintMarginPercent:s "
        "requiredMarginPercent:s baseAsset:s quoteAsset:s marginAsset:s pricePrecision:i "
        "quantityPrecision:i baseAssetPrecision:i quotePrecision:i underlyingType:s "
        "underlyingSubType:LIST triggerProtect:s liquidationFee:s marketTakeBound:s "
        "maxMoveOrderLimit:i filters:LIST orderTypes:LIST timeInForce:LIST permissionSets:LIST"
    ),
    "SPAN": "before:s after:s",
    "RANKS": "LONG:i SHORT:i BOTH:i",
    "AMENDMENT": "price:SPAN origQty:SPAN count:i modifyId:i",
    # live 2026-09-19
    "POST v1/order": ACKNOWLEDGED,
    "DELETE v1/order": ACKNOWLEDGED,
    "POST v1/order/test": f"{QUERIED} cumQty:s".replace(" time:i", ""),
    "GET v1/order": QUERIED,
    "GET v1/openOrder": QUERIED,
    "GET v1/openOrders": f"*{QUERIED}",
    "GET v1/allOrders": f"*{QUERIED} cumBase:s pair:s",
    "GET v1/userTrades": (
        "*symbol:s id:i orderId:i pair:s side:s price:s qty:s realizedPnl:s quoteQty:s "
        "commission:s commissionAsset:s time:i buyer:b maker:b positionSide:s baseQty:s "
        "marginAsset:s"
    ),
    "POST v1/algoOrder": ALGO,
    "DELETE v1/algoOrder": "algoId:i clientAlgoId:s code:s msg:s",
    "GET v1/openAlgoOrders": f"*{ALGO} actualOrderId:s actualQty:s isActivated:b",
    "GET v1/allAlgoOrders": (f"*{ALGO} actualOrderId:s actualPrice:s tpOrderType:s isActivated:b"),
    "GET v1/ticker/price": "*price:s symbol:s time:i",
    "GET v2/ticker/price": "*price:s symbol:s time:i",
    # connector 2026-08-19
    "GET v1/ping": "",
    "GET v1/time": "serverTime:i",
    "GET v1/exchangeInfo": (
        "timezone:s serverTime:i futuresType:s rateLimits:*LIMIT exchangeFilters:LIST "
        "assets:*MARGIN symbols:*CONTRACT"
    ),
    "PUT v1/order": f"{ACKNOWLEDGED} pair:s modifyId:i",
    "GET v1/orderAmendment": (
        "*amendmentId:i symbol:s pair:s orderId:i clientOrderId:s time:i amendment:AMENDMENT"
    ),
    "POST v1/countdownCancelAll": "symbol:s countdownTime:s",
    "DELETE v1/allOpenOrders": DONE,
    "DELETE v1/algoOpenOrders": DONE,
    "GET v2/account": (
        "feeTier:i feeBurn:b canTrade:b canDeposit:b canWithdraw:b updateTime:i "
        f"multiAssetsMargin:b tradeGroupId:i {TOTALS} assets:*ASSET2 positions:*HELD2"
    ),
    "GET v3/account": f"{TOTALS} assets:*ASSET positions:*HELD",
    "GET v2/balance": (
        "*accountAlias:s asset:s balance:s crossWalletBalance:s crossUnPnl:s availableBalance:s "
        "maxWithdrawAmount:s marginAvailable:b updateTime:i"
    ),
    "GET v3/balance": (
        "*accountAlias:s asset:s balance:s crossWalletBalance:s crossUnPnl:s availableBalance:s "
        "maxWithdrawAmount:s marginAvailable:b updateTime:i"
    ),
    "GET v2/positionRisk": (
        "*entryPrice:s breakEvenPrice:s marginType:s isAutoAddMargin:s isolatedMargin:s leverage:s "
        "liquidationPrice:s markPrice:s maxNotionalValue:s positionAmt:s notional:s "
        "isolatedWallet:s symbol:s unRealizedProfit:s positionSide:s updateTime:i"
    ),
    "GET v3/positionRisk": (
        "*symbol:s positionSide:s positionAmt:s entryPrice:s breakEvenPrice:s markPrice:s "
        "unRealizedProfit:s liquidationPrice:s isolatedMargin:s notional:s marginAsset:s "
        "isolatedWallet:s initialMargin:s maintMargin:s positionInitialMargin:s "
        "openOrderInitialMargin:s adl:i bidNotional:s askNotional:s updateTime:i"
    ),
    "GET v1/symbolConfig": (
        "*symbol:s marginType:s isAutoAddMargin:b leverage:i maxNotionalValue:s"
    ),
    "GET v1/accountConfig": (
        "feeTier:i canTrade:b canDeposit:b canWithdraw:b dualSidePosition:b updateTime:i "
        "multiAssetsMargin:b tradeGroupId:i"
    ),
    "GET v1/positionSide/dual": "dualSidePosition:b",
    "GET v1/multiAssetsMargin": "multiAssetsMargin:b",
    "POST v1/multiAssetsMargin": DONE,
    "GET v1/feeBurn": "feeBurn:b",
    "POST v1/feeBurn": DONE,
    "GET v1/commissionRate": (
        "symbol:s makerCommissionRate:s takerCommissionRate:s rpiCommissionRate:s"
    ),
    "GET v1/rateLimit/order": "*rateLimitType:s interval:s intervalNum:i limit:i",
    "POST v1/leverage": "leverage:i maxNotionalValue:s symbol:s",
    "POST v1/marginType": DONE,
    "POST v1/positionSide/dual": DONE,
    "POST v1/positionMargin": "amount:f code:i msg:s type:i",
    "GET v1/depth": "lastUpdateId:i E:i T:i bids:LIST asks:LIST",
    "GET v1/rpiDepth": "lastUpdateId:i E:i T:i bids:LIST asks:LIST",
    "GET v1/trades": "*id:i price:s qty:s quoteQty:s time:i isBuyerMaker:b isRPITrade:b",
    "GET v1/historicalTrades": (
        "*id:i price:s qty:s quoteQty:s time:i isBuyerMaker:b isRPITrade:b"
    ),
    "GET v1/aggTrades": "*a:i p:s q:s nq:s f:i l:i T:i m:b",
    "GET v1/ticker/bookTicker": "*symbol:s bidPrice:s bidQty:s askPrice:s askQty:s time:i",
    "GET v1/ticker/24hr": (
        "*symbol:s priceChange:s priceChangePercent:s weightedAvgPrice:s lastPrice:s lastQty:s "
        "openPrice:s highPrice:s lowPrice:s volume:s quoteVolume:s openTime:i closeTime:i "
        "firstId:i lastId:i count:i"
    ),
    "GET v1/premiumIndex": (
        "*symbol:s markPrice:s indexPrice:s estimatedSettlePrice:s lastFundingRate:s "
        "interestRate:s nextFundingTime:i time:i"
    ),
    "GET v1/fundingRate": "*symbol:s fundingRate:s fundingTime:i markPrice:s rateType:s",
    "GET v1/fundingInfo": (
        "*symbol:s adjustedFundingRateCap:s adjustedFundingRateFloor:s fundingIntervalHours:i "
        "disclaimer:b"
    ),
    "GET v1/income": ("*symbol:s incomeType:s income:s asset:s time:i info:s tranId:i tradeId:s"),
    "GET v1/adlQuantile": "*symbol:s adlQuantile:RANKS",
    "CONSTITUENT": "exchange:s symbol:s price:s weight:s",  # pages of 2025-04, by way of a client
    "FUND": "asset:s marginBalance:s updateTime:i",
    "GET v1/apiTradingStatus": "indicators:DICT updateTime:i",
    "GET v1/assetIndex": (
        "*symbol:s time:i index:s bidBuffer:s askBuffer:s bidRate:s askRate:s "
        "autoExchangeBidBuffer:s autoExchangeAskBuffer:s autoExchangeBidRate:s "
        "autoExchangeAskRate:s"
    ),
    "GET v1/insuranceBalance": "*symbols:LIST assets:*FUND",
    "GET v1/symbolAdlRisk": "*symbol:s adlRisk:s updateTime:i",
    "GET v1/constituents": "symbol:s time:i constituents:*CONSTITUENT",
    "GET v1/positionMargin/history": (
        "*symbol:s type:i deltaType:s amount:s asset:s time:i positionSide:s"
    ),
    "GET data/openInterestHist": (
        "*symbol:s sumOpenInterest:s sumOpenInterestValue:s CMCCirculatingSupply:s timestamp:i"
    ),
    "GET data/takerlongshortRatio": "*buySellRatio:s buyVol:s sellVol:s timestamp:i",
    "GET data/basis": (
        "*indexPrice:s contractType:s basisRate:s futuresPrice:s annualizedBasisRate:s basis:s "
        "pair:s timestamp:i"
    ),
    "GET v1/openInterest": "openInterest:s symbol:s time:i",
    # pages 2025-03-16: a list for all symbols; `notionalCoef` only where the user's was changed
    "GET v1/leverageBracket": "*symbol:s brackets:*BRACKET",
}


def check_shape(name: str, found: Any) -> None:
    """Compare an answer with a shape; a list must have a row."""
    shape = SHAPES[name]
    if shape.startswith("*"):
        assert isinstance(found, list) and found, f"{name}: {found!r} is not a list with rows"
        for row in found:
            check_row(name, shape[1:], row)
    else:
        check_row(name, shape, found)


def check_row(name: str, shape: str, row: Any) -> None:
    """Compare one object with a shape: all of its names, and no others."""
    fields = dict(field.split(":") for field in shape.split())
    assert row.keys() == fields.keys(), f"{name}: {row.keys() ^ fields.keys()}"
    for field, kind in fields.items():
        value = row[field]
        if kind == "DICT":
            assert isinstance(value, dict), f"{name}.{field} is {value!r}"
        elif kind == "LIST":
            assert isinstance(value, list), f"{name}.{field} is {value!r}"
        elif kind.startswith("*"):
            for inner in value:
                check_row(f"{name}.{field}", SHAPES[kind[1:]], inner)
        elif kind in SHAPES:
            check_row(f"{name}.{field}", SHAPES[kind], value)
        else:
            plain = kind == "b" or not isinstance(value, bool)
            assert isinstance(value, LETTERS[kind]) and plain, f"{name}.{field} is {value!r}"
