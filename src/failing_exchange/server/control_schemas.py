"""The fields of faults and incidents as JSON schemas, for the control API's OpenAPI document."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from functools import cache
from typing import Any

from failing_exchange.faults.catalogue import CATALOGUE, Entry
from failing_exchange.faults.fields import spec_of
from failing_exchange.journal.serialize import plain
from failing_exchange.venue.operator_incidents import FIELDS, INCIDENTS
from failing_exchange.venue.plain_view import scalar


@cache
def catalogue() -> list[dict[str, Any]]:
    """The catalogue of faults: what each does, its fields, whom it strikes."""
    return [
        {
            "name": entry.name, "group": entry.group, "scope": entry.scope, "says": entry.says,
            "fields": fields_of_fault(entry), "operations": list(entry.operations),
            "incidents": list(entry.incidents),
        }
        for entry in CATALOGUE.values()
    ]  # fmt: skip


def fields_of_fault(entry: Entry) -> dict[str, Any]:
    """Each field of a fault: its JSON schema, with what it means, its unit and its default."""
    found = {}
    for one in fields(entry.kind):
        spec = spec_of(one)
        unit = "" if spec.unit in spec.says else f" ({spec.unit})"
        default = scalar(one.default) if isinstance(one.default, float) else plain(one.default)
        found[one.name] = {
            **spec.schema,
            "description": f"{spec.says}{unit}; expected {spec.expects}",
            "default": default,
        }
    return found


@cache
def of_faults() -> dict[str, Any]:
    """What POST /rules takes, by the kind of the fault."""
    return {
        "oneOf": [
            {
                "title": entry.name,
                "description": entry.says,
                "properties": {
                    "kind": {"const": entry.name},
                    "fields": {
                        "type": "object",
                        "properties": fields_of_fault(entry),
                        "additionalProperties": False,
                    },
                },
            }
            for entry in CATALOGUE.values()
        ]
    }


@cache
def of_incidents() -> dict[str, Any]:
    """What POST /incidents takes, by the name of the incident."""
    return {
        "oneOf": [
            {
                "title": name,
                "description": incident.says,
                "properties": {
                    "do": {"const": name},
                    **{one: FIELDS[one] for one in (*incident.needs, *incident.may)},
                },
                "required": ["do", *incident.needs],
                "additionalProperties": False,
            }
            for name, incident in INCIDENTS.items()
        ]
    }


MORE: dict[str, Callable[[], dict[str, Any]]] = {"/rules": of_faults, "/incidents": of_incidents}


def incidents_table() -> str:
    """The incidents in Markdown, with the parameters of each."""
    rows = [
        f"| `{name}` | {incident.says} | {', '.join(incident.needs) or '-'} "
        f"| {', '.join(incident.may) or '-'} |"
        for name, incident in INCIDENTS.items()
    ]
    used = {one for incident in INCIDENTS.values() for one in (*incident.needs, *incident.may)}
    units = [
        f"| `{name}` | {schema['description']} |" for name, schema in FIELDS.items() if name in used
    ]
    return "\n".join(
        ["| incident | what happens | needs | may have |", "|---|---|---|---|", *rows, "",
         "| parameter | what it is |", "|---|---|", *units]
    )  # fmt: skip
