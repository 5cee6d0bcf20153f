"""Findings as Markdown, for the summary of a CI job."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from failing_exchange.explorer.findings import Group, grouped
from failing_exchange.text.spelling import printable

if TYPE_CHECKING:
    from failing_exchange.explorer.search import Exploration

FINDINGS_MAX = 50  # groups; the rest is counted, so that a summary stays far below a megabyte
# what means something in Markdown or HTML; a bot's own words are in sentences and paths
SPECIAL = re.compile(r"([\\`*_{}\[\]<>()#+!|~&])")


def job_summary(found: Exploration, in_short: str) -> str:
    """The findings as Markdown; `in_short` is the result in one line.

    Its tokens replay a finding on any machine that has the bot's file.
    """
    groups = grouped(found.findings)
    title = f"## failing-exchange: {_escaped(found.options.target)}"
    lines = [title, "", _escaped(in_short), ""]
    if groups:
        lines += ["| finding | at risk | worlds | where |", "|---|---:|---:|---|"]
        lines += map(_row, groups[:FINDINGS_MAX])
        lines += ["", *(line for group in groups[:FINDINGS_MAX] for line in _details(group))]
    if len(groups) > FINDINGS_MAX:
        lines += [f"and {len(groups) - FINDINGS_MAX} more", ""]
    lines += [f"- could not run: {_escaped(printable(error))}" for error in found.errors]
    ran = f"{found.trials:,} worlds, {found.simulated_hours:,.4g} simulated hours"
    return "\n".join([*lines, f"{ran}; {_escaped(found.ended)}.", ""])


def _row(group: Group) -> str:
    money = f"{group.money:,.2f} {group.currency}" if group.money else ""
    sentence = _escaped(printable(group.first.sentence))
    return f"| {sentence} | {money} | {group.times} | {_escaped(group.first.cause.place)} |"


def _details(group: Group) -> Iterator[str]:
    """What replays a finding, folded."""
    yield f"<details><summary>Replay: {_escaped(str(group.first.cause))}</summary>"
    yield from ("", "```sh", f"failing-exchange replay {group.first.token}", "```", "")
    yield from ("</details>", "")


def _escaped(text: str) -> str:
    r"""Text of which nothing is markup.

    >>> _escaped("a_b | <b>")
    'a\\_b \\| \\<b\\>'
    """
    return SPECIAL.sub(r"\\\1", text.replace("\n", " "))
