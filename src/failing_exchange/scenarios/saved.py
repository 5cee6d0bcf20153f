"""Write what is armed on a venue as the text of a scenario file."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields
from typing import Any

from failing_exchange.core.units import SECOND
from failing_exchange.faults.catalogue import CATALOGUE, kind_of
from failing_exchange.faults.fields import NEVER
from failing_exchange.faults.plan import FaultRule
from failing_exchange.journal.serialize import plain
from failing_exchange.scenarios.scenario import WHOM
from failing_exchange.text.spelling import printable

Incident = tuple[int, str, Mapping[str, Any]]  # when (nanoseconds), what, and its fields


def scenario_text(rules: Iterable[FaultRule], incidents: Iterable[Incident]) -> str:
    """A scenario file that arms these rules and repeats these incidents, the first one at once.

    What a file can't say, such as a fault of your own, stands there as a comment.
    """
    lines = ['description = "Armed by hand on a served venue."']
    for rule in rules:
        lines += ["", *_fault(rule)]
    began: int | None = None
    for at, do, given in incidents:
        began = at if began is None else began
        entry = {"at": round((at - began) / SECOND, 3), "do": do, **given}
        lines += ["", "[[incidents]]", *(f"{name} = {_value(one)}" for name, one in entry.items())]
    return "\n".join(lines) + "\n"


def _fault(rule: FaultRule) -> Iterator[str]:
    entry = kind_of(rule.fault)
    if CATALOGUE.get(entry.name) is not entry:
        yield f"# left out: {printable(rule.name)}, which is not a fault of the catalogue"
        return
    yield "[[faults]]"
    yield f"kind = {_value(entry.name)}"
    if rule.name != entry.name:
        yield f"name = {_value(rule.name)}"
    if str(rule.when) != "always":
        yield f"when = {_value(str(rule.when))}"
    for name in WHOM:
        if getattr(rule.scope, name) and (name != "operations" or _chosen(rule)):
            yield f"{name} = {_value(getattr(rule.scope, name))}"
    for one in fields(entry.kind):
        value = getattr(rule.fault, one.name)
        if value != one.default:
            yield f"{one.name} = {_value(NEVER if value is None else value)}"


def _chosen(rule: FaultRule) -> bool:
    """Whether the operations are not those that the fault strikes by itself."""
    return tuple(rule.scope.operations) != tuple(kind_of(rule.fault).operations)


def _value(value: Any) -> str:
    """A value as TOML."""
    value = plain(value)
    if isinstance(value, dict):
        return f"{{ {', '.join(f'{_value(k)} = {_value(v)}' for k, v in value.items())} }}"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_value, value))}]"
    if isinstance(value, str):  # JSON escapes what TOML does, but for this one
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return json.dumps(value)
