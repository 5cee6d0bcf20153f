"""Incidents of other venues that Binance can't have, and why: the explorer draws none of them.

Its documents, as read on 2026-07-21.
"""

from __future__ import annotations

NO_NONCE = "requests are signed with a timestamp; the venue has no nonce that could be used up"
IMPOSSIBLE = {
    "nonce_reordered": NO_NONCE,
    "nonce_high_water": NO_NONCE,
    "error_in_200": "errors come with a status of 4xx or 5xx (rest-api.md, HTTP Return Codes)",
    "success_null": "an answer holds its result; no field of it says success",
    "reply_without_order_id": "each answer to a new order has its orderId",
    "cancel_reply_bare": "the answer to a cancel shows the whole order",
    "contradictory_order": "seen on KuCoin, Cryptopia and Huobi",
    "order_listed_twice": "seen on Hyperliquid",
    "fill_voided": "trades are final",
    "event_reordered": "the events of one account come in order",
    "ticker_null": "a price that is not there is 0.00000000, never null",
    "maintenance_nan": "a price that is not there is 0.00000000, never null",
    "book_crossed": "a snapshot is that of the matching engine, and not crossed",
    "compression_forced": "seen on OKEx; Binance sends text, or SBE where it is asked for",
    "ws_frame_garbage": "seen on OKEx",
}
