"""The dated changes of the USD-M API that are modelled: the only place here that knows dates.

Sources: the venue's derivatives change log (copy of 2026-09-18, and its page of 2026-10), the
"Important CM-UM Integration Notice", and the change log of the official Python connector.
"""

from __future__ import annotations

from failing_exchange.venue.api_changes import ApiTable, Change

CHANGES = ApiTable(
    venue="binance-usdm",
    since="2025-11-01",
    changes=(
        Change(
            "algo_orders", "2025-12-09", True,
            "/fapi/v1/order and batchOrders take STOP, TAKE_PROFIT and TRAILING_STOP_MARKET",
            "those types are -4120 there; conditional orders have moved to /fapi/v1/algoOrder",
            "derivatives change log, 2025-11-06",
        ),
        Change(
            "rpi_quantities", "2025-12-31", True,
            "trades of aggTrade do not have nq, the quantity without RPI orders",
            "aggTrade has nq",
            "derivatives change log, 2025-12-31",
        ),
        Change(
            "algo_responses", "2026-01-29", True,
            "algoOrder ignores newOrderRespType",
            "algoOrder takes newOrderRespType",
            "connector 7.0.0",
        ),
        Change(
            "routed_streams", "2026-03-06", True,
            "/public, /market and /private do not exist on fstream.binance.com (404)",
            "/public has books, /market the other streams, /private user data",
            "derivatives change log, 2026-03-05; notice on WebSocket URLs",
        ),
        Change(
            "average_marks", "2026-03-16", True,
            "the streams of mark prices do not have ap, the moving average",
            "markPrice has ap",
            "derivatives change log, 2026-03-16",
        ),
        Change(
            "unrouted_streams", "2026-04-23", False,
            "/ws and /stream serve all streams, and listen keys",
            "/ws and /stream serve those of /public; others are confirmed and stay silent",
            "derivatives change log; binance-public-data#472",
        ),
        Change(
            "um_cm_integration", "2026-06-30", True,
            "pushes do not say of which product they are",
            "pushes of market streams have st (1: USD-M) and ps, the pair",
            "CM-UM integration notice, 2026-06-10",
        ),
        Change(
            "bare_acknowledgements", "2026-06-30", True,
            "answers to place, modify and cancel have avgPrice and cumQuote",
            "avgPrice and cumQuote are only told by queries and by the user stream",
            "CM-UM integration notice, C.1 and D.1; connector 14.0.0",
        ),
        Change(
            "heavy_old_trades", "2026-07-29", True,
            "historicalTrades weighs 20",
            "historicalTrades weighs 200",
            "derivatives change log, 2026-07-29",
        ),
        Change(
            "modify_ids", "2026-07-30", True,
            "PUT order ignores modifyId",
            "PUT order takes modifyId and echoes it",
            "derivatives change log, 2026-07-21",
        ),
        Change(
            "pairs_in_history", "2026-08-05", True,
            "allOrders, forceOrders and userTrades do not name the pair",
            "pair, cumBase in allOrders and forceOrders; pair, baseQty, marginAsset in userTrades",
            "derivatives change log, 2026-08-05",
        ),
        Change(
            "longer_aggregates", "2026-08-13", True,
            "aggTrades reaches back 24 hours",
            "aggTrades reaches back 48 hours",
            "derivatives change log, 2026-08-13",
        ),
        Change(
            "shorter_trade_history", "2026-08-26", True,
            "userTrades reaches back six months",
            "userTrades reaches back three months; older trades are not found",
            "derivatives change log, 2026-08-26",
        ),
        Change(
            "wider_trails", "2026-10-23", True,
            "callbackRate is at most 10 percent",
            "callbackRate is at most 20 percent",
            "derivatives change log, 2026-10",
        ),
    ),
)  # fmt: skip
