"""The WebSocket API's envelope: requests as JSON text, replies with status, result and limits.

web-socket-api.md, "Request format", "Response format", "SIGNED request security", 2026-07-21. What
it says of malformed requests was seen in production; the documents name only the codes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, NamedTuple, NoReturn

from failing_exchange.core.reject import Reject
from failing_exchange.venues.binance_common.params import PARAMETERS_MAX, Params
from failing_exchange.venues.binance_common.refusals import Said, refuse
from failing_exchange.venues.binance_common.values import instant

ID = re.compile(r"[a-zA-Z0-9-_]{1,36}\Z")
LIMITED = (418, 429)  # statuses of which the error says from when on to try again


class WsRequest(NamedTuple):
    """A request: its `id` comes back in the reply, `payload` is what its signature is made of.

    `refused` is why it can't be carried out, where reading has shown it.
    """

    id: int | str | None
    method: str = ""
    params: Params = Params()
    payload: str = ""
    refused: Reject | None = None


class _Number(str):
    """A number as its sender wrote it: its text is what was signed."""


def asked(text: str, version: str = "") -> WsRequest:
    """Read a request from its text; `refused` says what is wrong with it.

    `version` may stand before a method.
    """
    try:
        message = json.loads(
            text, parse_int=_Number, parse_float=_Number, parse_constant=_no_constant
        )
        if "\\u" in text:  # JSON can hold half a surrogate pair, UTF-8 can't
            json.dumps(message, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return _refused(None, "INVALID_JSON", "Invalid JSON request.")
    if not isinstance(message, dict):
        return _refused(None, "INVALID_JSON", "Invalid JSON request.")
    known = _id_of(message)
    if known is None:
        return _refused(None, "INVALID_JSON", INVALID_ID)
    return _asked(known[0], message.get("method"), message.get("params", {}), version)


INVALID_ID = (
    "Invalid 'id' in JSON request; expected an integer, a string matching "
    "'^[a-zA-Z0-9-_]{1,36}$', or null."
)


def _id_of(message: Mapping[str, Any]) -> tuple[int | str | None] | None:
    """The id, or None for one that is missing or not allowed."""
    given = message.get("id", ...)
    if given is None:
        return (None,)
    if isinstance(given, _Number):
        return (int(given),) if re.match(r"-?[0-9]{1,19}\Z", given) else None
    return (given,) if isinstance(given, str) and ID.match(given) else None


def _asked(given: int | str | None, method: Any, params: Any, version: str) -> WsRequest:
    if not isinstance(method, str) or isinstance(method, _Number):
        text = "Invalid 'method' in JSON request; expected a string."
        return _refused(given, "INVALID_JSON", text)
    if not isinstance(params, dict):
        text = "Invalid 'params' in JSON request; expected an object."
        return _refused(given, "INVALID_JSON", text)
    if len(params) > PARAMETERS_MAX:
        text = "Too many parameters sent for this endpoint."
        return _refused(given, "TOO_MANY_PARAMETERS", text)
    found = Params({name: _text(value) for name, value in params.items()})
    return WsRequest(given, method.removeprefix(version), found, payload(found))


def payload(params: Mapping[str, str]) -> str:
    """What a signature is made of: all parameters but the signature, by their names in order.

    >>> payload({"symbol": "BTCUSDT", "signature": "00", "apiKey": "k"})
    'apiKey=k&symbol=BTCUSDT'
    """
    return "&".join(f"{name}={params[name]}" for name in sorted(params) if name != "signature")


def _text(value: Any) -> str:
    """A parameter as text, as the REST API is sent it."""
    if value.__class__ is str or value.__class__ is _Number:
        return str(value)
    if value is None:
        return ""
    return json.dumps(_plain(value), separators=(",", ":"), ensure_ascii=False)


def _plain(value: Any) -> Any:
    """A value in which numbers are written as they came."""
    if isinstance(value, _Number):
        return float(value) if set(value) & set(".eE") else int(value)
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    return value


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _refused(given: int | str | None, name: str, text: str) -> WsRequest:
    try:
        refuse(name, text)
    except Reject as no:
        no.__traceback__ = None
        return WsRequest(given, refused=no)


def accepted(given: int | str | None, result: Any) -> dict[str, Any]:
    """The reply to a request that was carried out."""
    return {"id": given, "status": 200, "result": result}


def refused(given: int | str | None, no: Said, at: int, *, micro: bool) -> dict[str, Any]:
    """The reply to one that was not. Where limits are the reason, it says from when on to retry."""
    error: dict[str, Any] = {"code": no.code, "msg": no.text}
    if no.until is not None and no.status in LIMITED:
        error["data"] = {
            "serverTime": instant(at, micro=micro),
            "retryAfter": instant(no.until, micro=micro),
        }
    return {"id": given, "status": no.status, "error": error}
