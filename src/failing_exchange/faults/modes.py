"""Failure modes: everyday failures by name. What each is made of is in `presets`."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from failing_exchange.faults.plan import Fault, Whom


class FailureMode(StrEnum):
    """The ways to fail. `params` of each are the fields of its preset; see docs/faults.md."""

    NONE = "NONE"
    RANDOM = "RANDOM"
    MIXED = "MIXED"
    RATE_LIMIT = "RATE_LIMIT"
    BAN = "BAN"
    CONNECTION_ERROR = "CONNECTION_ERROR"
    TIMEOUT = "TIMEOUT"
    SLOW_RESPONSE = "SLOW_RESPONSE"
    UNAVAILABLE = "UNAVAILABLE"
    INVALID_ORDER = "INVALID_ORDER"
    INSUFFICIENT_BALANCE = "INSUFFICIENT_BALANCE"
    INVALID_SYMBOL = "INVALID_SYMBOL"
    PARTIAL_FILL = "PARTIAL_FILL"
    PRICE_SLIPPAGE = "PRICE_SLIPPAGE"
    INVALID_RESPONSE = "INVALID_RESPONSE"
    STALE_DATA = "STALE_DATA"
    MAINTENANCE = "MAINTENANCE"

    @classmethod
    def _missing_(cls, value: object) -> FailureMode | None:
        return cls.__members__.get(str(value).upper())


class Preset(NamedTuple):
    """A mode, ready to be armed."""

    fault: Fault
    whom: Whom


def preset(mode: FailureMode, params: Mapping[str, Any] | None = None) -> Preset:
    """The fault of a mode, and whom it concerns; raises ConfigurationError for wrong params."""
    from failing_exchange.faults import presets  # with the whole catalogue: only when needed

    return presets.build(mode, params or {})
