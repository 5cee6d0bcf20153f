"""The unified names of all calls and feeds, grouped by what they do."""

from __future__ import annotations

from collections.abc import Iterable

from failing_exchange.errors import ConfigurationError
from failing_exchange.text.spelling import did_you_mean, shown

PLACE = ("create_order", "create_oco_order", "edit_order", "create_orders", "edit_orders")
CANCEL = ("cancel_order",)
CHANGE = (*PLACE, *CANCEL, "cancel_all_orders", "amend_order")  # of orders
# A batch in process is met by what is armed on its orders, as a batch on the wire is.
MET_AS = {"create_orders": "create_order", "edit_orders": "edit_order"}

ORDER_LISTS = ("fetch_open_orders", "fetch_closed_orders", "fetch_canceled_orders", "fetch_orders")
ORDER_READS = ("fetch_order", *ORDER_LISTS)
FILL_READS = ("fetch_my_trades", "fetch_order_trades")
BALANCE = ("fetch_balance",)
ACCOUNT_READS = (*ORDER_READS, *FILL_READS, *BALANCE)

TICKER = ("fetch_ticker",)
TICKER_LISTS = ("fetch_tickers", "fetch_bids_asks", "fetch_last_prices")
BOOK = ("fetch_order_book",)
TRADES = ("fetch_trades",)
CANDLES = ("fetch_ohlcv",)

# Of contracts. What changes how an account trades, or moves its money; and what reads that.
SETTINGS = (
    "set_leverage", "set_margin_mode", "set_position_mode", "set_multi_assets_mode",
    "set_fee_burn", "add_margin", "reduce_margin", "transfer",
)  # fmt: skip
INCOME_READS = ("fetch_funding_history", "fetch_ledger")
POSITION_READS = (
    "fetch_positions", "fetch_position", "fetch_leverage", "fetch_leverages", "fetch_margin_mode",
    "fetch_margin_modes", "fetch_position_mode", "fetch_multi_assets_mode", *INCOME_READS,
    "fetch_my_liquidations", "fetch_transfers", "fetch_positions_adl_rank",
    "fetch_margin_adjustment_history",
)  # fmt: skip
CONTRACT_DATA = (
    "fetch_funding_rate", "fetch_funding_rates", "fetch_funding_intervals",
    "fetch_funding_rate_history", "fetch_mark_price", "fetch_mark_prices", "fetch_open_interest",
    "fetch_open_interest_history", "fetch_adl_rank",
)  # fmt: skip
MARKET_DATA = (*TICKER, *TICKER_LISTS, *BOOK, *TRADES, *CANDLES)

RULES = ("fetch_markets", "fetch_currencies", "fetch_trading_fees", "fetch_leverage_tiers")
TIME = ("fetch_time",)
STATUS = ("fetch_status",)

PRIVATE_CALLS = (*CHANGE, *SETTINGS, *ACCOUNT_READS, *POSITION_READS)
READS = (*ACCOUNT_READS, *MARKET_DATA)
CALLS = (*PRIVATE_CALLS, *MARKET_DATA, *CONTRACT_DATA, *RULES, *TIME, *STATUS)

ACCOUNT_FEEDS = (
    "watch_orders", "watch_my_trades", "watch_balance", "watch_positions", "watch_my_liquidations",
)  # fmt: skip
MARKET_FEEDS = (
    "watch_ticker", "watch_tickers", "watch_bids_asks", "watch_order_book", "watch_ohlcv",
    "watch_trades", "watch_mark_price", "watch_mark_prices", "watch_liquidations",
)  # fmt: skip
FEEDS = (*ACCOUNT_FEEDS, *MARKET_FEEDS)

ALL = (*CALLS, *FEEDS)

# Events of a connection, on the wire only: each can fail, none has an answer of its own.
CONNECTING = ("resolve", "connect", "accept", "handshake")
OPENING = ("open_stream", "open_api")  # an upgrade to market streams, or to the WebSocket API
BEATING = ("send_ping", "answer_ping", "hear_pong")  # of an open WebSocket
SUBSCRIBING = ("subscribe", "subscribe_account")
CONNECTION_EVENTS = (*CONNECTING, *OPENING, *BEATING, *SUBSCRIBING)

SESSION = ("session",)  # of the WebSocket API and of listen keys: log on, subscribe, and the like
KNOWN = frozenset((*ALL, *CONNECTION_EVENTS, *SESSION))


def check(names: Iterable[str]) -> None:
    """Raise ConfigurationError for a name that no request has: its rule would never strike."""
    for name in names:
        if name not in KNOWN:
            near = did_you_mean(name, (*ALL, *CONNECTION_EVENTS))
            raise ConfigurationError(
                f"no operation {shown(name)}{near} (docs/faults.md lists them)"
            )
