"""The key figures of a page, each with what it means, and the sections that show them.

A new section is a function here and its row in `SECTIONS`; the page draws all of them alike.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from failing_exchange.core.market import parse_symbol
from failing_exchange.judge.products import USDT
from failing_exchange.text.durations import span

UNKNOWN = "not known"
BELIEFS_SHOWN_MAX = 5  # the last ones; the results file has all


class KeyFigure(NamedTuple):
    """One number: its name, its value as text, and its definition."""

    name: str
    value: str
    means: str


def figures_of_run(verdict: Mapping[str, Any]) -> list[KeyFigure]:
    """All numbers of a run below its headline."""
    if not verdict:
        return []
    return [*_sums(verdict), *_counts(verdict), _recovery(verdict)]


def _sums(verdict: Mapping[str, Any]) -> list[KeyFigure]:
    exposures, currency = verdict.get("exposure", {}), verdict.get("currency", USDT)
    worst = sum(one["worst"] for one in exposures.values())
    seconds = sum(one["seconds"] for one in exposures.values())
    amounts = ", ".join(
        f"{one['worst_amount']:.6g} {parse_symbol(symbol).base}"
        for symbol, one in exposures.items()
        if one.get("worst_amount")
    )
    unheard = f": {amounts}, over {span(seconds)}" if amounts else ""
    return [
        KeyFigure(f"wrong at the end, {currency}", amount(verdict.get("wrong")), _wrong(verdict)),
        KeyFigure(
            f"never told of, {currency}",
            amount(verdict.get("untold", 0.0)),
            "what its orders traded without its ever being told, buys less sells, where what the "
            "bot believes is not known",
        ),
        KeyFigure(
            f"traded without being told, at worst, {currency}",
            amount(worst),
            f"fills that the bot had not been told of, buys and sells added up{unheard}",
        ),
    ]


def _wrong(verdict: Mapping[str, Any]) -> str:
    """What it is wrong about; a part of the headline."""
    holdings = verdict.get("holdings")
    if holdings is None:
        return "what the bot believes to hold is not known: it keeps no notebook"
    assets = "; ".join(
        f"{asset}: believes {one['believed']:+,.8g}, has {one['true']:+,.8g}"
        for asset, one in holdings.items()
        if one["difference"]
    )
    means = "what the bot believes that its trades have gained, against what they have gained"
    return f"{means}. {assets}" if assets else means


def _counts(verdict: Mapping[str, Any]) -> list[KeyFigure]:
    names = {"intended": "intended", "duplicated": "done more than once", "lost": "never done"}
    known = {words: verdict.get(name) for name, words in names.items()}
    intents = ", ".join(f"{count:,} {words}" for words, count in known.items() if count is not None)
    needed, faults = verdict.get("amplification", 1.0), verdict.get("faults", 0)
    inside = verdict.get("requests_in_ban", 0)
    return [
        KeyFigure(
            "requests",
            f"{verdict.get('requests', 0):,}",
            f"{needed:.2f} sent for each that was not a repetition; {inside:,} sent inside a wait "
            "or a ban that the venue had named",
        ),
        KeyFigure(
            "struck by faults",
            f"{faults:,}",
            "requests and pushes; not by limits of the venue",
        ),
        KeyFigure(
            "orders placed",
            f"{verdict.get('placed', 0):,}",
            f"orders that the venue accepted; intents: {intents}"
            if intents
            else "orders that the venue accepted",
        ),
        KeyFigure(
            "orders never told of",
            f"{verdict.get('orphans', 0):,}",
            "accepted by the venue, and no message said so to the bot",
        ),
        KeyFigure(
            "in the dark",
            span(verdict.get("wrong_s", 0.0)),
            "for how long the bot had not been told everything about its orders",
        ),
    ]


def _recovery(verdict: Mapping[str, Any]) -> KeyFigure:
    seconds, faults = verdict.get("recovery_s"), verdict.get("faults", 0)
    means = "from the last fault until a request succeeded and no fill was unknown to the bot"
    never = "never" if faults else "no fault"
    return KeyFigure("to recover", never if seconds is None else span(seconds), means)


def figures_of_exploration(found: Mapping[str, Any]) -> list[KeyFigure]:
    """What was explored."""
    return [
        KeyFigure(
            "worlds",
            f"{found.get('trials', 0):,}",
            f"runs, each with its own faults; {found.get('simulated_hours', 0.0):,.0f} hours "
            "simulated in all",
        ),
        KeyFigure(
            "worlds with a finding", f"{found.get('failed', 0):,}", "a rule was broken there"
        ),
        KeyFigure(
            "situations met",
            f"{found.get('ground', 0):,}",
            "different pairs of a fault and what the bot did under it",
        ),
    ]


def figures_of_agent(agent: Mapping[str, Any]) -> list[KeyFigure]:
    """What an agent did through its tools, and what it said that it holds."""
    if not agent:
        return []
    calls, beliefs = agent["calls"], agent["beliefs"]
    tools = Counter(call["tool"] for call in calls)
    failed = sum(bool(call["error"]) for call in calls)
    named = ", ".join(f"{name} {times}" for name, times in tools.most_common())
    true = sum(one["true"] for one in beliefs)
    return [
        *_task(agent),
        KeyFigure("tool calls", f"{len(calls):,}", f"{named or 'none'}; {failed} with an error"),
        KeyFigure(
            "requests for each tool call",
            f"{agent['requests_a_call']:.2f}",
            "requests to the venue, repeats of a client library included; waiting sends none",
        ),
        KeyFigure(
            "true statements",
            f"{true} of {len(beliefs)}",
            "; ".join(map(stated_text, beliefs[-BELIEFS_SHOWN_MAX:]))
            or "it never said what it believes that it holds",
        ),
    ]


def _task(agent: Mapping[str, Any]) -> list[KeyFigure]:
    if "task" not in agent:
        return []
    passed = "passed" if agent["passed"] else "not passed"
    why = agent["brief"] if agent["passed"] else "; ".join(agent["unmet"])
    return [KeyFigure(f"task {agent['task']}", passed, why)]


def stated_text(one: Mapping[str, Any]) -> str:
    """What was believed beside what was true.

    >>> stated_text({"true": False, "holdings": {"BTC": 1.0}, "true_holdings": {"BTC": 1.1},
    ...     "open_orders": None, "true_open_orders": []})
    'false: BTC 1 (in truth 1.1)'
    """
    parts = [
        f"{name} {value:.10g} (in truth {one['true_holdings'][name]:.10g})"
        for name, value in one["holdings"].items()
    ]
    if one["open_orders"] is not None:
        told, true = len(one["open_orders"]), len(one["true_open_orders"])
        parts.append(f"{told} open orders (in truth {true})")
    return f"{'true' if one['true'] else 'false'}: {', '.join(parts)}"


def amount(value: float | None) -> str:
    """A sum of money in full.

    >>> amount(1234.5), amount(None)
    ('1,234.50', 'not known')
    """
    return UNKNOWN if value is None else f"{value:,.2f}"


# By kind of results: each section by its title, and what gives its figures; none: no section.
SECTIONS: dict[str, dict[str, Callable[[Mapping[str, Any]], list[KeyFigure]]]] = {
    "run": {
        "The agent": lambda found: figures_of_agent(found.get("agent") or {}),
        "In numbers": lambda found: figures_of_run(found.get("verdict") or {}),
    },
    "explore": {"In numbers": figures_of_exploration},
}
SECTIONS["replay"] = SECTIONS["run"]


def sections_of(found: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The sections of a results file that are made of figures, in their order on the page."""
    sections = []
    for title, figures_of in SECTIONS[found["kind"]].items():
        if figures := figures_of(found):
            rows = [one._asdict() for one in figures]
            id_ = title.lower().replace(" ", "-")
            sections.append({"id": id_, "title": title, "figures": rows})
    return sections
