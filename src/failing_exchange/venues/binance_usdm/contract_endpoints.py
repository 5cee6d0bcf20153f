"""The table of endpoints of USD-M: one row each.

The documents of 2026-08-19, with weights and parameters beside each endpoint; weights of orders
count as `orders` in ten seconds. Endpoints that are not here are not simulated yet.
"""

from __future__ import annotations

from collections.abc import Callable

from failing_exchange.venues.binance_common import general, sapi
from failing_exchange.venues.binance_common.call import Endpoint, Security
from failing_exchange.venues.binance_common.params import Params
from failing_exchange.venues.binance_usdm import (
    algo_orders as algo,
    contract_market_data as data,
    contract_orders as orders,
    contract_placing as placing,
    contract_price_data as prices,
    exchange_info,
    futures_account as account,
    futures_data as futures,
    income,
    margin_settings as settings,
    trade_history as history,
)
from failing_exchange.venues.binance_usdm.order_terms import ALGO, CHANGE, ORDER

ONE = "symbol! orderId origClientOrderId"
SPAN = "startTime endTime limit"
# Examples are right in the `ContractWorld`: `mine` is alice's open order there.
LIMIT = "side=BUY type=LIMIT timeInForce=GTC quantity=0.1 price=40000"
PERPETUAL = "pair=BTCUSDT contractType=PERPETUAL"
MINE = "origClientOrderId=mine"
STOP = "algoType=CONDITIONAL side=SELL type=STOP_MARKET quantity=0.1 triggerPrice=45000"
PLACED = (
    'batchOrders=[{"symbol":"BTCUSDT","side":"BUY","type":"LIMIT","timeInForce":"GTC",'
    '"quantity":"0.1","price":"40000"}]'
)
CHANGED = (
    'batchOrders=[{"symbol":"BTCUSDT","side":"BUY","origClientOrderId":"mine","quantity":"0.2",'
    '"price":"40000"}]'
)


def by_symbol(one: int, every: int) -> Callable[[Params], int]:
    """A weight: of one contract, or of all."""

    def weight(p: Params) -> int:
        return one if "symbol" in p else every

    return weight


