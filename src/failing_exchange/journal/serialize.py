"""Trips as plain values and as lines of JSON, the same in every process."""

from __future__ import annotations

from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

from failing_exchange.core.reject import Reject
from failing_exchange.journal.trip import Trip

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from failing_exchange.core.order import OrderSnapshot

# Fields that give access, in lower case: journals are attached to bug reports.
SECRETS = frozenset({"apikey", "listenkey", "password", "secret", "secretkey", "signature"})


@lru_cache(maxsize=1_000)
def is_secret(name: str) -> bool:
    """Whether a field of this name holds a secret: apiKey, api_key and APIKEY are one.

    >>> is_secret("listen_key"), is_secret("listen_keys_max")
    (True, False)
    """
    return name.lower().replace("_", "") in SECRETS


LEFT_OUT = "(left out)"


def line(trip: Trip) -> str:
    """Format a trip as one line of JSON."""
    return _encoder()(row(trip))


@cache
def _encoder() -> Callable[[Any], str]:
    import json  # late: importing the package must stay cheap

    return json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode


def row(
    trip: Trip,
    show: Callable[[Any], Any] | None = None,
    instant: Callable[[str, int], Iterable[tuple[str, Any]]] | None = None,
) -> dict[str, Any]:
    """Convert a trip to values that JSON can hold, without secrets.

    `show` converts a value of the exchange and `instant` gives the fields of an instant, where they
    are not to be as they are in the journal.
    """
    show, instant = show or plain, instant or _nanoseconds
    return {
        "number": trip.number,
        **dict(instant("at", trip.born_at)),
        **dict(instant("ended", trip.ended_at)),
        "client": trip.account,
        "operation": trip.operation,
        "symbol": trip.symbol,
        "nth": trip.request_number,
        "message": plain(trip.message),
        "happened": show(trip.happened),
        "told": show(trip.told),
        "struck": show(trip.struck),
        "hung_up": trip.hung_up,
        **dict(instant("gave_up", trip.gave_up_at)),
        "echo_of": trip.echo_of,
    }


def _nanoseconds(name: str, at: int) -> Iterable[tuple[str, Any]]:
    return ((name, at),)


def plain(value: Any) -> Any:
    """Convert any value of a trip to one that JSON can hold. Floats keep their shortest text."""
    if value is None or value.__class__ in (bool, int, float, str):
        return value
    if isinstance(value, str):
        return str(value)
    if isinstance(value, tuple):
        if hasattr(value, "_asdict"):
            return _record(value)
        return [plain(part) for part in value]
    if isinstance(value, Reject):
        return {"reject": value.reason.value, "text": value.text, "until": value.until}
    if isinstance(value, dict):
        return {str(k): LEFT_OUT if v and is_secret(str(k)) else plain(v) for k, v in value.items()}
    if isinstance(value, list):
        return [plain(part) for part in value]
    snapshot = getattr(value, "snapshot", None)
    return _record(snapshot()) if snapshot is not None else _text(value)


def _record(value: Any) -> dict[str, Any]:
    kind = type(value).__name__
    if kind == "OrderSnapshot":
        return _order(value)
    fields = value._asdict().items()
    return {"is": kind, **{k: LEFT_OUT if v and is_secret(k) else plain(v) for k, v in fields}}


def _order(snapshot: OrderSnapshot) -> dict[str, Any]:
    return order_head(snapshot) | {
        "ticks": snapshot.ticks,
        "lots": snapshot.lots,
        "filled": snapshot.filled,
        "cost": snapshot.cost,
        "updated": snapshot.updated_at,
    }


def order_head(snapshot: OrderSnapshot) -> dict[str, Any]:
    """The fields of an order that are in no unit."""
    order = snapshot.order
    return {
        "is": "Order",
        "id": order.id,
        "client_id": order.client_id,
        "symbol": order.symbol,
        "side": str(order.side),
        "type": str(order.kind),
        "status": str(snapshot.status),
    }


def _text(value: Any) -> str:
    """The text of a foreign object, or its class: an address would differ from run to run."""
    text = str(value)
    return f"<{type(value).__name__}>" if " at 0x" in text else text
