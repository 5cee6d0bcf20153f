"""Armed rules as text, so that they are armed again when a venue comes back."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Iterator
from dataclasses import fields
from typing import Any

from failing_exchange.core.codec import from_text, to_text
from failing_exchange.errors import ConfigurationError
from failing_exchange.faults.catalogue import ROWS
from failing_exchange.faults.modes import OneOf, Part
from failing_exchange.faults.plan import Rule, Scope
from failing_exchange.faults.triggers import parse

MEMORY_PARTS_MAX = 64  # a rule's memory of more parts is not kept: it begins anew
DEPTH_MAX = 4  # of parts within parts, likewise
FAULTS: dict[str, type] = {kind.__name__: kind for kind in (OneOf, Part)} | {
    entry.name: entry.kind for entry in ROWS
}

logger = logging.getLogger("failing_exchange")


def to_rows(rules: Iterable[Rule]) -> list[str]:
    """All armed rules, a text each; one that has no text is named, with what it lacks."""
    return [_row(rule) for rule in rules]


def _row(rule: Rule) -> str:
    found: dict[str, Any] = {
        "name": rule.name,
        "label": rule.label,
        "met": rule.met,
        "struck": rule.struck,
        "owed": rule.owed,
        "striking": rule.striking,
        "leaving": rule.leaving,
        "when": repr(rule.when),
        "whom": {one.name: getattr(rule.scope, one.name) for one in fields(Scope)},
    }
    try:
        found["fault"] = to_text(rule.fault, FAULTS)
        parse(found["when"])
    except (TypeError, ConfigurationError) as error:
        found["lost"] = str(error)
    if _is_small(rule.memory, DEPTH_MAX):
        found["memory"] = to_text(rule.memory)
    return json.dumps(found)


def _is_small(memory: Any, depth: int) -> bool:
    """Whether a memory consists of a few plain values."""
    if memory.__class__ is dict:
        few = depth > 0 and len(memory) <= MEMORY_PARTS_MAX
        return few and all(_is_small(part, depth - 1) for part in memory.values())
    return memory is None or memory.__class__ in (int, float, bool, str)


def from_rows(rows: Iterable[str]) -> Iterator[Rule]:
    """The rules of the texts; those that can't be armed again are named in the log."""
    for text in rows:
        row = json.loads(text)
        if "lost" in row:
            logger.warning(
                "the fault %s can't be armed again (%s); arm it anew", row["name"], row["lost"]
            )
        else:
            yield _rule(row)


def _rule(row: dict[str, Any]) -> Rule:
    rule = Rule(
        name=row["name"],
        fault=from_text(row["fault"], FAULTS),
        when=parse(row["when"]),
        scope=Scope(**{name: tuple(names) for name, names in row["whom"].items()}),
        label=row["label"],
    )
    rule.met, rule.struck, rule.owed = row["met"], row["struck"], row["owed"]
    rule.striking, rule.leaving = row["striking"], row["leaving"]
    if "memory" in row:
        rule.memory = from_text(row["memory"])
    return rule