STATISTICS = (
    Endpoint(
        http="GET /futures/data/openInterestHist", operation="fetch_open_interest", weight=0,
        takes=f"symbol! period! {SPAN}", example="period=5m", read=futures.read_history,
        write=futures.write_interest_history,
    ),
    Endpoint(
        http="GET /futures/data/takerlongshortRatio", operation="fetch_open_interest", weight=0,
        takes=f"symbol! period! {SPAN}", example="period=5m", read=futures.read_history,
        write=futures.write_takers,
    ),
    Endpoint(
        http="GET /futures/data/basis", operation="fetch_mark_price", weight=0,
        takes=f"pair! contractType! period! {SPAN}", example=f"{PERPETUAL} period=5m",
        read=futures.read_basis, write=futures.write_basis,
    ),
    *(
        Endpoint(
            http=f"GET /futures/data/{name}", operation="fetch_open_interest", weight=0,
            takes=f"symbol! period! {SPAN}", example="period=5m", read=futures.read_nothing,
            write=futures.write_nothing,
        )
        for name in (
            "topLongShortAccountRatio", "topLongShortPositionRatio", "globalLongShortAccountRatio",
        )
    ),
    Endpoint(
        http="GET /futures/data/delivery-price", operation="fetch_mark_price", weight=0,
        takes="pair!", example="pair=BTCUSDT", read=futures.read_deliveries,
        write=futures.write_nothing,
    ),
)  # fmt: skip
ENDPOINTS = (
    Endpoint(
        http="GET /fapi/v1/ping", operation="fetch_status", takes="", read=general.read_ping,
        write=general.write_ping,
    ),
    Endpoint(
        http="GET /fapi/v1/time", operation="fetch_time", takes="", read=general.read_time,
        write=general.write_time,
    ),
    Endpoint(
        http="GET /fapi/v1/exchangeInfo", operation="fetch_markets", takes="",
        read=exchange_info.read_info, write=exchange_info.write_info,
    ),
    Endpoint(
        http="GET /fapi/v1/depth", operation="fetch_order_book", weight=data.depth_weight,
        takes="symbol! limit", read=data.read_depth, write=data.write_depth,
    ),
    Endpoint(
        http="GET /fapi/v1/rpiDepth", operation="fetch_order_book", weight=20,
        takes="symbol! limit", read=data.read_rpi_depth, write=data.write_depth,
    ),
    Endpoint(
        http="GET /fapi/v1/trades", operation="fetch_trades", weight=5, takes="symbol! limit",
        read=data.read_trades, write=data.write_trades,
    ),
    Endpoint(
        http="GET /fapi/v1/historicalTrades", operation="fetch_trades", weight=200,
        security=Security.MARKET_DATA, key_only=True, takes="symbol! limit fromId",
        read=data.read_older_trades, write=data.write_trades,
    ),
    Endpoint(
        http="GET /fapi/v1/aggTrades", operation="fetch_trades", weight=20,
        takes=f"symbol! fromId {SPAN}", read=data.read_aggregates, write=data.write_aggregates,
    ),
    Endpoint(
        http="GET /fapi/v1/klines", operation="fetch_ohlcv", weight=data.candles_weight,
        takes=f"symbol! interval! {SPAN}", read=data.read_candles, write=data.write_candles,
    ),
    Endpoint(
        http="GET /fapi/v1/continuousKlines", operation="fetch_ohlcv", weight=data.candles_weight,
        takes=f"pair! contractType! interval! {SPAN}", example=PERPETUAL,
        read=data.read_continuous, write=data.write_candles,
    ),
    Endpoint(
        http="GET /fapi/v1/ticker/24hr", operation="fetch_tickers", weight=by_symbol(1, 40),
        takes="symbol", read=data.read_24h, write=data.write_24h,
    ),
    Endpoint(
        http="GET /fapi/v1/ticker/price", operation="fetch_tickers", weight=by_symbol(1, 2),
        takes="symbol", read=data.read_tickers, write=data.write_prices,
    ),
    Endpoint(
        http="GET /fapi/v2/ticker/price", operation="fetch_tickers", weight=by_symbol(1, 2),
        takes="symbol", read=data.read_tickers, write=data.write_prices,
    ),
    Endpoint(
        http="GET /fapi/v1/ticker/bookTicker", operation="fetch_tickers", weight=by_symbol(2, 5),
        takes="symbol", read=data.read_tickers, write=data.write_best,
    ),
    Endpoint(
        http="GET /fapi/v1/premiumIndex", operation="fetch_mark_price", weight=by_symbol(1, 10),
        takes="symbol", read=prices.read_premium, write=prices.write_premium,
    ),
    Endpoint(
        http="GET /fapi/v1/fundingRate", operation="fetch_funding_rate_history", weight=0,
        takes=f"symbol {SPAN}", read=prices.read_rates, write=prices.write_rates,
    ),
    Endpoint(
        http="GET /fapi/v1/fundingInfo", operation="fetch_funding_intervals", weight=0, takes="",
        read=prices.read_terms, write=prices.write_terms,
    ),
    Endpoint(
        http="GET /fapi/v1/openInterest", operation="fetch_open_interest", takes="symbol!",
        read=prices.read_interest, write=prices.write_interest,
    ),
    Endpoint(
        http="GET /fapi/v1/indexPriceKlines", operation="fetch_ohlcv", weight=data.candles_weight,
        takes=f"pair! interval! {SPAN}", example="pair=BTCUSDT", read=prices.read_index_candles,
        write=prices.write_price_candles,
    ),
    Endpoint(
        http="GET /fapi/v1/markPriceKlines", operation="fetch_ohlcv", weight=data.candles_weight,
        takes=f"symbol! interval! {SPAN}", read=prices.read_mark_candles,
        write=prices.write_price_candles,
    ),
    Endpoint(
        http="GET /fapi/v1/premiumIndexKlines", operation="fetch_ohlcv",
        weight=data.candles_weight, takes=f"symbol! interval! {SPAN}",
        read=prices.read_premium_candles, write=prices.write_price_candles,
    ),
    Endpoint(
        http="POST /fapi/v1/order", operation="create_order", security=Security.TRADE, weight=0,
        orders=1, takes=ORDER, example=LIMIT, read=placing.read_place, write=orders.write_placed,
    ),
    Endpoint(
        http="POST /fapi/v1/order/test", operation="create_order", security=Security.TRADE,
        takes=ORDER, example=LIMIT, read=placing.read_test, write=orders.write_tested,
    ),
    Endpoint(
        http="PUT /fapi/v1/order", operation="edit_order", security=Security.TRADE, weight=0,
        orders=1, takes=CHANGE, example=f"{MINE} side=BUY quantity=0.2 price=40000",
        read=placing.read_change, write=orders.write_amended,
    ),
    Endpoint(
        http="POST /fapi/v1/batchOrders", operation="create_order", security=Security.TRADE,
        weight=5, orders=5, takes="batchOrders!", example=PLACED, read=placing.read_places,
        write=orders.write_batch,
    ),
    Endpoint(
        http="PUT /fapi/v1/batchOrders", operation="edit_order", security=Security.TRADE,
        weight=5, orders=5, takes="batchOrders!", example=CHANGED,
        read=placing.read_batch_of_changes, write=orders.write_batch,
    ),
    Endpoint(
        http="DELETE /fapi/v1/batchOrders", operation="cancel_order", security=Security.TRADE,
        takes="symbol! orderIdList orderidlist origClientOrderIdList",
        example='origClientOrderIdList=["mine"]', read=placing.read_cancels,
        write=orders.write_batch,
    ),
    Endpoint(
        http="POST /fapi/v1/countdownCancelAll", operation="cancel_all_orders",
        security=Security.TRADE, weight=10, takes="symbol! countdownTime!",
        example="countdownTime=120000", read=placing.read_countdown, write=orders.write_countdown,
    ),
    Endpoint(
        http="GET /fapi/v1/orderAmendment", operation="fetch_order", security=Security.USER_DATA,
        takes=f"{ONE} {SPAN}", example=MINE, read=placing.read_changes,
        write=orders.write_changes,
    ),
    Endpoint(
        http="POST /fapi/v1/algoOrder", operation="create_order", security=Security.TRADE,
        weight=0, orders=1, takes=ALGO, example=STOP, read=algo.read_place,
        write=algo.write_placed,
    ),
    # The page lists no `symbol` for one algo order; an unmodified ccxt (4.5.90) sends it.
    Endpoint(
        http="DELETE /fapi/v1/algoOrder", operation="cancel_order", security=Security.TRADE,
        takes="symbol algoId clientAlgoId", example="clientAlgoId=stop", read=algo.read_cancel,
        write=algo.write_canceled,
    ),
    Endpoint(
        http="DELETE /fapi/v1/algoOpenOrders", operation="cancel_all_orders",
        security=Security.TRADE, takes="symbol!", read=algo.read_cancel_all,
        write=algo.write_all_canceled,
    ),
    Endpoint(
        http="GET /fapi/v1/algoOrder", operation="fetch_order", security=Security.USER_DATA,
        takes="symbol algoId clientAlgoId", example="clientAlgoId=stop", read=algo.read_query,
        write=algo.write_one,
    ),
    Endpoint(
        http="GET /fapi/v1/openAlgoOrders", operation="fetch_open_orders",
        security=Security.USER_DATA, weight=by_symbol(1, 40), takes="algoType symbol algoId",
        read=algo.read_open, write=algo.write_open,
    ),
    Endpoint(
        http="GET /fapi/v1/allAlgoOrders", operation="fetch_orders", security=Security.USER_DATA,
        weight=5, takes=f"symbol! algoId {SPAN}", read=algo.read_all, write=algo.write_all,
    ),
    Endpoint(
        http="GET /fapi/v1/order", operation="fetch_order", security=Security.USER_DATA, takes=ONE,
        example=MINE, read=placing.read_query, write=history.write_order,
    ),
    Endpoint(
        http="DELETE /fapi/v1/order", operation="cancel_order", security=Security.TRADE, takes=ONE,
        example=MINE, read=placing.read_cancel, write=orders.write_changed,
    ),
    Endpoint(
        http="DELETE /fapi/v1/allOpenOrders", operation="cancel_all_orders",
        security=Security.TRADE, takes="symbol!", read=placing.read_cancel_all,
        write=orders.write_all_canceled,
    ),
    Endpoint(
        http="GET /fapi/v1/openOrder", operation="fetch_order", security=Security.USER_DATA,
        takes=ONE, example=MINE, read=placing.read_query,
        write=history.write_open_order,
    ),
    Endpoint(
        http="GET /fapi/v1/openOrders", operation="fetch_open_orders",
        security=Security.USER_DATA, weight=by_symbol(1, 40), takes="symbol",
        read=placing.read_open, write=orders.write_orders,
    ),
    Endpoint(
        http="GET /fapi/v1/allOrders", operation="fetch_orders", security=Security.USER_DATA,
        weight=5, takes=f"symbol! orderId {SPAN}", read=history.read_orders,
        write=history.write_orders,
    ),
    Endpoint(
        http="GET /fapi/v1/userTrades", operation="fetch_my_trades", security=Security.USER_DATA,
        weight=5, takes=f"symbol! orderId fromId {SPAN}", read=history.read_fills,
        write=history.write_fills,
    ),
    Endpoint(
        http="GET /fapi/v1/forceOrders", operation="fetch_orders", security=Security.USER_DATA,
        weight=by_symbol(20, 50), takes=f"symbol autoCloseType {SPAN}", read=history.read_forced,
        write=history.write_forced,
    ),
    Endpoint(
        http="GET /fapi/v1/income", operation="fetch_ledger",
        security=Security.USER_DATA, weight=30, takes=f"symbol incomeType page {SPAN}",
        read=income.read_income, write=income.write_income,
    ),
    Endpoint(
        http="GET /fapi/v1/rateLimit/order", operation="fetch_balance",
        security=Security.USER_DATA, takes="", read=history.read_counts,
        write=history.write_counts,
    ),
    Endpoint(
        http="GET /fapi/v2/account", operation="fetch_balance", security=Security.USER_DATA,
        weight=5, takes="", read=account.read_whole_account, write=account.write_whole_account,
    ),
    Endpoint(
        http="GET /fapi/v3/account", operation="fetch_balance", security=Security.USER_DATA,
        weight=5, takes="", read=account.read_account, write=account.write_account,
    ),
    Endpoint(
        http="GET /fapi/v2/balance", operation="fetch_balance", security=Security.USER_DATA,
        weight=5, takes="", read=account.read_balance, write=account.write_balance,
    ),
    Endpoint(
        http="GET /fapi/v3/balance", operation="fetch_balance", security=Security.USER_DATA,
        weight=5, takes="", read=account.read_balance, write=account.write_balance,
    ),
    Endpoint(
        http="GET /fapi/v2/positionRisk", operation="fetch_positions",
        security=Security.USER_DATA, weight=5, takes="symbol", read=account.read_all_positions,
        write=account.write_all_positions,
    ),
    Endpoint(
        http="GET /fapi/v3/positionRisk", operation="fetch_positions",
        security=Security.USER_DATA, weight=5, takes="symbol", read=account.read_positions,
        write=account.write_positions,
    ),
    Endpoint(
        http="GET /fapi/v1/adlQuantile", operation="fetch_positions",
        security=Security.USER_DATA, weight=5, takes="symbol", read=account.read_positions,
        write=account.write_ranks,
    ),
    Endpoint(
        http="GET /fapi/v1/symbolConfig", operation="fetch_leverage", security=Security.USER_DATA,
        weight=5, takes="symbol", read=account.read_all_positions,
        write=account.write_symbol_config,
    ),
    Endpoint(
        http="GET /fapi/v1/accountConfig", operation="fetch_position_mode",
        security=Security.USER_DATA, weight=5, takes="", read=account.read_balance,
        write=account.write_account_config,
    ),
    Endpoint(
        http="GET /fapi/v1/positionSide/dual", operation="fetch_position_mode",
        security=Security.USER_DATA, weight=30, takes="", read=account.read_balance,
        write=account.write_position_mode,
    ),
    Endpoint(
        http="GET /fapi/v1/multiAssetsMargin", operation="fetch_position_mode",
        security=Security.USER_DATA, weight=30, takes="", read=account.read_balance,
        write=account.write_multi_assets,
    ),
    Endpoint(
        http="POST /fapi/v1/multiAssetsMargin", operation="set_multi_assets_mode",
        security=Security.TRADE, takes="multiAssetsMargin!", example="multiAssetsMargin=true",
        read=settings.read_multi_assets, write=settings.write_done,
    ),
    Endpoint(
        http="GET /fapi/v1/feeBurn", operation="fetch_trading_fees", security=Security.USER_DATA,
        weight=30, takes="", read=account.read_balance, write=account.write_fee_burn,
    ),
    Endpoint(
        http="POST /fapi/v1/feeBurn", operation="set_fee_burn", security=Security.TRADE,
        takes="feeBurn!", example="feeBurn=true", read=settings.read_fee_burn,
        write=settings.write_done,
    ),
    Endpoint(
        http="GET /fapi/v1/leverageBracket", operation="fetch_leverage_tiers",
        security=Security.USER_DATA, takes="symbol", read=account.read_contracts,
        write=account.write_brackets,
    ),
    Endpoint(
        http="GET /fapi/v1/commissionRate", operation="fetch_trading_fees",
        security=Security.USER_DATA, weight=20, takes="symbol!", read=account.read_contracts,
        write=account.write_fees,
    ),
    Endpoint(
        http="POST /fapi/v1/leverage", operation="set_leverage", security=Security.TRADE,
        takes="symbol! leverage!", example="leverage=30", read=settings.read_leverage,
        write=settings.write_leverage,
    ),
    Endpoint(
        http="POST /fapi/v1/marginType", operation="set_margin_mode", security=Security.TRADE,
        takes="symbol! marginType!", example="symbol=ETHUSDT marginType=ISOLATED",
        read=settings.read_margin_type, write=settings.write_done,
    ),
    Endpoint(
        http="POST /fapi/v1/positionSide/dual", operation="set_position_mode",
        security=Security.TRADE, takes="dualSidePosition!", example="dualSidePosition=true",
        read=settings.read_position_mode, write=settings.write_done,
    ),
    Endpoint(
        http="POST /fapi/v1/positionMargin", operation="add_margin", security=Security.TRADE,
        takes="symbol! amount! type! positionSide", example="amount=10 type=1",
        read=settings.read_margin, write=settings.write_margin,
    ),
    # Spot's, on api.binance.com: python-binance (1.0.37) asks for both before all else.
    Endpoint(
        http="GET /api/v3/ping", operation="fetch_status", takes="", read=general.read_ping,
        write=general.write_ping,
    ),
    Endpoint(
        http="GET /api/v3/time", operation="fetch_time", takes="", read=general.read_time,
        write=general.write_time,
    ),
    Endpoint(
        http="GET /fapi/v1/positionMargin/history", operation="fetch_ledger",
        security=Security.TRADE, takes=f"symbol! type {SPAN}", read=settings.read_moves,
        write=settings.write_moves,
    ),
    Endpoint(
        http="GET /fapi/v1/apiTradingStatus", operation="fetch_status",
        security=Security.USER_DATA, weight=by_symbol(1, 10), takes="symbol",
        read=futures.read_trading_status, write=futures.write_trading_status,
    ),
    Endpoint(
        http="GET /fapi/v1/assetIndex", operation="fetch_mark_price", weight=by_symbol(1, 10),
        takes="symbol", example="symbol=USDTUSD", read=futures.read_asset_index,
        write=futures.write_asset_index,
    ),
    Endpoint(
        http="GET /fapi/v1/insuranceBalance", operation="fetch_open_interest", takes="symbol",
        read=futures.read_insurance, write=futures.write_insurance,
    ),
    Endpoint(
        http="GET /fapi/v1/symbolAdlRisk", operation="fetch_open_interest", takes="symbol",
        read=futures.read_insurance, write=futures.write_adl_risk,
    ),
    Endpoint(
        http="GET /fapi/v1/constituents", operation="fetch_mark_price", weight=2, takes="symbol!",
        read=futures.read_constituents, write=futures.write_constituents,
    ),
    *STATISTICS,
    *sapi.ENDPOINTS,
)  # fmt: skip
BY_HTTP = {endpoint.http: endpoint for endpoint in ENDPOINTS}
