"""The table of endpoints: one row each, for REST and the WebSocket API alike.

rest-api.md and web-socket-api.md, 2026-07-21. Weights and parameters stand beside each endpoint
there. Parameters that several endpoints share are named in parameters.py.
"""

from __future__ import annotations

from failing_exchange.venues.binance import (
    account,
    history,
    info,
    market_data,
    order_lists,
    orders,
    placing,
    references,
    replacing,
    tickers,
    transfers,
)
from failing_exchange.venues.binance.parameters import (
    CANDLES,
    LIST,
    ONE,
    ORDER,
    PAIR,
    PENDING,
    PENDING_PAIR,
    ROUTED,
    SOME,
    SPAN,
    WORKING,
)
from failing_exchange.venues.binance_common import general, sapi
from failing_exchange.venues.binance_common.call import Endpoint, Security

# Examples are right in `ExampleWorld`: `mine` is alice's open order there, `pair` her order list.
LIMIT = "side=BUY type=LIMIT timeInForce=GTC quantity=0.1 price=40000"
BUY_FIRST = (
    "workingType=LIMIT workingSide=BUY workingPrice=40000 workingQuantity=0.1 "
    "workingTimeInForce=GTC pendingSide=SELL"
)
SELL_THEN = "pendingType=LIMIT_MAKER pendingPrice=60000"
SELL_PAIR_THEN = (
    "pendingAboveType=LIMIT_MAKER pendingAbovePrice=60000 pendingBelowType=STOP_LOSS "
    "pendingBelowStopPrice=30000"
)
ENDPOINTS = (
    Endpoint(
        http="GET /api/v3/ping", socket="ping", operation="fetch_status", takes="",
        read=general.read_ping, write=general.write_ping,
    ),
    Endpoint(
        http="GET /api/v3/time", socket="time", operation="fetch_time", takes="",
        read=general.read_time, write=general.write_time,
    ),
    Endpoint(
        http="GET /api/v3/exchangeInfo", socket="exchangeInfo", operation="fetch_markets",
        weight=20, takes="symbol symbols permissions showPermissionSets symbolStatus",
        read=info.read_info, write=info.write_info,
    ),
    Endpoint(
        http="GET /api/v3/executionRules", socket="executionRules", operation="fetch_markets",
        weight=references.rules_weight, takes=SOME, read=references.read_rules,
        write=references.write_rules,
    ),
    Endpoint(
        http="GET /api/v3/historicalBlockTrades", socket="blockTrades.historical",
        operation="fetch_trades", weight=25, takes="symbol! fromId! limit",
        read=references.read_blocks, write=references.write_blocks,
    ),
    Endpoint(
        http="GET /api/v3/referencePrice", socket="referencePrice", operation="fetch_ticker",
        weight=2, takes="symbol!", read=references.read_reference, write=references.write_reference,
    ),
    Endpoint(
        http="GET /api/v3/referencePrice/calculation", socket="referencePrice.calculation",
        operation="fetch_ticker", weight=2, takes="symbol! symbolStatus",
        read=references.read_reference, write=references.write_calculation,
    ),
    Endpoint(
        http="GET /api/v3/depth", socket="depth", operation="fetch_order_book",
        weight=market_data.depth_weight, takes="symbol! limit symbolStatus",
        read=market_data.read_depth, write=market_data.write_depth,
    ),
    Endpoint(
        http="GET /api/v3/trades", socket="trades.recent", operation="fetch_trades", weight=25,
        takes="symbol! limit", read=market_data.read_trades, write=market_data.write_trades,
    ),
    Endpoint(
        http="GET /api/v3/historicalTrades", socket="trades.historical", operation="fetch_trades",
        weight=25, takes="symbol! limit fromId", read=market_data.read_older_trades,
        write=market_data.write_trades,
    ),
    Endpoint(
        http="GET /api/v3/aggTrades", socket="trades.aggregate", operation="fetch_trades", weight=4,
        takes=f"symbol! fromId {SPAN}", read=market_data.read_aggregates,
        write=market_data.write_aggregates,
    ),
    Endpoint(
        http="GET /api/v3/klines", socket="klines", operation="fetch_ohlcv", weight=2,
        takes=CANDLES, read=market_data.read_candles, write=market_data.write_candles,
    ),
    Endpoint(
        http="GET /api/v3/uiKlines", socket="uiKlines", operation="fetch_ohlcv", weight=2,
        takes=CANDLES, read=market_data.read_candles, write=market_data.write_candles,
    ),
    Endpoint(
        http="GET /api/v3/avgPrice", socket="avgPrice", operation="fetch_ticker", weight=2,
        takes="symbol!", read=market_data.read_average, write=market_data.write_average,
    ),
    Endpoint(
        http="GET /api/v3/ticker/24hr", socket="ticker.24hr", operation="fetch_tickers",
        weight=tickers.by_symbols(2, (20, 2), (100, 40), all=80), takes=f"{SOME} type",
        read=tickers.read_24h, write=tickers.write_24h,
    ),
    Endpoint(
        http="GET /api/v3/ticker/tradingDay", socket="ticker.tradingDay", operation="fetch_tickers",
        weight=tickers.each(4, 200), takes=f"{SOME} timeZone type", example="symbol=BTCUSDT",
        read=tickers.read_day, write=tickers.write_day,
    ),
    Endpoint(
        http="GET /api/v3/ticker/price", socket="ticker.price", operation="fetch_tickers",
        weight=tickers.by_symbols(2, all=4), takes=SOME, read=tickers.read_prices,
        write=tickers.write_prices,
    ),
    Endpoint(
        http="GET /api/v3/ticker/bookTicker", socket="ticker.book", operation="fetch_tickers",
        weight=tickers.by_symbols(2, all=4), takes=SOME, read=tickers.read_prices,
        write=tickers.write_best,
    ),
    Endpoint(
        http="GET /api/v3/ticker", socket="ticker", operation="fetch_tickers",
        weight=tickers.each(4, 200), takes=f"{SOME} windowSize type",
        example='symbols=["BTCUSDT","ETHBTC"]', read=tickers.read_window,
        write=tickers.write_window,
    ),
    Endpoint(
        http="POST /api/v3/order", socket="order.place", operation="create_order",
        security=Security.TRADE, orders=1, free=True, takes=ORDER, example=LIMIT,
        read=placing.read_place, write=orders.write_placed,
    ),
    Endpoint(
        http="POST /api/v3/order/test", socket="order.test", operation="create_order",
        security=Security.TRADE, weight=placing.test_weight,
        takes=f"{ORDER} computeCommissionRates", example=LIMIT, read=placing.read_test,
        write=orders.write_tested,
    ),
    Endpoint(
        http="GET /api/v3/order", socket="order.status", operation="fetch_order",
        security=Security.USER_DATA, weight=4, takes=ONE, example="origClientOrderId=mine",
        read=placing.read_query, write=orders.write_order,
    ),
    Endpoint(
        http="DELETE /api/v3/order", socket="order.cancel", operation="cancel_order",
        security=Security.TRADE, free=True, takes=f"{ONE} newClientOrderId cancelRestrictions",
        example="origClientOrderId=mine", read=placing.read_cancel, write=orders.write_canceled,
    ),
    Endpoint(
        http="DELETE /api/v3/openOrders", socket="openOrders.cancelAll",
        operation="cancel_all_orders", security=Security.TRADE, free=True, takes="symbol!",
        read=placing.read_cancel_all, write=order_lists.write_all_canceled,
    ),
    Endpoint(
        http="POST /api/v3/order/cancelReplace", socket="order.cancelReplace",
        operation="edit_order", security=Security.TRADE, orders=1, free=True,
        takes=(
            f"{ORDER} cancelReplaceMode! cancelNewClientOrderId cancelOrigClientOrderId "
            "cancelOrderId cancelRestrictions orderRateLimitExceededMode"
        ),
        example=f"{LIMIT} cancelReplaceMode=STOP_ON_FAILURE cancelOrigClientOrderId=mine",
        read=replacing.read_replace, write=replacing.write_replaced,
    ),
    Endpoint(
        http="PUT /api/v3/order/amend/keepPriority", socket="order.amend.keepPriority",
        operation="amend_order", security=Security.TRADE, weight=4,
        takes=f"{ONE} newClientOrderId newQty!", example="origClientOrderId=mine newQty=0.05",
        read=replacing.read_amend, write=replacing.write_amended,
    ),
    Endpoint(
        http="GET /api/v3/order/amendments", socket="order.amendments", operation="fetch_order",
        security=Security.USER_DATA, weight=4, takes="symbol! orderId! fromExecutionId limit",
        read=replacing.read_amendments, write=replacing.write_amendments,
    ),
    Endpoint(
        http="POST /api/v3/order/oco", socket="orderList.place", operation="create_oco_order",
        security=Security.TRADE, orders=2, free=True,
        takes=(
            f"{LIST} side! quantity! price! stopPrice! limitClientOrderId limitStrategyId "
            "limitStrategyType limitIcebergQty trailingDelta stopClientOrderId stopStrategyId "
            "stopStrategyType stopLimitPrice stopIcebergQty stopLimitTimeInForce"
        ),
        example=(
            "side=SELL quantity=0.1 price=60000 stopPrice=30000 stopLimitPrice=29000 "
            "stopLimitTimeInForce=GTC"
        ),
        read=order_lists.read_old_oco, write=order_lists.write_placed_list,
    ),
    Endpoint(
        http="POST /api/v3/orderList/oco", socket="orderList.place.oco",
        operation="create_oco_order", security=Security.TRADE, orders=2, free=True,
        takes=f"{LIST} side! quantity! {PAIR} belowType!",
        example=(
            "side=SELL quantity=0.1 aboveType=LIMIT_MAKER abovePrice=60000 "
            "belowType=STOP_LOSS belowStopPrice=30000"
        ),
        read=order_lists.read_oco, write=order_lists.write_placed_list,
    ),
    Endpoint(
        http="POST /api/v3/orderList/oto", socket="orderList.place.oto",
        operation="create_oco_order", security=Security.TRADE, orders=2, free=True,
        takes=f"{LIST} {WORKING} {PENDING} pendingQuantity!",
        example=f"{BUY_FIRST} {SELL_THEN} pendingQuantity=0.1", read=order_lists.read_oto,
        write=order_lists.write_placed_list,
    ),
    Endpoint(
        http="POST /api/v3/orderList/otoco", socket="orderList.place.otoco",
        operation="create_oco_order", security=Security.TRADE, orders=3, free=True,
        takes=f"{LIST} {WORKING} {PENDING_PAIR} pendingQuantity!",
        example=f"{BUY_FIRST} {SELL_PAIR_THEN} pendingQuantity=0.1", read=order_lists.read_otoco,
        write=order_lists.write_placed_list,
    ),
    Endpoint(
        http="POST /api/v3/orderList/opo", socket="orderList.place.opo",
        operation="create_oco_order", security=Security.TRADE, orders=2, free=True,
        takes=f"{LIST} {WORKING} {PENDING}", example=f"{BUY_FIRST} {SELL_THEN}",
        read=order_lists.read_opo, write=order_lists.write_placed_list,
    ),
    Endpoint(
        http="POST /api/v3/orderList/opoco", socket="orderList.place.opoco",
        operation="create_oco_order", security=Security.TRADE, orders=3, free=True,
        takes=f"{LIST} {WORKING} {PENDING_PAIR}", example=f"{BUY_FIRST} {SELL_PAIR_THEN}",
        read=order_lists.read_opoco, write=order_lists.write_placed_list,
    ),
    Endpoint(
        http="DELETE /api/v3/orderList", socket="orderList.cancel", operation="cancel_order",
        security=Security.TRADE, free=True,
        takes="symbol! orderListId listClientOrderId newClientOrderId",
        example="listClientOrderId=pair", read=order_lists.read_cancel_list,
        write=order_lists.write_canceled_list,
    ),
    Endpoint(
        http="GET /api/v3/orderList", socket="orderList.status", operation="fetch_order",
        security=Security.USER_DATA, weight=4, takes="orderListId origClientOrderId",
        example="origClientOrderId=pair", read=order_lists.read_list, write=order_lists.write_list,
    ),
    Endpoint(
        http="GET /api/v3/allOrderList", socket="allOrderLists", operation="fetch_orders",
        security=Security.USER_DATA, weight=20, takes=f"fromId {SPAN}", read=order_lists.read_lists,
        write=order_lists.write_lists,
    ),
    Endpoint(
        http="GET /api/v3/openOrderList", socket="openOrderLists.status",
        operation="fetch_open_orders", security=Security.USER_DATA, weight=6, takes="",
        read=order_lists.read_open_lists, write=order_lists.write_lists,
    ),
    Endpoint(
        http="POST /api/v3/sor/order", socket="sor.order.place", operation="create_order",
        security=Security.TRADE, orders=1, free=True, takes=ROUTED, example=LIMIT,
        read=placing.read_routed, write=orders.write_placed,
    ),
    Endpoint(
        http="POST /api/v3/sor/order/test", socket="sor.order.test", operation="create_order",
        security=Security.TRADE, weight=placing.test_weight,
        takes=f"{ROUTED} computeCommissionRates", example=LIMIT, read=placing.read_routed,
        write=orders.write_tested,
    ),
    Endpoint(
        http="GET /api/v3/openOrders", socket="openOrders.status", operation="fetch_open_orders",
        security=Security.USER_DATA, weight=lambda params: 6 if "symbol" in params else 80,
        takes="symbol", read=placing.read_open, write=orders.write_orders,
    ),
    Endpoint(
        http="GET /api/v3/allOrders", socket="allOrders", operation="fetch_orders",
        security=Security.USER_DATA, weight=20, takes=f"symbol! orderId {SPAN}",
        read=history.read_all_orders, write=orders.write_orders,
    ),
    Endpoint(
        http="GET /api/v3/account", socket="account.status", operation="fetch_balance",
        security=Security.USER_DATA, weight=20, takes="omitZeroBalances", read=account.read_account,
        write=account.write_account,
    ),
    Endpoint(
        http="GET /api/v3/myTrades", socket="myTrades", operation="fetch_my_trades",
        security=Security.USER_DATA, weight=history.trades_weight,
        takes=f"symbol! orderId fromId {SPAN}", read=history.read_trades,
        write=history.write_trades,
    ),
    Endpoint(
        http="GET /api/v3/rateLimit/order", socket="account.rateLimits.orders",
        operation="fetch_balance", security=Security.USER_DATA, weight=40, takes="",
        read=history.read_counts, write=history.write_counts,
    ),
    Endpoint(
        http="GET /api/v3/account/commission", socket="account.commission",
        operation="fetch_trading_fees", security=Security.USER_DATA, weight=20, takes="symbol!",
        read=history.read_fees, write=history.write_fees,
    ),
    Endpoint(
        http="GET /api/v3/myPreventedMatches", socket="myPreventedMatches",
        operation="fetch_orders", security=Security.USER_DATA, weight=history.prevented_weight,
        takes="symbol! preventedMatchId orderId fromPreventedMatchId limit", example="orderId=1",
        read=history.read_prevented, write=history.write_prevented,
    ),
    Endpoint(
        http="GET /api/v3/myAllocations", socket="myAllocations", operation="fetch_my_trades",
        security=Security.USER_DATA, weight=20, takes=f"symbol! fromAllocationId orderId {SPAN}",
        read=history.read_allocations, write=history.write_allocations,
    ),
    Endpoint(
        http="GET /api/v3/myFilters", socket="myFilters", operation="fetch_markets",
        security=Security.USER_DATA, weight=40, takes="symbol!", read=history.read_fees,
        write=history.write_filters,
    ),
    *sapi.ENDPOINTS,
    *transfers.ENDPOINTS,
    Endpoint(
        http="GET /dapi/v1/exchangeInfo", operation="fetch_markets", read=sapi.read_markets,
        write=sapi.write_no_contracts,
    ),
)  # fmt: skip
BY_HTTP = {endpoint.http: endpoint for endpoint in ENDPOINTS}
BY_SOCKET = {endpoint.socket: endpoint for endpoint in ENDPOINTS if endpoint.socket}
