"""The parameters in the URL of a WebSocket connection."""

from __future__ import annotations

from urllib.parse import unquote

Given = dict[str, list[str]]


def given(query: str) -> Given:
    """The parameters of a connection's URL, each with all its values. A plus sign is a plus sign.

    >>> given("streams=btcusdt@kline_1d@+08:00&timeUnit=MICROSECOND")["streams"]
    ['btcusdt@kline_1d@+08:00']
    """
    found: Given = {}
    for pair in query.split("&"):
        name, _, value = pair.partition("=")
        if name:
            found.setdefault(unquote(name), []).append(unquote(value))
    return found
