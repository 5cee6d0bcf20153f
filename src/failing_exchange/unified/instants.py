"""Instants as texts: ISO 8601 in UTC, to the millisecond."""

from __future__ import annotations

MINUTE_MS, DAY_MINUTES = 60_000, 1_440
_day = (-1, "")  # the last day and its text
_minute = (-1, "")  # the last minute and its text: most of the work, mostly asked for again
_ms = (-1, "")  # the last answer: orders placed at once share their instants


def iso(ms: int) -> str:
    """Milliseconds since the epoch as ISO 8601 text.

    >>> iso(1_767_225_600_000)
    '2026-01-01T00:00:00.000Z'
    """
    global _ms
    known, text = _ms
    if known == ms:
        return text
    minute, rest = divmod(ms, MINUTE_MS)
    known, text = _minute
    if known != minute:
        text = _text(minute)
    text += SECONDS[rest // 1_000] + THOUSANDTHS[rest % 1_000]
    _ms = (ms, text)
    return text


def _text(minute: int) -> str:
    global _day, _minute
    day, rest = divmod(minute, DAY_MINUTES)
    known, text = _day
    if known != day:
        from datetime import date

        text = date.fromordinal(719_163 + day).isoformat()
        _day = (day, text)
    hour, rest = divmod(rest, 60)
    text = f"{text}T{SECONDS[hour]}:{SECONDS[rest]}:"
    _minute = (minute, text)
    return text


SECONDS = [f"{number:02d}" for number in range(60)]
THOUSANDTHS = [f".{number:03d}Z" for number in range(1_000)]
