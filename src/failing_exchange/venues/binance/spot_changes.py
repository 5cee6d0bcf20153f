"""The dated changes of Spot's API that are modelled: the only place of this venue that knows dates.

Source: CHANGELOG.md of the venue's documents, read up to 2026-07-17; the day beside each is that of
the entry. Where a change was rolled out over days or weeks, its day is the last of them.
"""

from __future__ import annotations

from failing_exchange.venue.api_changes import ApiTable, Change

CHANGES = ApiTable(
    venue="binance",
    since="2024-12-01",
    changes=(
        Change(
            "microseconds", "2024-12-17", True,
            "X-MBX-TIME-UNIT and timeUnit are ignored; a timestamp in microseconds is -1021",
            "clients may ask for microseconds, and sign with them",
            "CHANGELOG.md, 2024-12-17",
        ),
        Change(
            "amend", "2025-05-07", True,
            "order/amend/keepPriority and order/amendments do not exist",
            "an open order can be made smaller and keeps its place",
            "CHANGELOG.md, 2025-04-21",
        ),
        Change(
            "signed_subscriptions", "2025-08-26", True,
            "the user stream of the WebSocket API needs session.logon with an Ed25519 key",
            "userDataStream.subscribe.signature takes any kind of key; session.subscriptions",
            "CHANGELOG.md, 2025-08-12",
        ),
        Change(
            "pegged_orders", "2025-08-28", True,
            "parameters such as pegPriceType are -1104",
            "prices of orders may follow the book",
            "CHANGELOG.md, 2025-08-12",
        ),
        Change(
            "my_filters", "2025-09-29", True,
            "/api/v3/myFilters does not exist",
            "/api/v3/myFilters lists the filters of an account",
            "CHANGELOG.md, 2025-09-29",
        ),
        Change(
            "symbol_status", "2025-10-28", True,
            "symbolStatus is an unknown parameter of depth and tickers (-1104)",
            "depth and tickers take symbolStatus",
            "CHANGELOG.md, 2025-10-28",
        ),
        Change(
            "opo", "2025-12-18", True,
            "orderList/opo and orderList/opoco do not exist",
            "an order list may pay its second part with what the first one buys",
            "CHANGELOG.md, 2025-12-02",
        ),
        Change(
            "percent_encoding", "2026-01-15", True,
            "a signature over the plain payload passes, and one over the encoded payload too",
            "the payload of REST must be percent-encoded before it is signed; else -1022",
            "CHANGELOG.md, 2025-12-17",
            unseen="a simulated venue takes any key, whose signatures it can't check",
        ),
        Change(
            "listen_keys", "2026-02-20", False,
            "/api/v3/userDataStream and userDataStream.start, .ping and .stop give listen keys",
            "410 for /api/v3/userDataStream, -1020 for the methods; keys live their hour out",
            "CHANGELOG.md, 2026-01-21",
        ),
        Change(
            "api_v1", "2026-03-25", False,
            "/api/v1 has ping, time, depth, trades, historicalTrades, aggTrades, klines and ticker",
            "404 for everything below /api/v1",
            "CHANGELOG.md, 2026-03-09",
        ),
        Change(
            "all_tickers_stream", "2026-03-26", False,
            "the stream !ticker@arr tells all tickers",
            "!ticker@arr is confirmed and stays silent",
            "CHANGELOG.md, 2026-02-24",
        ),
        Change(
            "expiry_reason", "2026-03-26", True,
            "a new order that expires at once does not say why",
            "expiryReason in RESULT and FULL, eR in executionReport",
            "CHANGELOG.md, 2026-03-09",
        ),
        Change(
            "reference_prices", "2026-03-30", True,
            "executionRules, referencePrice and the stream of that name do not exist",
            "the price range rule is shown by endpoints and by <symbol>@referencePrice",
            "CHANGELOG.md, 2026-03-09",
        ),
        Change(
            "free_orders", "2026-04-02", True,
            "placing and canceling orders weighs as documented",
            "placing and canceling orders weighs nothing when it succeeds",
            "CHANGELOG.md, 2026-03-27",
        ),
        Change(
            "expiry_reason_in_queries", "2026-05-08", True,
            "queries of orders do not say why one has expired",
            "expiryReason in the answers to order, allOrders, orderList and allOrderList",
            "CHANGELOG.md, 2026-05-06",
        ),
        Change(
            "server_shutdown", "2026-05-08", True,
            "a server that shuts down breaks its connections without a word",
            "the event serverShutdown comes first",
            "CHANGELOG.md, 2026-05-06",
        ),
        Change(
            "block_trades", "2026-05-12", True,
            "historicalBlockTrades does not exist",
            "historicalBlockTrades, and the stream <symbol>@blockTrade",
            "CHANGELOG.md, 2026-05-06 and 2026-05-11",
        ),
    ),
)  # fmt: skip
