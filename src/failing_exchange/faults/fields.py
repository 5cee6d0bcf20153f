"""The fields of a fault: each with its unit and its check, so that a wrong value is never armed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from typing import Any, NamedTuple, TypeVar, dataclass_transform

from failing_exchange.core.chance import below
from failing_exchange.core.market import PPM, SECOND
from failing_exchange.core.reject import Reason
from failing_exchange.errors import ConfigurationError
from failing_exchange.faults.plan import Match
from failing_exchange.text.durations import FORMS, seconds_of

T = TypeVar("T")
MOMENT = 0.001  # seconds that a halt or a lock lasts at least: for none, don't arm the fault
SECONDS_MAX = 366 * 86_400  # no delay, ban or lag is longer; a longer one is refused
DRAWS_OF_TRIGGERS = 16  # triggers use the draws below it, so that what a fault draws is its own
SPAN = ("number", "string")  # the JSON types of a span
NEVER = "never"  # how a file without null says None


class Spec(NamedTuple):
    """What a field means, its unit, how a value is checked and made plain, and its JSON schema."""

    says: str
    unit: str
    check: Callable[[Any], Any]
    expects: str
    schema: Mapping[str, Any]  # of its JSON value, as in OpenAPI documents


class Wrong(Exception):
    """A value that a check refuses."""


def span(default: float, says: str, *, least: float = 0.0, most: float = SECONDS_MAX) -> Any:
    """A time in seconds."""

    def check(value: Any) -> Any:
        return _span(value, least, most)

    expects = f"{FORMS}, from {least:g} to {most:g} seconds"
    return _field(default, Spec(says, "seconds", check, expects, _between(SPAN, least, most)))


def span_or_never(default: float | None, says: str, *, least: float = 0) -> Any:
    """A time in seconds; None (in files "never") = it never comes."""

    def check(value: Any) -> Any:
        return None if value is None or value == NEVER else _span(value, least, SECONDS_MAX)

    expects = f"{FORMS}, from {least:g} to {SECONDS_MAX} seconds, or None for never"
    schema = _between(("number", "string", "null"), least, SECONDS_MAX)
    return _field(default, Spec(says, "seconds, or None", check, expects, schema))


def share(default: float, says: str, *, most: float = 1.0, zero: bool = False) -> Any:
    """A share: above 0 (or from 0) up to `most`."""

    def check(value: Any) -> Any:
        number = _number(value, 0, most)
        if not number and not zero:
            raise Wrong
        return number

    low = "from 0" if zero else "above 0,"
    expects = f"a number {low} up to {most:g}"
    return _field(default, Spec(says, "share", check, expects, _between("number", 0, most)))


def number(default: float, says: str, unit: str, *, least: float, most: float) -> Any:
    """A number of some unit."""

    def check(value: Any) -> Any:
        return _number(value, least, most)

    expects = f"a number from {least:g} to {most:g}"
    return _field(default, Spec(says, unit, check, expects, _between("number", least, most)))


def whole(default: int, says: str, *, least: int = 1, most: int = 1_000_000) -> Any:
    """A whole number."""

    def check(value: Any) -> Any:
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise Wrong
        return value

    expects = f"a whole number from {least} to {most}"
    return _field(default, Spec(says, "number", check, expects, _between("integer", least, most)))


def choice(default: str, says: str, *among: str, also: dict[Any, str] | None = None) -> Any:
    """One of some words; `also` gives other spellings."""

    def check(value: Any) -> Any:
        for spelling, word in (also or {}).items():
            if value is spelling:
                return word
        if value not in among:
            raise Wrong
        return str(value)

    listed = ", ".join(f'"{word}"' for word in among)
    schema = {"enum": [*among, *(also or {})]}
    return _field(default, Spec(says, listed, check, f"one of {listed}", schema))


def executed(
    says: str = "when the exchange acts: before the loss, after it (never), or drawn",
    default: str = "either",
) -> Any:
    """When the exchange acts: "before" the loss (the order is live), "after" (it never does)."""
    return choice(default, says, "before", "after", "either", also={True: "before", False: "after"})


def flag(default: bool, says: str) -> Any:
    """Yes or no."""

    def check(value: Any) -> Any:
        if not isinstance(value, bool):
            raise Wrong
        return value

    return _field(default, Spec(says, "true or false", check, "True or False", {"type": "boolean"}))


def text(default: str, says: str) -> Any:
    """A text; empty = the fault's own."""

    def check(value: Any) -> Any:
        if not isinstance(value, str):
            raise Wrong
        return value

    return _field(default, Spec(says, "text", check, "a text", {"type": "string"}))


