"""Who sends a request, and may they: keys, signatures, timestamps.

rest-api.md, "Request Security" and "SIGNED Endpoint security", 2026-07-21.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable
from enum import StrEnum
from functools import lru_cache
from hashlib import sha256
from hmac import compare_digest
from typing import NoReturn
from urllib.parse import unquote_to_bytes

from failing_exchange.core.reject import Reason
from failing_exchange.core.units import MICROSECOND, MILLISECOND, SECOND
from failing_exchange.errors import ConfigurationError
from failing_exchange.server.api_keys import Key, Signatures, Verify
from failing_exchange.venues.binance_common.call import Security
from failing_exchange.venues.binance_common.params import MICROSECONDS_FROM, NUMBER, Params
from failing_exchange.venues.binance_common.refusals import missing, refuse

RECV_WINDOW = 5_000_000_000  # nanoseconds, where the client says nothing
RECV_WINDOW_MAX = 60_000_000_000  # a longer one is refused
WINDOWS_KEPT_MAX = 64  # texts whose reading is remembered; then the one used longest ago is not
BLOCK_BYTES = 64  # of SHA-256
AHEAD_MAX = SECOND  # a timestamp may be less than this ahead of the venue's clock


class KeyKind(StrEnum):
    """How a key signs (faqs/api_key_types.md, 2026-07-21), as the venue names it."""

    HMAC = "HMAC_SHA256"
    RSA = "RSA"
    ED25519 = "Ed25519"


def check_key(key: Key) -> None:
    """Raise ConfigurationError for a key that the venue can't have."""
    if not key.name.isascii() or not key.name.isalnum():
        raise ConfigurationError(f"name = {key.name!r}; expected letters and digits")
    known = [kind for kind in Security if kind is not Security.NONE]
    unknown = sorted((key.permissions or frozenset()).difference(known))
    if unknown:
        raise ConfigurationError(f"permissions {unknown} are unknown; expected {', '.join(known)}")
    if key.secret or key.public_key:
        verifier(key)


def verifier(key: Key) -> Verify:
    """How a key's signatures are checked: by its secret, or by its public key."""
    return VERIFIERS[kind_of(key)](key.secret or key.public_key)


def kind_of(key: Key) -> KeyKind:
    """How a key signs; raises ConfigurationError for a public key of another kind."""
    if not key.public_key:
        return KeyKind.HMAC
    for kind in (KeyKind.ED25519, KeyKind.RSA):
        try:
            VERIFIERS[kind](key.public_key)
        except ConfigurationError:
            continue  # it may be of the other kind
        return kind
    raise ConfigurationError("public_key is not an RSA or Ed25519 public key in PEM")


def check_permission(key: Key, security: Security | None, address: str) -> None:
    """Raise `Reject` where the key may not do this (None: anything), or not from here."""
    if not key.may(security, address):
        refused_key()


def refused_key() -> NoReturn:
    """The venue's one answer to an unknown key, a wrong address and a missing permission."""
    refuse(
        "REJECTED_MBX_KEY",
        "Invalid API-key, IP, or permissions for action.",
        Reason.KEY_REFUSED,
    )


def check_signature(
    keys: Signatures, key: Key, payload: bytes, params: Params, *, or_plain: bool = False
) -> None:
    """Raise `Reject` for a missing or wrong signature; it leaves the parameters.

    `or_plain`: it may also be one of the payload without its percent-encoding.
    """
    signature = params.pop("signature", "")
    if not signature:
        missing("signature")
    if not keys.match(key, payload, signature) and not (
        or_plain and keys.match(key, unquote_to_bytes(payload), signature)
    ):
        refuse("INVALID_SIGNATURE", "Signature for this request is not valid.", Reason.KEY_REFUSED)


def check_time(params: Params, at: int, *, micro: bool = True) -> int:
    """Raise `Reject` for a bad timestamp; the instant after which the request is too old.

    Timestamp and recvWindow leave the parameters: the same request later is the same request.
    `micro`: a timestamp may be one in microseconds.
    """
    text, window = params.pop("timestamp", ""), _window(params.pop("recvWindow", ""))
    if not NUMBER.match(text):
        missing("timestamp")
    sent = int(text)
    sent *= MICROSECOND if micro and sent >= MICROSECONDS_FROM else MILLISECOND
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


@lru_cache(maxsize=WINDOWS_KEPT_MAX)
def _window(text: str) -> int:
    """recvWindow in nanoseconds; up to three places of a millisecond."""
    if not text:
        return RECV_WINDOW
    whole, _, part = text.partition(".")
    if not NUMBER.match(whole) or len(part) > 3 or (part and not NUMBER.match(part)):
        refuse(
            "ILLEGAL_CHARS",
            "Illegal characters found in parameter 'recvWindow'; legal range is "
            "'^([1-9][0-9]*|0)(\\\\.[0-9]{1,3})?$'.",
        )
    window = int(whole) * MILLISECOND + int(part.ljust(3, "0") or 0) * MICROSECOND
    if window > RECV_WINDOW_MAX:
        refuse(
            "MANDATORY_PARAM_EMPTY_OR_MALFORMED",
            "'recvWindow' contains unexpected value. Cannot be greater than 60000.",
        )
    return window


def hmac_verifier(secret: str) -> Verify:
    """Checks HMAC-SHA-256 signatures in hexadecimal, of either case."""
    key = secret.encode()
    key = (sha256(key).digest() if len(key) > BLOCK_BYTES else key).ljust(BLOCK_BYTES, b"\0")
    # RFC 2104, section 4: the states behind the key are kept, which hmac's copies cost more than
    inner = sha256(bytes(byte ^ 0x36 for byte in key))
    outer = sha256(bytes(byte ^ 0x5C for byte in key))

    def verify(payload: bytes, signature: str) -> bool:
        within, state = inner.copy(), outer.copy()
        within.update(payload)
        state.update(within.digest())
        return signature.isascii() and compare_digest(state.hexdigest(), signature.lower())

    return verify


def ed25519_verifier(public: str) -> Verify:
    """Checks Ed25519 signatures in base64; `public` is the public key as PEM.

    Raises ConfigurationError for any other key.
    """
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    key = _public_key(public)
    if not isinstance(key, Ed25519PublicKey):
        raise ConfigurationError(f"{public[:40]!r}… is not a public Ed25519 key")

    def verify(payload: bytes, signature: str) -> bool:
        try:
            key.verify(b64decode(signature, validate=True), payload)
        except (InvalidSignature, ValueError):
            return False
        return True

    return verify


def rsa_verifier(public: str) -> Verify:
    """Checks RSA signatures (PKCS#1 v1.5, SHA-256) in base64; `public` is the public key as PEM.

    Raises ConfigurationError for any other key.
    """
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from cryptography.hazmat.primitives.hashes import SHA256

    key = _public_key(public)
    if not isinstance(key, RSAPublicKey):
        raise ConfigurationError(f"{public[:40]!r}… is not a public RSA key")

    def verify(payload: bytes, signature: str) -> bool:
        try:
            key.verify(b64decode(signature, validate=True), payload, PKCS1v15(), SHA256())
        except (InvalidSignature, ValueError):
            return False
        return True

    return verify


def _public_key(public: str) -> object:
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        return load_pem_public_key(public.encode())
    except ValueError as error:
        raise ConfigurationError(f"{public[:40]!r}… is not a public key in PEM: {error}") from error


VERIFIERS: dict[KeyKind, Callable[[str], Verify]] = {
    KeyKind.HMAC: hmac_verifier,
    KeyKind.RSA: rsa_verifier,
    KeyKind.ED25519: ed25519_verifier,
}
