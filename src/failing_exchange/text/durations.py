"""Durations: read such as "10m", and told for people; one function each for every place."""

from __future__ import annotations

import math
import re

from failing_exchange.text.number_checks import is_number

FORMS = "a number of seconds, or a span like 500ms, 90s, 10m, 1h or 2d"
SPAN_TEXT_MAX = 40  # letters of a span; a longer text is refused
_UNITS = {"": 1, "ms": 0.001, "s": 1, "m": 60, "h": 3_600, "d": 86_400}
_SPAN = re.compile(r"(\d+\.?\d*(?:e[+-]?\d{1,3})?|\.\d+)\s?(|ms|s|m|h|d)", re.ASCII | re.IGNORECASE)


def seconds_of(value: object) -> float:
    """A span in seconds, from 0. Raises ValueError, without the value, for what is not one.

    >>> seconds_of(90), seconds_of("1.5h"), seconds_of("250ms")
    (90, 5400.0, 0.25)
    """
    if isinstance(value, str):
        return _read(value)
    if not is_number(value) or not 0 <= value < math.inf:
        raise ValueError(f"expected {FORMS}")
    return value


_TOLD = (  # (seconds from which on it holds, unit, seconds, smaller unit, seconds)
    (259_200, "d", 86_400, "h", 3_600),
    (3_600, "h", 3_600, "min", 60),
    (120, "min", 60, "s", 1),
)  # shorter durations are told in seconds


def span(seconds: float) -> str:
    """A duration for people, in two units at most.

    >>> span(129_590), span(5_400), span(605), span(75), span(0.42), span(400_000)
    ('36 h', '1 h 30 min', '10 min 5 s', '75 s', '0.42 s', '4 d 15 h')
    """
    for least, unit, size, smaller, part in _TOLD:
        if seconds >= least:
            whole, rest = divmod(round(seconds / part), size // part)
            return f"{whole:,} {unit} {rest} {smaller}" if rest else f"{whole:,} {unit}"
    return f"{seconds:.3g} s"


def _read(text: str) -> float:
    found = _SPAN.fullmatch(text.strip()) if len(text) <= SPAN_TEXT_MAX else None
    if found is None:
        raise ValueError(f"expected {FORMS}")
    value = float(found[1]) * _UNITS[found[2].lower()]
    if value == math.inf:
        raise ValueError(f"expected {FORMS}")
    return value