def names(default: tuple[str, ...], says: str) -> Any:
    """One name or several."""

    def check(value: Any) -> Any:
        found = (value,) if isinstance(value, str) else value
        if not isinstance(found, (list, tuple)) or not found:
            raise Wrong
        if not all(isinstance(name, str) and name for name in found):
            raise Wrong
        return tuple(found)

    expects = 'one or more names, like ("id", "status")'
    schema = {"type": ["array", "string"], "items": {"type": "string"}}
    return _field(default, Spec(says, "names", check, expects, schema))


def anything(default: Any, says: str) -> Any:
    """Any plain value: None, a number, a text, a list or a table of such."""
    expects = "None, a number, a text, a list or a mapping"
    return _field(default, Spec(says, "any plain value", _plain, expects, {}))


def reason(default: Reason, says: str = "why, as the venue puts it") -> Any:
    """A reason for which the venue says no."""

    def check(value: Any) -> Any:
        try:
            return Reason(str(value).lower())
        except ValueError:
            raise Wrong from None

    schema = {"enum": [str(one) for one in Reason]}
    return _field(default, Spec(says, "reason", check, f"one of {', '.join(Reason)}", schema))


@dataclass_transform(
    frozen_default=True,
    kw_only_default=True,
    field_specifiers=(
        span, span_or_never, share, number, whole, choice, executed, flag, text, names,
        anything, reason,
    ),
)  # fmt: skip
def fault(cls: type[T]) -> type[T]:
    """Make a class a fault: a frozen dataclass whose fields are checked when it is made."""
    cls.__post_init__ = _check_all  # type: ignore[attr-defined]
    return dataclass(frozen=True, kw_only=True, slots=True)(cls)


def spec_of(of: Field[Any]) -> Spec:
    """A field's meaning, unit and check."""
    found: Spec = of.metadata["spec"]
    return found


def kind_name(cls: type) -> str:
    """A class's name as files and the command line say it.

    >>> kind_name(type("LoseAnswer", (), {}))
    'lose_answer'
    """
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in cls.__name__).lstrip("_")


def nanoseconds(value: float) -> int:
    """Seconds as whole nanoseconds."""
    return round(value * SECOND)


def ends_after(value: float | None) -> int | None:
    """How long something lasts, in nanoseconds; None = until further notice."""
    return None if value is None else nanoseconds(value)


def ppm(value: float) -> int:
    """A share in parts per million."""
    return round(value * PPM)


def draw_below(match: Match, k: int, bound: int) -> int:
    """The k-th draw that belongs to the fault itself, as a whole number in [0, bound)."""
    return below(match.key, DRAWS_OF_TRIGGERS + k, bound)


def draw_time(match: Match, at_least: float, spread: float) -> int:
    """Nanoseconds: `at_least` seconds, and up to `spread` more."""
    return nanoseconds(at_least) + (draw_below(match, 0, nanoseconds(spread) + 1) if spread else 0)


def acts(match: Match, chosen: str) -> bool:
    """Whether the exchange acts, for a field `executed`."""
    return chosen == "before" or (chosen == "either" and draw_below(match, 1, 2) == 1)


def _field(default: Any, spec: Spec) -> Any:
    return field(default=default, metadata={"spec": spec})


def _check_all(self: Any) -> None:
    for one in fields(self):
        spec, value = spec_of(one), getattr(self, one.name)
        try:
            object.__setattr__(self, one.name, spec.check(value))
        except Wrong:
            default = "" if one.default is MISSING else f"; leave it out for {one.default!r}"
            raise ConfigurationError(
                f"{kind_name(type(self))}: {one.name} ({spec.says}) must be {spec.expects}, "
                f"not {value!r}{default}"
            ) from None


def _number(value: Any, least: float, most: float) -> Any:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not least <= value <= most:
        raise Wrong
    return value


def _span(value: Any, least: float, most: float) -> Any:
    """Seconds, or a span such as "10m", which becomes seconds."""
    try:
        return _number(seconds_of(value), least, most)
    except ValueError:
        raise Wrong from None


def _between(kind: str | tuple[str, ...], least: float, most: float) -> dict[str, Any]:
    """The JSON schema of a bounded number."""
    shown = kind if isinstance(kind, str) else list(kind)
    return {"type": shown, "minimum": least, "maximum": most}


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, (list, tuple)):
        return tuple(_plain(entry) for entry in value)
    if isinstance(value, dict) and all(isinstance(name, str) for name in value):
        return {name: _plain(entry) for name, entry in value.items()}
    raise Wrong
