"""Text for a terminal: long lines continue below their column; a pipe gets them whole."""

from __future__ import annotations

import os
import re
import shutil
import sys
from textwrap import wrap

COLUMN = re.compile(r"(.*\s{2,})(\S(?:(?!\s{2}).)*)")  # all before the last column of a row, and it
LEAST = 30  # columns that text needs to be read


def fitted(text: str) -> str:
    """Break lines at the width of the terminal."""
    if not sys.stdout.isatty() and "COLUMNS" not in os.environ:
        return text
    width = shutil.get_terminal_size().columns
    return "\n".join(broken(line, width) for line in text.split("\n"))


def broken(line: str, width: int) -> str:
    """Break a line, which is a row of a list where it has columns.

    >>> print(broken("  lose_answer  The exchange acts, and its answer never arrives.", 50))
      lose_answer  The exchange acts, and its answer
                   never arrives.
    """
    row = COLUMN.fullmatch(line)
    before, rest = ("", line) if row is None else row.groups()
    if len(line) <= width or width - len(before) < LEAST or line.lstrip().startswith("| "):
        return line
    lines = wrap(rest, width - len(before), break_long_words=False, break_on_hyphens=False)
    return before + f"\n{' ' * len(before)}".join(lines)
