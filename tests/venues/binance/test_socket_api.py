"""The WebSocket API's envelope: what a message must look like, and what is signed."""

from __future__ import annotations

import json

import pytest

from failing_exchange.core.reject import Reason, Reject
from failing_exchange.venues.binance.codes import said
from failing_exchange.venues.binance_common.signing import hmac_verifier
from failing_exchange.venues.binance_common.ws_envelope import asked, refused

# web-socket-api.md, "SIGNED request example (HMAC)", 2026-07-21
KEY = "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A"
SECRET = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j"
ORDER = {
    "symbol": "BTCUSDT", "side": "SELL", "type": "LIMIT", "timeInForce": "GTC",
    "quantity": "0.01000000", "price": "52000.00", "recvWindow": 100,
    "timestamp": 1645423376532, "apiKey": KEY,
}  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "signature"),
    [
        ({}, "aa1b5712c094bc4e57c05a1a5c1fd8d88dcd628338ea863fec7b88e59fe2db24"),
        (
            {"symbol": "１２３４５６", "side": "BUY", "quantity": "1.00000000",
             "price": "0.10000000", "recvWindow": 5000},
            "b33892ae8e687c939f4468c6268ddd4c40ac1af18ad19a064864c47bae0752cd",
        ),
    ],
)  # fmt: skip
def test_the_documents_own_signatures_hold(changes: dict[str, object], signature: str) -> None:
    """The parameters by name in order, no percent signs, in UTF-8."""
    params = ORDER | changes | {"signature": signature}
    request = asked(json.dumps({"id": 1, "method": "order.place", "params": params}))
    assert hmac_verifier(SECRET)(request.payload.encode(), signature)


def test_numbers_are_signed_as_they_were_written() -> None:
    """A client that sends 52000.00 as a number has signed these digits."""
    request = asked('{"id":1,"method":"order.place","params":{"price":52000.00,"quantity":1e-3}}')
    assert request.payload == "price=52000.00&quantity=1e-3"
    assert request.params["price"] == "52000.00"


def test_values_that_are_no_text_become_what_the_rest_api_is_sent() -> None:
    """One table of endpoints reads both."""
    request = asked('{"id":1,"method":"m","params":{"symbols":["A","B"],"flag":true,"none":null}}')
    assert request.params == {"symbols": '["A","B"]', "flag": "true", "none": ""}


@pytest.mark.parametrize("text", ["", "{", "[]", "3", "null", '{"id":1,"method":"x","params":NaN}'])
def test_what_is_no_json_object_is_refused_without_an_id(text: str) -> None:
    """As seen in production: -1135, and an id of null."""
    request = asked(text)
    assert request.id is None
    assert request.refused == Reject(
        Reason.BAD_REQUEST, "Invalid JSON request.", code="INVALID_JSON"
    )


@pytest.mark.parametrize("given", ['""', "true", "1.5", "[1]", '"a b"', f'"{"x" * 37}"', '"é"'])
def test_an_id_must_be_a_number_a_short_word_or_null(given: str) -> None:
    """As seen in production: the refusal names the pattern, and no id."""
    request = asked(f'{{"id":{given},"method":"time"}}')
    assert request.id is None
    assert request.refused is not None
    assert "'^[a-zA-Z0-9-_]{1,36}$'" in request.refused.text


@pytest.mark.parametrize(("given", "known"), [("null", None), ("-7", -7), ('"a-b_C"', "a-b_C")])
def test_an_id_comes_back_as_it_was(given: str, known: object) -> None:
    """Replies are matched by it."""
    assert asked(f'{{"id":{given},"method":"time"}}').id == known


def test_a_request_without_an_id_or_method_is_refused() -> None:
    """Both are mandatory; params are not."""
    assert asked('{"method":"time"}').refused is not None
    assert asked('{"id":1}').refused is not None
    assert asked('{"id":1,"method":"time","params":[]}').refused is not None
    assert asked('{"id":1,"method":"time"}').refused is None


def test_a_method_may_name_its_version() -> None:
    """ "v3/order.place" is order.place."""
    assert asked('{"id":1,"method":"v3/order.place"}', "v3/").method == "order.place"


def test_half_a_character_is_no_text() -> None:
    """JSON can hold it, UTF-8 can't: nothing later has to cope with it."""
    assert asked('{"id":1,"method":"time","params":{"x":"\\ud800"}}').refused is not None


def test_a_ban_names_its_end_in_the_errors_data() -> None:
    """web-socket-api.md, "IP limits": serverTime and retryAfter, in milliseconds."""
    at = 1_659_142_907_531 * 10**6
    ban = Reject(Reason.BANNED, "", until=1_659_146_400_000 * 10**6)
    reply = refused("x", said(ban, "fetch_time"), at, micro=False)
    assert reply["status"] == 418
    assert reply["error"]["code"] == -1003
    assert "IP banned until 1659146400000." in reply["error"]["msg"]
    assert reply["error"]["data"] == {"serverTime": 1659142907531, "retryAfter": 1659146400000}
