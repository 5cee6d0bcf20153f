"""A request to USD-M as the pass carries it."""

from __future__ import annotations

from failing_exchange.core.reject import Reject
from failing_exchange.venues.binance_common.call import Call
from failing_exchange.venues.binance_usdm.codes import said


class UsdmCall(Call):
    """The message of a trip; see `Call`."""

    __slots__ = ()

    def words(self, refused: Reject, operation: str) -> str:
        """A refusal as the client of this call reads it."""
        return said(refused, operation).text
