"""The shapes of the official examples: which keys, which types of values. Facts, no text.

    python -m tests.venues.binance.documents DOCUMENTS > tests/venues/binance/shapes.json

DOCUMENTS is a checkout of binance-spot-api-docs; it reads rest-api.md, web-socket-api.md,
web-socket-streams.md, user-data-stream.md and filters.md. An example is JSON with comments,
trailing commas and omissions; each becomes a shape such as `{"symbol": "str"}`.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

DATE = "2026-07-21"  # of the snapshot that shapes.json was made from
DOCUMENTS = ("rest-api", "web-socket-api", "web-socket-streams", "user-data-stream", "filters")
BLOCK = re.compile(r"^[ \t]*```(?:javascript|json)\n(.*?)^[ \t]*```", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^#{2,5} (.*)$", re.MULTILINE)  # one # begins a comment of a program
CALL = re.compile(r"^((?:GET|POST|PUT|DELETE) /api/\S+)$", re.MULTILINE)
TOKEN = re.compile(
    r'\s+|//[^\n]*|/\*.*?\*/|(?P<text>"(?:[^"\\]|\\.)*")|(?P<number>-?\d+(?:\.\d+)?)'
    r"|(?P<word>true|false|null)|(?P<mark>[][{},:])|(?P<rest>\.+|.)",
    re.DOTALL,
)
MANY = "*"  # the one key of a list's shape: the shapes of its entries, each once
ROW = "row"  # the same for a list of values of several types: a shape for each place


class Unreadable(Exception):
    """An example that is no JSON, however kindly it is read."""


def shape(value: Any) -> Any:
    """The shape of a value: a name of a type, an object of shapes, or a list of shapes."""
    if isinstance(value, dict):
        return {name: shape(one) for name, one in value.items()}
    if isinstance(value, list):
        shapes = [shape(one) for one in value]
        is_row = len(distinct(shapes)) > 1 and all(isinstance(one, str) for one in shapes)
        return {ROW: shapes} if is_row else {MANY: distinct(shapes)}
    return "null" if value is None else type(value).__name__


def distinct(shapes: Iterable[Any]) -> list[Any]:
    """Each once, in order."""
    found: list[Any] = []
    for one in shapes:
        if one not in found:
            found.append(one)
    return found


def parse(text: str) -> Any:
    """An example as values; raises Unreadable."""
    tokens = [
        (kind, found[kind])
        for found in TOKEN.finditer(text)
        if (kind := found.lastgroup) is not None and (kind != "rest" or found[kind].strip("."))
    ]
    value, left = _value(tokens)
    if left:
        raise Unreadable(f"more than one value: {left[:3]}")
    return value


Tokens = list[tuple[str, str]]


def _value(tokens: Tokens) -> tuple[Any, Tokens]:
    if not tokens:
        raise Unreadable("it ends too early")
    (kind, text), rest = tokens[0], tokens[1:]
    if kind in ("text", "number", "word"):
        return json.loads(text), rest
    if text == "{":
        return _object(rest)
    if text == "[":
        return _list(rest)
    raise Unreadable(f"{text!r} is no value")


def _object(tokens: Tokens) -> tuple[dict[str, Any], Tokens]:
    found: dict[str, Any] = {}
    while tokens and tokens[0][1] != "}":
        if tokens[0][1] == ",":
            tokens = tokens[1:]
            continue
        name, colon = tokens[0], tokens[1:2]
        if name[0] != "text" or not colon or colon[0][1] != ":":
            raise Unreadable(f"{name[1]!r} is no key")
        found[json.loads(name[1])], tokens = _value(tokens[2:])
    return found, tokens[1:]


def _list(tokens: Tokens) -> tuple[list[Any], Tokens]:
    found: list[Any] = []
    while tokens and tokens[0][1] != "]":
        if tokens[0][1] == ",":
            tokens = tokens[1:]
            continue
        one, tokens = _value(tokens)
        found.append(one)
    return found, tokens[1:]


def sections(text: str) -> Iterator[tuple[str, str]]:
    """(heading, what stands below it) of a document; headings within code are none."""
    heads = list(HEADING.finditer(text))
    for head, after in zip(heads, [*heads[1:], None], strict=True):
        yield head[1].strip(), text[head.end() : after.start() if after else len(text)]


def examples(text: str) -> list[Any]:
    """The examples of a section that can be read."""
    found = []
    for block in BLOCK.findall(text):
        try:
            found.append(parse(block))
        except Unreadable:
            continue
    return found


def rest_shapes(text: str) -> dict[str, Any]:
    """By endpoint."""
    found: dict[str, Any] = {}
    for heading, below in sections(text):
        call = CALL.search(below)
        shapes = distinct(map(shape, examples(below)))
        if call is not None and shapes:
            found[call[1]] = {"section": f"rest-api.md, {heading}", "shapes": shapes}
    return found


def socket_shapes(text: str) -> dict[str, Any]:
    """By method: the results of requests that were carried out."""
    found: dict[str, Any] = {}
    for heading, below in sections(text):
        given = [one for one in examples(below) if isinstance(one, dict)]
        methods = [one["method"] for one in given if "method" in one]
        shapes = distinct(shape(one["result"]) for one in given if one.get("status") == 200)
        if methods and shapes and not methods[0].startswith("other"):
            found.setdefault(
                methods[0], {"section": f"web-socket-api.md, {heading}", "shapes": shapes}
            )
    return found


def event_shapes(text: str, document: str) -> dict[str, Any]:
    """By the type of event, or the section's heading where the events have none."""
    found: dict[str, Any] = {}
    for heading, below in sections(text):
        for example in examples(below):
            body = example.get("event", example) if isinstance(example, dict) else example
            one = body[0] if isinstance(body, list) and body else body
            if not isinstance(one, dict) or "method" in one or "id" in one or "error" in one:
                continue
            name = one.get("e", heading)
            row = found.setdefault(name, {"section": f"{document}, {heading}", "shapes": []})
            if shape(one) not in row["shapes"]:
                row["shapes"].append(shape(one))
    return found


def filter_shapes(text: str) -> dict[str, Any]:
    """By the type of filter."""
    return {
        one["filterType"]: {"section": f"filters.md, {heading}", "shapes": [shape(one)]}
        for heading, below in sections(text)
        for one in examples(below)
        if isinstance(one, dict) and "filterType" in one
    }


def main(folder: str) -> None:
    """Write the table."""
    texts = {
        name: Path(folder, f"{name}.md").read_text(encoding="utf-8")
        for name in (
            "rest-api",
            "web-socket-api",
            "web-socket-streams",
            "user-data-stream",
            "filters",
        )
    }
    table = {
        "rest": rest_shapes(texts["rest-api"]),
        "socket": socket_shapes(texts["web-socket-api"]),
        "streams": event_shapes(texts["web-socket-streams"], "web-socket-streams.md"),
        "filters": filter_shapes(texts["filters"]),
        "events": event_shapes(texts["user-data-stream"], "user-data-stream.md"),
    }
    print(f'{{"documents": "binance/binance-spot-api-docs, {DATE}"')
    for kind, rows in table.items():
        lines = [f"  {json.dumps(name)}: {json.dumps(row)}" for name, row in rows.items()]
        print(f', "{kind}": {{', ",\n".join(lines), "}", sep="\n")
    print("}")


if __name__ == "__main__":
    main(sys.argv[1])
