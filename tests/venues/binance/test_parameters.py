"""What is said of parameters that are missing, empty, unknown or too many."""

from __future__ import annotations

import pytest

from failing_exchange.core.reject import Reject
from failing_exchange.venues.binance.endpoints import BY_HTTP, ENDPOINTS
from failing_exchange.venues.binance_common.parameter_checks import check, check_count
from failing_exchange.venues.binance_common.params import Params
from failing_exchange.venues.binance_common.ws_session import SESSION

DEPTH, ORDER = BY_HTTP["GET /api/v3/depth"], BY_HTTP["POST /api/v3/order"]
LIMIT = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "quantity": "1", "price": "1"}
SIGNED = {"timestamp": "1", "recvWindow": "5000", "signature": "00"}


def refusal(endpoint: object, **params: str) -> tuple[str, str]:
    """The name and words of what is said, or twice nothing; the times are read before."""
    sent = Params(params)
    count = len(sent)
    for name in SIGNED:
        sent.pop(name, "")
    try:
        check_count(endpoint, count)  # type: ignore[arg-type]
        check(endpoint, sent, count)  # type: ignore[arg-type]
    except Reject as no:
        return no.code, no.text
    return "", ""


def test_every_endpoint_of_the_documents_says_what_it_takes() -> None:
    """A row that is missing would let a misspelt parameter pass in silence."""
    rows = [*ENDPOINTS, *(row.endpoint for row in SESSION.values())]
    assert [row.http for row in rows if row.takes is None and "api/v3/" in row.http] == []
    assert [row.socket for row in rows if row.takes is None and row.socket] == []


def test_a_misspelt_parameter_is_counted_as_unread() -> None:
    """Seen in production: a LIMIT order with timeInforce, before its timeInForce is missed."""
    text = "Not all sent parameters were read; read '7' parameter(s) but was sent '8'."
    times = {"timestamp": "1", "signature": "00"}
    assert refusal(ORDER, **LIMIT, **times, timeInforce="GTC") == ("UNREAD_PARAMETERS", text)
    text = "Not all sent parameters were read; read '1' parameter(s) but was sent '2'."
    assert refusal(DEPTH, symbol="BTCUSDT", depth="5") == ("UNREAD_PARAMETERS", text)


def test_more_parameters_than_there_are_is_another_refusal() -> None:
    """Seen in production: an order's parameters sent with GET, which looks orders up."""
    query = BY_HTTP["GET /api/v3/order"]
    text = "Too many parameters; expected '6' and received '8'."
    sent = LIMIT | {"timeInForce": "GTC", "timestamp": "1", "signature": "00"}
    assert refusal(query, **sent) == ("TOO_MANY_PARAMETERS", text)
    text = "Too many parameters; expected '0' and received '1'."
    assert refusal(BY_HTTP["GET /api/v3/ping"], symbol="BTCUSDT") == ("TOO_MANY_PARAMETERS", text)


def test_a_parameter_is_missing_or_was_empty() -> None:
    """Two codes: also for a mandatory one, as seen in production (2024)."""
    assert refusal(DEPTH, symbol="") == ("PARAM_EMPTY", "Parameter 'symbol' was empty.")
    assert refusal(DEPTH)[0] == "MANDATORY_PARAM_EMPTY_OR_MALFORMED"
    empty = ("PARAM_EMPTY", "Parameter 'quantity' was empty.")
    assert refusal(ORDER, **(LIMIT | {"quantity": ""})) == empty


def test_all_that_is_documented_passes() -> None:
    """Nothing that the documents name is unknown here."""
    for endpoint in ENDPOINTS:
        given = dict.fromkeys(sorted(endpoint.names), "1") | (SIGNED if endpoint.signed else {})
        assert refusal(endpoint, **given) == ("", "")


@pytest.mark.parametrize("http", ["GET /sapi/v1/system/status", "GET /dapi/v1/exchangeInfo"])
def test_what_other_documents_describe_is_not_counted(http: str) -> None:
    """Clients send more there than this venue knows of."""
    assert refusal(BY_HTTP[http], whatever="1") == ("", "")
