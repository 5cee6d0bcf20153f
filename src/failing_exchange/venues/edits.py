"""Answers of which a fault has changed some fields, whatever a venue calls them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

Edits = Iterable[tuple[str, Any]]
# Unified name -> the venue's own, of which those that an answer has are changed.
Fields = Mapping[str, tuple[str, ...]]
# (unified name, value, what stood there) -> the value as the venue writes this field
Written = Callable[[str, Any, Any], Any]


def edit(answer: Any, edits: Edits, fields: Fields, written: Written) -> Any:
    """An answer with fields that say something else.

    `*` is the whole answer, as is `info`, which the unified API keeps it in; `...` takes a field
    away. A field that the venue does not have is left alone; its own names may be given, too.

    >>> edit({"no": 1, "state": "live"}, [("id", 7), ("state", "done")], {"id": ("no",)},
    ...      lambda name, value, before: value)
    {'no': 7, 'state': 'done'}
    """
    for name, value in edits:
        if name == "*" or (name == "info" and value):
            answer = _whole(value, fields)
        elif isinstance(answer, list):
            answer = [edit(entry, ((name, value),), fields, written) for entry in answer]
        elif isinstance(answer, dict):
            answer = _edited(answer, name, value, fields, written)
    return answer


def _edited(
    answer: dict[str, Any], name: str, value: Any, fields: Fields, written: Written
) -> dict[str, Any]:
    changed = dict(answer)
    for field in (*fields.get(name, ()), name):
        if field in changed:
            if value is ...:
                del changed[field]
            else:
                changed[field] = written(name, value, answer[field])
    return changed


def _whole(value: Any, fields: Fields) -> Any:
    """What stands in the answer's place; an id is called as the venue calls it."""
    if not isinstance(value, dict):
        return value
    return {fields.get(name, (name,))[0]: said for name, said in value.items() if name != "info"}
