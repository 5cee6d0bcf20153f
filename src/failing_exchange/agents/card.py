"""The agent's card as text: whether it passed, rules, money, calls and beliefs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from failing_exchange.report.key_figures import figures_of_agent
from failing_exchange.text.spelling import printable


def card_text(results: Mapping[str, Any]) -> str:
    """What a terminal shows of a run of an agent."""
    return "\n".join(printable(line) for line in _lines(results))


def _lines(results: Mapping[str, Any]) -> Iterator[str]:
    if results["headline"] is not None:
        yield results["headline"]["sentence"]
    for figure in figures_of_agent(results["agent"]):
        yield f"{figure.name}: {figure.value} ({figure.means})"
