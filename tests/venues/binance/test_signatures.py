"""Signatures by the documents' own examples, all kinds of keys, and from where they may come.

rest-api.md and web-socket-api.md, "SIGNED request example", 2026-07-21.
"""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Callable
from hashlib import sha256
from typing import Any
from urllib.parse import quote

import pytest
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from failing_exchange import Binance, FailingExchange, simulate
from failing_exchange.server.api_keys import Key, Keyring
from failing_exchange.server.messages import Request
from failing_exchange.venues.binance_common.call import Security
from failing_exchange.venues.binance_common.ws_envelope import asked

NAME = "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A"
SECRET = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j"
SENT_AT = 1_499_827_319_559_000_000
REST = "&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=0.1&recvWindow=5000"
REST += "&timestamp=1499827319559"
DIGITS = "".join(chr(0xFF10 + n) for n in range(1, 7))  # a name that is not ASCII
UNKNOWN = (400, -1121)  # the signature was right
WRONG = (400, -1022)
BTC = "symbol=BTCUSDT&side=SELL&type=LIMIT&timeInForce=GTC&quantity=0.01&price=60000"
BTC += "&timestamp=1499827319559"


def answered(
    query: str, *, body: str = "", public: str = "", address: str = "127.0.0.1", **of_key: Any
) -> tuple[int, int]:
    """(status, code) of an order that arrives as it was sent; code 0 for one that was placed."""
    secret = "" if public else SECRET
    key = Key(name=NAME, account="main", secret=secret, public_key=public, **of_key)

    async def main() -> tuple[int, int]:
        venue = Binance(FailingExchange(latency=None, background=False), keys=Keyring([key]))
        await venue.exchange.ready()
        headers = {"x-mbx-apikey": NAME}
        request = Request("POST", "/api/v3/order", query, headers, body.encode(), address)
        reply = await venue.ask(request)
        assert reply is not None
        return reply.status, json.loads(reply.body).get("code", 0)

    return simulate(main(), start=SENT_AT)


def by_hmac(payload: str) -> str:
    return hmac.new(SECRET.encode(), payload.encode(), sha256).hexdigest()


@pytest.mark.parametrize(
    ("name", "signature"),
    [
        ("LTCBTC", "c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71"),
        (quote(DIGITS), "e1353ec6b14d888f1164ae9af8228a3dbd508bc82eb867db8ab6046442f33ef3"),
    ],
)
def test_the_documents_own_signatures_are_right(name: str, signature: str) -> None:
    """In letters of either case; in the query, in the body, or a part in each."""
    payload = f"symbol={name}{REST}"
    assert by_hmac(payload) == signature
    assert answered(f"{payload}&signature={signature}") == UNKNOWN
    assert answered(f"{payload}&signature={signature.upper()}") == UNKNOWN
    assert answered("", body=f"{payload}&signature={signature}") == UNKNOWN
    query, _, body = payload.partition("&quantity")
    mixed = by_hmac(f"{query}quantity{body}")
    assert answered(query, body=f"quantity{body}&signature={mixed}") == UNKNOWN
    assert answered(f"{payload}&signature={signature[::-1]}") == WRONG


def test_what_is_signed_before_it_is_percent_encoded_is_refused() -> None:
    """CHANGELOG.md, 2025-12-17: since 2026-01-15 the payload is encoded first."""
    signature = by_hmac(f"symbol={DIGITS}{REST}")
    assert answered(f"symbol={quote(DIGITS)}{REST}&signature={signature}") == WRONG


@pytest.mark.parametrize(
    ("params", "signature"),
    [
        ({"symbol": "BTCUSDT", "side": "SELL", "type": "LIMIT", "timeInForce": "GTC",
          "quantity": "0.01000000", "price": "52000.00", "recvWindow": 100},
         "aa1b5712c094bc4e57c05a1a5c1fd8d88dcd628338ea863fec7b88e59fe2db24"),
        ({"symbol": DIGITS, "side": "BUY", "type": "LIMIT", "timeInForce": "GTC",
          "quantity": "1.00000000", "price": "0.10000000", "recvWindow": 5000},
         "b33892ae8e687c939f4468c6268ddd4c40ac1af18ad19a064864c47bae0752cd"),
    ],
)  # fmt: skip
def test_over_a_socket_the_parameters_are_sorted_and_not_encoded(
    params: dict[str, Any], signature: str
) -> None:
    """The other way round than REST: text as it is, in UTF-8."""
    sent = {**params, "timestamp": 1_645_423_376_532, "apiKey": NAME, "signature": "0"}
    found = asked(json.dumps({"id": 1, "method": "order.place", "params": sent}))
    assert by_hmac(found.payload) == signature


# ---- other kinds of keys

RSA = rsa.generate_private_key(65_537, 2_048)
ED = Ed25519PrivateKey.generate()


def pem(key: Any) -> str:
    public = key.public_key()
    return str(public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode())


def by_rsa(payload: bytes) -> bytes:
    return RSA.sign(payload, padding.PKCS1v15(), SHA256())


@pytest.mark.parametrize(("sign", "public"), [(by_rsa, pem(RSA)), (ED.sign, pem(ED))])
def test_rsa_and_ed25519_sign_in_base64_whose_case_matters(
    sign: Callable[[bytes], bytes], public: str
) -> None:
    """Percent-encoded, for base64 has signs that mean something else in a query."""
    text = base64.b64encode(sign(BTC.encode())).decode()
    assert answered(f"{BTC}&signature={quote(text, safe='')}", public=public) == (200, 0)
    assert answered("", body=f"{BTC}&signature={quote(text, safe='')}", public=public) == (200, 0)
    other = text.swapcase()
    assert answered(f"{BTC}&signature={quote(other, safe='')}", public=public) == WRONG
    assert answered(f"{BTC}&signature=nonsense", public=public) == WRONG


# ---- what a key may do, and from where


def test_a_key_may_do_what_it_is_allowed_from_where_it_is() -> None:
    """One answer for a missing permission and for a foreign address."""
    query = f"{BTC}&signature={by_hmac(BTC)}"
    refused = (401, -2015)
    assert answered(query, permissions=frozenset({Security.TRADE})) == (200, 0)
    assert answered(query, permissions=frozenset({Security.USER_DATA})) == refused
    allowed = ("10.0.0.7", "127.0.0.1")
    assert answered(query, addresses=allowed) == (200, 0)
    assert answered(query, addresses=allowed, address="10.0.0.8") == refused
