"""A finding as a test: a file that goes into the bot's own suite."""

from __future__ import annotations

import re
from textwrap import fill

from failing_exchange.explorer.findings import Finding

TEMPLATE = '''"""{sentence}

Cause: {cause}.
Made by `failing-exchange explore`; passes once the bot keeps the rule.
"""

from failing_exchange.explorer import replay

TOKEN = (
{token}
)


def test_{name}() -> None:
    """{claim}"""
    verdict = replay(TOKEN).verdict
    result = verdict.result("{rule}")
    assert result.outcome != "fail", result.why
'''
WIDTH = 88  # columns of a line of the token


def test_file(finding: Finding) -> tuple[str, str]:
    """(name, text) of a test file for a finding that was made small."""
    token = str(finding.token)
    lines = [f'    "{token[i : i + WIDTH]}"' for i in range(0, len(token), WIDTH)]
    name = _name(finding)
    sentence = finding.sentence[:1].upper() + finding.sentence[1:] + "."
    return f"test_{name}.py", TEMPLATE.format(
        sentence=fill(sentence.replace('"', "'").replace("\\", "/"), WIDTH),
        claim=finding.cause.rule.replace("_", " ").capitalize() + ", in the world of the token.",
        cause=fill(str(finding.cause), WIDTH),
        token="\n".join(lines),
        name=name,
        rule=finding.cause.rule,
    )


def _name(finding: Finding) -> str:
    parts = [finding.cause.rule, *finding.cause.kinds, finding.cause.operation]
    return re.sub(r"[^a-z0-9]+", "_", "_".join(parts).lower()).strip("_")[:80]
