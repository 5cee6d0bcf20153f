"""Commands, states, armed faults and limits as JSON text, and back.

A file may come from anybody. A name in it is looked up in a table: the classes that the modules of
`core` define, which do no input or output, and the faults of the catalogue. Nothing is imported
because a file says so. A trigger is written as in a scenario file, `nth(3) & chance(0.1)`.
"""

from __future__ import annotations

import json
import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from enum import Enum
from functools import lru_cache
from importlib import import_module
from pkgutil import iter_modules
from types import MappingProxyType
from typing import Any, NamedTuple, TypeAlias

from failing_exchange import core
from failing_exchange.core.rate_limits import SlidingWindow, TokenBucket
from failing_exchange.errors import ConfigurationError
from failing_exchange.faults.catalogue import ROWS
from failing_exchange.faults.modes import OneOf, Part
from failing_exchange.faults.plan import FaultRule, Scope
from failing_exchange.faults.triggers import parse
from failing_exchange.venue.admission import RateGate
from failing_exchange.venue.maintenance import Window

Classes: TypeAlias = Mapping[str, type]

CLASSES_KNOWN_MAX = 1_000  # whose fields are remembered; of others they are looked up again
MEMORY_PARTS_MAX = 64  # of a rule's memory; a larger one is not kept: it starts empty
MEMORY_DEPTH_MAX = 4  # of parts within parts, likewise
PLAIN = (str, int, bool, float, type(None))
LIMITS: Mapping[type, tuple[str, ...]] = MappingProxyType(
    {TokenBucket: ("rate", "period", "burst"), SlidingWindow: ("limit", "window")}
)  # by their arguments; how much of them is used is kept beside them
RULE_FIELDS = ("name", "label", "met", "struck", "owed", "striking", "leaving")
encode = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode

logger = logging.getLogger("failing_exchange")


# ---- what may come from a file


def _is_frozen(kind: Any) -> bool:
    made = getattr(kind, "__dataclass_params__", None)
    return made is not None and bool(made.frozen)


def _is_value(kind: Any) -> bool:
    return issubclass(kind, Enum) or hasattr(kind, "_fields") or _is_frozen(kind)


def _of_core() -> Iterator[tuple[str, Any]]:
    """The classes of the exchange, each with its name: all but those that hold or read a state."""
    for found in iter_modules(core.__path__):
        if found.name in ("auditor", "engine"):
            continue
        module = import_module(f"{core.__name__}.{found.name}")
        for kind in vars(module).values():
            own = isinstance(kind, type) and kind.__module__ == module.__name__
            if own and not issubclass(kind, Exception) and not getattr(kind, "_is_protocol", False):
                yield f"{found.name}.{kind.__name__}", kind


_CORE = dict(_of_core())
# What a snapshot consists of besides values: objects of plain attributes.
STATES: Classes = MappingProxyType({n: kind for n, kind in _CORE.items() if not _is_value(kind)})
# What may be serialized by its own fields: commands, markets, parts of orders, enums, faults.
VALUES: Classes = MappingProxyType(
    {name: kind for name, kind in _CORE.items() if _is_value(kind)}
    | {kind.__name__: kind for kind in (OneOf, Part, Scope)}
    | {entry.name: entry.kind for entry in ROWS}
)
NAMES: Mapping[type, str] = MappingProxyType({k: name for name, k in {**VALUES, **STATES}.items()})


# ---- values


def to_text(value: Any) -> str:
    """A command, a market, a fault: anything made of values that never change.

    Raises TypeError for what has no such text.

    >>> from failing_exchange.core.commands import Credit
    >>> from_text(to_text(Credit("alice", "BTC", 5))) == Credit("alice", "BTC", 5)
    True
    """
    return encode(_Writer().value(value))


def from_text(text: str) -> Any:
    """Read a value back from what `to_text` has written; raises ValueError for any other string."""
    return _Reader().read(json.loads(text))


