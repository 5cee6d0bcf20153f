"""The nearest spelling, for messages about a name that is not known."""

from __future__ import annotations

from collections.abc import Iterable


def meant(name: object, known: Iterable[str]) -> str:
    """`; did you mean 'x'?`, or nothing where no known name is near.

    >>> meant("lose_anser", ["lose_answer", "delay_answer"])
    "; did you mean 'lose_answer'?"
    >>> meant("btc", ["BTC", "ETH"])
    "; did you mean 'BTC'?"
    """
    from difflib import get_close_matches  # only when somebody has erred

    by_lower = {one.lower(): one for one in known}
    close = get_close_matches(str(name).lower(), by_lower, n=1)
    return f"; did you mean {by_lower[close[0]]!r}?" if close else ""
