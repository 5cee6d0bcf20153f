"""The table of endpoints: one row each, for REST and the WebSocket API alike.

rest-api.md and web-socket-api.md, 2026-07-21. Weights stand beside each endpoint there.
"""

from __future__ import annotations

from failing_exchange.dialects.binance import account, general, orders
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
