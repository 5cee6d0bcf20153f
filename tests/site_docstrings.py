"""How the site shows our docstrings: an extension of griffe, named in mkdocs.yml.

Examples become fenced blocks, paragraphs of `name: meaning` a table of parameters, and names of
pages links.
"""

from __future__ import annotations

import re
from typing import Any

try:
    from griffe import Extension
except ImportError:  # in `make test`, which tests `rewritten` alone
    Extension = object

ENTRY = re.compile(r"[a-z_]\w*: ")
PAGE = re.compile(r"\bdocs/(\w+)\.md")  # the pages of the API lie two folders below docs/


class Docstrings(Extension):  # type: ignore[misc,valid-type,unused-ignore]
    """Rewrites each docstring before it is parsed."""

    def on_instance(self, *, obj: Any, **_: Any) -> None:
        """Called for each module, class, function and attribute."""
        if obj.docstring is not None:
            obj.docstring.value = rewritten(obj.docstring.value)
        for parameter in getattr(obj, "parameters", ()) if obj.is_function else ():
            if str(parameter.default) == "MISSING":  # our sign for "not given"
                parameter.default = "..."


def rewritten(text: str) -> str:
    """A docstring in the form that the site's parser knows."""
    linked = PAGE.sub(lambda found: f"[{found[1].replace('_', ' ')}](../../{found[1]}.md)", text)
    return "\n\n".join(_paragraph(part) for part in re.split(r"\n\s*\n", linked))


def _paragraph(part: str) -> str:
    if part.lstrip().startswith(">>> "):
        return f"```pycon\n{part}\n```"
    lines = part.split("\n")
    if ENTRY.match(part) and all(line[:1] == " " or ENTRY.match(line) for line in lines):
        return "Args:\n" + "\n".join(f"    {line}" for line in lines)
    return part
