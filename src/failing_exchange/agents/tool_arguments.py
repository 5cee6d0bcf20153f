"""What is wrong with the arguments of a tool call, in words that tell an agent what to send."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from failing_exchange.text.spelling import SHOWN_LETTERS_MAX, did_you_mean, printable, shown

WRONG_MAX = 5  # arguments that an answer explains; the others are counted
NUMBERS = ("number", "integer")
WORDS = {"string": "text", "number": "a number", "integer": "a whole number",
         "boolean": "true or false", "null": "null", "object": "an object"}  # fmt: skip


def refusal(
    schema: Mapping[str, Any], arguments: Mapping[str, Any], errors: Sequence[Mapping[str, Any]]
) -> str:
    """Why a call was refused: each wrong argument with its value and what was expected.

    `schema`: the tool's, as the agent has it; `errors`: those of pydantic.

    >>> schema = {"properties": {"side": {"enum": ["buy", "sell"]}}}
    >>> error = {"type": "literal_error", "loc": ("side",), "input": "hold"}
    >>> print(refusal(schema, {"side": "hold"}, [error]))
    nothing was sent: side = "hold"; expected "buy" or "sell"
    """
    said = list(dict.fromkeys(_wrong(schema, one) for one in errors))
    said = [*said, *(text for text in _booleans(schema, arguments) if text not in said)]
    more = f". {len(said) - WRONG_MAX} more are wrong" if len(said) > WRONG_MAX else ""
    return f"nothing was sent: {'. '.join(said[:WRONG_MAX])}{more}"


def has_booleans(schema: Mapping[str, Any], arguments: Mapping[str, Any]) -> bool:
    """Whether true or false is given for a number: pydantic would buy 1 for true."""
    return any(_booleans(schema, arguments))


def unknown_tool(name: str, tools: Sequence[str]) -> str:
    """What to say of a tool that does not exist.

    >>> unknown_tool("create_ordr", ["cancel_order", "create_order"])
    "no tool 'create_ordr'; did you mean 'create_order'? There are cancel_order, create_order"
    """
    near = did_you_mean(name, tools)
    return f"no tool {shown(name)}{near}{'' if near else '.'} There are {', '.join(tools)}"


def _booleans(schema: Mapping[str, Any], arguments: Mapping[str, Any]) -> Iterator[str]:
    for name, value in arguments.items():
        about = schema["properties"].get(name, {})
        inner = about.get("additionalProperties")
        given = value.items() if isinstance(value, dict) and isinstance(inner, dict) else ()
        places = [(name, about, value), *((f"{name}.{key}", inner, one) for key, one in given)]
        for place, kind, one in places:
            if isinstance(one, bool) and not _takes(kind, "boolean") and _takes(kind, *NUMBERS):
                yield _value(place, one, kind)


def _takes(schema: Mapping[str, Any], *kinds: str) -> bool:
    one_of = schema.get("anyOf", [schema])
    return any(one.get("type") in kinds for one in one_of)


def _wrong(schema: Mapping[str, Any], error: Mapping[str, Any]) -> str:
    """One argument, or an item of it: `loc` is its place."""
    properties = schema["properties"]
    name, *inside = map(str, error["loc"])
    if error["type"] == "missing":
        return f"{name} is missing; expected {expected(properties[name])}"
    if error["type"] == "extra_forbidden":
        near = did_you_mean(name, properties)
        known = f"there are {', '.join(properties)}" if properties else "it takes none"
        return f"no argument {shown(name)}{near or ';'} {known}"
    about = properties[name]
    for _ in inside:
        about = _inner(about)
    place = printable(".".join((name, *inside)))
    return _value(place, error["input"], about)


def _inner(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """The schema of the items of a list, or of the values of an object."""
    for one in schema.get("anyOf", [schema]):
        found = one.get("items") or one.get("additionalProperties")
        if isinstance(found, dict):
            return found
    return schema


def _value(place: str, value: object, schema: Mapping[str, Any]) -> str:
    text = json.dumps(value, default=repr)
    cut = text if len(text) <= SHOWN_LETTERS_MAX else f"{text[:SHOWN_LETTERS_MAX]}…"
    return f"{place} = {cut}; expected {expected(schema)}"


def expected(schema: Mapping[str, Any]) -> str:
    """What a schema takes, in words.

    >>> expected({"anyOf": [{"type": "array", "items": {"type": "string"}}, {"type": "null"}]})
    'a list of text, or null'
    >>> expected({"type": "object", "additionalProperties": {"type": "number"}})
    'an object whose values are: a number'
    """
    if "anyOf" in schema:
        return ", or ".join(expected(one) for one in schema["anyOf"])
    if "enum" in schema:
        return " or ".join(map(json.dumps, schema["enum"]))
    if schema.get("type") == "array":
        return f"a list of {expected(schema.get('items', {}))}"
    values = schema.get("additionalProperties")
    if isinstance(values, dict):
        return f"an object whose values are: {expected(values)}"
    return WORDS.get(str(schema.get("type")), "any value")
