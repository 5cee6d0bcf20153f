"""A request of the control API: the row that describes it, and the checks of what it is given."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from typing import Any, NamedTuple
from urllib.parse import unquote

from failing_exchange.core.units import DAY_S
from failing_exchange.errors import ConfigurationError
from failing_exchange.server import control_schemas as schemas
from failing_exchange.text.durations import FORMS, seconds_of
from failing_exchange.text.spelling import did_you_mean, shown

NUMBER_DIGITS_MAX = 18  # of a whole number in a path or a query; a longer one is refused
AMOUNT_MAX = 1e15  # units that a bot may intend; more is refused
COVERED_MAX = 366 * DAY_S  # seconds of an intent or a maintenance; more is refused
NESTING_MAX = 32  # of a body's lists and objects; a deeper one is refused

TEXT, TEXTS = {"type": "string"}, {"type": ["array", "string"], "items": {"type": "string"}}
WHOLE, NUMBER = {"type": "integer"}, {"type": "number"}
UNITS = {"type": ["number", "string"]}
REQUIRED = {
    "/rules": ("kind",),
    "/modes": ("mode",),
    "/incidents": ("do",),
    "/intents": ("symbol", "side", "amount"),
    "/maintenance": ("seconds",),
    "/probe": ("url",),
}
FREE = ("/incidents",)  # takes more than its table says: the fields of the incident
KINDS: dict[str, tuple[type, ...]] = {
    "integer": (int, str),  # text in a query
    "number": (int, float),
    "string": (str,),
    "array": (list,),
    "object": (dict,),
}


Asked = Mapping[str, Any]


class NotFound(Exception):
    """There is nothing there."""


class Unavailable(Exception):
    """It can't be done now; nothing was changed."""


class Turn(Enum):
    """Whether a request is carried out in a turn of the venue, or beside it at any time."""

    VENUE = "venue"
    BESIDE = "beside"


class Route(NamedTuple):
    """A row: where, what for, what it takes (name -> JSON schema), and the method that answers.

    `call`: the method of `failing_exchange.Control` that sends it. `read` makes what `answer` needs
    of a long text, `show` makes JSON of a long answer: both beside the venue, which goes on.
    """

    method: str
    path: str
    summary: str
    takes: Mapping[str, Mapping[str, Any]]
    call: str
    answer: Callable[[Any, Asked], Any]  # given the `ControlApi`
    turn: Turn = Turn.VENUE
    read: Callable[[Asked], Asked] | None = None
    show: Callable[[Any, Any], Any] | None = None

    def match(self, method: str, path: str) -> dict[str, str] | None:
        """The parts of the path that the row names, or None for another path."""
        found = re.fullmatch(re.sub(r"{(\w+)}", r"(?P<\1>[^/]+)", self.path), path)
        if found is None or method != self.method:
            return None
        return {name: unquote(part) for name, part in found.groupdict().items()}


class Job(NamedTuple):
    """A request that was read and checked."""

    route: Route
    asked: Asked

    @property
    def changes(self) -> bool:
        """Whether it changes the venue."""
        return self.route.method != "GET"


def check(route: Route, asked: Asked) -> None:
    """Refuse what the row does not take."""
    for name, value in asked.items():
        schema = route.takes.get(name)
        if schema is None:
            if route.path in FREE:
                continue
            known = ", ".join(route.takes) or "nothing"
            near = did_you_mean(name, route.takes)
            raise ConfigurationError(f"{shown(name)} is unknown here{near}; expected {known}")
        types = [schema["type"]] if isinstance(schema["type"], str) else schema["type"]
        kinds = tuple(kind for one in types for kind in KINDS[one])
        if not isinstance(value, kinds) or isinstance(value, bool):
            raise ConfigurationError(f"{name} = {shown(value)}; expected {' or '.join(types)}")
    if route.method == "POST":
        for name in REQUIRED.get(route.path, ()):
            if name not in asked:
                raise ConfigurationError(f"{name!r} is missing")


def check_nesting(value: Any) -> None:
    """Raise ConfigurationError for a body whose lists and objects are nested too deeply."""
    level, depth = [value], 0
    while level:
        if depth > NESTING_MAX:
            raise ConfigurationError(
                f"the body is nested too deeply; expected at most {NESTING_MAX} levels"
            )
        level = [
            part
            for one in level
            if isinstance(one, (dict, list))
            for part in (one.values() if isinstance(one, dict) else one)
        ]
        depth += 1


def whole_of(asked: Asked, name: str, default: int) -> int:
    """Read a whole number of at least 0, of a path, a query or a body."""
    text = str(asked.get(name, default))
    if not text.isascii() or not text.isdigit() or len(text) > NUMBER_DIGITS_MAX:
        raise ConfigurationError(f"{name} = {shown(text)}; expected a whole number")
    return int(text)


def amount_of(value: Any) -> float:
    """Units of an asset, as a number or as decimal text."""
    try:
        amount = float(value)
    except (ValueError, OverflowError):
        amount = 0.0
    if not 0 < amount <= AMOUNT_MAX:
        raise ConfigurationError(
            f"amount = {shown(value)}; expected a number above 0, at most {AMOUNT_MAX:g}"
        )
    return amount


def span_of(name: str, value: Any) -> float:
    """Read a span of time in seconds, from 0 to `COVERED_MAX`."""
    try:
        seconds = seconds_of(value)
    except ValueError:
        seconds = -1
    if not 0 <= seconds <= COVERED_MAX:
        raise ConfigurationError(
            f"{name} = {shown(value)}; expected {FORMS}, at most {COVERED_MAX} seconds"
        )
    return seconds


def openapi(routes: Iterable[Route]) -> dict[str, Any]:
    """A table of routes as an OpenAPI 3.1 document."""
    paths: dict[str, Any] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
    info = {"title": "failing-exchange control", "version": "2"}
    return {"openapi": "3.1.0", "info": info, "paths": paths}


def _operation(route: Route) -> dict[str, Any]:
    parameters: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "schema": TEXT}
        for name in re.findall(r"{(\w+)}", route.path)
    ]
    operation: dict[str, Any] = {
        "summary": route.summary,
        "operationId": route.call,
        "parameters": parameters,
        "responses": {"200": {"description": "done"}, "400": {"description": "it says why"}},
    }
    if route.method == "GET":
        parameters += [
            {"name": name, "in": "query", "schema": schema} for name, schema in route.takes.items()
        ]
    elif route.takes:
        schema = {"type": "object", "properties": route.takes,
                  "required": list(REQUIRED.get(route.path, ()))}  # fmt: skip
        schema |= schemas.MORE.get(route.path, dict)()
        operation["requestBody"] = {"content": {"application/json": {"schema": schema}}}
    return operation


def table(routes: Iterable[Route]) -> str:
    """A table of routes in Markdown."""
    rows = [
        f"| `{r.method} {r.path}` | `{r.call}` | {r.summary} | {', '.join(r.takes)} |"
        for r in routes
    ]
    head = ["| request | `Control` | what it does | takes |", "|---|---|---|---|"]
    return "\n".join([*head, *rows])
