"""Whatever is asked is answered: a status, JSON, and a ledger that still balances."""

from __future__ import annotations

import hmac
import json
import time
from hashlib import sha256
from urllib.parse import urlencode

from hypothesis import given, strategies as st

from failing_exchange import Binance, simulate
from failing_exchange.core.auditor import audit
from failing_exchange.server.api_keys import DEFAULT_KEY, DEFAULT_SECRET
from failing_exchange.server.messages import Request
from failing_exchange.venues.binance.endpoints import BY_HTTP, ENDPOINTS
from failing_exchange.venues.binance_common.table_examples import example
from tests.examples import examples

NAMES = [
    "symbol", "symbols", "side", "type", "timeInForce", "quantity", "quoteOrderQty", "price",
    "stopPrice", "trailingDelta", "icebergQty", "newClientOrderId", "newOrderRespType",
    "selfTradePreventionMode", "orderId", "origClientOrderId", "limit", "startTime", "endTime",
    "fromId", "interval", "timeZone", "windowSize", "cancelReplaceMode", "cancelOrderId", "newQty",
    "listClientOrderId", "orderListId", "aboveType", "abovePrice", "aboveStopPrice", "belowType",
    "belowPrice", "belowStopPrice", "workingType", "workingSide", "workingPrice",
    "workingQuantity", "pendingType", "pendingSide", "pendingPrice", "pendingQuantity",
    "strategyType", "permissions", "symbolStatus", "omitZeroBalances", "pegPriceType",
    "pegOffsetType", "pegOffsetValue", "pendingPegPriceType", "orderRateLimitExceededMode",
]  # fmt: skip
VALUES = st.sampled_from([
    "BTCUSDT", "ETHBTC", "NOPE", '["BTCUSDT","ETHUSDT"]', "[]", '[""]', "BUY", "SELL", "LIMIT",
    "MARKET", "LIMIT_MAKER", "STOP_LOSS", "STOP_LOSS_LIMIT", "TAKE_PROFIT", "TAKE_PROFIT_LIMIT",
    "GTC", "IOC", "FOK", "0.01", "1", "50000", "40000.01", "60000", "0", "-1", "1e5", "0.000000001",
    "99999999999999999999", "ACK", "FULL", "NONE", "EXPIRE_BOTH", "DECREMENT", "1m", "1M", "3d",
    "-1:00", "14:30", "STOP_ON_FAILURE", "ALLOW_FAILURE", "CANCEL_ONLY",
    "PRIMARY_PEG", "MARKET_PEG", "PRICE_LEVEL", "true", "1767225600000", "", "x" * 40,
]) | st.text(max_size=12)  # fmt: skip
CALLS = st.lists(
    st.tuples(
        st.sampled_from([endpoint.http for endpoint in ENDPOINTS]),
        st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=12),
        st.booleans(),
    ),
    max_size=12,
)


# what is right but for a parameter or two comes further in
NEAR = st.lists(
    st.tuples(
        st.sampled_from(sorted(BY_HTTP)),
        st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=2),
        st.booleans(),
    ).map(lambda call: (call[0], example(BY_HTTP[call[0]]) | call[1], call[2])),
    max_size=25,
)


@examples(150)
@given(CALLS | NEAR)
def test_no_request_breaks_the_venue(calls: list[tuple[str, dict[str, str], bool]]) -> None:
    """Never a 500, never a traceback, never a hang; and no asset is made or lost."""

    async def main() -> None:
        venue = Binance.like_production(latency=None)
        exchange = venue.exchange
        await exchange.ready()
        for http, params, in_body in calls:
            method, path = http.split(" ")
            form = urlencode({**params, "timestamp": str(int(time.time() * 1000))})
            signature = hmac.new(DEFAULT_SECRET.encode(), form.encode(), sha256).hexdigest()
            form += f"&signature={signature}"
            query, body = ("", form) if in_body else (form, "")
            headers = {"x-mbx-apikey": DEFAULT_KEY}
            asked = Request(method, path, query, headers, body.encode(), "127.0.0.1")
            reply = await venue.ask(asked)
            assert reply is not None
            assert reply.status in (200, 400, 401, 403, 404, 409, 410, 429), reply
            found = json.loads(reply.body)
            assert reply.status == 200 or found["code"] < 0
        assert exchange.venue.engine is not None
        audit(exchange.venue.engine)
        await exchange.close()

    simulate(main())
