"""Instants as texts: ISO 8601 in UTC, to the millisecond."""

from __future__ import annotations

DAY_MS = 86_400_000
_day = (-1, "")  # the last day and its text
_second = (-1, "")  # the last second and its text: most of the work, mostly asked for again
_ms = (-1, "")  # the last answer: orders placed at once share their instants


def iso(ms: int) -> str:
    """Milliseconds since the epoch as ISO 8601 text.

    >>> iso(1_767_225_600_000)
    '2026-01-01T00:00:00.000Z'
    """
    global _second, _ms
    known, text = _ms
    if known == ms:
        return text
    second, rest = divmod(ms, 1_000)
    known, text = _second
    if known != second:
        text = _text(second)
        _second = (second, text)
    text = f"{text}.{rest:03d}Z"
    _ms = (ms, text)
    return text


def _text(second: int) -> str:
    global _day
    day, second = divmod(second, 86_400)
    known, text = _day
    if known != day:
        from datetime import date

        text = date.fromordinal(719_163 + day).isoformat()
        _day = (day, text)
    return f"{text}T{TWO[second // 3_600]}:{TWO[second // 60 % 60]}:{TWO[second % 60]}"


TWO = [f"{number:02d}" for number in range(60)]
