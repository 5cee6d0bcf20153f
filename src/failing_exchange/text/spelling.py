"""Spelling: suggest the nearest known name, and escape what can't be shown."""

from __future__ import annotations

from collections.abc import Iterable

MEANT_LETTERS_MAX = 100  # no near name is looked for, for a longer one: that would take seconds
SHOWN_LETTERS_MAX = 80  # of a wrong value in an error message; the rest is cut off


def shown(value: object) -> str:
    """Show a value in an error message, in at most one line."""
    text = repr(value)
    return text if len(text) <= SHOWN_LETTERS_MAX else f"{text[:SHOWN_LETTERS_MAX]}…"


def did_you_mean(name: object, known: Iterable[str]) -> str:
    """`; did you mean 'x'?`, or nothing if no known name is near.

    >>> did_you_mean("lose_anser", ["lose_answer", "delay_answer"])
    "; did you mean 'lose_answer'?"
    >>> did_you_mean("btc", ["BTC", "ETH"])
    "; did you mean 'BTC'?"
    """
    from difflib import get_close_matches  # only when somebody has erred

    if len(str(name)) > MEANT_LETTERS_MAX:
        return ""
    by_lower = {one.lower(): one for one in known}
    close = get_close_matches(str(name).lower(), by_lower, n=1)
    return f"; did you mean {by_lower[close[0]]!r}?" if close else ""


def printable(text: str) -> str:
    r"""Escape foreign text so that a terminal, XML and source code can hold it.

    >>> printable("\x1b[31mno signal\x00")
    '\\x1b[31mno signal\\x00'
    """
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else repr(one)[1:-1] for one in text)