class _Writer:
    """Writes values; `refer` writes what is not one."""

    def __init__(self, refer: Callable[[Any], Any] | None = None) -> None:
        self._refer = refer

    def value(self, value: Any) -> Any:
        """A value as JSON can hold it."""
        kind: Any = type(value)
        if kind in PLAIN:
            return value
        if kind is tuple or kind is list:
            return ["list" if kind is list else "tuple", [self.value(part) for part in value]]
        if kind is dict:
            return ["dict", [[self.value(k), self.value(v)] for k, v in value.items()]]
        if kind is deque:
            return ["deque", value.maxlen, [self.value(part) for part in value]]
        if isinstance(value, Enum):
            return ["enum", _name(kind), value.value]
        if isinstance(value, tuple):
            given = zip(_fields(kind), value, strict=True)
            kept = {n: self.value(v) for (n, usual), v in given if v is not usual and v != usual}
            return ["record", _name(kind), kept]
        if _is_frozen(kind):
            kept = {f.name: self.value(getattr(value, f.name)) for f in fields(kind) if f.init}
            return ["record", _name(kind), kept]
        if self._refer is None:
            raise TypeError(f"{kind.__name__} can't be written: {value!r}")
        return self._refer(value)


class _Reader:
    """Reads values of the classes in `VALUES`, and nothing else."""

    def __init__(self, made: Sequence[Any] = (), outside: Mapping[str, Any] | None = None) -> None:
        self._made = made
        self._outside = outside or {}

    def read(self, found: Any) -> Any:
        """The value; raises ValueError for anything else."""
        if found.__class__ is not list:
            return found
        read = self.read
        match found:
            case ["record", str(name), dict(kept)]:
                return _class(name)(**{n: read(v) for n, v in kept.items()})
            case ["enum", str(name), value] if issubclass(kind := _class(name), Enum):
                return kind(value)
            case ["tuple", list(parts)]:
                return tuple([read(part) for part in parts])
            case ["list", list(parts)]:
                return [read(part) for part in parts]
            case ["dict", list(pairs)]:
                return {read(k): read(v) for k, v in pairs}
            case ["deque", most, list(parts)]:
                return deque([read(part) for part in parts], most)
            case ["object", int(place)] if 0 <= place < len(self._made):
                return self._made[place]
            case ["outside", str(name)] if name in self._outside:
                return self._outside[name]
        raise ValueError(f"{str(found)[:60]!r} can't be read")


def _name(kind: type) -> str:
    """The name by which a class is read back; raises TypeError for one that never is."""
    name = NAMES.get(kind)
    if name is None:
        raise TypeError(f"{kind.__module__}.{kind.__qualname__} can't be read from a file")
    return name


def _class(name: str) -> type:
    kind = VALUES.get(name)
    if kind is None:
        raise ValueError(f"{name[:60]!r} is not a class that may come from a file")
    return kind


@lru_cache(maxsize=CLASSES_KNOWN_MAX)
def _fields(kind: Any) -> tuple[tuple[str, Any], ...]:
    """The fields of a named tuple, each with its default, or a value that equals none."""
    return tuple((name, kind._field_defaults.get(name, kind)) for name in kind._fields)


# ---- whole states


class Graph:
    """Writes objects that refer to each other.

    `outside` are objects that are not written but named: who reads has others in their place.
    """

    def __init__(self, outside: Mapping[Any, str]) -> None:
        self._outside = outside
        self._places: dict[Any, int] = {}
        self._ahead: list[Any] = []

    def to_text(self, root: Any) -> str:
        """All that can be reached from an object."""
        self._place(root)
        writer = _Writer(self._refer)
        nodes: list[Any] = []
        for one in self._ahead:  # grows while it is read
            held = {name: writer.value(part) for name, part in _held(one).items()}
            nodes.append([NAMES[one.__class__], held])
        return encode(nodes)

    def _refer(self, one: Any) -> list[Any]:
        """What stands for an object in the place where it is used."""
        named = self._outside.get(one)
        return ["outside", named] if named is not None else ["object", self._place(one)]

    def _place(self, one: Any) -> int:
        place = self._places.get(one)
        if place is None:
            kind = one.__class__
            if NAMES.get(kind) not in STATES:
                raise TypeError(
                    f"{kind.__module__}.{kind.__qualname__} can't be part of a snapshot: define "
                    "it in a module of core, or name it as outside"
                )
            place = self._places[one] = len(self._ahead)
            self._ahead.append(one)
        return place


