"""Who sends a request, and may they: keys, signatures, timestamps.

rest-api.md, "Request Security" and "SIGNED Endpoint security", 2026-07-21.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from typing import NoReturn

from failing_exchange.core.reject import Reason
from failing_exchange.dialects.binance.call import Security
from failing_exchange.dialects.binance.codes import missing, refuse
from failing_exchange.dialects.binance.params import MICROSECONDS_FROM, NUMBER, Params

RECV_WINDOW = 5_000_000_000  # nanoseconds, where the client says nothing
RECV_WINDOW_MAX = 60_000_000_000  # a longer one is refused
AHEAD_MAX = 1_000_000_000  # a timestamp may be less than this ahead of the venue's clock

Verify = Callable[[bytes, str], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """An API key: whose it is, how its signatures are checked, what it may do, and from where."""

    name: str
    account: str
    verify: Verify = field(repr=False)
    permissions: frozenset[Security] = frozenset(Security)
    addresses: tuple[str, ...] = ()

    def check(self, security: Security, address: str) -> None:
        """Raise `Reject` where the key may not do this, or not from here."""
        if security not in self.permissions or (self.addresses and address not in self.addresses):
            refused_key()


def refused_key() -> NoReturn:
    """The venue's one answer to an unknown key, a wrong address and a missing permission."""
    refuse(
        "REJECTED_MBX_KEY",
        "Invalid API-key, IP, or permissions for action.",
        Reason.KEY_REFUSED,
    )


def check_signature(key: Key, payload: str, params: Params) -> None:
    """Raise `Reject` for a missing or wrong signature; it leaves the parameters."""
    signature = params.pop("signature", "")
    if not signature:
        missing("signature")
    if not key.verify(payload.encode("utf-8", "surrogateescape"), signature):
        refuse("INVALID_SIGNATURE", "Signature for this request is not valid.", Reason.KEY_REFUSED)


def check_time(params: Params, at: int) -> int:
    """Raise `Reject` for a bad timestamp; the instant after which the request is too old.

    Timestamp and recvWindow leave the parameters: the same request later is the same request.
    """
    text, window = params.pop("timestamp", ""), _window(params.pop("recvWindow", ""))
    if not NUMBER.match(text):
        missing("timestamp")
    sent = int(text)
    sent *= 1_000 if sent >= MICROSECONDS_FROM else 1_000_000
    if sent >= at + AHEAD_MAX:
        refuse(
            "INVALID_TIMESTAMP",
            "Timestamp for this request was 1000ms ahead of the server's time.",
            Reason.CLOCK_SKEW,
        )
    if at - sent > window:
        too_old()
    return sent + window


def too_old() -> NoReturn:
    """The request took too long, as the client itself defined it."""
    refuse(
        "INVALID_TIMESTAMP",
        "Timestamp for this request is outside of the recvWindow.",
        Reason.CLOCK_SKEW,
    )


def _window(text: str) -> int:
    """recvWindow in nanoseconds; up to three places of a millisecond."""
    if not text:
        return RECV_WINDOW
    whole, _, part = text.partition(".")
    if not NUMBER.match(whole) or len(part) > 3 or (part and not part.isdigit()):
        refuse(
            "ILLEGAL_CHARS",
            "Illegal characters found in parameter 'recvWindow'; legal range is "
            "'^([1-9][0-9]*|0)(\\\\.[0-9]{1,3})?$'.",
        )
    window = int(whole) * 1_000_000 + int(part.ljust(3, "0") or 0) * 1_000
    if window > RECV_WINDOW_MAX:
        refuse(
            "MANDATORY_PARAM_EMPTY_OR_MALFORMED",
            "'recvWindow' contains unexpected value. Cannot be greater than 60000.",
        )
    return window


def hmac_verifier(secret: str) -> Verify:
    """Checks HMAC-SHA-256 signatures in hexadecimal, of either case."""
    keyed = hmac.new(secret.encode(), digestmod=sha256)

    def verify(payload: bytes, signature: str) -> bool:
        state = keyed.copy()
        state.update(payload)
        given = signature.lower().encode("utf-8", "surrogateescape")
        return hmac.compare_digest(state.hexdigest().encode(), given)

    return verify
