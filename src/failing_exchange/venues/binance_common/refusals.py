"""How the products of Binance say no: what their parsers raise, and what a client is told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, NoReturn

from failing_exchange.core.reject import Reason, Reject
from failing_exchange.core.units import MILLISECOND, SECOND


class Said(NamedTuple):
    """A refusal as the venue says it; `until` is the instant from which a repeat would pass."""

    status: int
    code: int
    text: str
    until: int | None = None


Words = tuple[str, str]  # name of a code, text


class Refusals(NamedTuple):
    """How one venue of Binance words its refusals.

    `codes` and `statuses` (those other than 400) are by the name of the code; `reasons` and `rules`
    are for refusals that do not come from the venue's own parser. `rejections`: what is said in
    place of NEW_ORDER_REJECTED where no new order was asked for, by operation.
    """

    codes: Mapping[str, int]
    statuses: Mapping[str, int]
    reasons: Mapping[Reason, Words]
    rules: Mapping[str, Words]
    reason_statuses: Mapping[Reason, int]
    rejections: Mapping[str, str]

    def said(self, refused: Reject, operation: str) -> Said:
        """Word a refusal by the venue's parser, by the engine or by a fault."""
        codes, statuses = self.codes, self.statuses
        if refused.code in codes:
            status = statuses.get(refused.code, 400)
            return Said(status, codes[refused.code], refused.text, refused.until)
        name, text = self.rules.get(refused.rule) or self.reasons[refused.reason]
        if operation in self.rejections:
            if refused.reason is Reason.ORDER_NOT_FOUND:
                name, text = self.rejections[operation], "Unknown order sent."
            elif name == "NEW_ORDER_REJECTED":
                name = self.rejections[operation]
        code = 0 if refused.reason is Reason.RESTRICTED_LOCATION else codes[name]
        if refused.until is not None:
            text = text.replace("{until}", str(refused.until // MILLISECOND))
        status = self.reason_statuses.get(refused.reason) or statuses.get(name, 400)
        return Said(status, code, text, refused.until)


def refuse(name: str, text: str, reason: Reason = Reason.BAD_REQUEST) -> NoReturn:
    """Say no in the venue's own words; `name` is that of a code."""
    raise Reject(reason, text, code=name)


def missing(parameter: str) -> NoReturn:
    """A parameter that must be there is not, or can't be read."""
    refuse(
        "MANDATORY_PARAM_EMPTY_OR_MALFORMED",
        f"Mandatory parameter '{parameter}' was not sent, was empty/null, or malformed.",
    )


def retry_after(until: int, at: int) -> tuple[str, str]:
    """How long a client has to wait, in whole seconds (rest-api.md, "IP Limits", 2026-07-21)."""
    return ("Retry-After", str(max(0, (until - at + SECOND - 1) // SECOND)))