def from_graph(text: str, outside: Mapping[str, Any]) -> Any:
    """The object that `Graph.to_text` was given, with all that belongs to it.

    Raises ValueError for any other text.
    """
    nodes = json.loads(text)
    made = [_new(name) for name, _ in nodes]
    reader = _Reader(made, outside)
    for one, (_, held) in zip(made, nodes, strict=True):
        for name, part in held.items():
            if name.startswith("__"):
                raise ValueError(f"{name!r} is not an attribute of a state")
            object.__setattr__(one, name, reader.read(part))
    return made[0]


def _new(name: str) -> Any:
    kind: Any = STATES.get(name)
    if kind is None:
        raise ValueError(f"{str(name)[:60]!r} is not part of a state")
    return kind.__new__(kind)


def _held(one: Any) -> dict[str, Any]:
    """The attributes of an object, those in slots as well."""
    found = dict(getattr(one, "__dict__", {}))
    for kind in type(one).__mro__:
        for name in getattr(kind, "__slots__", ()):
            if hasattr(one, name):
                found[name] = getattr(one, name)
    return found


# ---- armed faults


def rule_text(rule: FaultRule) -> str:
    """An armed fault; one that can't be written is named, with the reason."""
    found: dict[str, Any] = {name: getattr(rule, name) for name in RULE_FIELDS}
    writer = _Writer()
    found |= {"when": repr(rule.when), "scope": writer.value(rule.scope)}
    try:
        found["fault"] = writer.value(rule.fault)
        parse(found["when"])
    except (TypeError, ConfigurationError) as error:
        found["lost"] = str(error)
    if _is_small(rule.memory, MEMORY_DEPTH_MAX):
        found["memory"] = writer.value(rule.memory)
    return json.dumps(found)


def rules_of(texts: Iterable[str]) -> Iterator[FaultRule]:
    """The armed faults of the texts; those that can't be armed again are named in the log."""
    for text in texts:
        row, read = json.loads(text), _Reader().read
        if "lost" in row:
            logger.warning(
                "the fault %s can't be armed again (%s); arm it again", row["name"], row["lost"]
            )
            continue
        yield FaultRule(
            fault=read(row["fault"]),
            when=parse(row["when"]),
            scope=read(row["scope"]),
            memory=read(row.get("memory", ["dict", []])),
            **{name: row[name] for name in RULE_FIELDS},
        )


def _is_small(memory: Any, depth: int) -> bool:
    """Whether a memory consists of a few plain values."""
    if memory.__class__ is dict:
        few = depth > 0 and len(memory) <= MEMORY_PARTS_MAX
        return few and all(_is_small(part, depth - 1) for part in memory.values())
    return memory is None or memory.__class__ in (int, float, bool, str)


# ---- what stands before the engine


class Admission(NamedTuple):
    """The rate limit of all requests, if there is one, and the planned maintenances."""

    rate: RateGate | None = None
    windows: tuple[Window, ...] = ()


def admission_text(admission: Admission) -> str:
    """As JSON; a limit of a foreign kind is only named."""
    gate, rate = admission.rate, None
    if gate is not None:
        limit = gate.limit
        values = {name: getattr(limit, name) for name in LIMITS.get(type(limit), ())}
        rate = {"name": gate.name, "kind": type(limit).__name__, "values": values}
    windows = [[w.start, w.duration, w.message, w.period] for w in admission.windows]
    return json.dumps({"rate": rate, "windows": windows})


def admission_of(found: Mapping[str, Any]) -> Admission:
    """What `admission_text` wrote; a limit that can't be set again is named in the log."""
    rate, gate = found["rate"], None
    if rate is not None:
        kind = {kind.__name__: kind for kind in LIMITS}.get(rate["kind"])
        if kind is None:
            logger.warning("the rate limit %s can't be set again; set it again", rate["name"])
        else:
            gate = RateGate(kind(**rate["values"]), rate["name"])
    return Admission(gate, tuple(Window(*window) for window in found["windows"]))


def usage_text(gate: RateGate | None) -> str | None:
    """How much of a limit is used, as JSON; None where there is none, or one of a foreign kind."""
    limit: Any = None if gate is None else gate.limit
    return json.dumps(limit.usage()) if type(limit) in LIMITS else None


def go_on(gate: RateGate, used: str) -> None:
    """Go on from what `usage_text` wrote; raises ValueError for any other text."""
    limit: Any = gate.limit
    limit.go_on(json.loads(used))
