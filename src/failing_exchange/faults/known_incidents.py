"""Known incidents: 118 kinds of failure seen on real venues, and how to reproduce each."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, NamedTuple

from failing_exchange.faults import operations as ops


class By(StrEnum):
    """Who brings an incident about."""

    FAULT = "fault"  # a fault of the catalogue
    EXCHANGE = "exchange"  # the honest exchange does it by itself
    RESTART = "restart"  # the test starts the bot anew
    WIRE = "wire"  # a fault, but only visible on the wire: it has no stand-in in process


class Recipe(NamedTuple):
    """A fault, the calls it is armed on (none = its own), a trigger as text, its fields.

    `wire`: only on the wire it looks like the incident.
    """

    fault: str
    on: tuple[str, ...]
    when: str
    fields: dict[str, Any]
    wire: bool = False

    def __str__(self) -> str:
        fields = ", ".join(f"{name}={value!r}" for name, value in self.fields.items())
        on = f" on {', '.join(self.on)}" if self.on else ""
        return f"{self.fault}({fields}){on}{f' when {self.when}' if self.when else ''}"


class KnownIncident(NamedTuple):
    """An incident: its family and name, who brings it about, and how; `wire`: or there."""

    family: str
    name: str
    by: By
    recipes: tuple[Recipe, ...]
    note: str = ""
    wire: tuple[Recipe, ...] = ()


def _arm(fault: str, *on: str, when: str = "", **fields: Any) -> Recipe:
    return Recipe(fault, on, when, fields)


def _wire(fault: str, *on: str, when: str = "", **fields: Any) -> Recipe:
    return Recipe(fault, on, when, fields, wire=True)


def _rows(family: str, rows: dict[str, tuple[Any, ...] | str]) -> list[KnownIncident]:
    """A family. A tuple of recipes (and a note) is a fault; a string says what else, and how."""
    found = []
    for name, how in rows.items():
        if isinstance(how, str):
            by, _, note = how.partition(": ")
            found.append(KnownIncident(family, name, By(by), (), note))
        else:
            recipes = [part for part in how if isinstance(part, Recipe)]
            note = next((part for part in how if isinstance(part, str)), "")
            here = tuple(one for one in recipes if not one.wire)
            there = tuple(one for one in recipes if one.wire)
            by = By.FAULT if here else By.WIRE
            found.append(KnownIncident(family, name, by, here, note, there))
    return found


CREATE, ONE = "create_order", "nth(1)"
SEEN_BY_FEED = ("watch_orders", "watch_my_trades")

KNOWN_INCIDENTS: list[KnownIncident] = [
    *_rows("F1 outcome of a request unknown", {
        "order_timeout_after_accept": (_arm("lose_answer", CREATE), _wire("stall_head", CREATE)),
        "order_timeout_never_arrived": (_arm("lose_request", CREATE),),
        "order_503_then_filled": (
            _arm("unknown_outcome", CREATE, executed="before", why="unavailable", after=0),
        ),
        "order_1007_then_event": (
            _arm("unknown_outcome", CREATE, executed="before"),
            "watch_orders tells of the order before the answer comes",
        ),
        "gateway_html_5xx_after_accept": (
            _arm("false_reject", CREATE, why="unavailable"),
            _wire("html_page", CREATE, status="504"),
        ),
        "reply_without_order_id": (
            _arm("reply_without_id"), _arm("phantom_success"), _arm("phantom_id"),
        ),
        "stale_keepalive_reset": (
            _arm("break_connection", executed="after"),
            _wire("reset_connection", executed="after"),
        ),
        "hidden_transport_retry": (
            _arm("repeat_request", CREATE), _arm("lose_answer", CREATE),
            _wire("close_connection", CREATE),
        ),
        "duplicate_client_id_reply": (
            _arm("lose_answer", CREATE, when=ONE),
            "the exchange refuses the second order with the same clientOrderId",
        ),
        "cancel_outcome_unknown": (_arm("time_out", "cancel_order"),),
        "filled_before_lookup": (_arm("fill_at_once", CREATE), _arm("lose_answer", CREATE)),
        "ws_api_reply_lost": (
            _arm("lose_answer"), _wire("break_frame", CREATE),
            "on the wire, two requests under one id get two replies under it",
        ),
        "restart_in_flight": (
            "restart: cancel the bot's tasks and start it again with the same FailingExchange; "
            "what is in flight goes on"
        ),
    }),
    *_rows("F2 limits and bans", {
        "weight_429_to_418": (_arm("ban", when="load(above=20, seconds=1)"),),
        "shared_ip_budget": (
            _arm("ban", when="load(above=20, seconds=1)", shared=True),
            "the load is that of all clients together",
        ),
        "startup_burst": (_arm("ban", *ops.CANDLES, when="load(above=50, seconds=10)"),),
        "retry_after_ignored_or_hidden": (
            _arm("rate_limited", hidden=True), _arm("rate_limited", retry_after=259_200),
        ),
        "order_count_1015": (
            _arm("reject_request", CREATE, why="too_many_orders_sent",
                 when="load(above=50, seconds=10)"),
        ),
        "cancel_retry_ban": (_arm("ban", "cancel_order", when="load(above=5, seconds=10)"),),
        "resync_weight_amplification": (
            _arm("break_feed", "watch_order_book"),
            _arm("ban", *ops.BOOK, when="load(above=5, seconds=60)"),
        ),
        "ws_control_1008": (
            _wire("close_socket", code="1008", when=ONE),
            "the venue does it by itself to who says more than 5 things a second",
        ),
        "ws_connect_limit": (
            _wire("refuse_upgrade", how="429"),
            "the venue does it by itself to the 301st within 5 minutes; "
            "`Binance(…, limits=VenueLimits().accelerated(100))` and `serve --accelerate 100` to "
            "the 4th",
        ),
        "weight_table_changed": (_arm("rate_limited", when="after(100) & every(2)"),),
        "limit_mapped_as_network": (_arm("limit_orders"),),
    }),
    *_rows("F3 time, nonce, signature, keys", {
        "clock_ahead_1021": (_arm("clock_skew", ahead=2.0),),
        "signed_then_queued": (_arm("reject_request", CREATE, why="clock_skew", lasts=20),),
        "nonce_reordered": (
            _arm("reject_request", why="clock_skew", message="EAPI:Invalid nonce",
                 when="load(above=1, seconds=0.05)"),
        ),
        "nonce_high_water": (
            _arm("reject_request", *ops.PRIVATE_CALLS, why="clock_skew",
                 message="EAPI:Invalid nonce", lasts=None, when=ONE),
        ),
        "signature_rule_changed": (
            _wire("reject_request", *ops.PRIVATE_CALLS, why="key_refused",
                  code="INVALID_SIGNATURE", lasts=None, when="after(20)"),
        ),
        "key_refused_midrun": (
            _arm("reject_request", *ops.PRIVATE_CALLS, why="key_refused", lasts=None,
                 when="after(20)"),
        ),
    }),
    *_rows("F4 rejections and filters", {
        "lot_size / price_filter": (
            _arm("reject_request", CREATE, why="invalid_amount"),
            _arm("reject_request", CREATE, why="invalid_price"),
            "the exchange also refuses by itself what breaks a filter",
        ),
        "scientific_notation": (
            _arm("reject_request", CREATE, why="bad_request",
                 message="Illegal characters found in parameter 'price'"),
        ),
        "min_notional_remainder": (
            _arm("partial_fill", complete_after=None), _arm("raise_minimum"),
        ),
        "price_band": (_arm("narrow_band"),),
        "stop_would_trigger": (
            _arm("reject_request", CREATE, why="would_trigger"), _arm("jump_price", CREATE),
        ),
        "post_only_crosses": (_arm("reject_request", CREATE, why="would_match"),),
        "identical_rejection_loop": (
            _arm("reject_request", CREATE, why="invalid_cost", lasts=None, when=ONE),
        ),
        "filter_changed_live": (_arm("change_steps", when=ONE), _arm("raise_minimum", when=ONE)),
        "ioc_expired": (
            _arm("thin_book", CREATE), "an IOC order then finds nothing and expires",
        ),
        "expired_in_match": (
            _arm("set_field", "fetch_order", *ops.ORDER_LISTS, field="status",
                 value="expired_in_match"),
            "self-trade prevention itself is the exchange's",
        ),
        "slippage_walks_book": (_arm("slip_price"),),
    }),
    *_rows("F5 order life cycle, races, views that lag", {
        "fill_beats_cancel": (_arm("fill_beats_cancel"),),
        "cancelled_but_filled": (_arm("canceled_but_filled"), _arm("phantom_cancel")),
        "partial_then_cancel": (_arm("partial_fill_beats_cancel"),),
        "last_partial_unreported": (_arm("lose_push", *SEEN_BY_FEED, when="nth(2)"),),
        "order_not_found_after_create": (_arm("hide_new_orders", seconds=20),),
        "status_stale_after_cancel": (_arm("stale_read", "fetch_order", seconds=5),),
        "cancel_reply_bare": (_arm("bare_reply"),),
        "trades_lag_order": (_arm("stale_read", *ops.FILL_READS, seconds=10),),
        "contradictory_order": (
            _arm("contradictory_order"), _arm("contradictory_order", how="filled_null"),
        ),
        "order_listed_twice": (_arm("list_twice"),),
        "open_orders_incomplete": (_arm("hide_orders"),),
        "event_before_reply": (_arm("delay_answer", CREATE, seconds=1),),
        "event_ahead_of_rest": (_arm("stale_read", *ops.ORDER_READS, seconds=60),),
        "instant_fill": (_arm("fill_at_once"),),
        "event_delayed": (_arm("delay_push", *ops.ACCOUNT_FEEDS, seconds=135),),
        "event_duplicated": (
            _arm("repeat_push", *ops.ACCOUNT_FEEDS, after=2_400), _wire("replay_on_subscribe"),
        ),
        "event_reordered": (
            _arm("delay_push", *ops.ACCOUNT_FEEDS, seconds=1, overtaken=True, when="every(2)"),
        ),
        "events_coalesced": (_arm("merge_pushes"),),
        "fill_voided": (_arm("bust_last_trade"),),
        "touched_by_hand": (_arm("cancel_by_hand"), _arm("take_funds")),
    }),
    *_rows("F6 market data", {
        "ticker_null": (_arm("null_ticker"),),
        "price_zero": (_arm("zero_price"),),
        "ticker_stale": (_arm("stale_read", *ops.TICKER, seconds=120), _arm("freeze_market_data")),
        "ticker_list_incomplete": (_arm("hide_tickers"),),
        "book_crossed": (_arm("cross_book"), _arm("cross_ticker")),
        "depth_gap": (_arm("lose_push", "watch_order_book"),),
        "ghost_levels_after_reconnect": (_arm("ghost_levels", "watch_order_book"),),
        "snapshot_older_than_stream": (_arm("stale_read", *ops.BOOK, seconds=30),),
        "book_empty": (_arm("empty_book"),),
        "candles_missing": (_arm("hide_candles"),),
        "candle_unclosed_or_late": (_arm("late_candle"), _arm("late_candle", count=2)),
        "trades_gap_on_reconnect": (_arm("lose_push", "watch_trades"),),
        "trades_same_ms": "exchange: public trades of one second carry one timestamp",
        "flash_print": (_arm("jump_price", by=-0.9, lasts=2, when=ONE),),
    }),
    *_rows("F7 life of a feed", {
        "disconnect_24h": (
            _arm("break_feed", when="every(86400)"),
            "the venue does it by itself to each WebSocket",
        ),
        "silent_stall": (
            _arm("silence_feed", *ops.MARKET_FEEDS, when="after(60)"),
            _wire("stall_socket", *ops.MARKET_FEEDS, when=ONE),
        ),
        "half_alive": (_arm("lose_push", *SEEN_BY_FEED, when="chance(0.5)"),),
        "pong_lost": (
            _arm("break_feed", when="nth(30)"), _wire("ignore_pongs"), _wire("lose_pings"),
        ),
        "listen_key_expired": (
            _arm("silence_feed", *ops.ACCOUNT_FEEDS, when="after(3)"),
            "the key and its renewal only on the wire: `Binance(…, legacy_listen_keys=True)`, "
            "`serve --legacy-listen-keys`",
        ),
        "fills_during_outage": (
            _arm("silence_feed", *ops.ACCOUNT_FEEDS, lasts=60), _arm("fill_order", when=ONE),
        ),
        "reconnects_but_dead": (
            _arm("break_feed", when=ONE), _arm("silence_feed", when="after(1)"),
            _wire("ack_without_data", when="after(1)"),
        ),
        "ack_without_data": (_arm("silence_feed"), _wire("ack_without_data")),
        "slow_consumer": (
            "exchange: a client that takes its pushes too late loses the oldest "
            "(client.subscriptions.PUSHES_WAITING_MAX)"
        ),
        "quiet_channel": "exchange: an account feed is silent while nothing happens",
        "reconnect_gives_up": (_arm("break_feed"), _wire("refuse_connection", lasts=600, when=ONE)),
        "server_shutdown": (_wire("announce_shutdown", when=ONE),),
        "upgrade_refused": (_wire("refuse_upgrade"), _wire("refuse_upgrade", how="extension")),
    }),
    *_rows("F8 bodies, edge, transport", {
        "html_5xx": (_wire("html_page", status="503"),),
        "waf_403": (_wire("html_page", status="403", executed="after"),),
        "geo_451": (
            _arm("reject_request", why="restricted_location", lasts=None, when=ONE),
            _wire("html_page", status="451", executed="after"),
        ),
        "error_in_200": (_arm("error_in_success"),),
        "success_null": (_arm("null_answer"),),
        "truncated_json": (
            _arm("garble_answer", how="truncated"), _wire("truncate_json"), _wire("cut_body"),
        ),
        "compression_forced": (_wire("compress_frames"), _wire("broken_gzip")),
        "ws_frame_garbage": (_wire("compress_frames", padding=16), _wire("garble_frame")),
        "dns_failure": (
            _wire("fail_lookup"), "in a simulation: on a port, the name is not the venue's",
        ),
        "tls_failure": (
            _wire("fail_handshake"), _wire("fail_handshake", how="eof"),
            "in a simulation, or served with `--tls`",
        ),
    }),
    *_rows("F9 operations", {
        "trading_disabled_window": (
            _arm("freeze_market_data"),
            _arm("reject_request", *ops.CHANGE, why="trading_disabled", lasts=600, when=ONE),
        ),
        "outage_at_startup": (
            _arm("reject_request", why="unavailable", lasts=120, when=ONE),
            _wire("refuse_connection", lasts=120, when=ONE),
        ),
        "maintenance_nan": (_arm("null_ticker", fields=("bid", "ask")),),
        "symbol_halted": (
            _arm("halt_market", when=ONE), _arm("halt_market", status="cancel_only", when=ONE),
        ),
        "symbol_delisted": (
            _arm("reject_request", why="unknown_symbol", lasts=None, when=ONE),
            _arm("zero_price"), _arm("empty_book"), "armed with symbols=",
        ),
        "expired_by_exchange": (
            _arm("expire_order"), _arm("venue_restart", CREATE, when=ONE, orders="lost"),
        ),
    }),
    *_rows("F10 account", {
        "balance_lag_after_fill": (_arm("stale_read", *ops.BALANCE, seconds=5),),
        "hold_after_cancel": (
            _arm("hold_after_cancel"), _arm("hold_after_cancel", lasts=None),
        ),
        "fee_from_base": "exchange: the fee of a buy is taken from what was bought",
        "fee_asset_is_position": 'exchange: FailingExchange(fee_asset="BNB"), then trade BNB',
        "fee_asset_switches": (
            _arm("take_funds", asset="BNB", when=ONE), 'with FailingExchange(fee_asset="BNB")',
        ),
        "dust_keeps_open": (_arm("partial_fill_beats_cancel"), _arm("change_steps", amount=1_000)),
        "wallet_reads_zero": (_arm("zero_wallet"),),
        "external_lock": (_arm("lock_funds"),),
    }),
    *_rows("F11 changes of schema and behaviour", {
        "endpoint_removed_410": (
            _arm("silence_feed", *ops.ACCOUNT_FEEDS),
            _arm("reject_request", why="not_supported", lasts=None, when=ONE),
        ),
        "orders_moved_service": (
            _arm("reject_request", "fetch_order", "cancel_order", why="order_not_found"),
        ),
        "unknown_enum": (_arm("set_field", field="status", value="insurance_fund"),),
        "field_missing_or_renamed": (
            _arm("drop_fields", *SEEN_BY_FEED, fields=("filled", "amount")), _arm("drop_fields"),
        ),
        "subscription_format_changed": (_arm("silence_feed", *ops.MARKET_FEEDS),),
        "non_ascii_symbol": 'exchange: markets=[Market(symbol="币安人生/USDT", …)]',
    }),
]  # fmt: skip


def incidents_of(fault: str) -> list[str]:
    """The incidents in which a fault has a part."""
    return [
        row.name
        for row in KNOWN_INCIDENTS
        if any(recipe.fault == fault for recipe in (*row.recipes, *row.wire))
    ]
