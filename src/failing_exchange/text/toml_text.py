"""Read TOML from untrusted text, within bounds.

`tomllib` takes time and memory that grow with the square of how deep a key is nested: 100 KB of
"a.a.a..." took 70 s and 9.6 GiB. The bounds are checked before it sees the text.
"""

from __future__ import annotations

import re
import tomllib
from typing import Any

TOML_LETTERS_MAX = 100_000  # a longer text is refused
NESTING_MAX = 16  # parts of a key, and arrays or tables within each other; more are refused

# A string or a comment. One that is not closed goes on to the end of the text.
_QUIET = re.compile(
    r"""\"{3}(?:\\.|[^\\])*?(?:"{3,5}|\Z)|'{3}.*?(?:'{3,5}|\Z)"""
    r"""|"(?:\\.|[^"\\\n])*"?|'[^'\n]*'?|\#[^\n]*""",
    re.DOTALL,
)
_DEEP_KEY = re.compile(rf"(?<![\w-])(?:[\w-]++[ \t]*+\.[ \t]*+){{{NESTING_MAX}}}")
_BRACKET = re.compile(r"[\[\]{}]")


def parse_toml(text: str) -> dict[str, Any]:
    """Parse TOML. Raises ValueError for invalid TOML, and for text beyond the bounds.

    >>> parse_toml("a.b = 1")
    {'a': {'b': 1}}
    """
    if len(text) > TOML_LETTERS_MAX:
        raise ValueError(f"{len(text)} letters are too long; expected at most {TOML_LETTERS_MAX}")
    bare = _QUIET.sub("q", text)
    if _DEEP_KEY.search(bare) is not None or _depth(bare) > NESTING_MAX:
        raise ValueError(f"it is nested too deeply; expected at most {NESTING_MAX} levels")
    return tomllib.loads(text)


def _depth(bare: str) -> int:
    """The deepest nesting of brackets."""
    depth = deepest = 0
    for found in _BRACKET.finditer(bare):
        depth = depth + 1 if found[0] in "[{" else max(0, depth - 1)
        deepest = max(deepest, depth)
    return deepest
