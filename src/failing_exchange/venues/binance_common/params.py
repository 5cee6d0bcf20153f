"""The parameters of a request: how they are sent, and what the venue says of bad ones.

errors.md, "11xx - Request issues"; rest-api.md, "General Information on Endpoints"; 2026-07-21.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NoReturn, TypeVar
from urllib.parse import unquote_plus

from failing_exchange.core.reject import Reason
from failing_exchange.core.units import MICROSECOND, MILLISECOND
from failing_exchange.venues.binance_common.refusals import missing, refuse

T = TypeVar("T")

PARAMETERS_MAX = 200  # a request with more is refused
NUMBER = re.compile(r"[0-9]{1,20}\Z")
DECIMAL = re.compile(r"([0-9]{1,20})(?:\.([0-9]{1,20}))?\Z")
DECIMAL_RANGE = "^([0-9]{1,20})(\\\\.[0-9]{1,20})?$"
LONG_MAX = 2**63 - 1  # a larger number is refused
# Names of symbols (CHANGELOG.md, 2025-12-02): letters of any script but small latin ones, digits,
# signs. Their ranges as production has named them since, which are written in Java's way.
NAME = r"(?:(?![a-z])[\w\-.]){1,50}"
SYMBOL = re.compile(rf"{NAME}\Z")
SYMBOL_RANGE = r"^[\w\-._&&[^a-z]]{1,50}$"
SYMBOLS = re.compile(rf'\[(?:"{NAME}"(?:,"{NAME}")*)?\]\Z')
SYMBOLS_RANGE = r'^\\[("[\\w\\-._&&[^a-z]]{1,50}"(,"[\\w\\-._&&[^a-z]]{1,50}"){0,}){0,1}\\]$'
PLACES = 8  # of a decimal: one atom
ZEROS = [(PLACES - places) * "0" for places in range(PLACES + 1)]  # what is left out behind places
TRUE_FALSE = {"true": True, "false": False}


def form(text: str) -> Params:
    """Form-encoded text as parameters; one that is sent twice is refused."""
    if not text:
        return Params()
    pairs = text.split("&")
    if len(pairs) > PARAMETERS_MAX:
        refuse("TOO_MANY_PARAMETERS", "Too many parameters sent for this endpoint.")
    if "%" not in text and "+" not in text:
        try:  # what most clients send: nothing is encoded, nothing left out
            found = Params([pair.split("=", 1) for pair in pairs])
        except ValueError:  # "a=b&c"
            return _form(pairs)
        if len(found) == len(pairs) and "" not in found:
            return found
    return _form(pairs)


def _form(pairs: list[str]) -> Params:
    """The same for whatever may come."""
    found = Params()
    for pair in pairs:
        name, _, value = pair.partition("=")
        if "%" in pair or "+" in pair:
            name, value = unquote_plus(name), unquote_plus(value)
        if name in found:
            refuse("TOO_MANY_PARAMETERS", "Duplicate values for a parameter detected.")
        if name:
            found[name] = value
    return found


class Params(dict[str, str]):
    """Parameters by name. The methods refuse what the venue refuses, in its words."""

    def need(self, name: str) -> str:
        """Read a required parameter; refuse a request that lacks it."""
        value = self.get(name)
        if not value:
            missing(name)
        return value

    def symbol(self, name: str) -> str:
        """The name of a symbol, which must be there; whether there is one, who knows."""
        value = self.need(name)
        if not SYMBOL.match(value):
            illegal(name, SYMBOL_RANGE)
        return value

    def text(self, name: str, default: str = "") -> str:
        """Read an optional parameter; refuse one that was sent empty."""
        value = self.get(name)
        if value is None:
            return default
        if not value:
            refuse("PARAM_EMPTY", f"Parameter '{name}' was empty.")
        return value

    def integer(
        self, name: str, default: int | None = None, *, least: int = 0, most: int = LONG_MAX
    ) -> int:
        """A whole number; without a default it must be there."""
        text = self.get(name)
        if text is None and default is not None:
            return default
        if not text:
            missing(name)
        if not NUMBER.match(text):
            illegal(name, "^[0-9]{1,20}$")
        value = int(text)
        if not least <= value <= LONG_MAX:
            refuse("INVALID_PARAMETER", f"Data sent for parameter '{name}' is not valid.")
        return min(value, most)

    def atoms(self, name: str, reason: Reason) -> int:
        """A decimal as atoms; 0 where not sent. More than eight places, or 2^63, are refused.

        `reason`: what is wrong with an order when this number is.
        """
        text = self.get(name)
        if text is None:
            return 0
        found = DECIMAL.match(text)
        if found is None:
            if not text:
                missing(name)
            illegal(name, DECIMAL_RANGE, reason)
        units, part = found.groups("")
        if len(part) > PLACES:
            if part[PLACES:].strip("0"):
                refuse("BAD_PRECISION", f"Parameter '{name}' has too much precision.", reason)
            part = part[:PLACES]
        whole = int(units + part + ZEROS[len(part)])
        if whole > LONG_MAX:
            refuse("PARAM_OVERFLOW", f"Parameter '{name}' overflowed.", reason)
        return whole

    def flag(self, name: str, default: bool = False) -> bool:
        """True or false."""
        text = self.get(name)
        if text is None:
            return default
        if text.lower() not in TRUE_FALSE:
            refuse("INVALID_PARAMETER", f"Data sent for parameter '{name}' is not valid.")
        return TRUE_FALSE[text.lower()]

    def instant(self, name: str) -> int:
        """Milliseconds or microseconds as nanoseconds since the epoch; 0 where not sent."""
        value = self.integer(name, 0)
        # rest-api.md: timestamp parameters can be passed in milliseconds or microseconds
        return value * (MICROSECOND if value >= MICROSECONDS_FROM else MILLISECOND)

    def one_of(self, name: str, known: Mapping[str, T], default: T | None = None) -> T:
        """The meaning of an enumerated value."""
        text = self.get(name)
        if text is None and default is not None:
            return default
        if not text:
            missing(name)
        found = known.get(text)
        if found is None:
            refuse("INVALID_PARAMETER", f"Data sent for parameter '{name}' is not valid.")
        return found


MICROSECONDS_FROM = 10**14  # a larger number can't be milliseconds: the year would be 5138


def illegal(name: str, legal: str, reason: Reason = Reason.BAD_REQUEST) -> NoReturn:
    """Raise `Reject` for a parameter with characters that it may not have."""
    refuse(
        "ILLEGAL_CHARS",
        f"Illegal characters found in parameter '{name}'; legal range is '{legal}'.",
        reason,
    )
