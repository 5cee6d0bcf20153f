"""What `serve` prints: where it listens and how a client gets there, and what there was at the end.

For people as text, for programs as documents (docs/json.md).
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from failing_exchange.cli.logs import log_fields

if TYPE_CHECKING:
    from failing_exchange.client.exchange import FailingExchange
    from failing_exchange.judge.verdict import Verdict
    from failing_exchange.server.dialect import Speaker

VENUE = "binance"  # the venue without a name
SNIPPET = """
    import ccxt.async_support as ccxt
    from failing_exchange import redirect

    exchange = ccxt.{ccxt_id}({{"apiKey": "{key}",
                             "secret": "{secret}"{more}}})
    redirect(exchange, "{url}"{venue})
"""
BESIDE = """
    # {title} is served beside {own}: {paths};
    # /ws and /stream are those of the product whose host the Host header names, else of {own}
"""
PAIR = """
    key    {key}
    secret {secret}
"""
UNVERIFIED = """,
                             "verify": False"""  # nobody trusts a throw-away certificate


def shown_host(host: str) -> str:
    """A host as a URL has it."""
    return f"[{host}]" if ":" in host else host


def greeting(
    options: argparse.Namespace,
    spoken: Speaker,
    exchange: FailingExchange,
    url: str,
    control_url: str,
) -> str:
    """What a served venue prints at its start, for people."""
    said = _how_to_trade(options, spoken, exchange, url)
    if control_url:
        said += f"\ncontrol API: {control_url}/openapi.json\npage: {control_url}/"
    return said


def _how_to_trade(
    options: argparse.Namespace, spoken: Speaker, exchange: FailingExchange, url: str
) -> str:
    from failing_exchange.server.api_keys import DEFAULT_KEY, DEFAULT_SECRET

    text = f"failing-exchange: {options.venue} at {url}, seed {exchange.seed}; Ctrl-C stops it"
    durable = exchange.venue.durable
    if durable is not None and durable.recovered is not None:
        text += f"\nfrom {durable.path}: {durable.recovered}"
        if options.mode is not None:
            text += "\nfaults are as they were; --mode is for a new journal"
    if options.keys is not None:
        return text
    snippet = PAIR.format(key=DEFAULT_KEY, secret=DEFAULT_SECRET)
    if spoken.ccxt_ids:
        snippet = SNIPPET.format(
            ccxt_id=spoken.ccxt_ids[0],
            key=DEFAULT_KEY,
            secret=DEFAULT_SECRET,
            more=UNVERIFIED if options.tls else "",
            url=url,
            venue="" if options.venue == VENUE else f", venue={options.venue!r}",
        )
    for one in spoken.served()[1:]:
        paths = ", ".join(path.rstrip("/") for path in one.paths)
        snippet += BESIDE.format(title=one.title, paths=paths, own=spoken.title)
    others = "trade for it, too" if options.any_key else "are refused (--any-key accepts them)"
    return f"{text}\n{snippet}\nThis pair trades for the account main. Other keys {others}."


def farewell(exchange: FailingExchange) -> str:
    """What it prints at its end."""
    journal = exchange.journal
    return (
        f"stopped after {journal.requests} requests: {journal.failed_requests} struck by faults, "
        f"{journal.limited} refused by the venue's limits"
    )


def listening_document(
    options: argparse.Namespace, exchange: FailingExchange, url: str, control_url: str
) -> dict[str, Any]:
    """Where it listens: `kind` "listening". The key pair is there unless a file gives the keys."""
    from failing_exchange.server.api_keys import DEFAULT_KEY, DEFAULT_SECRET

    durable = exchange.venue.durable
    recovered = "" if durable is None or durable.recovered is None else str(durable.recovered)
    text = f"{options.venue} at {url}, seed {exchange.seed}"
    pair = {} if options.keys is not None else {"key": DEFAULT_KEY, "secret": DEFAULT_SECRET}
    return {
        "kind": "listening", **log_fields("info", text), "venue": options.venue, "url": url,
        "control_url": control_url, "seed": exchange.seed, "recovered": recovered, **pair,
    }  # fmt: skip


def ended_document(
    exchange: FailingExchange, verdicts: Sequence[Verdict], text: str
) -> dict[str, Any]:
    """What there was: `kind` "served", with a verdict for each client that was judged."""
    journal = exchange.journal
    return {
        "kind": "served", **log_fields("info", text),
        "requests": journal.requests, "struck": journal.failed_requests,
        "limited": journal.limited, "verdicts": [one.as_dict() for one in verdicts],
    }  # fmt: skip
