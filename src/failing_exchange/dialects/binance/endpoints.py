"""The table of endpoints: one row each, for REST and the WebSocket API alike.

rest-api.md and web-socket-api.md, 2026-07-21. Weights stand beside each endpoint there.
"""

from __future__ import annotations

from failing_exchange.dialects.binance import account, general, info, market_data, orders, tickers
from failing_exchange.dialects.binance.call import Endpoint, Security

ENDPOINTS = (
    Endpoint(
        http="GET /api/v3/ping", socket="ping", operation="fetch_status",
        read=general.read_ping, write=general.write_ping,
    ),
    Endpoint(
        http="GET /api/v3/time", socket="time", operation="fetch_time",
        read=general.read_time, write=general.write_time,
    ),
    Endpoint(
        http="GET /api/v3/exchangeInfo", socket="exchangeInfo", operation="fetch_markets",
        weight=20, read=info.read_info, write=info.write_info,
    ),
    Endpoint(
        http="GET /api/v3/depth", socket="depth", operation="fetch_order_book",
        weight=market_data.depth_weight,
        read=market_data.read_depth, write=market_data.write_depth,
    ),
    Endpoint(
        http="GET /api/v3/trades", socket="trades.recent", operation="fetch_trades", weight=25,
        read=market_data.read_trades, write=market_data.write_trades,
    ),
    Endpoint(
        http="GET /api/v3/historicalTrades", socket="trades.historical",
        operation="fetch_trades", weight=25,
        read=market_data.read_older_trades, write=market_data.write_trades,
    ),
    Endpoint(
        http="GET /api/v3/aggTrades", socket="trades.aggregate", operation="fetch_trades",
        weight=4, read=market_data.read_aggregates, write=market_data.write_aggregates,
    ),
    Endpoint(
        http="GET /api/v3/klines", socket="klines", operation="fetch_ohlcv", weight=2,
        read=market_data.read_candles, write=market_data.write_candles,
    ),
    Endpoint(
        http="GET /api/v3/uiKlines", socket="uiKlines", operation="fetch_ohlcv", weight=2,
        read=market_data.read_candles, write=market_data.write_candles,
    ),
    Endpoint(
        http="GET /api/v3/avgPrice", socket="avgPrice", operation="fetch_ticker", weight=2,
        read=market_data.read_average, write=market_data.write_average,
    ),
    Endpoint(
        http="GET /api/v3/ticker/24hr", socket="ticker.24hr", operation="fetch_tickers",
        weight=tickers.by_symbols(2, (20, 2), (100, 40), all=80),
        read=tickers.read_tickers, write=tickers.write_24h,
    ),
    Endpoint(
        http="GET /api/v3/ticker/tradingDay", socket="ticker.tradingDay",
        operation="fetch_tickers", weight=tickers.each(4, 200),
        read=tickers.read_day, write=tickers.write_window,
    ),
    Endpoint(
        http="GET /api/v3/ticker/price", socket="ticker.price", operation="fetch_tickers",
        weight=tickers.by_symbols(2, all=4),
        read=tickers.read_tickers, write=tickers.write_prices,
    ),
    Endpoint(
        http="GET /api/v3/ticker/bookTicker", socket="ticker.book", operation="fetch_tickers",
        weight=tickers.by_symbols(2, all=4),
        read=tickers.read_tickers, write=tickers.write_best,
    ),
    Endpoint(
        http="GET /api/v3/ticker", socket="ticker", operation="fetch_tickers",
        weight=tickers.each(4, 200), read=tickers.read_window, write=tickers.write_window,
    ),
    Endpoint(
        http="POST /api/v3/order", socket="order.place", operation="create_order",
        security=Security.TRADE, orders=1, free=True,
        read=orders.read_place, write=orders.write_placed,
    ),
    Endpoint(
        http="POST /api/v3/order/test", socket="order.test", operation="create_order",
        security=Security.TRADE, read=orders.read_test, write=orders.write_tested,
    ),
    Endpoint(
        http="GET /api/v3/order", socket="order.status", operation="fetch_order", weight=4,
        security=Security.USER_DATA, read=orders.read_query, write=orders.write_order,
    ),
    Endpoint(
        http="DELETE /api/v3/order", socket="order.cancel", operation="cancel_order",
        security=Security.TRADE, free=True, read=orders.read_cancel, write=orders.write_canceled,
    ),
    Endpoint(
        http="GET /api/v3/openOrders", socket="openOrders.status", operation="fetch_open_orders",
        security=Security.USER_DATA, weight=lambda params: 6 if "symbol" in params else 80,
        read=orders.read_open, write=orders.write_orders,
    ),
    Endpoint(
        http="GET /api/v3/account", socket="account.status", operation="fetch_balance",
        security=Security.USER_DATA, weight=20,
        read=account.read_account, write=account.write_account,
    ),
)  # fmt: skip
BY_HTTP = {endpoint.http: endpoint for endpoint in ENDPOINTS}
BY_SOCKET = {endpoint.socket: endpoint for endpoint in ENDPOINTS if endpoint.socket}
