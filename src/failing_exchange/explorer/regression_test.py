"""Write findings as pytest files for the bot's own suite."""

from __future__ import annotations

import os
import re
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING

from failing_exchange.explorer.findings import Finding, grouped
from failing_exchange.text.files import write_file
from failing_exchange.text.spelling import printable

if TYPE_CHECKING:
    from failing_exchange.explorer.search import Exploration

TEMPLATE = '''"""{sentence}

Cause: {cause}.
Made by `failing-exchange explore`; passes once the bot keeps the rule.
"""

from pathlib import Path

from failing_exchange.explorer import replay

# The names of files in the token begin in this folder.
FOLDER = Path(__file__).parent / "{folder}"
{bot}TOKEN = (
{token}
)


def test_{name}() -> None:
    """{claim}"""
    verdict = replay(TOKEN, {target}folder=FOLDER).verdict
    result = verdict.result("{rule}")
    assert result.outcome != "fail", result.why
'''
WIDTH = 88  # columns of a line of the token


def write_tests(found: Exploration, folder: Path) -> None:
    """Write a test file for each group of findings, of its smallest example."""
    written: dict[str, int] = {}
    for group in grouped(found.findings):
        if group.first.token is not None:
            name, text = test_file(group.first, folder)
            written[name] = times = written.get(name, 0) + 1
            if times > 1:  # the same cause at another line
                name = f"{name.removesuffix('.py')}_{times}.py"
            write_file(folder / name, text)


def test_file(finding: Finding, folder: Path) -> tuple[str, str]:
    """(name, text) of a test file for a finding that was made small; `folder`: where it will lie.

    Files of the user's are found from there, so that the suite may be run from anywhere.
    """
    token = str(finding.token)
    lines = [f'    "{token[i : i + WIDTH]}"' for i in range(0, len(token), WIDTH)]
    name = _name(finding)
    sentence = printable(finding.sentence[:1].upper() + finding.sentence[1:] + ".")
    assert finding.token is not None
    elsewhere = _moved(finding.token.target)
    return f"test_{name}.py", TEMPLATE.format(
        sentence=fill(sentence.replace('"', "'").replace("\\", "/"), WIDTH),
        folder=Path(os.path.relpath(Path.cwd(), folder)).as_posix(),
        bot=f'BOT = "{elsewhere}"\n' if elsewhere else "",
        target="BOT, " if elsewhere else "",
        claim=finding.cause.rule.replace("_", " ").capitalize() + ", in the world of the token.",
        cause=fill(str(finding.cause), WIDTH),
        token="\n".join(lines),
        name=name,
        rule=finding.cause.rule,
    )


def _moved(target: str) -> str:
    """A target whose file has a full path, by its path from here; empty for any other."""
    path, found, function = target.partition(".py:")
    if not found or not os.path.isabs(path):
        return ""
    return f"{os.path.relpath(path)}.py:{function}"


def _name(finding: Finding) -> str:
    parts = [finding.cause.rule, *finding.cause.kinds, finding.cause.operation]
    return re.sub(r"[^a-z0-9]+", "_", "_".join(parts).lower()).strip("_")[:80]
